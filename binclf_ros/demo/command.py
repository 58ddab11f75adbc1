"""The command line: `python -m binclf_ros demo [--bag PATH --features … --label …]`."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.signals import SignalHandlerOptions

from ..core.errors import BinclfError, ParameterError, StorageError
from ..core.sampling import SamplingOptions
from ..ros.parameters import DeclaredParameters, FeaturizerParameters
from . import bags, recordings
from .errors import DemoFailed
from .feed import Feed, Topics, find_topics, plan
from .panel import Panel
from .processes import Processes, end_on_signals, ros_arguments, stay_local, unused_domain
from .replay import Pace, Replay, check_labels
from .report import Results, table, write_json, write_png

HIGHEST_DOMAIN_ID = 232
BAG_TEACH_HZ = 1000.0
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        raise BinclfError(f'{message}; -h explains the arguments')


def _parser() -> _Parser:
    parser = _Parser(prog='demo', description='Learn a yes/no question live, from real recordings.')
    parser.add_argument('--output', type=Path, default=Path(), metavar='DIR', help='where the report goes')
    parser.add_argument('--domain', type=int, help='ROS_DOMAIN_ID of the nodes (default: an unused one)')
    parser.add_argument('--params', metavar='FILE', help='a file of ROS parameters for the three nodes')
    parser.add_argument('--l2', type=float, help='ridge of the trainer')
    parser.add_argument('--rate', type=float, help='times real time (default: fast)')
    parser.add_argument('--bag', type=Path, metavar='PATH', help='a rosbag2 to learn from, instead')
    parser.add_argument('--features', nargs='+', metavar='EXPR', help='what to look at, in the bag')
    parser.add_argument('--label', metavar='EXPR', help='what to learn, in the bag: 0 or 1')
    parser.add_argument('--train-until', type=float, metavar='SEC', help='what comes later is scored')
    return parser


def main(arguments: list[str]) -> int:
    """Run the demo; return 0, 1 where it failed, 2 for a mistake of the user, 130 after Ctrl-C."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    end_on_signals()
    try:
        return _run(_checked(_parser().parse_args(arguments)))
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
    if given.bag and not (given.features and given.label):
        raise BinclfError('--bag needs --features and --label, which say what to learn from it')
    if not given.bag and (given.features or given.label or given.train_until is not None):
        raise BinclfError('--features, --label and --train-until are for --bag, which is not given')
    for name in ('rate', 'train_until'):
        value = getattr(given, name)
        if value is not None and not 0.0 < value < math.inf:
            raise BinclfError(f'--{name.replace("_", "-")} is {value:g}, expected a number above 0')
    if given.l2 is not None and not 0.0 <= given.l2 <= 1e9:
        raise BinclfError(f'--l2 is {given.l2:g}, expected 0 to 1e9')
    if given.domain is not None and not 0 <= given.domain <= HIGHEST_DOMAIN_ID:
        raise BinclfError(f'--domain is {given.domain}, expected 0 to {HIGHEST_DOMAIN_ID}')
    if given.params and not os.access(given.params, os.R_OK):
        raise BinclfError(f'--params {given.params} can not be read')
    return given


def _run(given: argparse.Namespace) -> int:
    _make_folder(given.output)
    stay_local(unused_domain() if given.domain is None else given.domain)
    features, label = given.features or recordings.FEATURES, given.label or recordings.LABEL_PATH
    starts = {
        'featurizer': ros_arguments({'features': list(features), 'label': label}, given.params),
        'trainer': ros_arguments({} if given.l2 is None else {'l2': given.l2}, given.params),
        'predictor': ros_arguments({}, given.params),
    }
    options = _sampling_options(starts['featurizer'])
    feed = _feed(given)
    topics = find_topics(feed, options)
    pace = _pace(given, topics)
    steps = plan(feed, topics, options)
    check_labels(feed, steps, topics)
    print(f'{feed.title}\nto look on: ROS_DOMAIN_ID={os.environ["ROS_DOMAIN_ID"]}', flush=True)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    with Processes() as nodes:
        for name, arguments in starts.items():
            nodes.start(name, arguments)
        replay = Replay(feed, topics, steps, pace, nodes, Panel())
        try:
            results = replay.run()
        finally:
            replay.close()
    write_report(results, given.output)
    return 0


def _make_folder(folder: Path) -> None:
    """Make the folder for the report now, rather than fail at the end. Raises StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f'--output {folder} can not be made: {error.strerror}') from error
    if not os.access(folder, os.W_OK):
        raise StorageError(f'--output {folder} can not be written to')


def _sampling_options(arguments: list[str]) -> SamplingOptions:
    """Return what the featurizer will read from these arguments, by reading them as it does.

    Raises BinclfError where it would not start.
    """
    context = rclpy.Context()
    try:
        rclpy.init(args=arguments, context=context, signal_handler_options=SignalHandlerOptions.NO)
        node = rclpy.create_node(
            'featurizer', context=context, start_parameter_services=False, enable_rosout=False
        )
        try:
            declared = DeclaredParameters(node, FeaturizerParameters, lambda new: None)
            return declared.current.sampling()
        finally:
            node.destroy_node()
    except BinclfError:
        raise
    except (ParameterException, RuntimeError, ValueError) as error:
        raise ParameterError(f'the parameters can not be read: {error}') from error
    finally:
        rclpy.try_shutdown(context=context)


def _feed(given: argparse.Namespace) -> Feed:
    return bags.feed(given.bag, given.train_until) if given.bag else recordings.feed()


def _pace(given: argparse.Namespace, topics: Topics) -> Pace:
    """Return how fast to play; windows that go by arrival have to be played as they were recorded."""
    if topics.by_arrival:
        if given.rate not in (None, 1.0):
            raise BinclfError(
                f'{topics.by_arrival} goes by the time of arrival, as a topic without header has no '
                'other: it can only be played at --rate 1'
            )
        print(f'{topics.by_arrival} goes by the time of arrival: playing in real time')
        return Pace(rate=1.0)
    return Pace(given.rate or 0.0, BAG_TEACH_HZ if given.bag else Pace.teach_hz)


def write_report(results: Results, folder: Path) -> None:
    """Print the table and write the files."""
    print(f'\n{table(results)}\n')
    try:
        print(f'written: {write_json(results, folder)}')
        print(f'written: {write_png(results, folder)}')
    except ImportError:
        print('no picture was drawn, as matplotlib is not installed: pip install matplotlib')
    except OSError as error:
        raise DemoFailed(f'the report can not be written: {error}') from error
