# SPDX-License-Identifier: Apache-2.0
"""What a model sees of a feature: the feature itself, or a curve made of ramps. One registry.

With K + 1 knots q₀ < … < q_K, feature j becomes the K + 1 columns

    clip(x, q₀, q_K)  and, of each k < K,  clip((x − q_k)/(q_{k+1} − q_k), 0, 1)

so that a sum of them is any continuous curve with corners at the knots, straight between and level
outside. What is linear in the columns stays convex to fit: it is the same logistic regression. (T. Hastie,
R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 2009, 5.2 and 9.1.)

`curves+pairs` has the products gᵢ·gⱼ, i < j, after them: gⱼ is the rank-normal feature, which goes through
Φ⁻¹((k + ½)/(K + 1)) at knot k, straight between and level outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array

Knots = tuple[tuple[float, ...], ...]
MAX_KNOTS = 64
"""Ramps of one feature."""
MAX_SAMPLE = 50_000
"""Samples that knots are taken from."""
MIN_WIDTH = 1e-9
"""Of a ramp, as a share of the feature's range: a narrower one would be a jump."""


class Curves:
    """The columns of features (N) with these `knots`; there are `n_columns`, the sum of (K + 1).

    Where `centre` and `unit` (N,) are given, the clipped features come as (clip(x, q₀, q_K) − centre)/unit,
    as a descent wants them; the ramps are between 0 and 1 anyway.
    """

    kind = 'curves'

    def __init__(self, knots: Knots, centre: Array | None = None, unit: Array | None = None) -> None:
        self.knots, self.n_features = knots, len(knots)
        self.centre = np.zeros(len(knots)) if centre is None else centre
        self.unit = np.ones(len(knots)) if unit is None else unit
        sizes = [len(q) for q in knots]
        self.starts = np.cumsum([0, *sizes])
        self.n_ramped = self.n_columns = int(self.starts[-1])
        self._source = np.repeat(np.arange(len(knots)), sizes)
        low, width, high = (np.empty(self.n_ramped) for _ in range(3))
        for start, q in zip(self.starts, map(np.array, knots)):
            ramps = slice(start + 1, start + len(q))
            low[ramps], width[ramps] = q[:-1], np.diff(q)
            low[start], high[start] = q[0], q[-1]
        first = self.starts[:-1]
        self._low, self._factor = low, 1.0 / np.where(self.is_ramp, width, 1.0)
        self._lower, self._upper = np.zeros(self.n_ramped), np.ones(self.n_ramped)
        self._lower[first] = (low[first] - self.centre) / self.unit
        self._upper[first] = (high[first] - self.centre) / self.unit
        self._low[first], self._factor[first] = self.centre, 1.0 / self.unit

    @property
    def is_ramp(self) -> NDArray[np.bool_]:
        """Which columns are ramps, (n_ramped,); the others are the clipped features."""
        ramp = np.ones(self.n_ramped, dtype=bool)
        ramp[self.starts[:-1]] = False
        return ramp

    def columns(self, X: Array, out: Array | None = None) -> Array:
        """Return the columns (M, n_columns) of samples X (M, N), in `out` where that is given."""
        out = np.empty((len(X), self.n_columns)) if out is None else out
        with np.errstate(over='ignore'):
            self._ramp(X, out[:, : self.n_ramped])
        return out

    def _ramp(self, X: Array, out: Array) -> None:
        if out.flags.c_contiguous:
            np.take(X, self._source, axis=1, out=out, mode='clip')
        else:
            out[...] = X[:, self._source]
        out -= self._low
        out *= self._factor
        np.maximum(out, self._lower, out=out)
        np.minimum(out, self._upper, out=out)

    @classmethod
    def fit(cls, X: Array, knots: int, centre: Array, unit: Array) -> Curves:
        """Return the map whose knots are the quantiles of X (M, N): `knots` ramps a feature at most."""
        return cls(quantile_knots(X, knots), centre, unit)

    def published(self, weights: Array, bias: float) -> tuple[Array, float]:
        """Return weights and bias of the columns without centre and unit, which say the same."""
        raw, first = weights.copy(), self.starts[:-1]
        raw[first] /= self.unit
        return raw, bias - float(raw[first] @ self.centre)

    def adopted(self, weights: Array, bias: float) -> tuple[Array, float]:
        """Return weights and bias of the columns with centre and unit: the way back."""
        own, first = weights.copy(), self.starts[:-1]
        own[first] *= self.unit
        return own, bias + float(weights[first] @ self.centre)

    def taken_over(self, bias: float, curves: Sequence[Array]) -> tuple[Array, float]:
        """Return the smallest weights, and the bias, of bias + Σⱼ fⱼ; `curves` are fⱼ at the knots.

        They minimise ‖w‖²: with the rises Δ_k from knot to knot, and ramps of the width d_k in units, the
        weight of the clipped feature is Σ Δ·d/(1 + Σ d²), and those of the ramps are what is left of Δ.
        """
        weights = np.zeros(self.n_columns)
        for start, q, f, unit in zip(self.starts, self.knots, curves, self.unit):
            rise, width = np.diff(f), np.diff(q) / unit
            weights[start] = rise @ width / (1.0 + width @ width)
            weights[start + 1 : start + len(q)] = rise - weights[start] * width
            bias += float(f[0])
        return weights, bias - float(weights[self.starts[:-1]] @ self._lower[self.starts[:-1]])


class CurvesAndPairs(Curves):
    """The same, and after them the products of each two of the N rank-normal features."""

    kind = 'curves+pairs'

    def __init__(self, knots: Knots, centre: Array | None = None, unit: Array | None = None) -> None:
        super().__init__(knots, centre, unit)
        self.one, self.other = np.triu_indices(len(knots), 1)
        self.n_columns = self.n_ramped + len(self.one)
        self.normals = [normals(len(q)) for q in knots]

    def columns(self, X: Array, out: Array | None = None) -> Array:
        """Return the columns (M, n_columns) of samples X (M, N), in `out` where that is given."""
        out = super().columns(X, out)
        if len(self.one):
            g = self._rank_normal(out)
            np.multiply(g[:, self.one], g[:, self.other], out=out[:, self.n_ramped :])
        return out

    def _rank_normal(self, columns: Array) -> Array:
        g = np.empty((len(columns), self.n_features))
        for j, (start, of_knots) in enumerate(zip(self.starts, self.normals)):
            ramps = columns[:, start + 1 : start + len(of_knots)]
            g[:, j] = ramps @ np.diff(of_knots) + of_knots[0]
        return g


FEATURE_MAPS: dict[str, type[Curves] | None] = {
    'line': None,
    'curves': Curves,
    'curves+pairs': CurvesAndPairs,
}
"""None: the features are the columns, as in the lecture."""


def normals(n_knots: int) -> Array:
    """Return Φ⁻¹((k + ½)/(K + 1)) of each knot k, (K + 1,)."""
    return np.array([NormalDist().inv_cdf((k + 0.5) / n_knots) for k in range(n_knots)])


def quantile_knots(X: Array, knots: int) -> Knots:
    """Return the different ones among the quantiles k/K of each feature of X (M, N), k = 0 … K.

    The outermost are its smallest and its largest value. A feature of few values has fewer; between two
    there is at least a share of `MIN_WIDTH` of the range.
    """
    sample = X[:: max(1, -(-len(X) // MAX_SAMPLE))]
    found = np.quantile(sample, np.linspace(0.0, 1.0, knots + 1), axis=0)
    found[0], found[-1] = X.min(axis=0), X.max(axis=0)
    return tuple(_apart(q) for q in found.T)


def _apart(q: Array) -> tuple[float, ...]:
    least = MIN_WIDTH * (q[-1] - q[0])
    kept = [float(q[0])]
    for each in q[1:-1].tolist():
        if each - kept[-1] > least and q[-1] - each > least:
            kept.append(each)
    return (*kept, float(q[-1])) if q[-1] > q[0] else (kept[0],)


def is_rising(q: Sequence[float]) -> bool:
    """Return whether knots are there, and each is above the one before."""
    return len(q) > 0 and all(a < b for a, b in pairwise(q))
