# SPDX-License-Identifier: Apache-2.0
"""A node that is sabotaged from inside: python sabotage.py NODE RAISES REPORT --ros-args …

Each of its callbacks (topics, timers, services, parameters) raises something at every other call, until
it has done so RAISES times. Which have done how often is written to REPORT whenever one is through.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from importlib import import_module
from itertools import count, cycle
from pathlib import Path

from binclf_ros.ros import node as ros_node

ERRORS = cycle([ValueError, RuntimeError, KeyError, OSError, MemoryError, AttributeError, RecursionError])
TIMERS_SEC = 0.005


class Saboteur:
    def __init__(self, raises, report):
        self.raises, self.report = raises, Path(report)
        self.done = Counter()
        self.telling = threading.Lock()

    def spoil(self, callback, name='', first=lambda: None):
        """Return a callback that does `first` and raises instead, at every other call of so many."""
        name = name or callback.__qualname__
        turns = count()
        self.done.setdefault(name, 0)

        def spoilt(*arguments):
            if next(turns) % 2 or self.done[name] == self.raises:
                return callback(*arguments)
            self.done[name] += 1
            if self.done[name] == self.raises:
                self.advertise()
            first()
            raise next(ERRORS)(f'sabotage of {name}')

        return spoilt

    def advertise(self):
        with self.telling:  # services raise in a thread of their own
            new = self.report.with_suffix('.new')
            new.write_text(json.dumps(self.done))
            os.replace(new, self.report)

    def spoil_nodes(self):
        """Have every callback that a node will ever name be spoilt."""
        kind = ros_node.BinclfNode
        guarded, serve, every = kind.guarded, kind.provide_service, kind.every

        def spoilt_guarded(node, callback, count='failed'):
            received = ['received'] if count == 'rejected' else []  # which is counted first of all
            return guarded(node, self.spoil(callback, first=lambda: node.counts.update(received)), count)

        def spoilt_serve(node, request, name, work, post=lambda command: command()):
            post = self.spoil(post, f'post of {name}')
            return serve(node, request, name, self.spoil(work, f'work of {name}'), post)

        class SpoiltParameters(ros_node.DeclaredParameters):
            def __init__(spoilt, node, kind, accept):
                super().__init__(node, kind, self.spoil(accept, 'on_parameters'))

        kind.guarded, kind.provide_service = spoilt_guarded, spoilt_serve
        kind.every = lambda node, seconds, callback: every(node, TIMERS_SEC, callback)
        ros_node.DeclaredParameters = SpoiltParameters


def main(name, raises, report, *arguments):
    Saboteur(int(raises), report).spoil_nodes()
    return import_module(f'binclf_ros.nodes.{name}').main(list(arguments))


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
