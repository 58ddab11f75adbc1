# SPDX-License-Identifier: Apache-2.0
"""`python -m binclf_ros NAME`: what `ros2 run binclf_ros NAME` runs, without the tools of ROS."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from importlib import import_module
from types import FrameType
from typing import NoReturn

PROGRAMS = {
    'featurizer': 'binclf_ros.nodes.featurizer',
    'trainer': 'binclf_ros.nodes.trainer',
    'predictor': 'binclf_ros.nodes.predictor',
    'label_keyboard': 'binclf_ros.nodes.label_keyboard',
    'demo': 'binclf_ros.demo',
    'report': 'binclf_ros.report',
}


def start(name: str, arguments: list[str] | None = None) -> int:
    """Run a program, with arguments other than those of the process if any; return its exit code."""
    # more threads of BLAS would take more than the one core that a trainer may have, and at full priority
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    stopping = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, _end) for each in stopping]  # the imports take half a second
    module = import_module(PROGRAMS[name])
    for each, handler in zip(stopping, before):
        signal.signal(each, handler)
    return int(module.main(sys.argv[1:] if arguments is None else arguments))


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


featurizer, trainer, predictor, label_keyboard, demo, report = (partial(start, name) for name in PROGRAMS)


def main() -> int:
    """Run the program that the first argument names; return its exit code."""
    name = sys.argv[1] if len(sys.argv) > 1 else ''
    if name not in PROGRAMS:
        print(f'usage: python -m binclf_ros {"|".join(PROGRAMS)} [arguments]', file=sys.stderr)
        return 2
    return start(name, sys.argv[2:])


if __name__ == '__main__':
    sys.exit(main())
