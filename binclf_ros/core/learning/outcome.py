# SPDX-License-Identifier: Apache-2.0
"""The model that a descent came to."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ..arrays import Array
from ..errors import DescentError
from .mapping import Parameters, Range
from .model import Model
from .objective import Objective, Point
from .options import LearningOptions
from .scaler import Moments


def function_of(objective: Objective, theta: Array) -> Parameters:
    """Return the weights (K,) and bias of theta in the units of the columns: w/σ and b − Σ w·μ/σ.

    Raises DescentError where they are not finite.
    """
    weights = theta[:-1] / objective.scale
    bias = float(theta[-1]) - float(weights @ objective.mean)
    if not (np.isfinite(weights).all() and np.isfinite(bias)):
        raise DescentError('the weights are not finite in the units of the features')
    return weights, bias


def model_of(
    objective: Objective,
    point: Point,
    function: Parameters,
    moments: Moments,
    taught: Range | None,
    options: LearningOptions,
    *,
    run: str,
    step: int,
    names: Sequence[str],
    tau: float,
) -> Model:
    """Return the model of the samples of an objective at a point of it, whose function that is."""
    weights, bias = function
    of_map = objective.map
    if of_map is not None:
        weights, bias = of_map.published(weights, bias)
    return Model(
        run=run,
        step=step,
        stamp=time.time(),
        features=tuple(names),
        weights=tuple(weights.tolist()),
        bias=bias,
        mean=tuple(moments.mean.tolist()),
        scale=tuple(moments.scale.tolist()),
        samples=objective.n_samples,
        positives=int(np.sum(objective.y)),
        loss=point.loss,
        converged=point.gradient_max < options.tolerance,
        low=tuple(taught.low.tolist()) if taught else (),
        high=tuple(taught.high.tolist()) if taught else (),
        effective_samples=objective.n_samples / tau,
        feature_map=options.feature_map,
        knots=() if of_map is None else of_map.knots,
    )
