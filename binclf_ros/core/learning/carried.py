# SPDX-License-Identifier: Apache-2.0
"""What is known of the objective before a refit has made a pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Array
from .descent import EPSILON
from .objective import Objective, Point


def carried_point(
    objective: Objective,
    theta: Array,
    function: tuple[Array, float],
    sums: Array,
    changes: Sequence[tuple[Array, Array, Array]],
    tolerance: float,
) -> Point | None:
    """Return where the last descent ended, over the samples of now, from what came and left alone.

    Loss and gradient are sums over samples, which at the same w and b change only by the samples that
    came (+) and left (−). Mean and scale move with them, but not the `function`: w and b in the units of
    the features are the same, and `Objective.point` puts the sums into the units of now. This spares a
    refit the first of its few passes.

    `sums` (N+2,) are those of the last descent; each of `changes` is X (m, N), y (m,) and ±1 (m,).
    None where rounding could be seen in it (an outlier that leaves takes its digits with it), or it is
    the end already: that a whole pass has to say.
    """
    (weights, bias), sums = function, sums.copy()
    X, y, sign = (np.concatenate(each) for each in zip(*changes))
    X = objective.columns(X)
    z = X @ weights + bias
    value, residual = objective.loss.together(z, y, sign)
    sums[0] += value
    sums[1:-1] += residual @ X
    sums[-1] += residual.sum()
    point = objective.point(theta, sums)
    in_gradient = (np.abs(sums[1:-1]) + np.abs(residual) @ np.abs(X)) / objective.scale
    in_value = sums[0] + np.abs(z).sum()
    if (
        EPSILON * in_gradient.max() < 1e-3 * tolerance * objective.n_samples
        and in_value < 4 * max(objective.n_samples, sums[0])
        and point.gradient_max >= tolerance
    ):
        return point
    return None
