# SPDX-License-Identifier: Apache-2.0
"""The file of samples: what is acknowledged is there again, and nothing is there that never was."""

from __future__ import annotations

import errno
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from faulty_disk import ForgetfulDisk, RefusingDisk

from binclf_ros.core.errors import StorageError
from binclf_ros.core.learning.buffer import Buffer
from binclf_ros.core.learning.policies import POLICIES
from binclf_ros.core.storage import dataset as dataset_module
from binclf_ros.core.storage.dataset import LEEWAY_BYTES, Dataset
from binclf_ros.core.storage.dataset_format import HEAD, HEADER, ROWS, DatasetReader

NAMES = ('a', 'ü', 'std(/imu/x, 1.0)')


class Trainer:
    """A buffer, and the file that follows it, as in the trainer."""

    def __init__(self, path: Path, capacity: int = 1000, policy: str = 'fifo') -> None:
        self.path, self.capacity, self.policy = path, capacity, policy
        self.reports: list[str] = []
        self.notes: list[str] = []
        self.dataset = Dataset(path, self.reports.append, self.notes.append)
        self.names, self.buffer = NAMES, self.new_buffer()

    def new_buffer(self, n_features: int = len(NAMES)) -> Buffer:
        return Buffer(n_features, self.capacity, self.policy)

    def restore(self) -> Trainer:
        reader = DatasetReader(self.path)
        batches = list(reader.batches())
        for X, y in batches:
            self.buffer.extend(X, y)
        self.dataset.adopt(reader, self.buffer if batches else None)
        return self

    def take(self, X: np.ndarray, y: np.ndarray) -> None:
        self.buffer.extend(X, y)
        self.dataset.append(self.names, X, y, self.buffer)

    def held(self) -> np.ndarray:
        return np.column_stack([self.buffer.X, self.buffer.y])[self.buffer.by_age]


def numbered(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples that tell which they are."""
    n = np.arange(start, stop, dtype=float)
    return np.column_stack([n, -n, np.sqrt(n + 1)]), n % 2


def rows(start: int, stop: int) -> np.ndarray:
    return np.column_stack(numbered(start, stop))


def read(path: Path) -> tuple[np.ndarray, DatasetReader]:
    reader = DatasetReader(path)
    found = [np.column_stack(batch) for batch in reader.batches()]
    return np.concatenate([np.empty((0, 4)), *found]), reader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'samples'


@pytest.fixture
def trainer(path: Path) -> Trainer:
    return Trainer(path).restore()


def test_what_is_taken_is_there_again_in_order(trainer: Trainer, path: Path) -> None:
    for start, stop in ((0, 1), (1, 10), (10, 300)):
        trainer.take(*numbered(start, stop))
        assert trainer.dataset.acknowledged == stop
    again = Trainer(path).restore()
    assert np.array_equal(again.held(), rows(0, 300))
    assert again.dataset.acknowledged == 300
    again.take(*numbered(300, 310))
    assert np.array_equal(Trainer(path).restore().held(), rows(0, 310))
    assert (trainer.reports, trainer.notes, again.notes) == ([], [], [])


def test_floats_are_exact(trainer: Trainer, path: Path) -> None:
    X = np.array([[5e-324, -0.0, 1.7976931348623157e150], [0.1, 1 / 3, -1e-300]])
    trainer.take(X, np.array([0.0, 1.0]))
    assert read(path)[0][:, :3].tobytes() == X.tobytes()


@pytest.mark.parametrize('policy', ['fifo', 'balanced'])
def test_a_restart_at_any_sample_leaves_the_buffer_as_it_would_have_been(path: Path, policy: str) -> None:
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(2000, 3)), (generator.random(2000) < 0.2).astype(float)
    trainer, without = Trainer(path, 50, policy).restore(), Trainer(path, 50, policy)
    for i in range(2000):
        trainer.take(X[i : i + 1], y[i : i + 1])
        without.buffer.extend(X[i : i + 1], y[i : i + 1])
        if i % 37 == 0:
            trainer = Trainer(path, 50, policy).restore()
            assert np.array_equal(trainer.held(), without.held())
            assert trainer.dataset.acknowledged == i + 1


@pytest.mark.parametrize('policy', POLICIES)
@pytest.mark.parametrize('together', [1, 7, 500])
def test_the_file_stays_below_twice_the_buffer(path: Path, policy: str, together: int) -> None:
    trainer = Trainer(path, 200, policy).restore()
    for start in range(0, 5000, together):
        trainer.take(*numbered(start, start + together))
        header = HEAD.unpack(path.read_bytes()[: HEAD.size])[1] + HEAD.size
        assert path.stat().st_size <= 2 * (header + trainer.buffer.size * 25) + LEEWAY_BYTES
    assert trainer.dataset.acknowledged == start + together
    assert os.listdir(path.parent) == ['samples']


def test_compaction_keeps_what_the_buffer_holds_and_the_count(path: Path) -> None:
    trainer = Trainer(path, 20).restore()
    for i in range(1000):
        trainer.take(*numbered(i, i + 1))
    again = Trainer(path, 20).restore()
    assert np.array_equal(again.held(), rows(980, 1000))
    assert again.dataset.acknowledged == 1000


def test_every_truncation_gives_a_prefix_and_goes_on(trainer: Trainer, path: Path) -> None:
    ends = {}
    for start, stop in ((0, 1), (1, 4), (4, 9), (9, 10)):
        trainer.take(*numbered(start, stop))
        ends[path.stat().st_size] = stop
    good = path.read_bytes()
    ends[HEAD.unpack(good[: HEAD.size])[1] + HEAD.size] = 0
    for size in range(len(good) + 1):
        path.write_bytes(good[:size])
        expected = max((stop for end, stop in ends.items() if end <= size), default=0)
        again = Trainer(path).restore()
        assert np.array_equal(again.held(), rows(0, expected)), size
        assert again.dataset.acknowledged == expected
        assert bool(again.notes) == (size not in ends and size != 0)
        again.take(*numbered(expected, 12))
        assert np.array_equal(read(path)[0], rows(0, 12))


def test_no_flipped_bits_give_a_sample_that_never_was(trainer: Trainer, path: Path) -> None:
    for start, stop in ((0, 1), (1, 4), (4, 9), (9, 10)):
        trainer.take(*numbered(start, stop))
    good, generator = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(10_000):
        data = bytearray(good)
        for place in generator.integers(0, 8 * len(good), generator.integers(1, 5)).tolist():
            data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        found, reader = read(path)
        assert np.array_equal(found, rows(0, len(found)))
        refused += bool(reader.problem)
    assert refused > 9_900


def test_every_flipped_bit_sets_the_file_aside(trainer: Trainer, path: Path) -> None:
    for start, stop in ((0, 1), (1, 4)):
        trainer.take(*numbered(start, stop))
    good = path.read_bytes()
    for place in range(0, 8 * len(good), 5):
        data = bytearray(good)
        data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        again = Trainer(path).restore()
        kept = [each for each in path.parent.iterdir() if each != path]
        assert [each.read_bytes() for each in kept] == [data]
        assert any(str(kept[0]) in note for note in again.notes)
        assert np.array_equal(read(path)[0], again.held())
        kept[0].unlink()


def raw(kind: bytes, payload: bytes) -> bytes:
    start = struct.pack('<4sII', kind, len(payload), zlib.crc32(payload))
    return start + struct.pack('<I', zlib.crc32(start)) + payload


def with_header(*records: bytes, **fields: object) -> bytes:
    fields = {
        'format': 'binclf_ros/dataset', 'version': 1, 'features': ['a'], 'acknowledged_before': 0, **fields
    }  # fmt: skip
    return raw(HEADER, json.dumps(fields).encode()) + b''.join(records)


SAMPLE = raw(ROWS, struct.pack('<dB', 0.5, 1))
FOREIGN = {
    'text': (b'a,b,label\n1,2,0\n' * 9, 'other'),
    'SQLite': (b'SQLite format 3\0' * 9, 'other'),
    'another format': (with_header(SAMPLE, format='other/dataset'), 'other'),
    'a later version': (with_header(SAMPLE, version=2), 'other'),
    'no names': (with_header(SAMPLE, features=None), 'damaged'),
    'names twice': (with_header(SAMPLE, features=['a', 'a']), 'damaged'),
    'a count below 0': (with_header(SAMPLE, acknowledged_before=-1), 'damaged'),
    'a count as text': (with_header(SAMPLE, acknowledged_before='1'), 'damaged'),
    'a header that is a list': (raw(HEADER, b'[]') + SAMPLE, 'damaged'),
    'a header without end': (raw(HEADER, b'[' * 100_000) + SAMPLE, 'damaged'),
    'no header': (SAMPLE, 'other'),
    'two headers': (with_header(with_header()), 'damaged'),
    'rows of another width': (with_header(SAMPLE, features=['a', 'b']), 'damaged'),
    'rows of no features': (with_header(raw(ROWS, b'\0'), features=[]), 'damaged'),
    'an empty record': (with_header(raw(ROWS, b'')), 'damaged'),
    'not a number': (with_header(raw(ROWS, struct.pack('<dB', float('nan'), 1))), 'damaged'),
    'a label of 2': (with_header(raw(ROWS, struct.pack('<dB', 0.5, 2))), 'damaged'),
}


@pytest.mark.parametrize('foreign', FOREIGN)
def test_a_file_that_is_not_ours_is_set_aside_and_said_so(path: Path, foreign: str) -> None:
    data, word = FOREIGN[foreign]
    path.write_bytes(data)
    trainer = Trainer(path).restore()
    kept = path.with_name(f'samples.{word}-1')
    assert kept.read_bytes() == data
    assert str(path) in trainer.notes[0] and str(kept) in trainer.notes[-1]
    assert trainer.dataset.acknowledged == 0
    trainer.take(*numbered(0, 5))
    assert np.array_equal(read(path)[0], rows(0, 5))


def test_a_length_beyond_the_file_is_not_asked_for(path: Path) -> None:
    start = struct.pack('<4sII', ROWS, 2**32 - 1, 0)
    data = with_header(SAMPLE) + start + struct.pack('<I', zlib.crc32(start)) + b'x'
    path.write_bytes(data)
    reader = DatasetReader(path)
    assert [len(y) for _, y in reader.batches()] == [1]
    assert reader.torn


def test_sets_aside_under_another_name_each_time_but_not_for_ever(path: Path) -> None:
    for n in range(30):
        path.write_bytes(b'text %d' % n)
        Trainer(path).restore()
    kept = sorted(path.parent.glob('samples.other-*'))
    assert len(kept) == 20
    assert path.with_name('samples.other-1').read_bytes() == b'text 0'
    assert path.with_name('samples.other-20').read_bytes() == b'text 29'


def test_a_file_that_somebody_else_changed_is_kept_and_written_anew(trainer: Trainer, path: Path) -> None:
    trainer.take(*numbered(0, 5))
    with open(path, 'ab') as file:
        file.write(b'else')
    changed = path.read_bytes()
    trainer.take(*numbered(5, 6))
    assert np.array_equal(read(path)[0], rows(0, 6))
    assert path.with_name('samples.other-1').read_bytes() == changed
    assert 'somebody else' in trainer.notes[0]


def test_a_file_that_is_gone_is_written_anew(trainer: Trainer, path: Path) -> None:
    trainer.take(*numbered(0, 5))
    path.unlink()
    trainer.take(*numbered(5, 6))
    assert np.array_equal(read(path)[0], rows(0, 6))
    assert trainer.dataset.acknowledged == 6


@pytest.mark.parametrize('kind', ['folder', 'pipe', '/dev/full'])
def test_what_is_no_file_is_left_alone_and_reported(path: Path, kind: str) -> None:
    if kind == 'folder':
        path.mkdir()
    elif kind == 'pipe':
        os.mkfifo(path)
    else:
        path.symlink_to(kind)
    before = path.lstat()
    trainer = Trainer(path).restore()
    trainer.take(*numbered(0, 5))
    assert trainer.dataset.acknowledged == 0
    assert 'could not be written' in trainer.dataset.failure
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)


def test_clear_empties_the_file(trainer: Trainer, path: Path) -> None:
    trainer.take(*numbered(0, 5))
    trainer.dataset.clear()
    assert trainer.dataset.acknowledged == 0
    again = Trainer(path).restore()
    assert (again.buffer.size, again.dataset.acknowledged, again.notes) == (0, 0, [])


def test_save_writes_reads_back_and_says_how_many(trainer: Trainer, path: Path) -> None:
    trainer.take(*numbered(0, 5))
    assert trainer.dataset.save(NAMES, trainer.buffer) == 5
    assert np.array_equal(read(path)[0], rows(0, 5))


def test_save_does_not_claim_what_is_not_there(
    trainer: Trainer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer.take(*numbered(0, 5))
    monkeypatch.setattr(dataset_module, 'records_in_order', lambda buffer: iter([]))
    with pytest.raises(StorageError, match='is not what was written'):
        trainer.dataset.save(NAMES, trainer.buffer)
    monkeypatch.undo()
    trainer.dataset.retry(NAMES, trainer.buffer, at_once=True)
    assert not trainer.dataset.failing
    assert np.array_equal(read(path)[0], rows(0, 5))


def use(trainer: Trainer, promise=lambda acknowledged: None) -> None:
    """The life of a file: appends, compactions, a save."""
    for start in range(16):
        trainer.take(*numbered(3 * start, 3 * start + 3))
        promise(trainer.dataset.acknowledged)
    trainer.dataset._try_to_rewrite(NAMES, trainer.buffer)
    for i in range(48, 52):
        trainer.take(*numbered(i, i + 1))
        promise(trainer.dataset.acknowledged)


@pytest.mark.parametrize('beginning', ['nothing', 'damaged'])
def test_power_loss_at_any_moment_loses_no_acknowledged_sample(
    path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, beginning: str
) -> None:
    monkeypatch.setattr(dataset_module, 'LEEWAY_BYTES', 0)
    with monkeypatch.context() as patch:
        disk = ForgetfulDisk(patch)
        if beginning == 'damaged':
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
            os.write(descriptor, b'rubbish')
            os.fsync(descriptor)
            os.close(descriptor)
        use(Trainer(path, 10).restore(), disk.mark)
    assert sum(kind == 'replace' for kind, *_ in disk.journal) > 3, 'compaction has to be among it'
    folder = tmp_path_factory.mktemp('after')
    moments = 0
    for promised, moment in disk.states_after_power_loss(folder):
        again = Trainer(folder / path.name, 10).restore()
        count = again.dataset.acknowledged
        assert count >= (promised or 0), moment
        assert np.array_equal(again.held(), rows(max(0, count - 10), count)), moment
        moments += 1
    assert moments > 200


@pytest.mark.parametrize('code', [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize('most', [1, 10**9], ids=['once', 'from then on'])
def test_a_disk_that_refuses_at_any_call_is_reported_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, most: int
) -> None:
    monkeypatch.setattr(dataset_module, 'LEEWAY_BYTES', 0)
    monkeypatch.setattr(dataset_module, 'RETRY_SEC', 0.0)
    after, refused = 0, True
    while refused:
        path = tmp_path / str(after)
        with monkeypatch.context() as patch:
            disk = RefusingDisk(patch, code, after, most)
            trainer = Trainer(path, 10).restore()
            use(trainer)
            refused = disk.refused > 0
            if most > 1 and refused:
                assert trainer.dataset.acknowledged < 52
                assert os.strerror(code) in trainer.dataset.failure
                assert 'in memory alone' in trainer.reports[-1]
            assert trainer.buffer.size == 10, 'runs on from memory'
            promised, kept = trainer.dataset.acknowledged, read(path)
            assert kept[1].before + kept[1].rows >= promised
            disk.heal()
            trainer.dataset.retry(NAMES, trainer.buffer, at_once=True)
        assert not trainer.dataset.failing
        assert trainer.dataset.acknowledged == 52
        assert not trainer.reports or trainer.reports[-1] == ''
        again = Trainer(path, 10).restore()
        assert np.array_equal(again.held(), rows(42, 52))
        assert (again.dataset.acknowledged, again.notes) == (52, [])
        after += 1
    assert after > 60


def test_a_refusing_disk_is_asked_but_once_a_second(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = RefusingDisk(monkeypatch, errno.ENOSPC, 0)
    for i in range(100):
        trainer.take(*numbered(i, i + 1))
    assert disk.refused <= 3


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path / 'a' / 'b' / 'samples').restore()
    trainer.take(*numbered(0, 5))
    assert np.array_equal(read(tmp_path / 'a' / 'b' / 'samples')[0], rows(0, 5))
