# SPDX-License-Identifier: Apache-2.0
"""Mean and scale of the training data, kept up to date sample by sample."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, over_rows

CANCELLED = 1e4
"""How far the squares may fall below their largest before too few digits of them are left."""


class Moments:
    """Count, mean and sum of squared deviations of rows that come and go.

    Rows are added and removed in batches in O(batch) by the update of Chan, Golub and LeVeque,
    "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979). Removing
    leaves rounding behind: `stale` asks for `recompute` once as many rows were removed as are held,
    which keeps the cost constant per row and the error at that of a few passes, and where an outlier
    that left took the digits of the rest with it.
    """

    def __init__(self, n_features: int) -> None:
        self._clear(n_features)

    def _clear(self, n_features: int) -> None:
        self.count = 0
        self.mean = np.zeros(n_features)
        self._squares = np.zeros(n_features)
        self._peak = np.zeros(n_features)
        self._removed = 0
        self._scale: Array | None = None

    def add(self, X: Array) -> None:
        """Count the rows of X (m, N) in."""
        self._merge(X, 1)

    def add_summed(self, count: int, mean: Array, squares: Array) -> None:
        """Count rows in for which `summed` was computed elsewhere."""
        self._combine(count, mean, squares, 1)

    def remove(self, X: Array) -> None:
        """Count the rows of X (m, N), which were added before, out."""
        self._removed += len(X)
        self._merge(X, -1)

    @property
    def stale(self) -> bool:
        """Whether rounding may have piled up: see the class."""
        cancelled = ~(self._peak <= CANCELLED * np.maximum(self._squares, self._floor))
        return self._removed > max(self.count, 100) or bool(np.any(cancelled))

    def recompute(self, X: Array) -> None:
        """Start again from all rows that are held."""
        self._clear(X.shape[1])
        for start in range(0, len(X), 4096):
            self.add(X[start : start + 4096])

    @property
    def scale(self) -> Array:
        """The population's standard deviation, (N,); 1 where a feature is constant."""
        if self._scale is None:
            variance = np.maximum(self._squares, 0.0) / max(1, self.count)
            self._scale = np.where(self._squares <= self._floor, 1.0, np.sqrt(variance))
        return self._scale

    @property
    def _floor(self) -> Array:
        """The sum of squares that rounding alone brings about."""
        floor: Array = (4.0 * np.finfo(float).eps * self.mean * max(1, self.count)) ** 2
        return floor

    def _merge(self, X: Array, sign: int) -> None:
        if not len(X):
            return
        if self.count + sign * len(X) <= 0:
            self._clear(X.shape[1])
            return
        self._combine(len(X), *summed(X), sign)

    def _combine(self, n_rows: int, mean: Array, squares: Array, sign: int) -> None:
        count = self.count + sign * n_rows
        delta = mean - self.mean
        self._squares += sign * (squares + delta**2 * (self.count * n_rows / count))
        self._peak = np.fmax(self._peak, self._squares)
        self.mean = self.mean + delta * (sign * n_rows / count)
        self.count = count
        self._scale = None


def summed(X: Array) -> tuple[Array, Array]:
    """Return the mean of the rows of X (m, N) and their sum of squared deviations from it, (N,) twice."""
    mean = over_rows(np.add, X) / len(X)
    deviations = X - mean
    deviations *= deviations
    return mean, over_rows(np.add, deviations)
