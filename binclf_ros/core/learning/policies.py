# SPDX-License-Identifier: Apache-2.0
"""Which sample leaves a full buffer, and which stay where it is made smaller: one entry a policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a buffer asks its policy, which looks at the buffer
    from .buffer import Buffer

Rows = NDArray[np.int64]


class Queue:
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
