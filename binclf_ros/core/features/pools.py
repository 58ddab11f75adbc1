# SPDX-License-Identifier: Apache-2.0
"""Statistics over one window of one topic: at one time, or at each time of a stretch at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import SampleError
from .expressions import Call
from .operands import Slot, Take, operand
from .paths import Path
from .readings import Values
from .statistics import OF_NONE, TIMED, Statistic, Times
from .windows import MAX_CELLS, Window, evaluate

MANY = 2**17
"""Readings of windows that are looked at at once: a megabyte, which a processor's cache holds."""


class Pool:
    """What statistics over one window of one topic are of, and which of them are which places of u."""

    def __init__(self, window_ns: int, lag_ns: int, key: str) -> None:
        self.window_ns, self._lag_ns, self._keyed = window_ns, lag_ns, bool(key)
        self._start_ns: int | None = None
        self._rows: dict[object, int] = {}
        self._takes: list[Take] = []
        self._slots: list[int] = []
        self._wanted: dict[
            tuple[str, tuple[float, ...]], tuple[Statistic, float, list[int], list[int]]
        ] = {}

    def add(self, call: Call, slot: Slot, place: int) -> None:
        """Have a statistic give a place of u."""
        of = call.steps[0] if len(call.steps) == 1 else None
        name: object = slot(of) if isinstance(of, Path) else call.of
        if name not in self._rows:
            self._rows[name] = len(self._rows)
            self._takes.append(operand(call, slot))
            self._slots.append(name if isinstance(name, int) else -1)
        key = call.name, call.hz
        if key not in self._wanted:
            self._wanted[key] = call.statistic, OF_NONE.get(call.name, math.nan), [], []
        self._wanted[key][2].append(self._rows[name])
        self._wanted[key][3].append(place)

    def begin(self) -> None:
        """Begin without a past, once all statistics are there."""
        self._window = Window(self.window_ns, self._lag_ns, len(self._takes))
        self.is_plain = -1 not in self._slots
        self._looks = [
            (statistic, of_none, as_slice(rows), as_slice(places))
            for statistic, of_none, rows, places in self._wanted.values()
        ]

    def push(self, time_ns: int, readings: Sequence[Values]) -> None:
        """Take the readings of one message in."""
        if self.is_plain:
            rows = [readings[slot] for slot in self._slots]
        else:
            rows = [take(readings) for take in self._takes]
        if not self._keyed or all(map(len, rows)):
            self._window.push(time_ns, rows)

    def fill(self, u: Array, time_ns: int) -> None:
        """Put the statistics at a time into their places. Raises SampleError as `Window.at` does."""
        try:
            V, t, whole = self._window.at(time_ns)
        except SampleError as error:
            if error.reason != 'empty':
                raise
            for _, of_none, _, places in self._looks:
                u[places] = of_none
            return
        for statistic, of_none, rows, places in self._looks:
            u[places] = evaluate(statistic, V[rows], t, whole, of_none)

    def fill_many(self, U: Array, t: Times, readings: Sequence[Array]) -> NDArray[np.bool_]:
        """Do what `fill` does, for the last readings of a stretch: see `Topic.fill_many`."""
        V = np.stack([readings[slot] for slot in self._slots])
        new = np.arange(len(t) - len(U), len(t))
        first = t.searchsorted(t[new] - self.window_ns, 'right')
        count = new + 1 - first
        if 4 * int(count.max()) * len(V) > MAX_CELLS:
            raise ValueError('a window is crowded, or may soon be')
        filled = t[new] - self._starts(t, new) >= self.window_ns
        gaps = np.append(0, np.cumsum(~np.isfinite(V).all(axis=0)))
        whole = gaps[new + 1] == gaps[first]
        for i in np.flatnonzero(filled & ~whole).tolist():
            self._look(U[i], V, t, slice(int(first[i]), int(new[i]) + 1), False)
        for k in np.unique(count[filled & whole]).tolist():
            self._look_at_many(U, V, t, np.flatnonzero(filled & whole & (count == k)), first, k)
        return filled

    def _starts(self, t: Times, new: NDArray[np.int64]) -> Times:
        """Return since when readings have come without a gap, for each of the new ones."""
        begins = np.diff(t, prepend=t[0])[new] > self.window_ns
        begins[0] |= self._start_ns is None
        last = np.maximum.accumulate(np.where(begins, new, -1))
        starts: Times = np.where(last < 0, self._start_ns or 0, t[last])
        self._start_ns = int(starts[-1])
        return starts

    def _look(self, u: Array, V: Array, t: Times, window: slice, whole: bool) -> None:
        for statistic, of_none, rows, places in self._looks:
            u[places] = evaluate(statistic, V[:, window][rows], t[window], whole, of_none)

    def _look_at_many(
        self, U: Array, V: Array, t: Times, which: NDArray[np.int64], first: NDArray[np.int64], k: int
    ) -> None:
        """Fill the rows `which` of U, whose windows have no gap and k readings each, many at once."""
        windows = sliding_window_view(V, k, axis=1)
        step = max(1, MANY // (k * len(V)))
        timed = [look for look, (name, _) in zip(self._looks, self._wanted) if name in TIMED]
        others = [look for look, (name, _) in zip(self._looks, self._wanted) if name not in TIMED]
        for start in range(0, len(which), step):
            some = which[start : start + step]
            block = windows[:, first[some]]
            for statistic, _, rows, places in others:
                found = statistic(block[rows].reshape(-1, k), t[:k])
                U[some[:, None], _numbers(places)] = found.reshape(-1, len(some)).T
        for i in which.tolist() if timed else ():
            window = slice(int(first[i]), int(first[i]) + k)
            for statistic, _, rows, places in timed:
                U[i, places] = statistic(V[:, window][rows], t[window])


def _numbers(places: slice | list[int]) -> NDArray[np.int64]:
    return np.arange(places.start or 0, places.stop) if isinstance(places, slice) else np.array(places)


def as_slice(numbers: list[int]) -> slice | list[int]:
    """Return numbers that follow one another as a slice, which is quicker and copies nothing."""
    if not numbers:
        return slice(0)
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return slice(numbers[0], numbers[-1] + 1)
    return numbers
