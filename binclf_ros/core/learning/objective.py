# SPDX-License-Identifier: Apache-2.0
"""What a descent descends: the mean loss with class weights and ridge, in standardised units.

objective(w, b) = (1/M) Σ cᵢ·ℓ(zᵢ, yᵢ) + l2/(2M)·‖w‖²,   zᵢ = ((xᵢ − mean)/scale)·wᵀ + b

so that l2 is scikit-learn's 1/C. The class weights c have the mean 1 over the samples; the ridge
never touches b. Rows are visited in blocks that fit a processor's cache, and no standardised copy of
X is ever kept: with w' = w/scale, z is x·w'ᵀ + (b − mean·w'ᵀ). Where means are so large against the
scales that this would cost digits, the rows of a block are centred there. Where features go through a map,
its columns stand for x, block by block; they have no mean and scale of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import Array
from .feature_maps import Curves
from .losses import BCE, Loss, Weights, sigmoid

BLOCK_VALUES = 262_144
"""Values of X in a block: 2 MiB, so that what a block needs twice comes from the second-level cache."""
UNTHREADED = 800_000
"""Multiplications of a matrix product that OpenBLAS does not hand to threads, which cost more CPU and
more time for matrices so slim."""
WIDE = 64
"""Columns from which on X̃ᵀ·X̃ of a whole block, of which half is computed, is the cheaper product."""
COPY_BYTES = 2**23
"""What a sample may take in memory, if it is not less than a 20th of X."""
MAPPED_BYTES = 2**25
"""What the columns of a map may take in memory to be kept for the next pass, as long as a descent lasts."""
LARGE_MEAN = 100.0
"""How many scales a mean may be off zero before the rows are centred: two digits of sixteen."""


@dataclass(frozen=True)
class Point:
    """The objective at one (w, b): value, data loss and gradient; theta is w and then b, (N + 1,)."""

    theta: Array
    value: float
    loss: float
    gradient: Array
    sums: Array
    """What it was made of: see `Objective.sums`."""

    @cached_property
    def gradient_max(self) -> float:
        """The largest gradient component, by magnitude: what `tolerance` is held against."""
        return float(np.abs(self.gradient).max())


class Objective:
    """The objective over X (M, N) and y (M,).

    `pause` is called between blocks: what has to share the processor waits there, or raises to
    give the evaluation up.
    """

    def __init__(
        self,
        X: Array,
        y: Array,
        *,
        mean: Array | None = None,
        scale: Array | None = None,
        loss: Loss = BCE,
        l2: float = 0.0,
        balanced: bool = False,
        pause: Callable[[], None] = lambda: None,
        of_map: Curves | None = None,
    ) -> None:
        self.X, self.y, self.loss, self.pause, self.map = X, y, loss, pause, of_map
        self.n_samples, self.n_features = X.shape if of_map is None else (len(X), of_map.n_columns)
        self.mean = np.zeros(self.n_features) if mean is None else mean
        self.scale = np.ones(self.n_features) if scale is None else scale
        self.ridge = l2 / self.n_samples
        self.class_weights = class_weights(self.n_samples, float(np.sum(y))) if balanced else (1.0, 1.0)
        self.known: Point | None = None
        self.block_rows = max(64, BLOCK_VALUES // max(1, self.n_features))
        self._keeps_columns = 8 * self.n_samples * self.n_features <= MAPPED_BYTES
        self._mapped: dict[int, Array] = {}
        # Σ r·(x − mean) is Σ r·x − mean·Σ r: the means are taken off the sums, and X is read as it is.
        # That cancels as many digits as mean/scale has, and so large means are taken off the rows instead.
        self._centres = not bool((np.abs(self.mean) <= LARGE_MEAN * self.scale).all())

    def at(self, theta: Array) -> Point:
        """Evaluate value and gradient at theta, in one pass over X where that point is not known."""
        if self.known is not None and self.known.theta is theta:
            return self.known
        return self.point(theta, self.sums(theta))

    def sums(self, theta: Array) -> Array:
        """Return Σ c·ℓ, Σ c·r·x and Σ c·r, (N + 2,), at theta; r is the derivative of the loss by z.

        Where `adds_up`, those of other samples may be added and taken away.
        """
        sums = np.zeros(self.n_features + 2)
        for of_block in self.block_sums(theta):
            sums += of_block
        return sums

    def block_sums(self, theta: Array) -> Iterator[Array]:
        """Yield the sums of each block, (N + 2,), to be added up in this order, wherever computed."""
        w_raw = theta[:-1] / self.scale
        offset = self._offset(theta[-1], w_raw)
        for X, y, c in self._blocks():
            z = X @ w_raw
            z += offset
            sums = np.empty(self.n_features + 2)
            sums[0], residual = self.loss.together(z, y, c)
            sums[1:-1] = residual @ X
            sums[-1] = residual.sum()
            yield sums

    def point(self, theta: Array, sums: Array) -> Point:
        """Return value and gradient at theta from the sums there."""
        w, gradient = theta[:-1], self.to_gradients(sums[1:].copy())
        gradient /= self.n_samples
        gradient[:-1] += self.ridge * w
        data_loss = float(sums[0]) / self.n_samples
        return Point(theta, data_loss + 0.5 * self.ridge * float(w @ w), data_loss, gradient, sums)

    @property
    def adds_up(self) -> bool:
        """Whether a sample's part of the sums is the same whichever others there are."""
        return not self._centres and self.class_weights == (1.0, 1.0)

    def sample(self, rows: int) -> Objective:
        """Return the objective of a number of the samples, one at random from each stretch of X.

        It keeps mean, scale, class weights and ridge, so that it is an estimate of this one; the
        rows are copied. This one itself, where those are most of its samples or a copy takes too much.
        """
        every = self.n_samples // rows
        if every <= 1 or rows * self.X.itemsize * self.X.shape[1] > max(COPY_BYTES, self.X.nbytes // 20):
            return self
        stretches = np.arange(0, self.n_samples - every + 1, every)
        chosen = stretches + np.random.default_rng(0).integers(0, every, len(stretches))
        sample = Objective(
            self.X[chosen],
            self.y[chosen],
            mean=self.mean,
            scale=self.scale,
            loss=self.loss,
            pause=self.pause,
            of_map=self.map,
        )
        sample.ridge, sample.class_weights = self.ridge, self.class_weights
        return sample

    def columns(self, X: Array, out: Array | None = None) -> Array:
        """Return what z is linear in, (m, N), for samples X: these, or what a map makes of them."""
        return X if self.map is None else self.map.columns(X, out)

    def gradients(self, theta: Array) -> Iterator[Array]:
        """Yield the gradients of single samples by theta, (m, N + 1), block by block in the order of X."""
        negative, positive = self.class_weights
        rows = max(64, self.block_rows // 8)
        for start in range(0, self.n_samples, rows):
            self.pause()
            y = self.y[start : start + rows]
            g = np.empty((len(y), self.n_features + 1))
            g[:, :-1], g[:, -1] = self.columns(self.X[start : start + rows]), 1.0
            g[:, :-1] -= self.mean
            g[:, :-1] /= self.scale
            residual = self.loss.residual(sigmoid(g @ theta), y)
            g *= (residual * np.where(y > 0.5, positive, negative))[:, None]
            yield g

    def residuals(self, theta: Array) -> Iterator[tuple[Array, Array]]:
        """Yield samples (centred, or mapped), (m, N), and c·r of each, (m,), at theta, block by block."""
        w_raw = theta[:-1] / self.scale
        offset = self._offset(theta[-1], w_raw)
        for X, y, c in self._blocks():
            yield X, c * self.loss.residual(sigmoid(X @ w_raw + offset), y)

    def to_gradients(self, sums: Array) -> Array:
        """Return, in place, the gradients by theta that Σ c·r·x and Σ c·r are, (…, N + 1)."""
        if not self._centres:
            sums[..., :-1] -= sums[..., -1:] * self.mean
        sums[..., :-1] /= self.scale
        return sums

    def hessian(self, theta: Array) -> Array:
        """Return the curvature (N + 1, N + 1) of the objective at theta."""
        return self._gram(theta)

    def max_curvature(self) -> float:
        """Return L: no second derivative of the objective, in any direction, at any point, is larger.

        L is the largest eigenvalue of the loss's bound (1/4 for the BCE) times X̃ᵀ·X̃/M, with the ridge;
        a constant step of 1/L descends from everywhere.
        """
        return float(np.linalg.eigvalsh(self._gram(None))[-1])

    def block_grams(self, theta: Array | None) -> Iterator[Array]:
        """Yield Σ hᵢ·(xᵢ, 1)ᵀ·(xᵢ, 1) of each block, (N + 1, N + 1); h is c times the loss's curvature.

        That is the one at theta, or its bound where there is none. They are to be added up in this order.
        """
        n, bound = self.n_features, self.loss.largest_curvature
        weighted = np.empty((min(self.block_rows, self.n_samples), n))
        w_raw = np.zeros(n) if theta is None else theta[:-1] / self.scale
        offset = 0.0 if theta is None else self._offset(theta[-1], w_raw)
        for X, y, c in self._blocks():
            h = np.full(len(y), bound)
            if theta is not None:
                h = self.loss.curvature(sigmoid(X @ w_raw + offset), y)
            h = c * h
            H = np.empty((n + 1, n + 1))
            H[:n, :n] = _product(X, h, weighted[: len(y)])
            H[n, :n] = H[:n, n] = h @ X
            H[n, n] = h.sum()
            yield H

    def _gram(self, theta: Array | None) -> Array:
        """Return (1/M) Σ hᵢ·(x̃ᵢ, 1)ᵀ·(x̃ᵢ, 1) with the ridge: see `block_grams`."""
        n = self.n_features
        summed = np.zeros((n + 1, n + 1))
        for of_block in self.block_grams(theta):
            summed += of_block
        G, s, total = summed[:n, :n], summed[n, :n], float(summed[n, n])
        if not self._centres:  # Σ h·(x − m)(x − m)ᵀ = Σ h·x·xᵀ − m·sᵀ − s·mᵀ + total·m·mᵀ, s = Σ h·x
            far = np.outer(self.mean, s - 0.5 * total * self.mean)
            G -= far + far.T
            s = s - total * self.mean
        H = np.empty((n + 1, n + 1))
        H[:n, :n], H[n, :n], H[:n, n], H[n, n] = 0.5 * (G + G.T), s, s, total
        unit = np.append(self.scale, 1.0)
        H /= unit * self.n_samples
        H /= unit[:, None]
        H[np.arange(n), np.arange(n)] += self.ridge
        return H

    def _offset(self, b: float, w_raw: Array) -> float:
        """Return what z is, beside X·w', for the rows that `_blocks` gives."""
        return float(b if self._centres else b - self.mean @ w_raw)

    def _blocks(self) -> Iterator[tuple[Array, Array, Weights]]:
        """Yield rows of X (centred, or mapped, in one copy that is used again), labels and weights."""
        negative, positive = self.class_weights
        keeps = self.map is not None and self._keeps_columns
        copies = not keeps and (self._centres or self.map is not None)
        copy = np.empty((min(self.block_rows, self.n_samples), self.n_features)) if copies else None
        for start in range(0, self.n_samples, self.block_rows):
            self.pause()
            X, y = self.X[start : start + self.block_rows], self.y[start : start + self.block_rows]
            if keeps:
                if start not in self._mapped:
                    self._mapped[start] = self.columns(X)
                X = self._mapped[start]
            elif self.map is not None and copy is not None:
                X = self.map.columns(X, copy[: len(y)])
            elif copy is not None:
                X = np.subtract(X, self.mean, out=copy[: len(y)])
            yield X, y, 1.0 if negative == positive else np.where(y > 0.5, positive, negative)


def _product(X: Array, h: Array, weighted: Array) -> Array:
    """Return Xᵀ·diag(h)·X, (N, N), with h ≥ 0; `weighted` (m, N) is room for what X (m, N) becomes.

    A product of a matrix with its own transpose takes BLAS half of the multiplications of any other.
    """
    n = X.shape[1]
    if n >= WIDE:
        np.multiply(X, np.sqrt(h)[:, None], out=weighted)
        return np.asarray(weighted.T @ weighted, dtype=np.float64)
    hX, rows = np.multiply(X, h[:, None], out=weighted), max(16, UNTHREADED // n**2)
    product = np.zeros((n, n))
    for start in range(0, len(X), rows):
        part = slice(start, start + rows)
        product += X[part].T @ hX[part]
    return product


def class_weights(n_samples: int, positives: float) -> tuple[float, float]:
    """Return the weights (of class 0, of class 1) with which each class weighs half: M / (2·M_class).

    With one class alone there is nothing to balance: both weigh 1.
    """
    negatives = n_samples - positives
    if not positives or not negatives:
        return 1.0, 1.0
    return n_samples / (2.0 * negatives), n_samples / (2.0 * positives)
