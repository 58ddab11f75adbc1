# SPDX-License-Identifier: Apache-2.0
"""The losses of one sample as functions of z = x·w + b, with what a descent needs of each.

In the lecture the loss is a function of ŷ = σ(z), and its gradient has the form (1/M) rᵀ·X. Here r is
the derivative of the loss by z (`residual`), and the loss itself is computed from z: where ŷ rounds to 1,
ln(1 − ŷ) has no digits left, and z has them all. To add a loss: one more `Loss`, in `LOSSES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array

Weights = Array | float


def sigmoid(z: Any, out: Any = None) -> Array:
    """Return σ(z) = 1 / (1 + e⁻ᶻ), element by element; where e⁻ᶻ has no room it is ∞, and σ(z) 0.

    In the precision of `out` where that is given: an array that is there, z itself for one.
    """
    with np.errstate(over='ignore'):
        y_hat: Array = np.negative(z, out=out)
        y_hat = np.exp(y_hat, out=out)
        y_hat = np.add(y_hat, 1.0, out=out)
        return np.reciprocal(y_hat, out=out)


def sigmoid_of(z: float) -> float:
    """Return σ(z) of one number: `sigmoid`, in a tenth of the time that an array takes."""
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0.0 else (e := math.exp(z)) / (1.0 + e)


def _bce_of_samples(z: Array, y: Array) -> Array:
    """−y ln σ(z) − (1 − y) ln(1 − σ(z)) = ln(1 + e^−|z|) + max(z, 0) − y·z, exact at any z."""
    return np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0.0) - y * z


def _bce_residual(y_hat: Array, y: Array) -> Array:
    """ŷ − y, the derivative of the sample's loss by z."""
    return y_hat - y


def _bce_curvature(y_hat: Array, y: Array) -> Array:
    """ŷ(1 − ŷ), the second derivative by z; at most 1/4."""
    return y_hat * (1.0 - y_hat)


def _mse_of_samples(z: Array, y: Array) -> Array:
    """(ŷ − y)²/2: the half is what makes the lecture's gradient the gradient of this."""
    return 0.5 * (sigmoid(z) - y) ** 2


def _mse_residual(y_hat: Array, y: Array) -> Array:
    """(ŷ − y) ∗ ŷ ∗ (1 − ŷ), the derivative of the sample's loss by z."""
    return (y_hat - y) * y_hat * (1.0 - y_hat)


def _mse_curvature(y_hat: Array, y: Array) -> Array:
    """(ŷ(1 − ŷ))², Gauss–Newton's part of the second derivative: the part that is never negative."""
    return (y_hat * (1.0 - y_hat)) ** 2


def _bce_together(z: Array, y: Array, c: Weights) -> tuple[float, Array]:
    """Both with one exponential a sample, e = e^−|z|: σ(z) = ½ ± ½(1 − e)/(1 + e), and ln(1 + e).

    Not with tanh(z/2), as numpy has vector code for that with AVX-512 alone. The logarithms of 16
    factors 1 + e are taken as that of their product, which stays below 2¹⁶.
    """
    margin = np.abs(z)
    e = np.exp(np.negative(margin))
    factors = e + 1.0
    np.subtract(1.0, e, out=e)
    e /= factors
    e *= 0.5
    u = np.copysign(e, z, out=e)
    centred = y - 0.5
    u -= centred
    centred *= z
    margin *= 0.5
    margin -= centred  # max(z, 0) − y·z
    if isinstance(c, float):
        whole = len(z) - len(z) % 16
        products = np.multiply.reduce(factors[:whole].reshape(16, -1), axis=0)
        value = margin.sum() + np.log(products).sum() + np.log(factors[whole:]).sum()
        return c * float(value), u if c == 1.0 else c * u
    return float(c @ (margin + np.log(factors))), c * u


def _mse_together(z: Array, y: Array, c: Weights) -> tuple[float, Array]:
    return float(np.sum(c * _mse_of_samples(z, y))), c * _mse_residual(sigmoid(z), y)


@dataclass(frozen=True)
class Loss:
    """A loss of one sample as a function of z and y, with its derivatives by z."""

    name: str
    of_samples: Callable[[Array, Array], Array]
    residual: Callable[[Array, Array], Array]
    """First derivative by z, from ŷ and y."""
    curvature: Callable[[Array, Array], Array]
    """Second derivative by z (or a non-negative stand-in for it), from ŷ and y."""
    largest_curvature: float
    """A bound of the second derivative's magnitude over all z and y."""
    of_chance: float
    """The loss of a sample at ŷ = ½, whatever its label."""
    together: Callable[[Array, Array, Weights], tuple[float, Array]]
    """Σ c·loss and c·residual from z, y and the samples' weights c, as cheap as they come at once."""


BCE = Loss('bce', _bce_of_samples, _bce_residual, _bce_curvature, 0.25, math.log(2.0), _bce_together)
# d/dz of ŷ²(1 − ŷ) is ŷ²(1 − ŷ)(2 − 3ŷ); its largest magnitude is 0.0770 at ŷ = (15 − √33)/24.
MSE = Loss('mse', _mse_of_samples, _mse_residual, _mse_curvature, 0.0771, 0.125, _mse_together)

LOSSES = {each.name: each for each in (BCE, MSE)}
