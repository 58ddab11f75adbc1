# SPDX-License-Identifier: Apache-2.0
"""Processes and clusters: workers that are killed, an interrupt, and the same bits from all of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from robots import ARGUMENTS, FEATURES, run, write_bag

from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.offline.errors import OfflineFailed
from binclf_ros.offline.fit import fit
from binclf_ros.offline.rows import Part
from binclf_ros.offline.work import Work

HERE = Path(__file__).resolve()
WAIT_SEC = 60.0


@pytest.fixture(scope='module')
def robots(tmp_path_factory):
    folder = tmp_path_factory.mktemp('robots')
    for n in range(3):
        write_bag(folder / f'run_{n}', n)
    return folder


@pytest.fixture(scope='module')
def parts(robots, tmp_path_factory):
    folder = tmp_path_factory.mktemp('samples')
    assert run('extract', [robots, *ARGUMENTS, '--output', folder, '--jobs', 2]) == 0
    assert run('extract', [robots, *ARGUMENTS, '--output', folder / 'alone', '--jobs', 1]) == 0
    for n in range(3):
        for name in ('X.npy', 'y.npy', 't.npy'):
            one, other = folder / f'run_{n}' / name, folder / 'alone' / f'run_{n}' / name
            assert one.read_bytes() == other.read_bytes()
    return [Part(folder / f'run_{n}', f'run_{n}') for n in range(3)]


def die_once(flag):
    """Kill this process where a file is not there yet."""
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return str(flag)


def die(flag):
    os.kill(os.getpid(), signal.SIGKILL)


def bits(model):
    return model.weights, model.bias, model.loss, model.mean, model.scale


def test_a_pool_whose_worker_is_killed_is_made_again(tmp_path):
    flags = [tmp_path / str(n) for n in range(4)]
    flags[0].touch()
    with Work(2) as work:
        assert work.map(die_once, flags) == [str(flag) for flag in flags]


def test_a_task_that_kills_its_worker_three_times_fails(tmp_path):
    with Work(2) as work, pytest.raises(OfflineFailed, match='a worker was lost 3 times'):
        work.map(die, [tmp_path])


def test_a_mistake_in_a_task_is_raised_and_the_pool_goes_on():
    with Work(2) as work:
        with pytest.raises(ValueError, match='invalid literal'):
            work.map(int, ['1', 'one', '2'])
        assert work.map(int, ['1', '2']) == [1, 2]


def command(*arguments):
    environment = {**os.environ, 'PYTHONPATH': str(HERE.parents[2]), 'OMP_NUM_THREADS': '1'}
    return subprocess.Popen(
        [sys.executable, '-m', *map(str, arguments)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_the_end_of(process, ends):
    """Wait until nobody of its session is left."""
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_ctrl_c_is_130_leaves_what_is_finished_and_no_process(tmp_path):
    for n in range(6):
        write_bag(tmp_path / 'bags' / f'run_{n}', n, seconds=20.0 if n else 2.0)
    folder = tmp_path / 'samples'
    process = command(
        'binclf_ros', 'extract', tmp_path / 'bags', *ARGUMENTS, '--output', folder, '--jobs', 2
    )
    ends = time.monotonic() + WAIT_SEC
    while not (folder / 'run_0' / 'meta.json').exists():
        assert time.monotonic() < ends and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=WAIT_SEC)
    assert process.returncode in (130, 0), said  # 0: it was faster
    assert 'Traceback' not in said
    assert np.load(folder / 'run_0' / 'X.npy').shape[1] == 2
    wait_for_the_end_of(process, ends)


def workers_of(process):
    """The processes of its pool that live."""
    found = []
    for number in Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split():
        with suppress(OSError):
            if b'spawn_main' in Path(f'/proc/{number}/cmdline').read_bytes():
                found.append(int(number))
    return found


def test_a_worker_that_is_killed_in_an_extraction_leaves_nothing_broken_and_no_process(tmp_path):
    one = write_bag(tmp_path / 'one', 1, seconds=30.0)
    for n in range(5):
        shutil.copytree(one, tmp_path / 'bags' / f'run_{n}')
    slow = ['--set', 'features=[std(hypot(/imu/data/linear_acceleration/x, 1), 0.5)]', '--quiet']
    slow += ['--set', 'label=/label/data', '--output']
    folder = tmp_path / 'samples'
    process = command('binclf_ros', 'extract', tmp_path / 'bags', *slow, folder, '--jobs', 2)
    ends = time.monotonic() + WAIT_SEC
    while not (folder / 'run_0' / 'meta.json').exists() and not (folder / 'run_1' / 'meta.json').exists():
        assert time.monotonic() < ends and process.poll() is None
        time.sleep(0.005)
    killed = workers_of(process)[-1]
    os.kill(killed, signal.SIGKILL)
    _, said = process.communicate(timeout=WAIT_SEC)
    assert process.returncode == 0 and not said
    assert run('extract', [one, *slow, tmp_path / 'alone', '--jobs', 1]) == 0
    assert sorted(each.name for each in folder.iterdir()) == [f'run_{n}' for n in range(5)]
    for n in range(5):
        for name in ('X.npy', 'y.npy', 't.npy'):
            expected = (tmp_path / 'alone' / 'one' / name).read_bytes()
            assert (folder / f'run_{n}' / name).read_bytes() == expected
    wait_for_the_end_of(process, ends)


@pytest.fixture
def cluster(tmp_path):
    if find_spec('distributed') is None:
        pytest.skip('the package distributed is missing')
    file = tmp_path / 'scheduler.json'
    plain = ['--scheduler-file', file, '--no-dashboard']
    scheduler = command('distributed.cli.dask_scheduler', *plain, '--host', '127.0.0.1', '--port', 0)
    worker = ['distributed.cli.dask_worker', *plain, '--nthreads', 1, '--no-nanny', '--host', '127.0.0.1']
    ends = time.monotonic() + WAIT_SEC
    while not file.exists() or not file.read_text():
        assert time.monotonic() < ends and scheduler.poll() is None
        time.sleep(0.05)
    workers = [command(*worker, '--local-directory', tmp_path / f'worker{n}') for n in range(2)]
    try:
        yield json.loads(file.read_text())['address'], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.communicate()


def wait_for_workers(work, count):
    ends = time.monotonic() + WAIT_SEC
    while work.width < count:
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.filterwarnings('ignore')
def test_a_cluster_gives_the_same_bits_also_where_a_worker_is_killed(cluster, parts):
    address, workers = cluster
    many, options = parts * 60, LearningOptions()
    with Work(1) as alone:
        expected = bits(fit(many, FEATURES, options, alone))
    killed = []

    def kill_one(passes, gradient):
        if not killed:
            workers[0].kill()
            killed.append(passes)

    with Work(1, address) as work:
        wait_for_workers(work, 2)
        assert bits(fit(many, FEATURES, options, work, n_parts=3)) == expected
        assert bits(fit(many, FEATURES, options, work, n_parts=3, show=kill_one)) == expected
    assert killed


@pytest.mark.filterwarnings('ignore')
def test_no_cluster_is_one_sentence(robots, tmp_path, capsys, monkeypatch):
    pytest.importorskip('distributed', reason='the package distributed is missing')
    from binclf_ros.offline import work

    monkeypatch.setattr(work, 'CONNECT_SEC', 0.5)
    arguments = [robots, *ARGUMENTS, '--output', tmp_path, '--cluster', 'tcp://127.0.0.1:9']
    assert run('extract', arguments) == 2
    assert 'no Dask scheduler answers at tcp://127.0.0.1:9' in capsys.readouterr().err
