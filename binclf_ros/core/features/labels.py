# SPDX-License-Identifier: Apache-2.0
"""Labels over time, and the samples that wait for theirs."""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .windows import LAG_NS, LATE_NS, History

MAX_WAITING = 100_000
"""At most this many samples wait for a delayed label."""
MAX_OTHERS = 8
"""Different values that do not label and are counted each."""

NAN = math.nan

Waiting = TypeVar('Waiting')


@dataclass(order=True)
class _Due(Generic[Waiting]):
    """A sample, when it is due, and when it would be by the other clock (ns)."""

    time: int
    other_time: int = field(compare=False)
    sample: Waiting = field(compare=False)


class Labels(Generic[Waiting]):
    """Labels by time (ns). `roles` are `label` alone, or `positive` and `negative`, or none.

    A sample of time t is labelled by what is in force at t + delay: 1 or 0, or the reason why not
    (`no_label`, `stale`, `both`, `not_0_or_1`, `no_reading`, `time_jump`). Each time may be given by a
    second clock as well; `switch` goes over to that.
    """

    def __init__(self, roles: Collection[str], timeout_ns: int, delay_ns: int) -> None:
        self._timeout_ns, self._delay_ns = timeout_ns, delay_ns
        self._said: dict[str, History] = {}
        self._other_said: dict[str, History] = {}
        for role in roles:
            self.add(role)
        self._waiting: list[_Due[Waiting]] = []
        self._settled: list[tuple[Waiting, int | str]] = []
        self.other_values: Counter[float] = Counter()
        """Value that came and does not label → how many samples met it; the first `MAX_OTHERS` of them."""

    def add(self, role: str) -> None:
        """Have one more role."""
        self._said[role] = History(LAG_NS, LATE_NS)
        self._other_said[role] = History(LAG_NS, LATE_NS)

    def say(self, role: str, time: int, value: float, other_time: int = 0) -> None:
        """Take in what a label topic says; what waited for an earlier time is settled first."""
        self._settle(time - 1)
        self._said[role].push(time, value)
        self._other_said[role].push(other_time, value)

    @property
    def is_held(self) -> bool:
        """Whether what was said last labels, however long ago that was: nobody has taken it back."""
        newest = {role: said.newest for role, said in self._said.items() if said.newest is not None}
        return any(
            value in (0.0, 1.0) if role == 'label' else value > 0.5 for role, value in newest.items()
        )

    def join(self, time: int, sample: Waiting, other_time: int = 0) -> None:
        """Take in a sample, and settle what its time decides."""
        if not self._said:
            self._settled.append((sample, 'no_label'))
            return
        if not self._delay_ns and not self._waiting:
            self._settled.append((sample, self._verdict(time)))
            return
        due = _Due(time + self._delay_ns, other_time + self._delay_ns, sample)
        if self._waiting and due.time < self._waiting[-1].time - LATE_NS:
            self._give_up(len(self._waiting), 'time_jump')
        if self._waiting and due.time < self._waiting[-1].time:
            insort(self._waiting, due)
        else:
            self._waiting.append(due)
        self._settle(time)
        self._give_up(len(self._waiting) - MAX_WAITING, 'stale')

    def switch(self) -> None:
        """Go by the other clock from now on."""
        self._said, self._other_said = self._other_said, self._said
        for due in self._waiting:
            due.time, due.other_time = due.other_time, due.time
        self._waiting.sort()

    def settled(self) -> list[tuple[Waiting, int | str]]:
        """Return, once, the samples that are settled, each with its label or the reason for none."""
        settled, self._settled = self._settled, []
        return settled

    def give_up(self) -> None:
        """Settle all samples that wait, as no more labels will come."""
        self._give_up(len(self._waiting), 'no_label')

    def _settle(self, time: int) -> None:
        ready = 0
        for due in self._waiting:
            if due.time > time:
                break
            self._settled.append((due.sample, self._verdict(due.time)))
            ready += 1
        if ready:
            del self._waiting[:ready]

    def _give_up(self, count: int, reason: str) -> None:
        if count > 0:
            self._settled.extend((due.sample, reason) for due in self._waiting[:count])
            del self._waiting[:count]

    def _verdict(self, time: int) -> int | str:
        if 'label' in self._said:
            value = self._in_force('label', time)
            return value if isinstance(value, str) else self._label_of(value)
        values = {role: self._in_force(role, time) for role in self._said}
        held = [role for role, value in values.items() if not isinstance(value, str) and value > 0.5]
        if len(held) == 2:
            return 'both'
        if held:
            return int(held[0] == 'positive')
        if any(value != value for value in values.values()):
            return 'no_reading'
        return 'stale' if 'stale' in values.values() else 'no_label'

    def _label_of(self, value: float) -> int | str:
        if value in (0.0, 1.0):
            return int(value)
        value = NAN if value != value else value
        if value in self.other_values or len(self.other_values) < MAX_OTHERS:
            self.other_values[value] += 1
        return 'not_0_or_1'

    def _in_force(self, role: str, time: int) -> float | str:
        newest = self._said[role].at(time)
        if newest is None:
            return 'no_label'
        if self._timeout_ns and time - newest[0] > self._timeout_ns:
            return 'stale'
        return float(newest[1])
