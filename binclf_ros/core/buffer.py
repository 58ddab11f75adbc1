"""Labelled samples of a fixed capacity, and which one leaves when it is full."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .logistic import Array
from .scaler import Moments

Policy = Callable[['Buffer', float], int]
# A policy answers, for a full buffer and the label that comes, the row to give up; -1: the new one.


def _fifo(buffer: Buffer, label: float) -> int:
    """Give up the oldest."""
    return min((buffer.oldest(c) for c in (0, 1) if buffer.count(c)), key=buffer.age)


def _balanced(buffer: Buffer, label: float) -> int:
    """Give up the oldest of the larger class; of the class that comes where both are equal."""
    negatives, positives = buffer.count(0), buffer.count(1)
    larger = int(label) if negatives == positives else int(positives > negatives)
    return buffer.oldest(larger)


def _reservoir(buffer: Buffer, label: float) -> int:
    """Keep a uniform sample of all seen: J. S. Vitter, "Random Sampling with a Reservoir" (1985), R."""
    row = int(buffer.generator.integers(0, buffer.seen + 1))
    return row if row < buffer.capacity else -1


POLICIES: dict[str, Policy] = {
    'fifo': _fifo,
    'balanced': _balanced,
    'reservoir': _reservoir,
}


class Buffer:
    """At most `capacity` labelled samples of N features, with their mean and scale.

    `X` (M, N) and `y` (M,) are views of what is held, in no order; taking a sample in costs O(N), and
    the memory is that of the samples and 17 bytes for each.
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
        self._queues: list[list[int]] = [[], []]
        self._sorted_at = [0, 0]

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
    def order(self) -> npt.NDArray[np.intp]:
        """The rows held, the oldest sample first."""
        return np.argsort(self._age[: self.size])

    def oldest(self, label: int) -> int:
        """Return the row of the oldest sample held of a class.

        The rows of a class are sorted once and used up from the old end; what comes meanwhile is
        newer than all of them and is found by the next sort, so that the cost for each stays small.
        """
        queue = self._queues[label]
        while queue and (self._y[queue[-1]] != label or self.age(queue[-1]) >= self._sorted_at[label]):
            queue.pop()
        if not queue:
            rows = np.flatnonzero(self.y == label)
            queue.extend(rows[np.argsort(-self._age[rows])].tolist())
            self._sorted_at[label] = self.seen
        return queue[-1]

    def extend(self, X: Array, y: Array) -> None:
        """Take samples in, in order; X is (m, N), y is (m,) of 0.0 and 1.0."""
        room = min(len(y), self.capacity - self.size)
        if room:
            rows = slice(self.size, self.size + room)
            self.size += room
            self._X[rows], self._y[rows] = X[:room], y[:room]
            self._age[rows] = np.arange(self.seen, self.seen + room)
            self.seen += room
            positives = int(np.sum(y[:room]))
            self._counts[1] += positives
            self._counts[0] += room - positives
            self.moments.add(X[:room])
        if room < len(y):
            self._replace(X[room:], y[room:])

    def resized(self, capacity: int, policy: str) -> Buffer:
        """Return a buffer of another capacity or policy that has taken the same samples in, in order."""
        other = Buffer(self._X.shape[1], capacity, policy)
        other.generator = self.generator
        order = self.order
        for start in range(0, self.size, 4096):
            rows = order[start : start + 4096]
            other.extend(self._X[rows], self._y[rows])
        other.seen = max(self.seen, other.seen)
        return other

    def _replace(self, X: Array, y: Array) -> None:
        choose = POLICIES[self.policy]
        came: list[int] = []
        left = np.empty_like(X)
        for i, label in enumerate(y.tolist()):
            row = choose(self, label)
            if row >= 0:
                left[len(came)] = self._X[row]
                came.append(i)
                self._counts[int(self._y[row])] -= 1
                self._counts[int(label)] += 1
                self._X[row], self._y[row], self._age[row] = X[i], label, self.seen
            self.seen += 1
        self.moments.add(X[came])
        self.moments.remove(left[: len(came)])
        if self.moments.stale:
            self.moments.recompute(self.X)
