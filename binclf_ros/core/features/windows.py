# SPDX-License-Identifier: Apache-2.0
"""Readings over time: the newest, those of a window, and as far back as a late trigger may ask.

A reading whose time is older than one before is put in its place, as long as it is not too late; a larger
step back in time is a new start.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import SampleError
from .readings import Values
from .statistics import Statistic, Times

EMPTY = 'no finite reading in the window'
LAG_NS = 5_000_000_000
"""How far behind another topic's newest reading a trigger may come and still find its past."""
LATE_NS = 1_000_000_000
"""How late a reading may come that stands alone, in no window, and still be put in its place."""
MAX_CELLS = 2**24
"""One window holds at most this many readings, of all its paths: 128 MiB."""
MAX_VALUES = 20_000
"""A history holds at most this many values."""
LONG_AGO = -(2**62)


class Window:
    """The readings of paths of one topic over the last `window_ns`: a row each, a column a reading.

    Where one message has several readings of a path, they take as many columns. Where it has fewer than of
    another path, or one that is not finite, there is a gap, which is left out (REP 117).
    """

    def __init__(self, window_ns: int, lag_ns: int, n_paths: int = 1) -> None:
        self._window_ns, self._lag_ns = window_ns, max(lag_ns, window_ns)
        self._V = np.empty((n_paths, 256))
        self._t = np.empty(256, dtype=np.int64)
        self._head = self._tail = 0
        self._gap = -1  # the newest column with a gap
        # (time, the reading's before it) of the first reading, and of each after a gap in time
        self._starts: list[tuple[int, int]] = []
        self._newest = 0
        self._lost = LONG_AGO  # the time of the newest reading for which there was no room

    def push(self, time: int, readings: Sequence[Values]) -> None:
        """Take the readings of one message in, a sequence a path."""
        if not self._starts or time < self._newest - self._window_ns:
            self._head = self._tail = 0
            self._gap, self._lost = -1, LONG_AGO
            self._starts = [(time, LONG_AGO)]
        elif time < self._newest:
            self._put_in_place(time, readings)
            return
        elif time - self._newest > self._window_ns:
            self._starts.append((time, self._newest))
        while len(self._starts) > 1 and self._starts[1][0] <= time - self._lag_ns - self._window_ns:
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
            self._fill(tail, end, readings)
        self._t[tail:end] = time
        self._tail = end

    def _fill(self, tail: int, end: int, readings: Sequence[Values]) -> None:
        columns = self._V[:, tail:end]
        columns[...] = math.nan
        for row, values in zip(columns, readings):
            row[: len(values)] = values
        gaps = np.flatnonzero(~np.isfinite(columns).all(axis=0))
        if len(gaps):
            self._gap = tail + int(gaps[-1])

    def _put_in_place(self, time: int, readings: Sequence[Values]) -> None:
        """Take in readings that come late, after those of the same time."""
        most = max(map(len, readings))
        if self._tail + most > len(self._t):
            self._make_room(most)
        at = self._head + int(self._t[self._head : self._tail].searchsorted(time, 'right'))
        end = self._tail + most
        self._V[:, at + most : end] = self._V[:, at : self._tail].copy()
        self._t[at + most : end] = self._t[at : self._tail].copy()
        gap, self._gap = self._gap, -1
        self._fill(at, at + most, readings)
        self._gap = max(self._gap, gap + most if gap >= at else gap)
        self._t[at : at + most] = time
        self._tail = end
        self._mend_starts(time)

    def _mend_starts(self, time: int) -> None:
        """Have the starts be those of the readings in order, one late reading among them."""
        behind = bisect_right(self._starts, (time, 2**62))
        if behind == len(self._starts):
            return
        start, before = self._starts[behind]
        if before > time:
            return
        mended = []
        if time - before > self._window_ns:
            mended.append((time, before))
        if start - time > self._window_ns:
            mended.append((start, time))
        self._starts[behind : behind + 1] = mended

    def at(self, time: int) -> tuple[Array, Times, bool]:
        """Return readings V (P, k) and times t (k,) in (time − window, time], and whether V has no gaps.

        Raises SampleError: `window` where it is not filled, `empty` where no reading is left, `crowded`
        where there were more than it has room for.
        """
        start = next((each for each, _ in reversed(self._starts) if each <= time), None)
        if start is None or time - start < self._window_ns:
            raise SampleError('window', 'the window is not filled yet')
        if self._lost > time - self._window_ns:
            raise SampleError('crowded', f'a window holds {MAX_CELLS} readings at most: make it shorter')
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
        n_most = max(wanted, MAX_CELLS // len(self._V))
        crowded = self._tail - self._head + wanted - n_most
        if crowded > 0:
            self._head += max(crowded, min(n_most // 4, self._tail - self._head))  # not at every reading
            self._lost = int(self._t[self._head - 1])
        kept = slice(self._head, self._tail)
        size, moved = self._tail - self._head, self._head
        needed = min(2 * size + wanted, n_most)
        capacity = max(256, needed) if needed > len(self._t) else len(self._t)
        V, t = np.empty((len(self._V), capacity)), np.empty(capacity, dtype=np.int64)
        V[:, :size], t[:size] = self._V[:, kept], self._t[kept]
        self._V, self._t, self._head, self._tail = V, t, 0, size
        self._gap -= moved


def evaluate(statistic: Statistic, V: Array, t: Times, whole: bool, of_none: float = math.nan) -> Array:
    """Return a statistic of readings V (P, k) at times t (k,), leaving gaps out unless it is `whole`; (P,).

    Of a path that has no reading left it is `of_none`.
    """
    if whole:
        return statistic(V, t)
    result = np.full(len(V), of_none)
    for row, v in enumerate(V):
        finite = np.isfinite(v)
        if finite.any():
            result[row] = statistic(v[None, finite], t[finite])[0]
    return result


class History:
    """The values of one path by time: the newest, and as far back as a late trigger may ask.

    A value up to `late_ns` late is put in its place; a larger step back in time forgets the others.
    """

    def __init__(self, lag_ns: int, late_ns: int = 0) -> None:
        self._lag_ns, self._late_ns = max(lag_ns, late_ns), late_ns
        self._times: list[int] = []
        self._values: list[Any] = []

    def push(self, time: int, value: Any) -> None:
        """Take one value in."""
        times, values = self._times, self._values
        if not times or time >= times[-1]:
            times.append(time)
            values.append(value)
        elif time < times[-1] - self._late_ns:
            self._times, self._values = [time], [value]
            return
        else:
            place = bisect_right(times, time)
            times.insert(place, time)
            values.insert(place, value)
        while len(times) > 1 and (times[1] <= times[-1] - self._lag_ns or len(times) > MAX_VALUES):
            del times[0], values[0]  # nobody can ask for it any more

    @property
    def newest(self) -> Any:
        """The newest value; None before the first."""
        return self._values[-1] if self._values else None

    def at(self, time: int) -> tuple[int, Any] | None:
        """Return time and value of the newest that is not newer than `time`."""
        times = self._times
        if not times:
            return None
        if times[-1] <= time:
            return times[-1], self._values[-1]
        place = bisect_right(times, time)
        return (times[place - 1], self._values[place - 1]) if place else None
