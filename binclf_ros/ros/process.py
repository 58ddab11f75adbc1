# SPDX-License-Identifier: Apache-2.0
"""The process that a node is run in: from its arguments to its exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException

from ..core.errors import BinclfError
from ..core.text import printable_lines
from .executor import spin
from .memory import keep_freed_memory
from .node import BinclfNode
from .options import NodeOptions, usage
from .security import check_security

STOPPING = (signal.SIGINT, signal.SIGTERM)


def run(
    create: Callable[[], BinclfNode[Any]],
    kind: type[NodeOptions],
    arguments: list[str] | None = None,
    work: Callable[[Any], None] = lambda node: spin(node, node.parameters.executor),
) -> int:
    """Run one node to its end, and return the exit code: 0 after SIGINT or SIGTERM.

    `work` is what the main thread does until ROS is shut down; it calls back what has come.

    Both signals shut the context down, which ends the spin; nothing else is done in a handler, so
    that a second signal, as `ros2 launch` and a terminal together send it, interrupts nothing.
    """
    signalled: list[int] = []
    if {'-h', '--help'} & set(sys.argv[1:] if arguments is None else arguments):
        print(f'{create.__doc__}\n{usage(kind)}')
        return 0
    for each in STOPPING:
        signal.signal(each, lambda number, _: signalled.append(number))
    node = None
    np.seterr(all='ignore')  # what is not finite is looked for where it matters
    keep_freed_memory()
    try:
        check_security()
        rclpy.init(args=arguments)
        if not signalled:  # before rclpy could see it
            node = create()
            work(node)
    except ExternalShutdownException:
        pass
    except (BinclfError, ParameterException, RuntimeError) as error:  # those of rcl are RuntimeErrors
        if not signalled:  # else ROS was shut down under what was going on
            print(f'cannot start: {printable_lines(error)}', file=sys.stderr)
            return 1
    finally:
        _ignore_signals()
        if node is not None:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()
        _ignore_signals()  # rclpy has put back what was there before it
    return 0


def _ignore_signals() -> None:
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)
