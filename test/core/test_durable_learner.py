# SPDX-License-Identifier: Apache-2.0
"""A learner with files: one process a dataset file, and nothing of another's that is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from binclf_ros.core.arrays import Array
from binclf_ros.core.errors import StorageError
from binclf_ros.core.learning.learner import LearningOptions
from binclf_ros.core.storage.dataset_format import DatasetReader
from binclf_ros.core.storage.durable_learner import DurableLearner
from binclf_ros.core.storage.lock import FileLock

NAMES = ('a', 'b')
HOLDER = """
import sys, time
from pathlib import Path
from binclf_ros.core.storage.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire() or 'got it', flush=True)
time.sleep(600)
"""


class Opened:
    """A learner and what it reports."""

    def __init__(self, path: Path) -> None:
        self.reports: dict[str, str] = {}
        self.notes: list[str] = []
        self.learner = DurableLearner(
            'run', LearningOptions(), '', str(path), self.reports.__setitem__, self.notes.append
        )
        self.learner.restore()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Opened]]:
    made: list[Opened] = []

    def one() -> Opened:
        made.append(Opened(tmp_path / 'samples'))
        return made[-1]

    yield one
    for each in made:
        each.learner.close()


def samples(count: int, first: int = 0) -> tuple[Array, Array]:
    numbers = np.arange(first, first + count, dtype=float)
    return np.column_stack([numbers, -numbers]), numbers % 2.0


def numbers_in(path: Path) -> list[int]:
    return [int(number) for X, _ in DatasetReader(path).batches() for number in X[:, 0]]


def hold(path: Path) -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, '-c', HOLDER, str(path)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert process.stdout is not None
    assert process.stdout.readline() == 'got it\n'
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_learner_refuses_the_file_and_says_who_has_it(
    opened: Callable[[], Opened], tmp_path: Path
) -> None:
    first, second = opened(), opened()
    assert f'samples is in use by process {os.getpid()} of ' in second.reports['dataset_file']
    assert 'in memory alone' in second.reports['dataset_file']
    first.learner.take(NAMES, *samples(10))
    second.learner.take(NAMES, *samples(30, 100))
    assert numbers_in(tmp_path / 'samples') == list(range(10))
    assert first.learner.status().acknowledged == 10
    assert (second.learner.status().acknowledged, second.learner.status().samples) == (0, 30)
    for command in (second.learner.save, lambda: second.learner.load(lambda names: None)):
        with pytest.raises(StorageError, match='is in use by process'):
            command()


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    path = tmp_path / 'samples'
    holder, lock = hold(path), FileLock(path)
    assert f'in use by process {holder.pid} of ' in lock.acquire()
    end(holder)
    assert lock.acquire() == ''
    assert lock.acquire() == '', 'ours already'
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_what_was_another_learners_is_set_aside_by_a_save(
    opened: Callable[[], Opened], tmp_path: Path
) -> None:
    first, second = opened(), opened()
    first.learner.take(NAMES, *samples(10))
    second.learner.take(NAMES, *samples(30, 100))
    first.learner.close()
    second.learner.retry()
    assert numbers_in(tmp_path / 'samples') == list(range(10)), 'not of its own accord'
    assert second.learner.save()[0]
    assert numbers_in(tmp_path / 'samples') == list(range(100, 130))
    assert numbers_in(tmp_path / 'samples.other-1') == list(range(10))
    assert second.reports['dataset_file'] == ''
    assert second.learner.status().acknowledged == 30


def test_what_was_another_learners_is_gone_on_with_by_a_load(
    opened: Callable[[], Opened], tmp_path: Path
) -> None:
    first, second = opened(), opened()
    first.learner.take(NAMES, *samples(10))
    first.learner.close()
    done, message = second.learner.load(lambda names: None)
    assert done and '10 samples' in message
    second.learner.take(NAMES, *samples(5, 10))
    assert numbers_in(tmp_path / 'samples') == list(range(15))
    assert second.learner.status().acknowledged == 15


def test_a_load_that_is_refused_loses_nothing_of_the_file(
    opened: Callable[[], Opened], tmp_path: Path
) -> None:
    first, second = opened(), opened()
    first.learner.take(NAMES, *samples(10))
    first.learner.close()
    second.learner.take(('c',), samples(4)[0][:, :1], samples(4)[1])

    def disagree(names: tuple[str, ...]) -> None:
        raise StorageError('other features')

    with pytest.raises(StorageError, match='other features'):
        second.learner.load(disagree)
    second.learner.take(('c',), samples(4)[0][:, :1], samples(4)[1])
    assert numbers_in(tmp_path / 'samples.other-1') == list(range(10))
    assert len(numbers_in(tmp_path / 'samples')) == 8


def test_where_there_can_be_no_lock_nobody_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    for path in (tmp_path / 'file' / 'samples', Path('/dev/full')):
        assert FileLock(path).acquire() == FileLock(path).acquire() == ''
    assert not Path('/dev/.full.lock').exists()


def test_a_lock_is_of_the_file_and_not_of_the_link_to_it(tmp_path: Path) -> None:
    (tmp_path / 'link').symlink_to('samples')
    lock = FileLock(tmp_path / 'samples')
    assert lock.acquire() == ''
    assert 'in use' in FileLock(tmp_path / 'link').acquire()
    lock.release()


def test_a_dataset_behind_a_link_stays_there(tmp_path: Path) -> None:
    real, link = tmp_path / 'real', tmp_path / 'link'
    link.symlink_to(real)
    given = Opened(link)
    for start in range(0, 400, 10):
        given.learner.take(NAMES, *samples(10, start))
    given.learner.close()
    assert link.is_symlink() and not real.is_symlink()
    assert numbers_in(real) == list(range(400))
    assert sorted(os.listdir(tmp_path)) == ['link', 'real']


def test_what_is_taken_back_is_taken_back_on_disk(opened: Callable[[], Opened], tmp_path: Path) -> None:
    one = opened()
    one.learner.take(NAMES, *samples(10))
    one.learner.take(NAMES, *samples(5, 10))
    one.learner.forget(*samples(10))
    one.learner.forget(np.zeros((1, 3)), np.zeros(1))  # of other features: nothing
    reader = DatasetReader(tmp_path / 'samples')
    held = np.concatenate([X for X, _ in reader.batches()])
    assert sorted(held[:, 0].tolist()) == sorted(samples(5, 10)[0][:, 0].tolist())
    assert one.learner.buffer is not None and one.learner.buffer.size == 5
