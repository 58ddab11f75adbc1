# SPDX-License-Identifier: Apache-2.0
"""A fast signal made slow enough for eyes: least, largest and mean of every 50 ms."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

BIN_SEC = 0.05
KEPT_SEC = 30.0
NONE = -1
BOTH = 2


@dataclass
class Bin:
    """What came within 50 ms: probabilities, the last decision, and the labels of labelled samples."""

    index: int
    count: int = 0
    least: float = math.inf
    largest: float = -math.inf
    total: float = 0.0
    decision: int = NONE
    label: int = NONE
    """1, 0, −1 where nothing was labelled, 2 where both."""

    def as_row(self) -> list[Any]:
        """Return it as [index, min, max, mean, decision, label]; None where there was no probability."""
        if not self.count:
            return [self.index, None, None, None, self.decision, self.label]
        three = (self.least, self.largest, self.total / self.count)
        return [self.index, *(round(each, 4) for each in three), self.decision, self.label]


class Bins:
    """The last 30 s, for clients of which each asks for what it does not have yet.

    >>> bins = Bins()
    >>> for i, probability in enumerate((0.2, 0.4, 0.9)):
    ...     bins.add(probability, now=10.0 + 0.02 * i)
    >>> bins.since(-1, now=10.06)
    [[200, 0.2, 0.9, 0.5, -1, -1]]
    """

    def __init__(self) -> None:
        self._bins: deque[Bin] = deque(maxlen=round(KEPT_SEC / BIN_SEC))

    def add(self, probability: float, now: float) -> None:
        """Take a probability in that came at `now` (s); one that is not finite is left out."""
        if math.isfinite(probability):
            this = self._at(now)
            this.count += 1
            this.total += probability
            this.least, this.largest = min(this.least, probability), max(this.largest, probability)

    def decide(self, decision: int, now: float) -> None:
        """Take a decision in."""
        self._at(now).decision = decision

    def label(self, label: int, now: float) -> None:
        """Take the label of a labelled sample in."""
        this = self._at(now)
        this.label = label if this.label in (NONE, label) else BOTH

    def since(self, index: int, now: float) -> list[list[Any]]:
        """Return the rows of the bins after `index` that are over and in the last 30 s."""
        this = index_at(now)
        first = max(index, this - round(KEPT_SEC / BIN_SEC))
        return [each.as_row() for each in self._bins if first < each.index < this]

    def _at(self, now: float) -> Bin:
        index = index_at(now)
        if not self._bins or self._bins[-1].index < index:
            self._bins.append(Bin(index))
        return self._bins[-1]


def index_at(now: float) -> int:
    """Return the number of the bin that a time (s) is in."""
    return int((now + 1e-9) / BIN_SEC)
