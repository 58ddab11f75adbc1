# SPDX-License-Identifier: Apache-2.0
"""P, the inverse Hessian that a descent may step along: taken from a Hessian, corrected by a step."""

from __future__ import annotations

import math
import sys

import numpy as np

from ..arrays import Array


def corrected(P: Array, s: Array, y: Array) -> Array:
    """Return P⁺ = (I − ρ s yᵀ) P (I − ρ y sᵀ) + ρ s sᵀ, with ρ = 1/(yᵀ s): the update of BFGS.

    s is the step in θ and y the change of the gradient on it, both (N + 1,). P⁺ y = s: along this step P⁺
    is exactly the inverse of the curvature that was met, and it stays positive definite as long as
    yᵀ s > 0. Where that is 0 to rounding, the step says nothing, and P is returned.

    Source: Nocedal and Wright, (6.17). Multiplied out, it is P and two products with s: N², not N³.
    """
    ys = float(y @ s)
    if ys <= 1e-12 * math.sqrt(float((s @ s) * (y @ y))):
        return P
    rho, Py = 1.0 / ys, P @ y
    half = np.outer(s, rho * Py - 0.5 * rho * (1.0 + rho * float(y @ Py)) * s)
    return np.asarray(P - (half + half.T), dtype=np.float64)


def inverse_hessian(H: Array) -> Array:
    """Invert a symmetric Hessian that may be singular, each parameter in its own unit of curvature.

    Constant and duplicate features have no curvature, or none apart from each other, and samples that are
    all told apart already have almost none: there 1/0 would be a step without bound. With a diagonal of
    1, eigenvalues below 1e-12 of the largest count as that: such directions get a long step, which
    the gradient, almost 0 along them, makes short, and backtracking would halve.
    """
    diagonal = H.diagonal()
    largest = max(float(diagonal.max()), sys.float_info.min)
    unit = np.sqrt(np.where(diagonal > 1e-20 * largest, diagonal, largest))
    H = H / unit / unit[:, None]
    inverse: Array
    try:
        pivots = np.linalg.cholesky(H).diagonal()
        regular = bool(pivots.min() > 1e-4 * pivots.max())
    except np.linalg.LinAlgError:
        regular = False
    if regular:  # a fifth of the time of the eigenvalues
        inverse = np.asarray(np.linalg.inv(H), dtype=np.float64)
        inverse = 0.5 * (inverse + inverse.T)
    else:
        values, vectors = np.linalg.eigh(H)
        inverse = (vectors / np.maximum(values, 1e-12 * values[-1])) @ vectors.T
    return inverse / unit / unit[:, None]
