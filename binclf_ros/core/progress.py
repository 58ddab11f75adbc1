"""How the learning has gone so far, in constant memory: what a person looks at, and no other part needs."""

from __future__ import annotations

from collections import deque

import numpy as np

from .evaluation import log_loss
from .logistic import Array

MOST_RECENT = 5000
"""Predictions of the window that are looked at, at the most."""
COLUMNS = (
    'samples',
    'loss',
    'log_loss',
    'blind_log_loss',
    'accuracy',
    'blind_accuracy',
    'balanced_accuracy',
)
"""Of `Progress.curves`; blind is `without_features`."""


class History:
    """At most `most` rows, evenly spread over all that came; the newest is always among them.

    Each row stands for `stride` of those that came. Where they are full, every second one is given up.
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
    """Predictions that were made before their label was learned from, and curves over them."""

    def __init__(self, window: int) -> None:
        self._curves = History(len(COLUMNS), 500)
        self._life = History(2, 4000)
        self._recent: deque[tuple[float, float]] = deque(maxlen=min(window, MOST_RECENT))
        self.tested = self.positives = 0

    def resize(self, window: int) -> None:
        """Look back on another number of predictions."""
        self._recent = deque(self._recent, maxlen=min(window, MOST_RECENT))

    def clear(self) -> None:
        """Forget all."""
        self._curves.clear()
        self._life.clear()
        self._recent.clear()
        self.tested = self.positives = 0

    def extend(self, y: Array, z: Array) -> None:
        """Take predictions in: their labels (m,), and z = X·wᵀ + b (m,)."""
        for pair in zip(y.tolist(), z.tolist()):
            self._recent.append(pair)
            self._life.add(pair)
        self.tested += len(y)
        self.positives += int(np.sum(y))

    def note(self, loss: float) -> None:
        """Add a point to the curves; `loss` is that of the model on what it has learned from."""
        if not self._recent:
            return
        y, z = self.recent()
        blind = without_features(y, self.tested, self.positives)
        right, blind_right = (z >= 0.0) == (y > 0.5), (blind >= 0.0) == (y > 0.5)
        classes = [right[y == label] for label in (0.0, 1.0) if np.any(y == label)]
        balanced = float(np.mean([each.mean() for each in classes]))
        scores = log_loss(y, z), log_loss(y, blind), float(right.mean()), float(blind_right.mean())
        self._curves.add((float(self.tested), loss, *scores, balanced))

    def recent(self) -> tuple[Array, Array]:
        """Return labels y (M,) and scores z (M,) of the window, the oldest first."""
        return _columns(np.array(self._recent, dtype=float).reshape(-1, 2))

    def life(self) -> tuple[Array, Array]:
        """Return labels y (M,) and scores z (M,), evenly spread over all that were tested."""
        return _columns(self._life.rows())

    def curves(self) -> Array:
        """Return the points of the curves, (T, 7), with the `COLUMNS`."""
        return self._curves.rows()


def without_features(y: Array, tested: int, positives: int) -> Array:
    """Return what z (M,) would have been of one that knows how often 1 came before, and nothing else.

    y (M,) are the last of all `tested` labels, of which `positives` were 1. Before each of them,
    ŷ = (positives + 1)/(tested + 2), the rule of succession of Laplace (1814): it always says the
    class that came more often, and knows nothing of what is still to come.
    """
    n_before = tested - len(y) + np.arange(len(y))
    positives_before = positives - float(np.sum(y)) + np.cumsum(y) - y
    return np.asarray(np.log(positives_before + 1.0) - np.log(n_before - positives_before + 1.0))


def _columns(pairs: Array) -> tuple[Array, Array]:
    return pairs[:, 0].copy(), pairs[:, 1].copy()
