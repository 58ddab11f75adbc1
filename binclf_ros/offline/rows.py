# SPDX-License-Identifier: Apache-2.0
"""The labelled samples of several recordings as one X (M, N) and y (M,), whose rows stay on disk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from . import store

CHUNK = 65_536
"""Rows among which some are picked at once."""


@dataclass(frozen=True)
class Part:
    """The labelled samples of one recording, or of a stretch of it, [begin_sec, end_sec)."""

    folder: Path
    name: str
    group: str = ''
    begin_sec: float = float('-inf')
    end_sec: float = float('inf')

    @property
    def which(self) -> NDArray[np.int64] | None:
        """The rows that are meant, (M,); None where they are all."""
        return _which(self.folder, self.begin_sec, self.end_sec)

    @property
    def y(self) -> Array:
        """Their labels, (M,)."""
        return _taken(store.arrays(self.folder)[1], self.which)

    @property
    def t(self) -> Array:
        """Their times, (M,), in seconds from the start of the recording."""
        return _taken(store.arrays(self.folder)[2], self.which)

    @property
    def X(self) -> Array:
        """Their features, (M, N)."""
        return _taken(store.features(self.folder), self.which)

    def __len__(self) -> int:
        which = self.which
        return len(store.arrays(self.folder)[1]) if which is None else len(which)


def _which(folder: Path, begin_sec: float, end_sec: float) -> NDArray[np.int64] | None:
    return _which_of(folder, begin_sec, end_sec, store.edition(folder))


@lru_cache(maxsize=1024)
def _which_of(
    folder: Path, begin_sec: float, end_sec: float, edition: tuple[int, int]
) -> NDArray[np.int64] | None:
    _, y, t = store.arrays(folder)
    meant = np.isfinite(y) & (begin_sec <= t) & (t < end_sec)
    return None if meant.all() else np.flatnonzero(meant)


def _taken(values: Array, which: NDArray[np.int64] | None) -> Array:
    return values if which is None else values[which]


class Rows:
    """X (M, N) of parts, one after another; `rows[start:stop]` and `rows[numbers]` are read then."""

    def __init__(self, parts: Sequence[Part], n_features: int) -> None:
        self.parts = tuple(parts)
        self._ends = list(accumulate(map(len, parts)))
        self.shape = (self._ends[-1] if self._ends else 0, n_features)
        self.itemsize = 8
        self.nbytes = 8 * self.shape[0] * n_features

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: Any) -> Array:
        if isinstance(which, slice):
            start, stop, step = which.indices(len(self))
            pieces = [part.X[rows] for part, rows in self._pieces(start, stop)]
            found = (
                pieces[0] if len(pieces) == 1 else np.concatenate([np.empty((0, self.shape[1])), *pieces])
            )
            return np.asarray(found[::step])
        numbers = np.asarray(which)
        out = np.empty((len(numbers), self.shape[1]))
        of = np.searchsorted(self._ends, numbers, 'right')
        for i in np.unique(of).tolist():
            begin = self._ends[i - 1] if i else 0
            local = numbers[of == i] - begin
            picked = np.empty((len(local), self.shape[1]))
            for chunk in np.unique(local // CHUNK).tolist():  # else all that is between counts as memory
                here = local // CHUNK == chunk
                picked[here] = self.parts[i].X[local[here]]
            out[of == i] = picked
        return out

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[Part, slice]]:
        i = bisect_right(self._ends, start)
        while start < stop and i < len(self.parts):
            begin = self._ends[i - 1] if i else 0
            end = min(stop, self._ends[i])
            yield self.parts[i], slice(start - begin, end - begin)
            start, i = end, i + 1

    @property
    def y(self) -> Array:
        """The labels, (M,)."""
        return self.labels(0, len(self))

    def labels(self, start: int, stop: int) -> Array:
        """Return the labels of rows [start, stop)."""
        pieces = [part.y[rows] for part, rows in self._pieces(start, stop)]
        return pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0), *pieces])
