# SPDX-License-Identifier: Apache-2.0
"""Which samples stay so that each class is spread evenly over all the time that was seen, without chance.

The n-th sample of a class has as its level how often 2 divides n. A class that has to give way gives up
the oldest of its lowest level, and takes no more of a level below that: so it holds every 2ᵏ-th sample of
all that it saw, and while k grows by one, every 2ᵏ-th of the newer part and every 2ᵏ⁺¹-th of the older.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
MAX_LEVEL = 62


class _Candidates:
    """The rows of one class at its lowest level, the oldest first: four bytes each."""

    def __init__(self, level: int, rows: Rows) -> None:
        self.level, self._rows, self._head = level, array('i'), 0
        self._rows.frombytes(rows.astype(np.intc).tobytes())

    def append(self, row: int) -> None:
        self._rows.append(row)

    def pop(self) -> int:
        self._head += 1
        return self._rows[self._head - 1]

    def __bool__(self) -> bool:
        return self._head < len(self._rows)


class Spread:
    """Level and class of the sample in each row of a buffer, whose `ages` it shares: two bytes each."""

    def __init__(self, ages: Rows) -> None:
        self._ages = ages
        self._level = np.zeros(len(ages), dtype=np.int8)
        self._label = np.full(len(ages), -1, dtype=np.int8)
        self._seen = [0, 0]
        self._lowest: list[_Candidates | None] = [None, None]
        """Of each class; None: to be looked up."""

    def fill(self, rows: Rows, labels: Rows, spacing: int = 1) -> None:
        """Put samples into rows that were empty; each stands for `spacing` of its class."""
        for label in (0, 1):
            of_class = rows[labels == label]
            numbers = self._seen[label] + spacing * np.arange(len(of_class))
            self._seen[label] += spacing * len(of_class)
            self._label[of_class] = label
            bits = numbers & -numbers
            self._level[of_class] = np.where(bits > 0, np.log2(np.maximum(bits, 1)), MAX_LEVEL)
            self._lowest[label] = None

    def replace(self, labels: Rows, counts: list[int], seen: int) -> Rows:
        """Return the row that each sample gets in a full buffer, −1 for none.

        `counts` are those held of each class, `seen` all that came before.
        """
        held, rows = list(counts), np.full(len(labels), -1, dtype=np.int64)
        for i, label in enumerate(labels.tolist()):
            number = self._seen[label]
            self._seen[label] += 1
            level = (number & -number).bit_length() - 1 if number else MAX_LEVEL
            gives = label if held[label] and held[1 - label] - held[label] <= 1 else 1 - label
            candidates = self._candidates(gives)
            if gives == label and level < candidates.level:
                continue
            rows[i] = row = candidates.pop()
            if not candidates:
                self._lowest[gives] = None
            held[gives] -= 1
            held[label] += 1
            self._ages[row] = seen + i
            self._put(row, label, level)
        return rows

    def _put(self, row: int, label: int, level: int) -> None:
        self._level[row], self._label[row] = level, label
        known = self._lowest[label]
        if known is not None and level == known.level:
            known.append(row)
        elif known is not None and level < known.level:
            self._lowest[label] = None

    def _candidates(self, label: int) -> _Candidates:
        known = self._lowest[label]
        if known is None:
            of_class = np.flatnonzero(self._label == label)
            lowest = int(self._level[of_class].min())
            rows = of_class[self._level[of_class] == lowest]
            known = self._lowest[label] = _Candidates(lowest, rows[np.argsort(self._ages[rows])])
        return known


def spacing_of(seen: int, held: int) -> int:
    """Return for how many of its class each sample stands that is held of so many seen: a power of 2."""
    return int(2 ** max(0, int(seen / max(1, held)).bit_length() - 1))
