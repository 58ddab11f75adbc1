# SPDX-License-Identifier: Apache-2.0
"""What messages say of labels: the value of a label's expression at each message of one of its topics."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import SampleError
from .columns import Columns
from .readings import Values
from .topics import Topic


class Role:
    """One label expression, laid out over its topics, each with a past of its own.

    An expression over several topics takes the newest of each. Where one of them has been silent for
    longer than `timeout_ns` (0: no limit) nothing is said, so that what was said before expires.
    """

    def __init__(self, name: str, columns: Columns, timeout_ns: int) -> None:
        self.name, self._columns, self._timeout_ns = name, columns, timeout_ns
        self._topics = {topic.name: topic for topic in columns.topics}
        self._newest: dict[str, int] = {}

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics that it is said by."""
        return tuple(self._topics.values())

    def push(self, name: str, stamp_ns: int, arrival_ns: int, readings: Sequence[Values]) -> float | None:
        """Take one message of a topic in; return what is said now, None for nothing."""
        topic = self._topics[name]
        by_stamp = topic.source.clock.has_stamps
        if by_stamp != topic.by_stamp:
            topic.by_stamp = by_stamp
            topic.restart()
        time_ns = stamp_ns if by_stamp else arrival_ns
        topic.push(time_ns, readings)
        self._newest[name] = time_ns
        if len(self._newest) < len(self._topics) or self._is_silent(arrival_ns):
            return None
        u = self._columns.empty()
        try:
            for each in self._topics.values():
                each.fill(u, self._newest[each.name])
        except SampleError:
            return None
        return float(self._columns.compute(u)[0])

    def _is_silent(self, arrival_ns: int) -> bool:
        if not self._timeout_ns:
            return False
        return any(
            arrival_ns - each.source.clock.arrival_ns > self._timeout_ns for each in self._topics.values()
        )
