# SPDX-License-Identifier: Apache-2.0
"""Binary classification as the lecture writes it, in its order and its shapes; the rest is held against it.

M samples of N features: X is (M, N), labels y in {0, 1} are (M, 1), w is (1, N), b is a number.

1. Load the dataset: X, y                                        `check`
2. Initialise the model: random w, b                             `initialize`
3. Evaluate: ŷ = σ(X·wᵀ + b) = σ(z), L(ŷ, y)                     `predict`, `bce`, `mse`
4. Calculate the gradient of the loss: ∂L/∂w, ∂L/∂b              `bce_gradient`, `mse_gradient`
5. Update: w := w − α ∂L/∂w,  b := b − α ∂L/∂b                   `descend`
6. Repeat 3 to 5 until converge

What runs on a robot computes the same: `losses` where ŷ has no digits left to take a logarithm of,
`objective` in blocks and standardised units, with a ridge, `descent` with a step that is found. The tests
hold all three against this file.

>>> X = np.array([[1.0], [2.0], [3.0], [4.0]])
>>> y = np.array([[0.0], [1.0], [0.0], [1.0]])
>>> w, b = initialize(1, seed=0)
>>> for w, b in descend(X, y, w, b, alpha=0.5):
...     pass
>>> predict(X, w, b).round(2).T
array([[0.2 , 0.39, 0.61, 0.8 ]])

Source: ENGR 3321, Introduction to Deep Learning for Robotics, "Binary Classification".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..arrays import Array
from ..errors import BinclfError
from .losses import sigmoid

Gradient = Callable[[Array, Array, Array], tuple[Array, float]]
"""∂L/∂w (1, N) and ∂L/∂b of X (M, N), ŷ (M, 1) and y (M, 1)."""


def check(X: Array, y: Array) -> None:
    """Raise BinclfError unless X (or ŷ) is (M, N) and y is (M, 1).

    A y of shape (M,) would broadcast: ŷ − y were (M, M), and its mean a number that looks like a loss.
    """
    if X.ndim != 2 or y.shape != (len(X), 1):
        raise BinclfError(
            f'shapes {X.shape} and {y.shape} of y, expected (M, N) and (M, 1): y.reshape(-1, 1) is a column'
        )


def initialize(n_features: int, seed: int) -> tuple[Array, float]:
    """Return random w (1, N) and b from a seed."""
    generator = np.random.default_rng(seed)
    return generator.normal(0.0, 0.01, (1, n_features)), float(generator.normal(0.0, 0.01))


def predict(X: Array, w: Array, b: float) -> Array:
    """Return ŷ = σ(X·wᵀ + b), (M, 1)."""
    return sigmoid(X @ w.T + b)


def bce(y_hat: Array, y: Array) -> float:
    """Return L = mean(−y ln ŷ − (1 − y) ln(1 − ŷ)), the binary cross entropy."""
    check(y_hat, y)
    return float(np.mean(-y * np.log(y_hat) - (1.0 - y) * np.log(1.0 - y_hat)))


def bce_gradient(X: Array, y_hat: Array, y: Array) -> tuple[Array, float]:
    """Return ∂L/∂w = (1/M)(ŷ − y)ᵀ·X, (1, N), and ∂L/∂b = mean(ŷ − y)."""
    check(X, y)
    check(y_hat, y)
    return (y_hat - y).T @ X / len(X), float(np.mean(y_hat - y))


def mse(y_hat: Array, y: Array) -> float:
    """Return L = mean((ŷ − y)²)/2, the mean squared error; the half gives the gradient its form."""
    check(y_hat, y)
    return float(np.mean((y_hat - y) ** 2) / 2.0)


def mse_gradient(X: Array, y_hat: Array, y: Array) -> tuple[Array, float]:
    """Return ∂L/∂w = (1/M)[(ŷ − y)∗ŷ∗(1 − ŷ)]ᵀ·X, (1, N), and ∂L/∂b, the mean of the bracket.

    Not recommended: where a model is sure and wrong, ŷ∗(1 − ŷ) is almost 0, and so is the step.
    """
    check(X, y)
    check(y_hat, y)
    r = (y_hat - y) * y_hat * (1.0 - y_hat)
    return r.T @ X / len(X), float(np.mean(r))


def descend(
    X: Array,
    y: Array,
    w: Array,
    b: float,
    alpha: float,
    gradient: Gradient = bce_gradient,
    tolerance: float = 1e-6,
) -> Iterator[tuple[Array, float]]:
    """Repeat until converge; yield w (1, N) and b after each step. Raises BinclfError for other shapes.

    Converged: no component of the gradient is as large as `tolerance`.
    """
    check(X, y)
    dw, db = gradient(X, predict(X, w, b), y)
    while max(np.abs(dw).max(), abs(db)) >= tolerance:
        w = w - alpha * dw
        b = b - alpha * db
        dw, db = gradient(X, predict(X, w, b), y)
        yield w, b
