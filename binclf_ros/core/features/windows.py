# SPDX-License-Identifier: Apache-2.0
"""Readings over time: the newest, those of a window, and as far back as a late trigger may ask."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import SampleError
from .expressions import Statistic, Times

EMPTY = 'no finite reading in the window'
LAG_NS = 5_000_000_000
"""How far behind another topic's newest reading a trigger may come and still find its past."""


class Window:
    """The readings of paths of one topic over the last `window_ns`: a row each, a column a reading.

    Where one message has several readings of a path, they take as many columns. Where it has fewer than of
    another path, or one that is not finite, there is a gap, which is left out (REP 117).
    """

    def __init__(self, window_ns: int, lag_ns: int, n_paths: int = 1) -> None:
        self._window_ns, self._lag_ns = window_ns, lag_ns
        self._V = np.empty((n_paths, 256))
        self._t = np.empty(256, dtype=np.int64)
        self._head = self._tail = 0
        self._gap = -1  # the newest column with a gap
        self._starts: list[int] = []
        self._newest = 0

    def push(self, time: int, readings: Sequence[Sequence[float]]) -> None:
        """Take the readings of one message in, a sequence a path."""
        if not self._starts or time < self._newest:
            self._head = self._tail = 0
            self._gap = -1
            self._starts = [time]
        elif time - self._newest > self._window_ns:
            self._starts.append(time)
        while len(self._starts) > 1 and self._starts[1] <= time - self._lag_ns:
            self._starts.pop(0)
        self._newest = time
        most = max(map(len, readings))
        tail, end = self._tail, self._tail + most
        if end > len(self._t):
            self._make_room(most)
            tail, end = self._tail, self._tail + most
        if most == min(map(len, readings)) == 1:
            column = [value for (value,) in readings]
            self._V[:, tail] = column
            if not all(map(math.isfinite, column)):
                self._gap = tail
        else:
            columns = self._V[:, tail:end]
            columns[...] = math.nan
            for row, values in zip(columns, readings):
                row[: len(values)] = values
            gaps = np.flatnonzero(~np.isfinite(columns).all(axis=0))
            if len(gaps):
                self._gap = tail + int(gaps[-1])
        self._t[tail:end] = time
        self._tail = end

    def at(self, time: int) -> tuple[Array, Times, bool]:
        """Return readings V (P, k) and times t (k,) in (time − window, time], and whether V has no gaps.

        Raises SampleError: `window` where it is not filled, `empty` where no reading is left.
        """
        start = next((each for each in reversed(self._starts) if each <= time), None)
        if start is None or time - start < self._window_ns:
            raise SampleError('window', 'the window is not filled yet')
        t = self._t[self._head : self._tail]
        first = self._head + int(t.searchsorted(time - self._window_ns, 'right'))
        last = self._tail
        if self._newest > time:
            last = self._head + int(t.searchsorted(time, 'right'))
        if first >= last:
            raise SampleError('empty', EMPTY)
        return self._V[:, first:last], self._t[first:last], self._gap < first

    def _make_room(self, wanted: int) -> None:
        """Move what may still be asked for to the front, of larger arrays if more columns need it."""
        oldest = self._newest - self._window_ns - self._lag_ns
        t = self._t[self._head : self._tail]
        self._head += int(t.searchsorted(oldest, 'right'))
        kept = slice(self._head, self._tail)
        size, moved = self._tail - self._head, self._head
        needed = 2 * size + wanted
        capacity = max(256, needed) if needed > len(self._t) else len(self._t)
        V, t = np.empty((len(self._V), capacity)), np.empty(capacity, dtype=np.int64)
        V[:, :size], t[:size] = self._V[:, kept], self._t[kept]
        self._V, self._t, self._head, self._tail = V, t, 0, size
        self._gap -= moved


def evaluate(statistic: Statistic, V: Array, t: Times, whole: bool) -> Array:
    """Return a statistic of readings V (P, k) at times t (k,), leaving gaps out unless it is `whole`; (P,).

    Raises SampleError: `empty` where a path has no reading left.
    """
    if whole:
        return statistic(V, t)
    return np.concatenate([statistic(*_without_gaps(v, t)) for v in V])


def _without_gaps(v: Array, t: Times) -> tuple[Array, Times]:
    """Return the finite readings of one path, (1, k), and their times. Raises SampleError: `empty`."""
    finite = np.isfinite(v)
    if not finite.any():
        raise SampleError('empty', EMPTY)
    return v[None, finite], t[finite]


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
