# SPDX-License-Identifier: Apache-2.0
"""Labelled samples of a fixed capacity, and which one leaves when it is full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from .scaler import Moments
from .spread import Spread, spacing_of

Rows = NDArray[np.int64]

CHUNK = 4096
"""Rows that are worked on at once: what is copied meanwhile stays small."""
FEW = 20
"""Changes are kept as long as they are no more than one in so many of the samples held."""


def _fifo(buffer: Buffer, labels: Rows) -> Rows:
    """Give up the oldest."""
    rows: Rows = (buffer.replaced + np.arange(len(labels))) % buffer.capacity
    return rows


def _balanced(buffer: Buffer, labels: Rows) -> Rows:
    """Give up the oldest of the larger class; of the class that comes where both are equal.

    So a long run of one class pushes out its own, once it holds half, and the other class stays; `more` is
    positives less negatives, which each sample that comes for one of the other class moves by two.
    """
    gives = labels
    if buffer.count(0) != buffer.count(1):
        gives = labels.copy()
        more = buffer.count(1) - buffer.count(0)
        for i, label in enumerate(labels.tolist()):
            gives[i] = given = label if more == 0 else int(more > 0)
            more += 2 * (label - given)
    rows = np.empty_like(labels)
    for label in (0, 1):
        gone = gives == label
        rows[gone] = buffer.order[label].pop(int(np.count_nonzero(gone)))
    return rows


def _reservoir(buffer: Buffer, labels: Rows) -> Rows:
    """Keep a uniform sample of all seen: J. S. Vitter, "Random Sampling with a Reservoir" (1985), R."""
    seen = buffer.seen + np.arange(1, len(labels) + 1)
    rows = (buffer.generator.random(len(labels)) * seen).astype(np.int64)
    return np.where(rows < buffer.capacity, rows, -1)


def _spread(buffer: Buffer, labels: Rows) -> Rows:
    """Keep each class evenly over all the time that was seen: see spread.py."""
    assert buffer.spread is not None
    return buffer.spread.replace(labels, [buffer.count(0), buffer.count(1)], buffer.seen)


def _every_few(buffer: Buffer, capacity: int) -> Rows:
    """Keep as many of each class, if there are, evenly over those that are held."""
    order = buffer.by_age
    classes = [order[buffer.y[order] == label] for label in (0, 1)]
    half = capacity // 2
    n_positive = min(len(classes[1]), max(capacity - half, capacity - len(classes[0])))
    return np.concatenate(
        [
            rows[np.linspace(0, len(rows) - 1, n).round().astype(int)] if n else rows[:0]
            for rows, n in zip(classes, (capacity - n_positive, n_positive))
        ]
    )


def _newest(buffer: Buffer, capacity: int) -> Rows:
    """Keep the newest."""
    return buffer.by_age[-capacity:]


def _newest_of_each(buffer: Buffer, capacity: int) -> Rows:
    """Keep the newest of each class, as many as `_balanced` would hold after the same samples.

    Let d be positives less negatives once `capacity` samples are in. Each sample of the smaller class
    that comes then takes 2 off |d|, until d is 0, where it stays, or ±1 (an odd capacity), where its
    sign is from then on that of the last label.
    """
    order = buffer.by_age
    signs = np.where(buffer.y[order] > 0.5, 1, -1)
    d = int(signs[:capacity].sum())
    later = signs[capacity:]
    smaller = np.flatnonzero(later == (-1 if d > 0 else 1))
    needed = abs(d) // 2
    if len(smaller) < needed:
        d -= 2 * len(smaller) * (1 if d > 0 else -1)
    elif d:
        rest = later[smaller[needed - 1] + 1 :] if needed else later
        d = 0 if d % 2 == 0 else int(rest[-1]) if len(rest) else (1 if d > 0 else -1)
    kept = [
        order[signs == sign][max(0, n - held) :]
        for sign, held in ((-1, (capacity - d) // 2), (1, (capacity + d) // 2))
        for n in [int(np.count_nonzero(signs == sign))]
    ]
    return np.concatenate(kept)


def _any(buffer: Buffer, capacity: int) -> Rows:
    """Keep a uniform sample of what is held, which is a uniform sample of all seen."""
    return buffer.generator.choice(buffer.size, capacity, replace=False)


@dataclass(frozen=True)
class Policy:
    """What leaves a full buffer, and what stays where it is made smaller."""

    replace: Callable[[Buffer, Rows], Rows]
    """For a full buffer and the labels that come: the row that each one gets; −1: it is not kept. No more
    come at once than a quarter of the capacity: so with `balanced` none that came gives way at once, as a
    class that has to give way at all holds, or has just come to hold, half of the buffer."""
    keep: Callable[[Buffer, int], Rows]
    """For a buffer that holds more than a new capacity: the rows that stay, as many as that."""


POLICIES: dict[str, Policy] = {
    'fifo': Policy(_fifo, _newest),
    'balanced': Policy(_balanced, _newest_of_each),
    'reservoir': Policy(_reservoir, _any),
    'spread': Policy(_spread, _every_few),
}


class _Queue:
    """The rows of one class in the order in which they came, in a ring."""

    def __init__(self, capacity: int) -> None:
        self._ring = np.empty(capacity, dtype=np.int32)
        self._start = self.size = 0

    def push(self, rows: Rows) -> None:
        """Put rows last."""
        end = self._start + self.size
        self._ring[np.arange(end, end + len(rows)) % len(self._ring)] = rows
        self.size += len(rows)

    def first(self, count: int) -> Rows:
        """Return the first rows."""
        return self._ring[np.arange(self._start, self._start + count) % len(self._ring)].astype(np.int64)

    def pop(self, count: int) -> Rows:
        """Take the first rows out."""
        rows = self.first(count)
        self._start = (self._start + count) % len(self._ring)
        self.size -= count
        return rows


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
        self.order = [_Queue(capacity), _Queue(capacity)] if policy == 'balanced' else []
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
        """Return a buffer of another capacity or policy, with all that is held or what the policy keeps.

        Raises MemoryError; this one then is as it was.
        """
        order = self.by_age
        if capacity < self.size:
            order = order[np.isin(order, POLICIES[policy].keep(self, capacity))]
        other = self._with(order, capacity, policy)
        other.seen = max(self.seen, other.seen)
        return other

    def halved(self) -> Buffer:
        """Return a buffer with the newer half of each class, that has seen no more than these.

        By class, so that a stream that came in blocks of one class still has both.
        """
        order = self.by_age
        classes = [order[self.y[order] == label] for label in (0, 1)]
        kept = [rows[len(rows) // 2 :] for rows in classes]
        return self._with(order[np.isin(order, np.concatenate(kept))], self.capacity, self.policy)

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
        rows = np.arange(self.size, self.size + len(y))
        self.size += len(y)
        self._put(rows, X, y)
        self._age[rows] = rows - rows[0] + self.seen
        self.seen += len(y)
        self.moments.add(X)
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

    def _put(self, rows: Rows, X: Array, y: Array) -> None:
        self._X[rows], self._y[rows] = X, y
        positives = int(np.sum(y))
        self._counts[1] += positives
        self._counts[0] += len(y) - positives
        for label, queue in enumerate(self.order):
            queue.push(rows[y == label])
