# SPDX-License-Identifier: Apache-2.0
"""Labelled samples of a fixed capacity; which one leaves when it is full, policies.py says."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from .policies import POLICIES, Queue, Rows
from .scaler import Moments
from .spread import Spread, spacing_of

CHUNK = 4096
"""Rows that are worked on at once: what is copied meanwhile stays small."""
FEW = 20
"""Changes are kept as long as they are no more than one in this many of the samples held."""


class Buffer:
    """At most `capacity` labelled samples of N features, with their mean and scale.

    `X` (M, N) and `y` (M,) are views of what is held, in no order; taking a sample in costs O(N), and
    the memory is that of the samples and 16 bytes for each of them.

    >>> buffer = Buffer(n_features=1, capacity=4, policy='balanced')
    >>> buffer.extend(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([1.0, 0.0, 0.0, 0.0]))
    >>> buffer.extend(np.array([[4.0]]), np.array([1.0]))  # the oldest of the larger class leaves
    >>> sorted(buffer.X[:, 0].tolist()), (buffer.count(0), buffer.count(1))
    ([0.0, 2.0, 3.0, 4.0], (2, 2))
    """

    def __init__(self, n_features: int, capacity: int, policy: str = 'balanced', seed: int = 0) -> None:
        self.capacity, self.policy = capacity, policy
        self.generator = np.random.default_rng(seed)
        self.moments = Moments(n_features)
        self.seen = 0
        self.replaced = 0
        """How many came to the full buffer."""
        self.size = 0
        self._X = np.empty((capacity, n_features))
        self._y = np.empty(capacity)
        self._age = np.empty(capacity, dtype=np.int64)
        self._counts = [0, 0]
        self.order = [Queue(capacity), Queue(capacity)] if policy == 'balanced' else []
        """Of each class, for the policy that asks for it."""
        self.spread = Spread(self._age) if policy == 'spread' else None
        self.spacing = 1
        """How many that were seen each sample stands for that fills the buffer, where that is `spread`."""
        self.changes: list[tuple[Array, Array, Array]] | None = None
        """What changed since the last `mark`: X, y, and 1 for each that came, −1 for each that left.
        None where that is too much, or there was no mark."""

    def mark(self) -> None:
        """Keep what changes from here on."""
        self.changes, self._n_changes = [], 0

    @property
    def X(self) -> Array:
        """The features held, (M, N)."""
        return self._X[: self.size]

    @property
    def y(self) -> Array:
        """The labels held, (M,)."""
        return self._y[: self.size]

    def count(self, label: int) -> int:
        """Return how many samples of a class are held."""
        return self._counts[label]

    def age(self, row: int) -> int:
        """Return how many samples had been seen before the one in this row."""
        return int(self._age[row])

    @property
    def ages(self) -> NDArray[np.int64]:
        """How many samples had been seen before each one, (M,)."""
        return self._age[: self.size]

    @property
    def by_age(self) -> NDArray[np.intp]:
        """The rows held, the oldest sample first."""
        return np.argsort(self._age[: self.size])

    def extend(self, X: Array, y: Array) -> None:
        """Take samples in, in order; X is (m, N), y is (m,) of 0.0 and 1.0."""
        room = min(len(y), self.capacity - self.size)
        for start in range(0, room, CHUNK):
            rows = slice(start, min(start + CHUNK, room))
            self._fill(X[rows], y[rows])
        most = max(1, min(CHUNK, self.capacity // 4))
        for start in range(room, len(y), most):
            self._replace(X[start : start + most], y[start : start + most])

    def resized(self, capacity: int, policy: str) -> Buffer:
        """Return a buffer of another capacity or policy, with all that is held, or what the policy keeps.

        Raises MemoryError; this one then is as it was.
        """
        order = self.by_age
        if capacity < self.size:
            order = order[np.isin(order, POLICIES[policy].keep(self, capacity))]
        other = self._with(order, capacity, policy)
        other.seen = max(self.seen, other.seen)
        return other

    def halved(self) -> Buffer:
        """Return a buffer with the newer half of each class, as if it had seen only these.

        By class, so that a stream that came in blocks of one class still has both.
        """
        order = self.by_age
        classes = [order[self.y[order] == label] for label in (0, 1)]
        kept = [rows[len(rows) // 2 :] for rows in classes]
        return self._with(order[np.isin(order, np.concatenate(kept))], self.capacity, self.policy)

    def without(self, X: Array, y: Array) -> Buffer:
        """Return a buffer without these samples, the newest where it holds several that are the same.

        X is (m, N), y (m,); those that are not held, or no longer, count for nothing.
        """
        gone = Counter((row.tobytes(), label) for row, label in zip(X, y.tolist()))
        order = self.by_age
        kept = np.ones(len(order), dtype=bool)
        for i in range(len(order) - 1, -1, -1):
            key = self._X[order[i]].tobytes(), float(self._y[order[i]])
            if gone[key] > 0:
                gone[key] -= 1
                kept[i] = False
        other = self._with(order[kept], self.capacity, self.policy)
        other.seen = max(self.seen, other.seen)
        return other

    def _with(self, order: NDArray[np.intp], capacity: int, policy: str) -> Buffer:
        other = Buffer(self._X.shape[1], capacity, policy)
        other.generator, other.spacing = self.generator, spacing_of(self.seen, self.size)
        for start in range(0, len(order), CHUNK):
            rows = order[start : start + CHUNK]
            other.extend(self._X[rows], self._y[rows])
        return other

    def _fill(self, X: Array, y: Array) -> None:
        if self.spread is not None:
            if not self.size and self.seen:  # they come from a file, which held so many of all that came
                self.spacing = spacing_of(self.seen + self.capacity, self.capacity)
            self.spread.fill(np.arange(self.size, self.size + len(y)), y.astype(np.int64), self.spacing)
        place = slice(self.size, self.size + len(y))
        self.size += len(y)
        self._put(place, X, y)
        self._age[place] = np.arange(self.seen, self.seen + len(y))
        self.seen += len(y)
        self.moments.add(X)
        if self.changes is not None:
            self._note(X.copy(), y.copy(), X[:0], y[:0])

    def _replace(self, X: Array, y: Array) -> None:
        rows = POLICIES[self.policy].replace(self, y.astype(np.int64))
        # A reservoir may give a row up twice within these samples: the last that comes to it stays, and
        # what came between was never there. What leaves is read before it is overwritten, for the moments.
        rows, last = np.unique(rows[::-1], return_index=True)
        came = len(y) - 1 - last
        if len(rows) and rows[0] < 0:
            rows, came = rows[1:], came[1:]
        order = np.argsort(came)
        rows, came = rows[order], came[order]
        left, left_y = self._X[rows], self._y[rows]
        gone = int(np.sum(left_y))
        self._counts[1] -= gone
        self._counts[0] -= len(rows) - gone
        X_came, y_came = X[came], y[came]
        self._put(rows, X_came, y_came)
        self._note(X_came, y_came, left, left_y)
        self._age[rows] = self.seen + came
        self.seen += len(y)
        self.replaced += len(y)
        self.moments.add(X_came)
        self.moments.remove(left)
        if self.moments.stale:
            self.moments.recompute(self.X)

    def _note(self, X: Array, y: Array, X_left: Array, y_left: Array) -> None:
        if self.changes is not None:
            self.changes += [(X, y, np.ones(len(y))), (X_left, y_left, np.full(len(y_left), -1.0))]
            self._n_changes += len(y) + len(y_left)
            if FEW * self._n_changes > self.size:
                self.changes = None

    def _put(self, rows: Rows | slice, X: Array, y: Array) -> None:
        self._X[rows], self._y[rows] = X, y
        positives = int(np.sum(y))
        self._counts[1] += positives
        self._counts[0] += len(y) - positives
        for label, queue in enumerate(self.order):
            first, held = (rows.start, None) if isinstance(rows, slice) else (0, rows)
            places = np.flatnonzero(y == label)
            queue.push(places + first if held is None else held[places])
