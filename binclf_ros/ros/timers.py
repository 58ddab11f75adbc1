# SPDX-License-Identifier: Apache-2.0
"""What a node does now and then: on the steady clock, and less often while nothing happens."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.timer import Timer

SLOW_SEC = 1.0
REST_AFTER_SEC = 5.0
"""What is quicker than a second rests after this long without anything new."""
Call = Callable[[], None]


class Timers:
    """Calls back on the steady clock, which no jump of time stops.

    What comes equally often shares a timer, as of eight the events executor complains on the terminal;
    so does what comes every few seconds. While nothing happens, all comes once a second at most: each
    time that an idle node wakes up costs a quarter of a millisecond of cold caches.
    """

    def __init__(self, node: Node, clock: Clock) -> None:
        self._node, self._clock = node, clock
        self._quick: dict[float, tuple[Timer, list[Call]]] = {}
        self._slow: list[tuple[int, Call]] = []
        self._turn = 0
        self._state: object = None
        self._since = 0.0
        self.resting = False
        node.create_timer(SLOW_SEC, self._call_slow, clock=clock)

    def every(self, seconds: float, call: Call) -> None:
        """Call back at this interval; only for what never raises."""
        if seconds >= SLOW_SEC:
            self._slow.append((round(seconds / SLOW_SEC), call))
        elif seconds in self._quick:
            self._quick[seconds][1].append(call)
        else:
            calls = [call]

            def call_all() -> None:  # rclpy hands a TimerInfo to any callback that takes an argument
                for each in calls:
                    each()

            self._quick[seconds] = self._node.create_timer(seconds, call_all, clock=self._clock), calls

    def look(self, now: float, state: object) -> None:
        """Rest where the state has been the same for some time, at a time (s); else be quick again."""
        if state != self._state:
            self._state, self._since = state, now
            self.wake()
        elif not self.resting and now - self._since > REST_AFTER_SEC:
            self.resting = True
            for timer, _ in self._quick.values():
                timer.cancel()

    def wake(self) -> None:
        """Be quick again, at once: something happens."""
        if self.resting:
            self.resting = False
            for timer, _ in self._quick.values():
                timer.reset()

    def _call_slow(self) -> None:
        self._turn += 1
        if self.resting:
            for _, calls in self._quick.values():
                for call in calls:
                    call()
        for turns, call in self._slow:
            if self._turn % turns == 0:
                call()
