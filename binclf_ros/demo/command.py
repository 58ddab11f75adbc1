# SPDX-License-Identifier: Apache-2.0
"""The command line: `python -m binclf_ros demo [--bag PATH --features … --label …]`."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import rclpy
from rclpy.signals import SignalHandlerOptions

from ..arguments import Parser
from ..core.errors import BinclfError, StorageError
from ..core.options import named
from ..recordings import basic_motions as recordings
from ..ros.options import FeaturizerParameters, TrainerParameters
from . import teach
from .errors import DemoFailed
from .panel import Panel
from .prepare import arguments_of, prepare
from .processes import end_on_signals, make_room_for_clouds, running, stay_local, unused_domain
from .replay import LABELS
from .report import Results, table, write_json, write_png

HIGHEST_DOMAIN_ID = 232
INTERRUPTED = 130
FEATURIZER, TRAINER = named(FeaturizerParameters), named(TrainerParameters)


def _parser() -> Parser:
    parser = Parser(prog='demo', description='Learn a yes/no question live, from real recordings.')
    parser.add_argument('--output', type=Path, default=Path(), metavar='DIR', help='where the report goes')
    parser.add_argument('--domain', type=int, help='ROS_DOMAIN_ID of the nodes (default: an unused one)')
    parser.add_argument('--params', metavar='FILE', help='a file of ROS parameters for the three nodes')
    parser.add_option(TRAINER['l2'], may_be_missing=True)
    parser.add_argument(
        '--rate', type=float, help='so many times real time (default: as fast as the nodes follow)'
    )
    parser.add_argument('--web', action='store_true', help='teach it yourself, on a page')
    parser.add_argument('--bag', type=Path, metavar='PATH', help='a rosbag2 to learn from, instead')
    parser.add_option(FEATURIZER['features'], may_be_missing=True)
    for name in LABELS:
        parser.add_option(FEATURIZER[name], may_be_missing=True)
    parser.add_argument('--points', metavar='TOPIC', help='classify clouds of the bag, with a field label')
    parser.add_option(TRAINER['point_features'], may_be_missing=True)
    parser.add_argument('--train-until', type=float, metavar='SEC', help='what comes later is scored')
    parser.add_argument('--train-clouds', type=int, metavar='N', help='what comes after N clouds is scored')
    return parser


def main(arguments: list[str]) -> int:
    """Run the demo; return 0, 1 where it failed, 2 for a mistake of the user, 130 after Ctrl-C."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    end_on_signals()
    try:
        return _run(_checked(_parser().parse_checked(arguments)))
    except BinclfError as error:
        print(f'demo: {error}', file=sys.stderr)
        return 2
    except DemoFailed as error:
        print(f'demo: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ndemo: interrupted', file=sys.stderr)
        return INTERRUPTED
    finally:
        rclpy.try_shutdown()
        for number, handler in before.items():
            signal.signal(number, handler)


def _checked(given: argparse.Namespace) -> argparse.Namespace:
    """Check the arguments against each other. Raises BinclfError."""
    labels = {name: getattr(given, name) for name in LABELS}
    vector = {'features': given.features, **labels}
    cloud = {'point-features': given.point_features, 'train-clouds': given.train_clouds}
    if given.web:
        _refuse({'bag': given.bag, 'features': given.features}, 'not for --web, which plays a watch')
    if not given.bag:
        _refuse({**vector, **cloud, 'points': given.points, 'train-until': given.train_until}, 'for --bag')
    if given.points:
        _refuse(vector, 'for messages of sensors, not for --points')
    else:
        _refuse(cloud, 'for --points')
    if (
        given.bag
        and not given.points
        and not given.params
        and not (given.features and any(labels.values()))
    ):
        raise BinclfError('--bag needs --features and --label, or --params with a FILE that has them')
    if given.train_clouds is not None and given.train_until is not None:
        raise BinclfError('--train-clouds and --train-until are both given: give one of them')
    for name in ('rate', 'train_until'):
        value = getattr(given, name)
        if value is not None and not 0.0 < value < math.inf:
            raise BinclfError(f'--{name.replace("_", "-")} is {value:g}, expected a number above 0')
    if given.domain is not None and not 0 <= given.domain <= HIGHEST_DOMAIN_ID:
        raise BinclfError(f'--domain is {given.domain}, expected 0 to {HIGHEST_DOMAIN_ID}')
    if given.params and not os.access(given.params, os.R_OK):
        raise BinclfError(f'--params {given.params} cannot be read')
    return given


def _refuse(options: Mapping[str, object], why: str) -> None:
    """Raise BinclfError where one of these options is given."""
    for name, value in options.items():
        if value is not None:
            raise BinclfError(f'--{name.replace("_", "-")} is {why}')


def _run(given: argparse.Namespace) -> int:
    _make_folder(given.output)
    stay_local(unused_domain() if given.domain is None else given.domain)
    if given.web:
        return _teach(given)
    if given.points:
        make_room_for_clouds()
    prepared = prepare(given)
    print(f'{prepared.title}\nto watch: ROS_DOMAIN_ID={os.environ["ROS_DOMAIN_ID"]}', flush=True)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    with running(prepared.starts) as nodes:
        course = prepared.course(nodes, Panel())
        try:
            results = course.run()
        finally:
            course.close()
    results.names = prepared.names
    write_report(results, given.output)
    return 0


def _teach(given: argparse.Namespace) -> int:
    """Let somebody teach on the page until Ctrl-C, which is the end that is meant."""
    recordings.labelled('TRAIN')  # are they there?
    print(f'{teach.TITLE}\nto watch: ROS_DOMAIN_ID={os.environ["ROS_DOMAIN_ID"]}', flush=True)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    starts = {name: arguments_of(each, given.params) for name, each in teach.starts(given).items()}
    with suppress(KeyboardInterrupt), running(starts, shown='web') as nodes:
        teach.play(nodes, given.rate or 1.0)
    return 0


def _make_folder(folder: Path) -> None:
    """Make the folder for the report now, rather than fail at the end. Raises StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f'--output {folder} cannot be made: {error.strerror}') from error
    if not os.access(folder, os.W_OK):
        raise StorageError(f'--output {folder} cannot be written to')


def write_report(results: Results, folder: Path) -> None:
    """Print the table and write the files."""
    print(f'\n{table(results)}\n')
    try:
        print(f'written: {write_json(results, folder)}')
        print(f'written: {write_png(results, folder)}')
    except ImportError:
        print('no picture was drawn, as matplotlib is not installed: pip install matplotlib')
    except OSError as error:
        raise DemoFailed(f'the report cannot be written: {error}') from error
