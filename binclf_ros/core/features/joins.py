# SPDX-License-Identifier: Apache-2.0
"""By which clock the topics of a sampler are joined with its trigger, and by which its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from .clocks import ClockDifference
from .sources import Source
from .topics import Topic

AGREE_SEC, APART_SEC = 0.09, 0.1
"""Labels go by stamps once their clock agrees with the trigger's to within the first (a tenth less than the
interface says, for what arrival jitters), and by arrival again beyond the second."""
T = TypeVar('T')


class Joins:
    """Decides at each message whether topics go by stamp or by arrival.

    The trigger goes by stamp where it has stamps that tell the time, any other topic where both have, and
    their clocks differ by no more than a tolerance. A topic whose join changes begins without a past.
    """

    def __init__(
        self, trigger: Topic, others: Sequence[Topic], label_join: str, tolerance_sec: float
    ) -> None:
        self._trigger, self._others = trigger, others
        self._label_join = label_join
        self._tolerance_ns = round(tolerance_sec * 1e9)
        self._label_sources: list[Source] = []
        self._differences: dict[str, ClockDifference] = {}
        self._apart: set[str] = set()
        self.label_by_stamp = False
        for topic in others:
            self._compare(topic.source)
        self._judge()

    def _compare(self, source: Source) -> None:
        if source is not self._trigger.source and source.has_header and self._trigger.source.has_header:
            clocks = self._trigger.source.clock, source.clock
            self._differences.setdefault(source.name, ClockDifference(*clocks))

    def add_label(self, source: Source) -> None:
        """Take in one more topic that labels are said by, before any of its messages."""
        if source not in self._label_sources:
            self._label_sources.append(source)
            self._compare(source)
        self.label_by_stamp = self._labels_go_by_stamp()

    def note(self, source: Source, stamp_ns: int | None, arrival_ns: int) -> bool:
        """Take in the times of a message; return whether labels go by the other clock from now on."""
        changed = source.clock.note(stamp_ns, arrival_ns)
        if source is self._trigger.source:
            for name, difference in self._differences.items():
                if difference.note_trigger():
                    changed |= self._is_news(name, difference)
        elif source.name in self._differences:
            self._differences[source.name].note_other()
        return changed and self._judge()

    def _is_news(self, name: str, difference: ClockDifference) -> bool:
        """Note whether the clock of a topic differs; return whether something may follow from it."""
        if name not in self._apart and self._tolerance_ns and difference.exceeds(self._tolerance_ns):
            self._apart.add(name)
            return True
        if name in self._apart and difference.is_within(self._tolerance_ns // 2):
            self._apart.discard(name)
            return True
        return any(name == source.name for source in self._label_sources)

    def _judge(self) -> bool:
        """Decide again; return whether labels go by the other clock from now on."""
        has_stamps = self._trigger.source.clock.has_stamps
        for topic in (self._trigger, *self._others):
            by_stamp = has_stamps and topic.source.clock.has_stamps and topic.name not in self._apart
            if by_stamp != topic.by_stamp:
                topic.by_stamp = by_stamp
                topic.restart()
        before, self.label_by_stamp = self.label_by_stamp, self._labels_go_by_stamp()
        return before != self.label_by_stamp

    def _labels_go_by_stamp(self) -> bool:
        sources = [self._trigger.source, *self._label_sources]
        if self._label_join == 'arrival' or not all(each.clock.has_stamps for each in sources):
            return False
        if self._label_join == 'stamp':
            return True
        limit_ns = (APART_SEC if self.label_by_stamp else AGREE_SEC) * 1e9
        for source in self._label_sources:
            difference = self._differences.get(source.name)
            if difference is not None and not (
                difference.ns is not None and abs(difference.ns) <= limit_ns
            ):
                return False
        return True

    def label_times(self, stamp_ns: int, arrival_ns: int, what: T) -> tuple[int, T, int]:
        """Return the time by which labels go, what it is the time of, and the other time."""
        return (stamp_ns, what, arrival_ns) if self.label_by_stamp else (arrival_ns, what, stamp_ns)

    def difference_sec(self, name: str) -> float | None:
        """Return how far the clock of a topic is ahead of the trigger's; None where that is not known."""
        difference = self._differences.get(name)
        if difference is None or difference.ns is None or not difference.tells:
            return None
        return difference.ns * 1e-9
