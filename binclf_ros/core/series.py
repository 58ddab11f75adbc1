"""Readings over time: the newest, those of a window, and as far back as a late trigger may ask."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import SampleError
from .features import Times
from .logistic import Array

LAG_NS = 5_000_000_000
"""How far behind another topic's newest reading a trigger may come and still find its past."""


class Window:
    """The readings of one path over the last `window_ns`, in one contiguous piece."""

    def __init__(self, window_ns: int, lag_ns: int) -> None:
        self._window_ns, self._lag_ns = window_ns, lag_ns
        self._v = np.empty(256)
        self._t = np.empty(256, dtype=np.int64)
        self._head = self._tail = 0
        self._starts: list[int] = []
        self._newest = 0
        self._seen: tuple[int, Array, Times] | None = None

    def push(self, time: int, values: Sequence[float]) -> None:
        """Take the readings of one message in; those that are not finite are left out (REP 117)."""
        self._seen = None
        if not self._starts or time < self._newest:
            self._head = self._tail = 0
            self._starts = [time]
        elif time - self._newest > self._window_ns:
            self._starts.append(time)
        while len(self._starts) > 1 and self._starts[1] <= time - self._lag_ns:
            self._starts.pop(0)
        self._newest = time
        for value in values:
            if math.isfinite(value):
                if self._tail == len(self._v):
                    self._make_room()
                self._v[self._tail], self._t[self._tail] = value, time
                self._tail += 1

    def at(self, time: int) -> tuple[Array, Times]:
        """Return readings and times in (time − window, time].

        Raises SampleError: `window` where it is not filled, `empty` where no reading is left.
        """
        if self._seen is not None and self._seen[0] == time:  # several statistics look at one window
            return self._seen[1:]
        start = next((each for each in reversed(self._starts) if each <= time), None)
        if start is None or time - start < self._window_ns:
            raise SampleError('window', 'the window is not filled yet')
        t = self._t[self._head : self._tail]
        first = self._head + int(t.searchsorted(time - self._window_ns, 'right'))
        last = self._tail
        if self._newest > time:
            last = self._head + int(t.searchsorted(time, 'right'))
        if first >= last:
            raise SampleError('empty', 'no finite reading in the window')
        self._seen = time, self._v[first:last], self._t[first:last]
        return self._seen[1:]

    def _make_room(self) -> None:
        """Move what may still be asked for to the front, of a larger array if need be."""
        oldest = self._newest - self._window_ns - self._lag_ns
        t = self._t[self._head : self._tail]
        self._head += int(t.searchsorted(oldest, 'right'))
        kept = slice(self._head, self._tail)
        size = self._tail - self._head
        capacity = max(256, 2 * size) if size > len(self._v) // 2 else len(self._v)
        v, t = np.empty(capacity), np.empty(capacity, dtype=np.int64)
        v[:size], t[:size] = self._v[kept], self._t[kept]
        self._v, self._t, self._head, self._tail = v, t, 0, size


class History:
    """The values of one path by time: the newest, and as far back as a late trigger may ask."""

    def __init__(self, lag_ns: int) -> None:
        self._lag_ns = lag_ns
        self._values: deque[tuple[int, Any]] = deque()

    def push(self, time: int, value: Any) -> None:
        """Take one value in; a step back in time forgets the others."""
        values = self._values
        if values and time < values[-1][0]:
            values.clear()
        values.append((time, value))
        while len(values) > 1 and values[1][0] <= time - self._lag_ns:
            values.popleft()

    def at(self, time: int) -> tuple[int, Any] | None:
        """Return time and value of the newest that is not newer than `time`."""
        return next((each for each in reversed(self._values) if each[0] <= time), None)
