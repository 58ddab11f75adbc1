# SPDX-License-Identifier: Apache-2.0
"""`python -m binclf_ros NAME`: what `ros2 run binclf_ros NAME` runs, without the tools of ROS."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from types import FrameType
from typing import NoReturn

PROGRAMS = {
    'featurizer': 'binclf_ros.nodes.featurizer',
    'trainer': 'binclf_ros.nodes.trainer',
    'predictor': 'binclf_ros.nodes.predictor',
    'classifier': 'binclf_ros.nodes.classifier',
    'label_keyboard': 'binclf_ros.nodes.label_keyboard',
    'web': 'binclf_ros.nodes.web',
    'demo': 'binclf_ros.demo',
    'report': 'binclf_ros.report',
    'extract': 'binclf_ros.offline.extract',
    'train': 'binclf_ros.offline.train',
    'evaluate': 'binclf_ros.offline.evaluate',
    'label': 'binclf_ros.offline.label',
    'layouts': 'binclf_ros.layouts',
}
FAILED, MISTAKE = 1, 2
ROS = "source a ROS environment, or pip install '.[wheels]' in the sources (Linux on x86_64)"


def start(name: str, arguments: list[str] | None = None) -> int:
    """Run a program, with arguments other than those of the process if any; return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if 'nodes' in PROGRAMS[name] and (unknown := next(_not_for_ros(arguments), '')):
        advice = 'parameters are given as --ros-args -p NAME:=VALUE; --help lists them'
        print(f'{name}: {unknown} is not an argument: {advice}', file=sys.stderr)
        return MISTAKE
    # more threads of BLAS would take more than the one core that a trainer may have, and at full priority
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    stopping = (signal.SIGINT, signal.SIGTERM)
    signalled: list[int] = []

    def end(number: int, frame: FrameType | None) -> NoReturn:
        signalled.append(number)
        raise SystemExit(0)

    before = [signal.signal(each, end) for each in stopping]  # the imports take half a second
    try:
        module = import_module(PROGRAMS[name])
    except ImportError as error:
        missing = (error.name or '').split('.')[0]
        if missing in ('', 'binclf_ros'):
            raise
        advice = 'pip install numpy' if missing == 'numpy' else ROS
        print(f'{name} needs {missing}, which cannot be imported ({error}): {advice}', file=sys.stderr)
        return FAILED
    if signalled:  # in a place that swallows exceptions, such as a weak reference's callback
        return 0
    for each, handler in zip(stopping, before):
        signal.signal(each, handler)
    return _said_whole(lambda: int(module.main(arguments)))


def _said_whole(program: Callable[[], int]) -> int:
    """Run a program, and end without a word where nobody reads on, as in `--help | head`."""
    try:
        code = program()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still flushes
        return FAILED


def _not_for_ros(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments of a node that neither ROS nor the node itself takes."""
    is_for_ros = False
    for each in arguments:
        if each in ('--ros-args', '--'):
            is_for_ros = each == '--ros-args'
        elif not is_for_ros and each not in ('-h', '--help'):
            yield each


def __getattr__(name: str) -> Callable[[], int]:
    """Return what an entry point of the package names: a program of `PROGRAMS`, ready to start."""
    if name in PROGRAMS:
        return partial(start, name)
    raise AttributeError(name)


def main() -> int:
    """Run the program that the first argument names; return its exit code."""
    name = sys.argv[1] if len(sys.argv) > 1 else ''
    if name in PROGRAMS:
        return start(name, sys.argv[2:])
    asked = name in {'-h', '--help'}
    programs = '\n'.join(f'  {each}' for each in PROGRAMS)
    usage = f'usage: python -m binclf_ros NAME [arguments]; NAME --help explains them\n{programs}'
    print(usage, file=sys.stdout if asked else sys.stderr)
    return 0 if asked else MISTAKE


if __name__ == '__main__':
    sys.exit(main())
