# SPDX-License-Identifier: Apache-2.0
"""How many neighbouring samples count as one, where those that follow each other are alike.

τ = tr(H⁻¹·J_blocks)/tr(H⁻¹·J)

H is the curvature of the objective at its optimum, J = Σ gᵢ·gᵢᵀ of the gradients g of single samples, and
J_blocks the same of the sums of g over 50 blocks of consecutive samples, in order of arrival. Where samples
are independent, what neighbours add up to varies as much as they do: τ is 1. Where they repeat one another,
it is as many as say the same. M samples then are worth M/τ, and a ridge that is l2 for independent ones has
to be l2·τ. (P. J. Huber, "The behavior of maximum likelihood estimates under nonstandard conditions", 1967;
K. Takeuchi, 1976; for sums over blocks: K.-Y. Liang, S. L. Zeger, Biometrika 73, 1986.)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from .descent import MAX_CURVATURE_FEATURES
from .objective import Objective

BLOCKS = 50
MIN_SAMPLES = 5 * BLOCKS
"""Samples without which nothing can be said."""
MIN_SINGLE, SINGLE_PER_PARAMETER = 2000, 20
"""Samples that H and J are taken from, at least, and of each parameter. That tells J to 3 or 4 %, which is
less than what 50 blocks leave open."""
MAX_RANKED = 2000
"""Samples that the borders between blocks are taken from."""
NOISE = 3.0
"""Standard deviations that a τ of independent samples stays below: less counts as 1."""
TOLD_APART = 0.02
"""The ridge follows where τ has changed by this share."""


class Dependence:
    """The τ of the samples that are there: `asked` for, or, where that is 0, estimated as they come."""

    def __init__(self, asked: float) -> None:
        self.asked = asked
        self.tau = max(1.0, asked)
        self._seen = 0

    def is_due(self, objective: Objective, seen: int) -> bool:
        """Return whether τ is to be estimated again: once twice as many samples were `seen`."""
        can = not self.asked and objective.n_features <= MAX_CURVATURE_FEATURES
        return can and seen >= max(MIN_SAMPLES, 2 * self._seen)

    def update(
        self, objective: Objective, theta: Array, age: NDArray[np.int64], seen: int, later: bool = False
    ) -> bool:
        """Estimate τ again where that `is_due`; return whether the ridge follows it.

        That of a straight line stays as it was asked for: the lecture's model has few weights, and is off
        in whole stretches for another reason, which is that it is straight. So it can be left for `later`.
        """
        if not self.is_due(objective, seen) or (later and objective.map is None):
            return False
        before, self.tau = self.tau, sample_dependence(objective, theta, age)
        self._seen = seen
        return objective.map is not None and abs(self.tau - before) > TOLD_APART * before

    def ridge(self, l2: float, is_mapped: bool) -> float:
        """Return the l2 of samples that are worth 1/τ each."""
        return l2 * (self.tau if is_mapped or self.asked else 1.0)


def sample_dependence(objective: Objective, theta: Array, age: NDArray[np.int64]) -> float:
    """Return τ ≥ 1 at theta; `age` (M,) grows with the order of arrival. 1 where it cannot be told.

    One pass over the samples for their sums, with `objective.pause` between rows; H and J are
    those of a sample, where there are many.
    """
    n = objective.n_samples
    if n < MIN_SAMPLES:
        return 1.0
    sample = objective.sample(max(MIN_SINGLE, SINGLE_PER_PARAMETER * len(theta)))
    half = _half_of_inverse(sample.hessian(theta))
    if half is None:
        return 1.0
    single = sum(float(np.sum((g @ half.T) ** 2)) for g in sample.gradients(theta))
    single *= n / sample.n_samples
    blocks = float(np.sum((_totals(objective, theta, age) @ half.T) ** 2))
    if not (math.isfinite(single) and math.isfinite(blocks) and single > 0.0):
        return 1.0
    tau = blocks / single
    dimensions = max(1.0, min(single / n, len(theta)))  # tr(H⁻¹J/M): the parameters that the ridge leaves
    return tau if tau > 1.0 + NOISE * math.sqrt(2.0 / (BLOCKS * dimensions)) else 1.0


def _totals(objective: Objective, theta: Array, age: NDArray[np.int64]) -> Array:
    """Return the sums of the gradients over `BLOCKS` blocks in order of age, (BLOCKS, N + 1)."""
    some = age[:: -(-len(age) // MAX_RANKED)]
    edges = np.quantile(some, np.linspace(0.0, 1.0, BLOCKS + 1)[1:-1]).astype(age.dtype)
    totals, start = np.zeros((BLOCKS, len(theta))), 0
    for X, residual in objective.residuals(theta):
        block = np.searchsorted(edges, age[start : start + len(X)])
        start += len(X)
        if (block[1:] < block[:-1]).any():
            order = np.argsort(block)
            X, residual, block = X[order], residual[order], block[order]
        first = np.flatnonzero(np.diff(block, prepend=-1)).tolist()
        for start_of, end_of in zip(first, [*first[1:], len(block)]):
            r, total = residual[start_of:end_of], totals[block[start_of]]
            total[:-1] += r @ X[start_of:end_of]
            total[-1] += r.sum()
    return objective.to_gradients(totals)


def _half_of_inverse(H: Array) -> Array | None:
    """Return L⁻¹ of H = L·Lᵀ, so that ‖L⁻¹g‖² = gᵀ·H⁻¹·g; None where H is singular."""
    H[np.diag_indices_from(H)] *= 1.0 + 1e-9
    try:
        return np.asarray(np.linalg.inv(np.linalg.cholesky(H)), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
