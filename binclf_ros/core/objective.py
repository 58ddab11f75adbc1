"""What a descent descends: the mean loss with class weights and ridge, in standardised units.

objective(w, b) = (1/M) Σ cᵢ·ℓ(zᵢ, yᵢ) + l2/(2M)·‖w‖²,   zᵢ = ((xᵢ − mean)/scale)·wᵀ + b

so that l2 is scikit-learn's 1/C. The class weights c have the mean 1 over the samples; the ridge
never touches b. Rows are visited in blocks that fit a processor's cache and are centred there, so
that no standardised copy of X is ever kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .logistic import BCE, Array, Loss, sigmoid

BLOCK_VALUES = 16_384
"""Values of X in a block: 128 KiB, a share of the second-level cache."""


@dataclass(frozen=True)
class Point:
    """The objective at one (w, b): value, data loss and gradient; theta is w and then b, (N + 1,)."""

    theta: Array
    value: float
    loss: float
    gradient: Array

    @property
    def slope(self) -> float:
        """The largest gradient component, by magnitude: what `tolerance` is held against."""
        return float(np.max(np.abs(self.gradient)))


class Objective:
    """The objective over X (M, N) and y (M,).

    `pause` is called between blocks: whoever has to share the processor waits there, or raises to
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
    ) -> None:
        self.X, self.y, self.loss, self.pause = X, y, loss, pause
        self.n_samples, self.n_features = X.shape
        self.mean = np.zeros(self.n_features) if mean is None else mean
        self.scale = np.ones(self.n_features) if scale is None else scale
        self.ridge = l2 / self.n_samples
        positives = float(np.sum(y))
        self.class_weights = class_weights(self.n_samples, positives) if balanced else (1.0, 1.0)
        self._rows = max(64, BLOCK_VALUES // max(1, self.n_features))
        self._centred = np.empty((min(self._rows, self.n_samples), self.n_features))

    def at(self, theta: Array) -> Point:
        """Evaluate value and gradient at theta in one pass over X."""
        w, b = theta[:-1], theta[-1]
        w_raw = w / self.scale
        value, gradient = 0.0, np.zeros(self.n_features + 1)
        for centred, y, c in self._blocks():
            z = centred @ w_raw + b
            residual = c * self.loss.residual(sigmoid(z), y)
            value += float(np.sum(c * self.loss.of_samples(z, y)))
            gradient[:-1] += residual @ centred
            gradient[-1] += np.sum(residual)
        gradient[:-1] /= self.scale
        gradient /= self.n_samples
        gradient[:-1] += self.ridge * w
        data_loss = value / self.n_samples
        return Point(theta, data_loss + 0.5 * self.ridge * float(w @ w), data_loss, gradient)

    def curvature(self, theta: Array, every: int = 1) -> Array:
        """Return the curvature (N + 1, N + 1) of the objective at theta, from every k-th block."""
        w_raw, b = theta[:-1] / self.scale, theta[-1]
        return self._gram(lambda centred, y: self.loss.curvature(sigmoid(centred @ w_raw + b), y), every)

    def largest_curvature(self) -> float:
        """Return L: no second derivative of the objective, in any direction, at any point, is larger.

        L is the largest eigenvalue of the loss's bound (1/4 for the BCE) times X̃ᵀ·X̃/M, with the ridge;
        a constant step of 1/L descends from everywhere.
        """
        bound = self.loss.largest_curvature
        gram = self._gram(lambda centred, y: np.full(len(y), bound), 1)
        return float(np.linalg.eigvalsh(gram)[-1])

    def _gram(self, of_block: Callable[[Array, Array], Array], every: int) -> Array:
        n = self.n_features
        H = np.zeros((n + 1, n + 1))
        count = 0
        for centred, y, c in self._blocks(every):
            h = c * of_block(centred, y)
            weighted = centred * h[:, None]
            H[:n, :n] += centred.T @ weighted
            H[:n, n] += np.sum(weighted, axis=0)
            H[n, n] += np.sum(h)
            count += len(y)
        H[n, :n] = H[:n, n]
        H[:n] /= self.scale[:, None]
        H[:, :n] /= self.scale
        H = np.vstack([H[:n], np.append(H[:n, n], H[n, n])]) / count
        H[np.arange(n), np.arange(n)] += self.ridge
        return H

    def _blocks(self, every: int = 1) -> Iterator[tuple[Array, Array, Array | float]]:
        """Yield (x − mean, y, class weights) of each block; the first array is used again."""
        negative, positive = self.class_weights
        for start in range(0, self.n_samples, self._rows * every):
            self.pause()
            y = self.y[start : start + self._rows]
            centred = np.subtract(
                self.X[start : start + self._rows], self.mean, out=self._centred[: len(y)]
            )
            c = 1.0 if negative == positive else np.where(y > 0.5, positive, negative)
            yield centred, y, c


def class_weights(n_samples: int, positives: float) -> tuple[float, float]:
    """Return the weights (of class 0, of class 1) with which each class weighs half: M / (2·M_class).

    With one class alone there is nothing to balance: both weigh 1.
    """
    negatives = n_samples - positives
    if not positives or not negatives:
        return 1.0, 1.0
    return n_samples / (2.0 * negatives), n_samples / (2.0 * positives)
