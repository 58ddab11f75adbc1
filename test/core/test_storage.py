"""Files: whole or not there, and every failure says which file and why."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from binclf_ros.core import storage
from binclf_ros.core.errors import ModelError, StorageError
from binclf_ros.core.model import Model
from binclf_ros.core.storage import load_model, replace_file, save_model


@pytest.fixture
def model() -> Model:
    return Model('r', 1, 0.1, ('a', 'ü'), (0.1, -3e-300), 0.2, (0.0, 1.0), (1.0, 2.0), 10, 4, 0.3, True)


def test_a_saved_model_is_loaded_exactly(tmp_path: Path, model: Model) -> None:
    save_model(tmp_path / 'model.json', model)
    assert load_model(tmp_path / 'model.json') == model


def test_the_file_is_the_object_of_the_topic(tmp_path: Path, model: Model) -> None:
    save_model(tmp_path / 'model.json', model)
    assert (tmp_path / 'model.json').read_text() == model.to_json() + '\n'


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert load_model(tmp_path / 'model.json') is None
    assert load_model(tmp_path / 'no' / 'model.json') is None


def test_saving_makes_the_folders(tmp_path: Path, model: Model) -> None:
    path = tmp_path / 'a' / 'b' / 'model.json'
    save_model(path, model)
    assert load_model(path) == model


def test_saving_replaces_the_old_and_leaves_nothing_beside(tmp_path: Path, model: Model) -> None:
    path = tmp_path / 'model.json'
    path.write_text('old')
    save_model(path, model)
    assert load_model(path) == model
    assert os.listdir(tmp_path) == ['model.json']


@pytest.mark.parametrize('fails', ['replace', 'fsync'])
def test_the_old_file_is_intact_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Model, fails: str
) -> None:
    path = tmp_path / 'model.json'
    path.write_text('old')

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(storage.os, fails, fail)
    with pytest.raises(StorageError, match=r'model\.json could not be written: No space left'):
        save_model(path, model)
    assert path.read_text() == 'old'
    assert os.listdir(tmp_path) == ['model.json']


def test_a_folder_in_the_place_of_the_file_is_a_storage_error(tmp_path: Path, model: Model) -> None:
    with pytest.raises(StorageError, match='could not be written: Is a directory'):
        save_model(tmp_path, model)
    with pytest.raises(StorageError, match='could not be read: Is a directory'):
        load_model(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_a_storage_error(tmp_path: Path, model: Model) -> None:
    (tmp_path / 'file').write_text('x')
    with pytest.raises(StorageError, match='could not be written'):
        save_model(tmp_path / 'file' / 'model.json', model)
    with pytest.raises(StorageError, match='could not be read: Not a directory'):
        load_model(tmp_path / 'file' / 'model.json')


def test_a_name_that_is_too_long_is_a_storage_error(tmp_path: Path, model: Model) -> None:
    with pytest.raises(StorageError, match='File name too long'):
        save_model(tmp_path / ('x' * 300), model)


@pytest.mark.parametrize('path', ['/', '.', 'a\0b'])
def test_a_path_that_is_no_file_name_is_a_storage_error(path: str, model: Model) -> None:
    with pytest.raises(StorageError, match='could not be written'):
        save_model(Path(path), model)
    with pytest.raises(StorageError, match='could not be read'):
        load_model(Path(path))


def test_a_file_that_is_no_text_is_no_model(tmp_path: Path) -> None:
    (tmp_path / 'model.json').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ModelError, match='is not text') as caught:
        load_model(tmp_path / 'model.json')
    assert caught.value.reason == 'json'


@pytest.mark.parametrize('text', ['', '{"format": "binclf_ros/model", "ver'])
def test_a_file_that_is_cut_is_no_model(tmp_path: Path, text: str) -> None:
    (tmp_path / 'model.json').write_text(text)
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path / 'model.json')
    assert caught.value.reason == 'json'


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, 'LARGEST_JSON', 3)
    (tmp_path / 'model.json').write_text('1234')
    with pytest.raises(ModelError, match='too large'):
        load_model(tmp_path / 'model.json')


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    replace_file(tmp_path / 'any', bytes(range(256)))
    assert (tmp_path / 'any').read_bytes() == bytes(range(256))
