# SPDX-License-Identifier: Apache-2.0
"""The forward pass, once: z = w·x + b of a vector, a batch or a block of a cloud, in either precision.

A straight line is z = Σ wⱼ·xⱼ + b. A curve is a sum over its ramps: between two knots it rises by
s_k = w₀ + w_k/(q_{k+1} − q_k), and so

    z = b′ + Σⱼ Σ_k s_k · clip(xⱼ − q_k, 0, q_{k+1} − q_k),   b′ = b + Σⱼ w₀ⱼ·q₀ⱼ

which is weights·columns(x) + bias in fewer steps, and without a large number that cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array, Floats
from .feature_maps import Curves, CurvesAndPairs

BLOCK_POINTS = 4096
"""Rows of which all ramps of a feature fit into the second-level cache."""


class Forward:
    """z of a straight line with weights w (N,) and a bias, in the precision of `dtype`."""

    additive = True
    """Whether z is a sum over features, so that `add` may be given some of them."""
    bounded = False
    """Whether z stays finite where a feature is infinite."""

    def __init__(self, weights: Array, bias: float, dtype: type = np.float64) -> None:
        self.dtype: Any = dtype
        self.bias = bias
        self.w: Floats = weights.astype(dtype)

    def score(self, x: Array) -> float:
        """Return z of one sample x (N,)."""
        return float(self.w.dot(x)) + self.bias

    def add(self, z: Floats, X: Floats, which: Sequence[int] | slice = slice(None)) -> None:
        """Add to z (m,) what the features `which` add to it, whose values are X (m, len(which))."""
        z += X.dot(self.w[which])

    def fill(self, z: Floats, X: Floats) -> Floats:
        """Put z of the samples X (m, N) into an array (m,) that is there, and return it."""
        z.fill(self.bias)
        self.add(z, X)
        return z

    def of_feature(self, j: int, x: Array) -> Any:
        """Return what feature j adds to z at its values x (m,)."""
        z: Any = np.zeros(len(x), dtype=self.dtype)
        self.add(z, x[:, None], [j])
        return z


class CurvesForward(Forward):
    """z of curves: `weights` and `bias` are those of the columns of a map."""

    bounded = True

    def __init__(self, of_map: Curves, weights: Array, bias: float, dtype: type = np.float64) -> None:
        first, ramp = of_map.starts[:-1], of_map.is_ramp
        w = weights[: of_map.n_ramped]
        q0 = np.array([q[0] for q in of_map.knots])
        sizes = [len(q) - 1 for q in of_map.knots]
        width = np.concatenate([np.diff(q) for q in of_map.knots])
        with np.errstate(over='ignore', invalid='ignore'):
            slope = np.repeat(w[first], sizes) + w[ramp] / width
            bias += float(w[first] @ q0)
        super().__init__(slope, bias, dtype)
        self._source = np.repeat(np.arange(of_map.n_features), sizes)
        self._low: Floats = np.concatenate([np.array(q[:-1]) for q in of_map.knots]).astype(dtype)
        self._width: Floats = width.astype(dtype)
        self._parts = [slice(end - size, end) for end, size in zip(np.cumsum(sizes).tolist(), sizes)]
        self._most = max(sizes)

    def clipped(self, x: Array) -> Any:
        """Return clip(x − q_k, 0, q_{k+1} − q_k) of one sample x (N,), ramp by ramp."""
        steps = x.take(self._source)
        steps -= self._low
        np.maximum(steps, 0.0, out=steps)
        return np.minimum(steps, self._width, out=steps)

    def score(self, x: Array) -> float:
        """Return z of one sample x (N,)."""
        return float(self.w.dot(self.clipped(x))) + self.bias

    def add(self, z: Floats, X: Floats, which: Sequence[int] | slice = slice(None)) -> None:
        """Add to z (m,) what the features `which` add to it, whose values are X (m, len(which))."""
        parts = self._parts[which] if isinstance(which, slice) else [self._parts[j] for j in which]
        work = self._workspace(len(z))
        for start in range(0, len(z), BLOCK_POINTS):
            rows = slice(start, start + BLOCK_POINTS)
            for i, part in enumerate(parts):
                z[rows] += self.w[part].dot(self._ramps(X[rows, i], part, work))

    def _workspace(self, n_rows: int) -> Any:
        return np.empty((self._most, min(n_rows, BLOCK_POINTS)), dtype=self.dtype)

    def _ramps(self, x: Floats, part: slice, work: Floats) -> Any:
        """Return the clipped steps of the ramps of one feature, (K, m): valid until the next call."""
        low, width = self._low[part, None], self._width[part, None]
        steps = work[: len(low), : len(x)]
        np.subtract(np.ascontiguousarray(x), low, out=steps)
        np.maximum(steps, 0.0, out=steps)
        return np.minimum(steps, width, out=steps)


class PairsForward(CurvesForward):
    """z of curves and of the products of rank-normal features: + Σ_{i<j} wᵢⱼ·gᵢ·gⱼ."""

    additive = False

    def __init__(
        self, of_map: CurvesAndPairs, weights: Array, bias: float, dtype: type = np.float64
    ) -> None:
        super().__init__(of_map, weights, bias, dtype)
        n = of_map.n_features
        self.pairs: Floats = np.zeros((n, n), dtype=dtype)
        """wᵢⱼ in both halves, each half of it: what one feature adds is a sum over the others."""
        self.pairs[of_map.one, of_map.other] = 0.5 * weights[of_map.n_ramped :]
        self.pairs += self.pairs.T
        self._of_normals: Floats = np.concatenate(
            [np.diff(g) / np.diff(q) for g, q in zip(of_map.normals, of_map.knots)]
        ).astype(dtype)
        self._least: Floats = np.array([g[0] for g in of_map.normals], dtype=dtype)

    def normal(self, x: Array) -> Any:
        """Return the rank-normal features g (N,) of one sample x (N,)."""
        steps = self._of_normals * self.clipped(x)
        return self._least + np.bincount(self._source, steps, minlength=len(x))

    def score(self, x: Array) -> float:
        """Return z of one sample x (N,)."""
        g = self.normal(x)
        return super().score(x) + float(g @ self.pairs @ g)

    def add(self, z: Floats, X: Floats, which: Sequence[int] | slice = slice(None)) -> None:
        """Add to z (m,) what all features together add to it; X is (m, N)."""
        super().add(z, X, which)
        work = self._workspace(len(z))
        for start in range(0, len(z), BLOCK_POINTS):
            rows = slice(start, start + BLOCK_POINTS)
            g: Floats = np.empty((len(z[rows]), len(self._parts)), dtype=self.dtype)
            for j, part in enumerate(self._parts):
                g[:, j] = self._of_normals[part].dot(self._ramps(X[rows, j], part, work)) + self._least[j]
            z[rows] += np.einsum('mi,mi->m', g @ self.pairs, g)

    def of_feature(self, j: int, x: Array) -> Any:
        """Return what feature j adds to z at its values x (m,), but for its products with others."""
        z: Any = np.zeros(len(x), dtype=self.dtype)
        CurvesForward.add(self, z, x[:, None], [j])
        return z


def forward(of_map: Curves | None, weights: Array, bias: float, dtype: type = np.float64) -> Forward:
    """Return the forward pass of weights and bias of the columns of a map; None: of the features."""
    if of_map is None:
        return Forward(weights, bias, dtype)
    if isinstance(of_map, CurvesAndPairs):
        return PairsForward(of_map, weights, bias, dtype)
    return CurvesForward(of_map, weights, bias, dtype)
