# SPDX-License-Identifier: Apache-2.0
"""One topic of a sampler: what its past gives at a time, each value in its place of a vector."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import SampleError
from .expressions import Call
from .operands import Take, of_message
from .paths import Path
from .pools import Pool, as_slice
from .readings import Values
from .sources import Source
from .statistics import Times
from .windows import LAG_NS, LATE_NS, History

MIN_MAX_AGE_NS = 1_000_000_000
PERIODS = 5
"""A topic that is silent for longer than this many of its periods, and 1 s, has no newest reading."""


class Period:
    """How often something comes: the median of the last steps in time (ns)."""

    def __init__(self) -> None:
        self._steps: deque[int] = deque(maxlen=15)
        self._newest: int | None = None
        self._count = 0
        self.max_age_ns: int | None = None

    def note(self, time_ns: int) -> None:
        """Take in the time of one more; a step back is none."""
        newest, self._newest = self._newest, time_ns
        if newest is None or time_ns <= newest:
            return
        self._steps.append(time_ns - newest)
        self._count += 1
        if self._count >= 3 and (self._count < 8 or not self._count & 3):
            middle = sorted(self._steps)[len(self._steps) // 2]
            self.max_age_ns = max(MIN_MAX_AGE_NS, PERIODS * middle)


class Newest:
    """The newest values of some paths of one topic, which come together or not at all."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.takes: list[tuple[Take, int]] = []
        self.history = History(LAG_NS, LATE_NS)
        self.period = Period()
        self.is_short = False

    def push(self, time_ns: int, readings: Sequence[Values], keyed: bool) -> None:
        """Take in what one message has of them; where a key is not in it, it is no reading of them."""
        values: list[float] = []
        self.is_short = False
        for take, expected in self.takes:
            found = take(readings)
            if len(found) == expected:
                values.extend(found.tolist() if isinstance(found, np.ndarray) else found)
            elif keyed:
                return
            else:
                values.extend([math.nan] * expected)
                self.is_short = True
        self.period.note(time_ns)
        self.history.push(time_ns, values)


class Topic:
    """What expressions need of one topic, each in its place of a vector u.

    `by_stamp` says that it is joined by the stamps of headers, else by arrival; `lag_ns` is how far behind
    its newest reading it may be asked.
    """

    def __init__(self, source: Source, lag_ns: int = LAG_NS) -> None:
        self._lag_ns = lag_ns
        self.source, self.name, self.by_stamp = source, source.name, True
        self._slot = source.slot_of
        self._leaves: list[tuple[Path | Call, Sequence[int]]] = []
        self.needed: set[int] = set()
        self.restart()

    def add(self, leaf: Path | Call, places: Sequence[int]) -> None:
        """Have a path, or a statistic, give these places of u."""
        self._leaves.append((leaf, places))
        self.needed.update(map(self._slot, [leaf] if isinstance(leaf, Path) else leaf.paths))

    def restart(self) -> None:
        """Begin without a past, as when its times become others."""
        self._newest = Newest()
        self._keyed: dict[str, Newest] = {}
        self._pools: dict[object, Pool] = {}
        for leaf, places in self._leaves:
            self._lay_out(leaf, places)
        self._into = as_slice(self._newest.places)
        self._others = [(as_slice(each.places), each) for each in self._keyed.values()]
        for pool in self._pools.values():
            pool.begin()

    def _lay_out(self, leaf: Path | Call, places: Sequence[int]) -> None:
        paths = [leaf] if isinstance(leaf, Path) else leaf.paths
        key = ','.join(str(path) for path in paths if path.is_keyed)
        if isinstance(leaf, Call) and leaf.window_ns is not None:
            # paths of which a message has as many readings go together, and are looked at at once
            n_readings = max(path.n_elements for path in paths)
            pool = self._pools.setdefault(
                (leaf.window_ns, n_readings, key), Pool(leaf.window_ns, self._lag_ns, key)
            )
            pool.add(leaf, self._slot, places[0])
            return
        newest = self._keyed.setdefault(key, Newest()) if key else self._newest
        if isinstance(leaf, Call):
            newest.takes.append((of_message(leaf, self._slot), 1))
        else:
            number = self._slot(leaf)
            newest.takes.append((lambda readings: readings[number], len(places)))
        newest.places.extend(places)

    def push(self, time_ns: int, readings: Sequence[Values]) -> None:
        """Take the readings of one message in."""
        if self._newest.places or self._lag_ns:  # else nobody asks when it last came
            self._newest.push(time_ns, readings, False)
        for _, newest in self._others:
            newest.push(time_ns, readings, True)
        for pool in self._pools.values():
            pool.push(time_ns, readings)

    def too_old(self, time_ns: int, max_age_ns: int | None) -> bool:
        """Return whether the newest at a time is older than a limit; None: than its own period has it.

        Raises SampleError: `missing`, where nothing has come.
        """
        newest = self._newest.history.at(time_ns)
        if newest is None:
            raise SampleError(f'missing{self.name}', f'nothing from {self.name} yet')
        return self._is_old(self._newest, time_ns - newest[0], max_age_ns) or any(
            self._is_old(each, time_ns - found[0], max_age_ns)
            for _, each in self._others
            if (found := each.history.at(time_ns)) is not None
        )

    @staticmethod
    def _is_old(newest: Newest, age_ns: int, max_age_ns: int | None) -> bool:
        limit = newest.period.max_age_ns if max_age_ns is None else max_age_ns
        return bool(limit) and age_ns > (limit or 0)

    @property
    def is_short(self) -> bool:
        """Whether the newest message has not as many numbers of a path as were expected."""
        return self._newest.is_short

    @property
    def max_age_ns(self) -> int | None:
        """The limit that its own period sets; None where that is not known yet."""
        return self._newest.period.max_age_ns

    def fill(self, u: Array, time_ns: int) -> None:
        """Put the values at a time into their places: NaN where no reading is left.

        Raises SampleError: `missing`, and as `Window.at` does.
        """
        if self._newest.places:
            newest = self._newest.history.at(time_ns)
            if newest is None:
                raise SampleError(f'missing{self.name}', f'nothing from {self.name} yet')
            u[self._into] = newest[1]
        for into, each in self._others:
            found = each.history.at(time_ns)
            u[into] = math.nan if found is None else found[1]
        for pool in self._pools.values():
            pool.fill(u, time_ns)

    @property
    def goes_by_columns(self) -> bool:
        """Whether each of its places is a number of the message, or a statistic over a window of such."""
        plain = all(
            len(places) == 1 and (isinstance(leaf, Path) or leaf.window_ns is not None)
            for leaf, places in self._leaves
        )
        paths = [
            path for leaf, _ in self._leaves for path in ([leaf] if isinstance(leaf, Path) else leaf.paths)
        ]
        keyed = any(path.is_keyed for path in paths)
        return plain and not keyed and all(pool.is_plain for pool in self._pools.values())

    @property
    def window_ns(self) -> int:
        """Its longest window."""
        return max((pool.window_ns for pool in self._pools.values()), default=0)

    def fill_many(self, U: Array, t: Times, readings: Sequence[Array]) -> NDArray[np.bool_]:
        """Fill a row of U (m, …) for each of the last m of the times t (k,) and readings, one (k,) a path.

        The times rise; before the last m stands what their windows still need of those before. Return at
        which of them all windows are filled, (m,). Raises ValueError where a window may hold too many.
        """
        for place, (take, _) in zip(self._newest.places, self._newest.takes):
            U[:, place] = take(readings)[len(t) - len(U) :]
        filled = np.ones(len(U), dtype=bool)
        for pool in self._pools.values():
            filled &= pool.fill_many(U, t, readings)
        return filled
