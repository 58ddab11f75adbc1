# SPDX-License-Identifier: Apache-2.0
"""Who runs the callbacks of a node: the events executor where it is sound, else the single-threaded one."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable
from typing import Any

import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.task import Future

from ..core.errors import BinclfError

SPIN_SLICE_SEC = 10.0
SWITCH_SEC = 0.0005
"""How long another thread that learns may keep an answer waiting."""
MAX_IN_A_TURN = 100


def spin(nodes: Iterable[Node], wanted: str) -> None:
    """Run callbacks until the context is shut down, on the executor that the parameter asks for, `wanted`.

    The events executor takes a third to a half of the processor time. Where it exists (Kilted and
    later) its `spin` without a limit may do nothing at all, so it is run in slices.
    """
    executor = executor_of(wanted)()
    for node in nodes:
        executor.add_node(node)
    sys.setswitchinterval(SWITCH_SEC)
    gc.collect()
    gc.freeze()  # what is here stays: the collector need not look through it in the middle of an answer
    try:
        while rclpy.ok():
            executor.spin_until_future_complete(Future(), SPIN_SLICE_SEC)
    finally:
        executor.shutdown(timeout_sec=0.0)  # without a bound, Humble waits for whatever is suspended


def executor_of(wanted: str) -> Callable[[], Executor]:
    """Return the class that events, single or auto stands for. Raises BinclfError for what is lacking."""
    if wanted != 'single':
        try:
            from rclpy.experimental.events_executor import EventsExecutor
        except ImportError as error:
            if wanted == 'events':
                raise BinclfError('executor is events, which this ROS lacks: set auto or single') from error
        else:
            return EventsExecutor
    return SingleThreadedExecutor


def with_what_waits(call: Callable[[Any], None], subscription: Subscription[Any]) -> Callable[[Any], None]:
    """Return a callback that takes what waits behind its message as well, up to a limit.

    `SingleThreadedExecutor` takes one message a turn, and a turn goes over all that a node has: 1 ms.
    """

    def call_all(message: Any) -> None:
        call(message)
        for _ in range(MAX_IN_A_TURN):
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                return
            call(taken[0])

    return call_all
