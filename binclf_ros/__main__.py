"""`python -m binclf_ros NAME`: what `ros2 run binclf_ros NAME` runs, without the tools of ROS."""

from __future__ import annotations

import sys
from importlib import import_module

PROGRAMS = {
    'featurizer': 'binclf_ros.nodes.featurizer',
    'trainer': 'binclf_ros.nodes.trainer',
    'predictor': 'binclf_ros.nodes.predictor',
    'label_keyboard': 'binclf_ros.nodes.label_keyboard',
    'demo': 'binclf_ros.demo',
}


def main() -> int:
    """Run the program that the first argument names; return its exit code."""
    name = sys.argv[1] if len(sys.argv) > 1 else ''
    if name not in PROGRAMS:
        print(f'usage: python -m binclf_ros {"|".join(PROGRAMS)} [arguments]', file=sys.stderr)
        return 2
    module = import_module(PROGRAMS[name])
    return int(module.main(sys.argv[2:]))


if __name__ == '__main__':
    sys.exit(main())
