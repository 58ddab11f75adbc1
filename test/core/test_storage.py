# SPDX-License-Identifier: Apache-2.0
"""Files: whole or not there, and every failure says which file and why."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty_disk import ForgetfulDisk

from binclf_ros.core.errors import ModelError, StorageError
from binclf_ros.core.learning.model import Model
from binclf_ros.core.storage import files
from binclf_ros.core.storage import model_file as storage
from binclf_ros.core.storage.files import replace_file
from binclf_ros.core.storage.model_file import ModelFile, load_model, previous, save_model

HANG_SEC = 60.0


@pytest.fixture
def model() -> Model:
    return Model('r', 1, 0.1, ('a', 'ü'), (0.1, -3e-300), 0.2, (0.0, 1.0), (1.0, 2.0), 10, 4, 0.3, True)


def test_a_saved_model_is_loaded_exactly(tmp_path: Path, model: Model) -> None:
    save_model(tmp_path / 'model.json', model)
    assert load_model(tmp_path / 'model.json') == model


def test_the_file_is_the_object_of_the_topic_and_white_space(tmp_path: Path, model: Model) -> None:
    save_model(tmp_path / 'model.json', model)
    text = (tmp_path / 'model.json').read_text()
    assert text.rstrip() == model.to_json()
    assert json.loads(text) == json.loads(model.to_json())


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert load_model(tmp_path / 'model.json') is None
    assert load_model(tmp_path / 'no' / 'model.json') is None


def test_saving_makes_the_folders(tmp_path: Path, model: Model) -> None:
    path = tmp_path / 'a' / 'b' / 'model.json'
    save_model(path, model)
    assert load_model(path) == model


def test_saving_keeps_the_generation_before_and_nothing_else(tmp_path: Path, model: Model) -> None:
    path = tmp_path / 'model.json'
    path.write_text('old')
    for step in range(1, 4):
        save_model(path, replace(model, step=step))
        assert load_model(path) == replace(model, step=step)
        assert sorted(os.listdir(tmp_path)) == ['model.json', 'model.json.previous']
    assert load_model(previous(path)) == replace(model, step=2)


def test_keeping_the_generation_before_works_after_a_crash_between_the_two(
    tmp_path: Path, model: Model
) -> None:
    path = tmp_path / 'model.json'
    save_model(path, model)
    os.link(path, previous(path))
    save_model(path, replace(model, step=2))
    assert load_model(previous(path)) == model
    assert sorted(os.listdir(tmp_path)) == ['model.json', 'model.json.previous']


def test_a_file_system_without_links_keeps_both_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EPERM, 'Operation not permitted')

    monkeypatch.setattr(files.os, 'link', fail)
    path = tmp_path / 'model.json'
    for step in (1, 2):
        save_model(path, replace(model, step=step))
    assert [load_model(each).step for each in (path, previous(path))] == [2, 1]


def test_no_flipped_bits_give_another_model(tmp_path: Path, model: Model) -> None:
    generator = np.random.default_rng(0)
    path = tmp_path / 'model.json'
    save_model(path, model)
    good = path.read_bytes()
    refused = 0
    for _ in range(10_000):
        data = bytearray(good)
        for place in generator.integers(0, 8 * len(good), generator.integers(1, 5)).tolist():
            data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        try:
            assert load_model(path) == model
        except ModelError:
            refused += 1
    assert refused > 9_900


def test_no_truncation_gives_another_model(tmp_path: Path, model: Model) -> None:
    path = tmp_path / 'model.json'
    save_model(path, model)
    good = path.read_bytes()
    for end in range(len(good)):
        path.write_bytes(good[:end])
        try:
            assert load_model(path) == model
        except ModelError:
            continue


def test_a_model_without_a_checksum_is_taken(tmp_path: Path, model: Model) -> None:
    path = tmp_path / 'model.json'
    path.write_text(json.dumps(json.loads(model.to_json()), indent=1) + '\n\n')
    assert load_model(path) == model


def test_an_edited_model_with_a_checksum_is_refused_and_says_what_to_do(
    tmp_path: Path, model: Model
) -> None:
    path = tmp_path / 'model.json'
    save_model(path, model)
    edited = path.read_text().replace('"bias": 0.2', '"bias": 0.3')
    path.write_text(edited)
    with pytest.raises(ModelError, match='without that line') as caught:
        load_model(path)
    assert caught.value.reason == 'checksum'
    path.write_text(edited.splitlines()[0])
    assert load_model(path).bias == 0.3


class Kept:
    """A keeper of a model file, and what it reports."""

    def __init__(self, path: Path) -> None:
        self.path, self.reports = path, []
        self.keeper = ModelFile(str(path), self.reports.append)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path / 'model.json')
    yield kept
    kept.keeper.close()


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + HANG_SEC
    while not condition():
        assert time.monotonic() < ends, 'did not happen'
        time.sleep(0.01)


def test_a_damaged_model_falls_back_to_the_one_before(tmp_path: Path, model: Model) -> None:
    path = tmp_path / 'model.json'
    for step in (1, 2):
        save_model(path, replace(model, step=step))
    path.write_text('{"format"')
    kept = Kept(path)
    found, problem = kept.keeper.recover()
    assert found == model
    assert str(path) in problem and 'model before' in problem
    assert path.read_text() == '{"format"', 'left alone until a model is written'
    kept.keeper.keep(replace(model, step=3))
    kept.keeper.close()
    assert load_model(path) == replace(model, step=3)
    assert load_model(previous(path)) == model
    assert path.with_name('model.json.damaged-1').read_text() == '{"format"'


def test_a_missing_model_falls_back_to_the_one_before(kept: Kept, model: Model) -> None:
    save_model(previous(kept.path), model)
    assert kept.keeper.recover() == (model, '')


def test_a_disk_that_refuses_is_reported_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, kept: Kept, model: Model
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(files.os, 'fsync', fail)
        kept.keeper.keep(model)
        until(lambda: bool(kept.reports))
        assert 'No space left' in kept.reports[-1] and 'in memory alone' in kept.reports[-1]
        with pytest.raises(StorageError, match='No space left'):
            kept.keeper.save(model)
    until(lambda: kept.reports[-1] == '')
    assert load_model(kept.path) == model


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, '-c', 'import os; print(os.getpid())'], capture_output=True)
    stale = [tmp_path / f'.model.json.{int(n)}.1.tmp' for n in (gone.stdout, os.getpid())]
    others = [tmp_path / '.model.json.1.1.tmp', tmp_path / '.model.json.tmp', tmp_path / '.x.0.1.tmp']
    for each in stale + others:
        each.touch()
    files.sweep(tmp_path / 'model.json')
    assert sorted(tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize('path', ['/dev/zero', '/dev/full'])
def test_what_has_no_end_is_not_read(path: str) -> None:
    with pytest.raises(StorageError, match='no regular file'):
        load_model(Path(path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(StorageError, match='no regular file'):
        load_model(tmp_path / 'pipe')


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(StorageError, match='no regular file'):
        replace_file(tmp_path / 'pipe', [b'x'])


@pytest.mark.parametrize('fails', ['replace', 'fsync'])
def test_the_old_file_is_intact_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Model, fails: str
) -> None:
    path = tmp_path / 'model.json'
    path.write_text('old')

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(files.os, fails, fail)
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
    monkeypatch.setattr(storage, 'MAX_JSON', 3)
    (tmp_path / 'model.json').write_text('1234')
    with pytest.raises(ModelError, match='too large'):
        load_model(tmp_path / 'model.json')


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    replace_file(tmp_path / 'any', [bytes(range(256))])
    assert (tmp_path / 'any').read_bytes() == bytes(range(256))


def test_power_loss_at_any_moment_leaves_the_old_or_the_new_model(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    path, folder = tmp_path_factory.mktemp('live') / 'model.json', tmp_path_factory.mktemp('after')
    with monkeypatch.context() as patch:
        disk = ForgetfulDisk(patch)
        for step in range(1, 5):
            save_model(path, replace(model, step=step))
            disk.mark(step)
    for promised, moment in disk.states_after_power_loss(folder):
        found = load_model(folder / path.name)
        if promised is None:
            assert found in (None, replace(model, step=1)), moment
        else:
            assert found in [replace(model, step=promised + more) for more in (0, 1)], moment


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path, model: Model) -> None:
    real, link = tmp_path / 'real' / 'model.json', tmp_path / 'link.json'
    real.parent.mkdir()
    link.symlink_to('real/model.json')
    for step in (1, 2):
        save_model(link, replace(model, step=step))
    assert link.is_symlink()
    assert load_model(real) == load_model(link) == replace(model, step=2)
    assert load_model(previous(link)) == replace(model, step=1)
    assert sorted(os.listdir(real.parent)) == ['model.json', 'model.json.previous']
    assert sorted(os.listdir(tmp_path)) == ['link.json', 'real']
    assert files.quarantine(link, 'damaged') == real.parent / 'model.json.damaged-1'
    assert link.is_symlink() and not real.exists()


def test_links_in_a_circle_are_a_storage_error(tmp_path: Path, model: Model) -> None:
    (tmp_path / 'a').symlink_to('b')
    (tmp_path / 'b').symlink_to('a')
    with pytest.raises(StorageError, match='could not be written: Too many levels'):
        save_model(tmp_path / 'a', model)


@pytest.mark.parametrize('mode', [0o600, 0o664, 0o640])
def test_the_mode_of_a_file_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / 'any'
    replace_file(path, [b'1'])
    path.chmod(mode)
    replace_file(path, [b'2'])
    assert path.stat().st_mode & 0o7777 == mode
    assert path.read_bytes() == b'2'


def test_the_owner_of_a_file_is_kept_as_far_as_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, given = tmp_path / 'any', []
    replace_file(path, [b'1'])
    stat_of = os.stat

    def somebody_elses(file: object, **named: object) -> object:
        status = stat_of(file, **named)  # type: ignore[call-overload]
        if file != path:
            return status
        return os.stat_result((*status[:4], 12345, 54321, *status[6:]))

    def refuse(descriptor: int, user: int, group: int) -> None:
        given.append((user, group))
        raise PermissionError

    monkeypatch.setattr(files.os, 'stat', somebody_elses)
    monkeypatch.setattr(files.os, 'fchown', refuse)
    replace_file(path, [b'2'])
    assert sorted(given) == [(-1, 54321), (12345, -1)]
    assert path.read_bytes() == b'2'


def test_a_temporary_follows_no_link_and_takes_no_file_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap, precious = tmp_path / '.any.trap.tmp', tmp_path / 'precious'
    precious.write_text('precious')
    monkeypatch.setattr(files, '_beside', lambda *_: trap)
    for put in (lambda: trap.symlink_to(precious), lambda: trap.write_text('somebody else')):
        put()
        with pytest.raises(StorageError, match='File exists'):
            replace_file(tmp_path / 'any', [b'x'])
        assert precious.read_text() == 'precious'
        trap.unlink(missing_ok=True)


def test_home_is_where_a_user_means(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    assert files.file_of('~/a/model.json') == tmp_path / 'a' / 'model.json'
    keeper = ModelFile('~/model.json', print)
    keeper.close()
    assert keeper.path == tmp_path / 'model.json'
    monkeypatch.chdir(tmp_path)
    assert files.file_of('model.json') == tmp_path / 'model.json'
    with pytest.raises(StorageError, match='there is no home of ~nobody-of-that-name'):
        files.file_of('~nobody-of-that-name/model.json')


def test_where_a_file_goes_is_said_where_it_is_not_plain(tmp_path: Path) -> None:
    assert files.place_of('') == files.place_of(str(tmp_path / 'model.json')) == ''
    missing = files.place_of(str(tmp_path / 'no' / 'model.json'))
    assert f'the folder {tmp_path / "no"} is missing: it will be made' in missing
    (tmp_path / 'link').symlink_to('model.json')
    assert f'is a link to {tmp_path / "model.json"}' in files.place_of(str(tmp_path / 'link'))
