# SPDX-License-Identifier: Apache-2.0
"""What is said of the samples over time, and the samples that wait for it to be said."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Generic, TypeVar

from .windows import LAG_NS, History

MAX_WAITING = 100_000
"""Samples that wait for a delayed label at most."""

Waiting = TypeVar('Waiting')


class Labels(Generic[Waiting]):
    """Labels by time (ns). `roles` are `label` alone, or `positive` and `negative`, or none.

    A sample of time t is labelled by what is in force at t + delay: 1 or 0, or the reason why not
    (`no_label`, `stale`, `both`, `not_0_or_1`, `time_jump`).
    """

    def __init__(self, roles: Collection[str], timeout_ns: int, delay_ns: int) -> None:
        self._timeout_ns, self._delay_ns = timeout_ns, delay_ns
        self._said = {role: History(LAG_NS) for role in roles}
        self._waiting: deque[tuple[int, Waiting]] = deque()
        self._settled: list[tuple[Waiting, int | str]] = []

    def say(self, role: str, time: int, value: float) -> None:
        """Take in what a label topic says; what waited for an earlier time is settled first."""
        self._settle(time - 1)
        self._said[role].push(time, value)

    def join(self, time: int, sample: Waiting) -> None:
        """Take in a sample, and settle what its time decides."""
        if not self._said:
            self._settled.append((sample, 'no_label'))
            return
        if self._waiting and time + self._delay_ns < self._waiting[-1][0]:
            self._give_up(len(self._waiting), 'time_jump')
        self._waiting.append((time + self._delay_ns, sample))
        self._settle(time)
        self._give_up(len(self._waiting) - MAX_WAITING, 'stale')

    def settled(self) -> list[tuple[Waiting, int | str]]:
        """Return, once, the samples that are settled, each with its label or the reason for none."""
        settled, self._settled = self._settled, []
        return settled

    def _settle(self, time: int) -> None:
        while self._waiting and self._waiting[0][0] <= time:
            due, sample = self._waiting.popleft()
            self._settled.append((sample, self._verdict(due)))

    def _give_up(self, count: int, reason: str) -> None:
        for _ in range(count):
            self._settled.append((self._waiting.popleft()[1], reason))

    def _verdict(self, time: int) -> int | str:
        if 'label' in self._said:
            value = self._in_force('label', time)
            return value if isinstance(value, str) else {1.0: 1, 0.0: 0}.get(value, 'not_0_or_1')
        values = {role: self._in_force(role, time) for role in self._said}
        held = [role for role, value in values.items() if not isinstance(value, str) and value > 0.5]
        if len(held) == 2:
            return 'both'
        if held:
            return int(held[0] == 'positive')
        return 'stale' if 'stale' in values.values() else 'no_label'

    def _in_force(self, role: str, time: int) -> float | str:
        newest = self._said[role].at(time)
        if newest is None:
            return 'no_label'
        if self._timeout_ns and time - newest[0] > self._timeout_ns:
            return 'stale'
        return float(newest[1])
