# SPDX-License-Identifier: Apache-2.0
"""Where to teach next: a label says most where the model is least sure (D. Lewis, W. Gale, SIGIR 1994)."""

from __future__ import annotations

from collections import deque


class Ask:
    """The mean of 1 − |2ŷ − 1| over the last `span_sec`: 1 where nothing is known, 0 where all is sure."""

    def __init__(self, span_sec: float) -> None:
        self._span_sec = span_sec
        self._slots: deque[tuple[float, float, int]] = deque()
        self._sum, self._count = 0.0, 0

    def add(self, probability: float) -> None:
        """Take a prediction in."""
        self._sum += 1.0 - abs(2.0 * probability - 1.0)
        self._count += 1

    def look(self, time: float) -> float | None:
        """Return the mean at a time (s, steady), to be called several times a span; None without any."""
        if self._count:
            self._slots.append((time, self._sum, self._count))
            self._sum, self._count = 0.0, 0
        while self._slots and self._slots[0][0] <= time - self._span_sec:
            self._slots.popleft()
        count = sum(each[2] for each in self._slots)
        return sum(each[1] for each in self._slots) / count if count else None
