# SPDX-License-Identifier: Apache-2.0
"""The process that a node is run in: from its arguments to its exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
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
    work: Callable[[Any], None] = lambda node: spin([node], node.parameters.executor),
) -> int:
    """Run one node to its end, and return the exit code: 0 after SIGINT or SIGTERM.

    `work` is what the main thread does until ROS is shut down; it calls back what has come.
    """

    def about() -> str:
        return f'{create.__doc__}\n{usage(kind)}'

    return run_together(lambda: iter([create()]), about, arguments, lambda nodes: work(nodes[0]))


def run_together(
    create: Callable[[], Iterator[BinclfNode[Any]]],
    about: Callable[[], str],
    arguments: list[str] | None,
    work: Callable[[list[Any]], None],
) -> int:
    """Run nodes that are made one after the other to their end, in one process; return the exit code.

    `about` is what `--help` says. Where one cannot be made, none is run. Both signals shut
    the context down, which ends the spin; nothing else is done in a handler, so that a second signal, as
    `ros2 launch` and a terminal together send it, interrupts nothing.
    """
    signalled: list[int] = []
    if {'-h', '--help'} & set(sys.argv[1:] if arguments is None else arguments):
        print(about())
        return 0
    for each in STOPPING:
        signal.signal(each, lambda number, _: signalled.append(number))
    nodes: list[BinclfNode[Any]] = []
    np.seterr(all='ignore')  # what is not finite is looked for where it matters
    keep_freed_memory()
    try:
        check_security()
        rclpy.init(args=arguments)
        if not signalled:  # before rclpy could see it
            for node in create():
                nodes.append(node)  # before the next one is made, which may raise
            work(nodes)
    except ExternalShutdownException:
        pass
    except (BinclfError, ParameterException, RuntimeError) as error:  # those of rcl are RuntimeErrors
        if not signalled:  # else ROS was shut down under what was going on
            print(f'cannot start: {why_not(error)}', file=sys.stderr)
            return 1
    finally:
        _ignore_signals()
        _end(nodes)
        rclpy.try_shutdown()
        _ignore_signals()  # rclpy has put back what was there before it
    return 0


def why_not(error: Exception) -> str:
    """Return why a node cannot start; an error of unknown arguments holds nothing but their list."""
    said = printable_lines(error)
    if 'UnknownROSArgs' in type(error).__name__:
        return f'{said} is unknown to ROS: expected -p NAME:=VALUE, -r FROM:=TO and the like'
    return said


def _end(nodes: Iterable[BinclfNode[Any]]) -> None:
    """Have each node finish what must not be lost, whatever another one raises meanwhile."""
    with ExitStack() as ends:
        for node in nodes:
            ends.callback(node.destroy_node)
            ends.callback(node.close)


def _ignore_signals() -> None:
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)
