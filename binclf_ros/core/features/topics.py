# SPDX-License-Identifier: Apache-2.0
"""One topic of a sampler: what is read of its messages, and what its past gives at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..arrays import Array
from ..errors import SampleError
from .expressions import STATISTICS, Expression, elements
from .readings import Fields, Values
from .windows import History, Window, evaluate

Reduce = Callable[[Values], Values]
"""What makes the values of an expression from its readings in one message; it may raise SampleError."""


class Topic:
    """What the features of one topic need of it, each in its place of a sample x (N,).

    `paths` are what is to be read of a message; `push` takes these readings in. `by_stamp` says that it is
    joined by the stamps of headers, else by arrival.
    """

    def __init__(self, by_stamp: bool, lag_ns: int) -> None:
        self.by_stamp = by_stamp
        self.paths: list[Fields] = []
        self._lag_ns = lag_ns
        self._slots: dict[str, int] = {}
        self._needed: set[int] = set()
        self._direct: list[tuple[int, Reduce, int]] = []
        self._places: list[int] = []
        self._pools: dict[tuple[int, int], _Pool] = {}
        self._history = History(lag_ns)

    def slot(self, fields: Fields) -> int:
        """Return where the readings of a path are among those of a message; it is read once."""
        key = '/'.join(map(str, fields))
        if key not in self._slots:
            self._slots[key] = len(self.paths)
            self.paths.append(fields)
        return self._slots[key]

    def add(self, expression: Expression, fields: Fields, places: Sequence[int]) -> None:
        """Have an expression over a path of this topic give these places of x."""
        slot = self.slot(fields)
        self._needed.add(slot)
        if expression.window_ns is None:
            self._direct.append((slot, reduction(expression), len(places)))
            self._places.extend(places)
            return
        # paths of which a message has as many readings go together, and are looked at at once
        n_readings = math.prod(len(elements(s.index)) for s in fields if isinstance(s.index, slice))
        pool = self._pools.setdefault((expression.window_ns, n_readings), _Pool(self._lag_ns))
        pool.add(str(expression.statistic), slot, places[0])

    def begin(self) -> None:
        """Lay out the windows, once all expressions are there."""
        self._into = as_slice(self._places)
        for (window_ns, _), pool in self._pools.items():
            pool.begin(window_ns)

    def push(self, time_ns: int, readings: Sequence[Values], unread: Mapping[int, SampleError]) -> None:
        """Take the readings of one message in.

        Raises SampleError where a feature cannot be had of it; that one alone is missing then.
        """
        wrong = [error for slot, error in unread.items() if slot in self._needed]
        values: list[float] = []
        for slot, reduce, n_values in self._direct:
            try:
                values.extend(reduce(readings[slot]))
            except SampleError as error:
                values.extend([math.nan] * n_values)
                wrong.append(unread.get(slot, error))
        self._history.push(time_ns, values)
        for pool in self._pools.values():
            pool.push(time_ns, readings)
        if wrong:
            raise wrong[-1]

    def newest_ns(self, time_ns: int) -> int | None:
        """Return the time of the newest message that is not newer than `time_ns`; None where none is."""
        newest = self._history.at(time_ns)
        return None if newest is None else newest[0]

    def fill(self, x: Array, time_ns: int) -> None:
        """Put the features of this topic at a time into their places.

        Raises SampleError: `missing`, and as `Window.at` does.
        """
        if self._places:
            newest = self._history.at(time_ns)
            if newest is None:
                raise SampleError('missing', 'no reading yet')
            x[self._into] = newest[1]
        for pool in self._pools.values():
            pool.fill(x, time_ns)


class _Pool:
    """The paths of one topic over one window, and which statistics of them are which places of x."""

    def __init__(self, lag_ns: int) -> None:
        self._slots: list[int] = []
        self._lag_ns = lag_ns
        self._wanted: dict[str, tuple[list[int], list[int]]] = {}

    def add(self, statistic: str, slot: int, place: int) -> None:
        if slot not in self._slots:
            self._slots.append(slot)
        rows, places = self._wanted.setdefault(statistic, ([], []))
        rows.append(self._slots.index(slot))
        places.append(place)

    def begin(self, window_ns: int) -> None:
        self._window = Window(window_ns, self._lag_ns, len(self._slots))
        self._looks = [
            (STATISTICS[name], as_slice(rows), as_slice(places))
            for name, (rows, places) in self._wanted.items()
        ]

    def push(self, time_ns: int, readings: Sequence[Values]) -> None:
        self._window.push(time_ns, [readings[slot] for slot in self._slots])

    def fill(self, x: Array, time_ns: int) -> None:
        V, t, whole = self._window.at(time_ns)
        for statistic, rows, places in self._looks:
            x[places] = evaluate(statistic, V[rows], t, whole)


def as_slice(numbers: list[int]) -> slice | list[int]:
    """Return numbers that follow one another as a slice, which is quicker and copies nothing."""
    if not numbers:
        return slice(0)
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return slice(numbers[0], numbers[-1] + 1)
    return numbers


def reduction(expression: Expression) -> Reduce:
    """Return what makes the values of an expression from its readings in one message."""
    if expression.statistic is None:
        expected = len(expression.names())
        return lambda values: _exactly(values, expected)
    statistic = STATISTICS[expression.statistic]

    def reduce(readings: Values) -> Values:
        v = np.array(readings, dtype=float)
        v = v[np.isfinite(v)]
        if not len(v):
            return (math.nan,)
        return (float(statistic(v[None], np.arange(len(v)) * 1_000_000_000)[0]),)

    return reduce


def _exactly(values: Values, expected: int) -> Values:
    if len(values) != expected:
        raise SampleError(
            'element', f'{len(values)} values where one was expected: name an element or a statistic'
        )
    return values
