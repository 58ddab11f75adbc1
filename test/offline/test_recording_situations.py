# SPDX-License-Identifier: Apache-2.0
"""Recordings as robots leave them, and files in every state: what of them is used, and what is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from robots import copied, run, write_bag
from rosbags.rosbag2 import Reader, StoragePlugin

from binclf_ros.core.errors import StorageError
from binclf_ros.offline.store import read_meta
from binclf_ros.recordings.bags import Recording, find_recordings

SITUATIONS = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'situations'
FEATURE = ['--set', 'features=std(/imu/data/linear_acceleration/x, 0.5)', '--quiet', '--jobs', 1]
LABEL = ['--set', 'label=/label/data']
needs_situations = pytest.mark.skipif(not SITUATIONS.is_dir(), reason=f'no folder {SITUATIONS}')


def extract(name, folder, *more):
    code = run('extract', [SITUATIONS / name, *FEATURE, *more, '--output', folder])
    return read_meta(folder / name) if code == 0 else code


@needs_situations
@pytest.mark.parametrize(
    ('name', 'least', 'sentence'),
    [
        ('cut', 820, 'mcap recover cut_0.mcap'),
        ('nometa', 975, 'has no metadata.yaml'),
        ('shortmsg', 970, '1 message could not be read'),
        ('stamp0', 970, 'the stamps of /imu/data are all 0'),
    ],
)
def test_what_is_whole_of_a_recording_is_used_and_the_rest_is_told(tmp_path, capsys, name, least, sentence):
    meta = extract(name, tmp_path, *LABEL)
    assert meta.samples >= least and meta.labeled == meta.samples
    assert sentence in capsys.readouterr().err
    assert any(sentence in note for note in meta.notes)


@needs_situations
def test_a_stamp_that_is_late_is_put_in_its_place(tmp_path):
    meta = extract('disorder', tmp_path, *LABEL)
    assert meta.samples >= 975 and meta.notes == ()


@needs_situations
def test_a_file_that_was_compressed_as_a_whole_and_cut_is_one_sentence(tmp_path, capsys):
    assert extract('cutz', tmp_path, *LABEL) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and 'is compressed as a whole and is cut' in said


@needs_situations
def test_buttons_label_until_they_change_or_it_is_told_why_they_do_not(tmp_path, capsys):
    buttons = ['--set', 'label_positive=/joy/buttons[0]', '--set', 'label_negative=/joy/buttons[1]']
    meta = extract('joychange', tmp_path, *buttons, '--set', 'label_timeout_sec=0')
    assert meta.labeled == meta.samples == 975
    meta = extract('joychange', tmp_path, *buttons)
    assert meta.labeled < meta.samples / 2
    said = capsys.readouterr().err
    assert 'stale: the label comes every' in said and 'label_timeout_sec is 0.5' in said


@pytest.mark.parametrize('storage', list(StoragePlugin))
def test_messages_are_those_that_rosbags_reads(tmp_path, storage):
    path = write_bag(tmp_path / 'run', 1, storage=storage)
    own = Recording(path)
    with Reader(path) as bag:
        theirs = [(time_ns, of.topic, bytes(data)) for of, time_ns, data in bag.messages()]
        assert (own.start_ns, own.end_ns + 1) == (bag.start_time, bag.end_time)
    assert sorted(map(tuple, own.messages(own.types))) == sorted(theirs)
    assert own.notes == []
    assert own.counts == {'/imu/data': 400, '/label': 80}


def test_a_file_cut_anywhere_is_read_to_the_cut(tmp_path):
    whole = Recording(write_bag(tmp_path / 'run', 1))
    messages = list(whole.messages(whole.types))
    data = whole.files[0].read_bytes()
    found = []
    for end in [*range(0, len(data), len(data) // 23), len(data) - 1]:
        path = tmp_path / 'cut.mcap'
        path.write_bytes(data[:end])
        try:
            part = Recording(path)
            found.append(list(part.messages(part.types)))
            assert part.notes
        except StorageError:
            found.append([])
        assert found[-1] == messages[: len(found[-1])]
    lengths = [len(each) for each in found]
    assert lengths == sorted(lengths) and lengths[-1] == len(messages) and 0 < lengths[12] < len(messages)


def test_split_files_are_merged_by_time_with_or_without_metadata(tmp_path):
    one, other = write_bag(tmp_path / 'a', 1), write_bag(tmp_path / 'b', 1)
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / 'run_0.mcap').write_bytes(next(one.glob('*.mcap')).read_bytes())
    (folder / 'run_1.mcap').write_bytes(next(other.glob('*.mcap')).read_bytes())
    (found,) = find_recordings(folder)
    times = [message.time_ns for message in found.messages(found.types)]
    assert len(times) == 960 and times == sorted(times)


def test_a_damaged_database_is_one_sentence(tmp_path, capsys):
    path = write_bag(tmp_path / 'run', 1, storage=StoragePlugin.SQLITE3)
    file = next(path.glob('*.db3'))
    file.write_bytes(file.read_bytes()[:5000])
    assert run('extract', [path, *FEATURE, *LABEL, '--output', tmp_path / 'out']) == 2
    said = capsys.readouterr().err
    assert 'Traceback' not in said and len(said.splitlines()) == 1


@needs_situations
def test_a_recording_is_not_written_to(tmp_path):
    path = copied(SITUATIONS / 'disorder', tmp_path / 'disorder')
    before = {each.name: each.stat().st_mtime_ns for each in path.iterdir()}
    assert run('extract', [path, *FEATURE, *LABEL, '--output', tmp_path / 'out']) == 0
    assert {each.name: each.stat().st_mtime_ns for each in path.iterdir()} == before
    assert np.load(tmp_path / 'out' / 'disorder' / 'X.npy').shape[1] == 1


def test_a_database_that_is_cut_is_one_sentence_that_says_what_mends_it(tmp_path, capsys):
    path = write_bag(tmp_path / 'run', 1, storage=StoragePlugin.SQLITE3)
    file = next(path.glob('*.db3'))
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 6 // 10])
    assert run('extract', [path, *FEATURE, '--output', tmp_path / 'samples']) == 2
    said = capsys.readouterr().err
    assert 'is cut or damaged' in said and '.recover` saves what there is' in said and said.count('\n') == 1
