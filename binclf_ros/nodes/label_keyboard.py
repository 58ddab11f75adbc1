# SPDX-License-Identifier: Apache-2.0
"""Label by keyboard: `ros2 run binclf_ros label_keyboard`, then 1, 0 or the space bar."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Int8

from ..core.health.findings import StatusLog
from ..core.text import printable
from ..ros.options import KINDS
from ..ros.process import why_not
from ..ros.qos import overridable

NO_LABEL = -1
PERIOD_SEC = 0.1
MAX_HEARD = 20
KEYS = {b'1': 1, b'0': 0, b' ': NO_LABEL}
NAMES = {1: '1 (yes)', 0: '0 (no)', NO_LABEL: 'none'}
HELP = """Label what the robot is doing now; published ten times a second on {topic} (std_msgs/Int8).

    1      yes, from now on
    0      no, from now on
    space  neither: nothing is labelled
    q      quit

What the nodes say of their work is shown above the label.

Give the featurizer  label: {topic}/data
"""


def main(arguments: list[str] | None = None) -> int:
    """Publish labels until q, Ctrl-C or SIGTERM; return the exit code."""
    if {'-h', '--help'} & set(sys.argv[1:] if arguments is None else arguments):
        print(HELP.format(topic='/label'))
        return 0
    if not sys.stdin.isatty():
        print('label_keyboard reads keys from a terminal, and this is none', file=sys.stderr)
        return 2
    signalled: list[int] = []
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, _: signalled.append(number))
    try:
        # rclpy's own handlers would end ROS in a thread of theirs, in the middle of what goes on here
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # of rcl
        print(f'cannot start: {why_not(error)}', file=sys.stderr)
        return 1
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        _label(signalled)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        rclpy.try_shutdown()
        print()
    return 0


def _label(signalled: list[int]) -> None:
    """Publish labels until q or a signal."""
    node = rclpy.create_node('label_keyboard')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        _read_keys(node, executor, signalled)
    finally:
        executor.shutdown()
        node.destroy_node()


def _read_keys(node: Node, executor: SingleThreadedExecutor, signalled: list[int]) -> None:
    labels = node.create_publisher(
        Int8, 'label', QoSProfile(depth=10), qos_overriding_options=overridable(node, 'label', 'publisher')
    )
    print(HELP.format(topic=labels.topic_name))
    _show_health(node)
    label = NO_LABEL
    while not signalled:
        print(f'\rlabel: {NAMES[label]:10}', end='', flush=True)
        labels.publish(Int8(data=label))
        if select.select([sys.stdin], [], [], PERIOD_SEC)[0]:
            # not sys.stdin.read, which takes keys off the terminal that select then does not see
            key = os.read(sys.stdin.fileno(), 1)
            if key in (b'q', b''):
                return
            label = KEYS.get(key, label)
        for _ in range(MAX_HEARD):
            executor.spin_once(timeout_sec=0.0)


def _show_health(node: Node) -> None:
    """Show above the label what the nodes of this namespace say of their work."""
    log, namespace = StatusLog(), node.get_namespace().strip('/')
    names = {f'{namespace}/{each}'.lstrip('/') for each in KINDS}

    def on_diagnostics(message: DiagnosticArray) -> None:
        for each in message.status:
            if each.name in names:
                level = int.from_bytes(each.level, 'little')
                line = log.take(time.monotonic(), each.name, level, each.message)
                if line:
                    print(f'\r{printable(line)}', flush=True)

    node.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, 10)


if __name__ == '__main__':
    sys.exit(main())
