"""Labelled samples of a fixed capacity, and which one leaves when it is full."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

import numpy as np

from .logistic import Array
from .scaler import Moments

Policy = Callable[['Buffer', list[int]], Iterator[int]]
# A policy yields, for a full buffer and each label that comes, the row to give up; -1: the new one.
# The sample before is in its place when the next row is asked for.

CHUNK = 4096
"""Rows that are worked on at once: what is copied meanwhile stays small."""


def _fifo(buffer: Buffer, labels: list[int]) -> Iterator[int]:
    """Give up the oldest."""
    for _ in labels:
        yield min((buffer.oldest(c) for c in (0, 1) if buffer.count(c)), key=buffer.age)


def _balanced(buffer: Buffer, labels: list[int]) -> Iterator[int]:
    """Give up the oldest of the larger class; of the class that comes where both are equal."""
    for label in labels:
        negatives, positives = buffer.count(0), buffer.count(1)
        yield buffer.oldest(label if negatives == positives else int(positives > negatives))


def _reservoir(buffer: Buffer, labels: list[int]) -> Iterator[int]:
    """Keep a uniform sample of all seen: J. S. Vitter, "Random Sampling with a Reservoir" (1985), R."""
    for draw in buffer.generator.random(len(labels)).tolist():
        row = int(draw * (buffer.seen + 1))
        yield row if row < buffer.capacity else -1


POLICIES: dict[str, Policy] = {
    'fifo': _fifo,
    'balanced': _balanced,
    'reservoir': _reservoir,
}


class _Chains:
    """The rows of each class, in the order in which they came: first, and before and after each one."""

    def __init__(self, capacity: int) -> None:
        self._before, self._after = array('i', [-1]) * capacity, array('i', [-1]) * capacity
        self.first, self._last = [-1, -1], [-1, -1]

    def append(self, row: int, label: int) -> None:
        """Put a row last."""
        last = self._last[label]
        self._before[row], self._after[row] = last, -1
        if last >= 0:
            self._after[last] = row
        else:
            self.first[label] = row
        self._last[label] = row

    def extend(self, start: int, labels: Array) -> None:
        """Put the rows from start on last, one for each label."""
        before, after = (np.frombuffer(each, dtype=np.intc) for each in (self._before, self._after))
        for label in (0, 1):
            rows = np.flatnonzero(labels == label) + start
            if len(rows):
                self.append(int(rows[0]), label)
                before[rows[1:]], after[rows[:-1]], after[rows[-1]] = rows[:-1], rows[1:], -1
                self._last[label] = int(rows[-1])

    def remove(self, row: int, label: int) -> None:
        """Take a row out."""
        before, after = self._before[row], self._after[row]
        if before >= 0:
            self._after[before] = after
        else:
            self.first[label] = after
        if after >= 0:
            self._before[after] = before
        else:
            self._last[label] = before


class Buffer:
    """At most `capacity` labelled samples of N features, with their mean and scale.

    `X` (M, N) and `y` (M,) are views of what is held, in no order; taking a sample in costs O(N), and
    the memory is that of the samples and 16 bytes for each.
    """

    def __init__(self, n_features: int, capacity: int, policy: str = 'balanced', seed: int = 0) -> None:
        self.capacity, self.policy = capacity, policy
        self.generator = np.random.default_rng(seed)
        self.moments = Moments(n_features)
        self.seen = 0
        self.size = 0
        self._X = np.empty((capacity, n_features))
        self._y = np.empty(capacity)
        self._age = np.empty(capacity, dtype=np.int64)
        self._counts = [0, 0]
        self._chains = _Chains(capacity)

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

    def oldest(self, label: int) -> int:
        """Return the row of the oldest sample held of a class; -1 where there is none."""
        return self._chains.first[label]

    def extend(self, X: Array, y: Array) -> None:
        """Take samples in, in order; X is (m, N), y is (m,) of 0.0 and 1.0."""
        room = min(len(y), self.capacity - self.size)
        for start in range(0, room, CHUNK):
            rows = slice(start, min(start + CHUNK, room))
            self._fill(X[rows], y[rows])
        for start in range(room, len(y), CHUNK):
            self._replace(X[start : start + CHUNK], y[start : start + CHUNK])

    def resized(self, capacity: int, policy: str) -> Buffer:
        """Return a buffer of another capacity or policy that has taken the same samples in, in order."""
        other = Buffer(self._X.shape[1], capacity, policy)
        other.generator = self.generator
        order = np.argsort(self._age[: self.size])
        for start in range(0, self.size, CHUNK):
            rows = order[start : start + CHUNK]
            other.extend(self._X[rows], self._y[rows])
        other.seen = max(self.seen, other.seen)
        return other

    def _fill(self, X: Array, y: Array) -> None:
        rows = slice(self.size, self.size + len(y))
        self._X[rows], self._y[rows] = X, y
        self._age[rows] = np.arange(self.seen, self.seen + len(y))
        self._chains.extend(self.size, y)
        positives = int(np.sum(y))
        self._counts[1] += positives
        self._counts[0] += len(y) - positives
        self.size += len(y)
        self.seen += len(y)
        self.moments.add(X)

    def _replace(self, X: Array, y: Array) -> None:
        came: dict[int, int] = {}  # what a row gets: the last of those that came to it
        labels, ages = (
            memoryview(self._y.data),
            memoryview(self._age.data),
        )  # a scalar at a fifth of an index
        counts, chains = self._counts, self._chains
        new = y.astype(int).tolist()
        for i, (label, row) in enumerate(zip(new, POLICIES[self.policy](self, new))):
            if row >= 0:
                old = int(labels[row])
                chains.remove(row, old)
                chains.append(row, label)
                counts[old] -= 1
                counts[label] += 1
                labels[row], ages[row] = label, self.seen
                came[row] = i
            self.seen += 1
        rows, chosen = list(came), list(came.values())
        left, self._X[rows] = self._X[rows], X[chosen]
        self.moments.add(X[chosen])
        self.moments.remove(left)
        if self.moments.stale:
            self.moments.recompute(self.X)
