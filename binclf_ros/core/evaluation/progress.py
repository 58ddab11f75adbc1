# SPDX-License-Identifier: Apache-2.0
"""How the learning has gone so far, in constant memory: what a person looks at, and no other part needs."""

from __future__ import annotations

from collections import deque

import numpy as np

from ..arrays import Array
from .scores import Scores

SHOWN = ('log_loss', 'accuracy', 'balanced_accuracy')
COLUMNS = ('samples', 'loss', *SHOWN, *(f'majority_{name}' for name in SHOWN))
"""Of `Progress.curves`: how many were tested, and the scores of the window."""

MAX_ALARMS = 20


class History:
    """At most `most` rows, evenly spread over all that came; the newest is always among them.

    Each row stands for `stride` of those that came. With no room left, every second one is dropped.
    """

    def __init__(self, n_columns: int, most: int) -> None:
        self._n_columns, self._most = n_columns, most
        self.clear()

    def clear(self) -> None:
        """Forget them."""
        self._rows: list[tuple[float, ...]] = []
        self._stride = 1
        self._stands_for = 0

    def add(self, row: tuple[float, ...]) -> None:
        """Take a row in."""
        if self._stands_for % self._stride:
            self._rows[-1] = row
        else:
            if len(self._rows) >= self._most:
                del self._rows[::2]
                self._stride *= 2
            self._rows.append(row)
            self._stands_for = 0
        self._stands_for += 1

    def rows(self) -> Array:
        """Return them, the oldest first, (M, n_columns)."""
        return np.array(self._rows, dtype=float).reshape(-1, self._n_columns)


class Progress:
    """The course of the scores, and a thinned-out selection of the predictions that they are of."""

    def __init__(self) -> None:
        self._curves, self._life = History(len(COLUMNS), 500), History(2, 4000)
        self._alarms: deque[int] = deque(maxlen=MAX_ALARMS)
        self._tested = 0

    def clear(self) -> None:
        """Forget all."""
        self._curves.clear()
        self._life.clear()
        self._alarms.clear()
        self._tested = 0

    def extend(self, y: Array, z: Array) -> None:
        """Take predictions in: their labels (m,), and z = X·wᵀ + b (m,)."""
        for pair in zip(y.tolist(), z.tolist()):
            self._life.add(pair)

    def note(self, scores: Scores, loss: float) -> None:
        """Add a point to the curves if something new was tested; `loss` is that on what was learned."""
        tested = scores.tally.samples
        if tested == self._tested:
            return
        self._tested = tested
        drift = scores.drift
        if drift.alarms and drift.last not in self._alarms:
            self._alarms.append(drift.last)
        own, majority = scores.values(SHOWN), scores.majority(SHOWN)
        self._curves.add(
            (tested, loss, *(own[name] for name in SHOWN), *(majority[name] for name in SHOWN))
        )

    def life(self) -> tuple[Array, Array]:
        """Return labels y (M,) and scores z (M,), evenly spread over all that were tested."""
        y, z = self._life.rows().T
        return y, z

    def alarms(self) -> tuple[int, ...]:
        """Return how many were tested at each of the newest drift alarms."""
        return tuple(self._alarms)

    def curves(self) -> Array:
        """Return the points of the curves, (T, 8), with the `COLUMNS`."""
        return self._curves.rows()
