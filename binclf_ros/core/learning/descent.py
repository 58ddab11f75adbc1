# SPDX-License-Identifier: Apache-2.0
"""Gradient descent: the lecture's loop, once, and the two preconditioners that it can run with.

Repeat until converged: w := w − α P ∂L/∂w,  b := b − α P ∂L/∂b

- `Gradient`: P is 1, and α the learning rate or, where that is 0, 1/L: exactly the lecture's loop.
- `Curvature`: P is the inverse curvature of the objective, kept as long as it serves; α is the
  learning rate or, where that is 0, 1, halved until the objective falls.

Converged: the largest component of the objective's gradient is below `tolerance`.

Sources: the lecture; S. Boyd, L. Vandenberghe, "Convex Optimization" (2004), 9.3 (constant steps,
backtracking) and 9.5 (Newton's method); J. Nocedal, S. Wright, "Numerical Optimization" (2006), 3.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

import numpy as np

from ..arrays import Array
from ..errors import DescentError
from .objective import Objective, Point

EPSILON = sys.float_info.epsilon
MIN_STEP = 2.0**-40
SUFFICIENT = 1e-4
"""Share of the fall that the gradient promises which a halved step has to bring (Armijo)."""
ROWS_PER_PARAMETER, MIN_ROWS, SHARE = 50, 1000, 50
"""P is taken from so many samples a parameter, so many at least, or one in so many, whichever is most."""
ALL = 2**62
MUCH_SMALLER = 0.5
"""What share of the samples a sample may be for a leap to its optimum to pay."""
LEAP_STEPS = 10


class Solver(Protocol):
    """How a descent steps. An instance may keep what it learned from one descent to the next."""

    name: str
    backtracks: bool
    """Whether α = 0 means a step that is halved until the objective falls."""

    def begin(self, objective: Objective, theta: Array) -> Point:
        """Return where a descent that is to go on from theta begins, if it may choose its steps."""

    def start(self, objective: Objective) -> float:
        """Prepare for a descent of this objective; return α for the case that none is given."""

    def direction(self, objective: Objective, point: Point) -> Array:
        """Return P · gradient."""

    def refresh(self) -> bool:
        """Forget what may be stale; false where nothing is."""

    def stepped(self, before: Point, after: Point) -> None:
        """See what a step did."""


class Gradient:
    """The lecture's: P = 1."""

    name = 'gradient'
    backtracks = False

    def begin(self, objective: Objective, theta: Array) -> Point:
        """Begin at theta."""
        return objective.at(theta)

    def start(self, objective: Objective) -> float:
        """Return 1/L, the largest constant step that provably descends."""
        return 1.0 / objective.max_curvature()

    def direction(self, objective: Objective, point: Point) -> Array:
        """Return the gradient."""
        return point.gradient

    def refresh(self) -> bool:
        """Nothing is kept."""
        return False

    def stepped(self, before: Point, after: Point) -> None:
        """Nothing is learned."""


class Curvature:
    """P = (curvature + ε)⁻¹: taken from a sample, corrected by every step, and kept as long as it serves.

    The full gradient alone decides where a descent ends; P only has to be good enough to get there in
    few passes. A first descent begins at the optimum of a sample. Each step shows what the
    curvature along it was, and P is made to agree (the update of Broyden, Fletcher, Goldfarb and
    Shanno: Nocedal and Wright, chapter 6).
    """

    name = 'curvature'
    backtracks = True
    served = 0.35
    """A step that leaves more of the gradient than this share asks for a new P, from more samples."""

    def __init__(self) -> None:
        self._inverse: Array | None = None
        self._fresh = False
        self._whole = True
        self._rows = ALL

    def begin(self, objective: Objective, theta: Array) -> Point:
        """Begin at theta where P is known; else at the optimum of a sample, if that is no worse."""
        if self._fits(objective):
            return objective.at(theta)
        sample = objective.sample(_fewest_rows(objective))
        if sample.n_samples < MUCH_SMALLER * objective.n_samples:
            leapt = _optimum(sample, theta)
            point = objective.at(leapt)
            if point.value <= sample.at(theta).value:
                self._inverse = _inverse(sample.hessian(leapt))
                return point
        return objective.at(theta)

    def start(self, objective: Objective) -> float:
        """Keep P if it fits; return 1, Newton's step."""
        if not self._fits(objective):
            self._inverse = None
        self._fresh = False
        self._rows = _fewest_rows(objective)
        return 1.0

    def direction(self, objective: Objective, point: Point) -> Array:
        """Return P · gradient, from the kept P or a new one."""
        if self._inverse is None:
            sample = objective.sample(self._rows)
            self._fresh, self._whole = True, sample is objective
            self._inverse = _inverse(sample.hessian(point.theta))
        return self._inverse @ point.gradient

    def refresh(self) -> bool:
        """Drop a P that was kept from an earlier point, or is of a sample: then take it from all."""
        stale = not (self._fresh and self._whole)
        if self._fresh:
            self._rows = ALL
        self._inverse = None
        return stale

    def stepped(self, before: Point, after: Point) -> None:
        """Keep P while steps with it shrink the gradient well, and correct it by what this one shows."""
        self._fresh = False
        if after.gradient_max > self.served * before.gradient_max:
            self._inverse = None
            self._rows *= 4
        elif self._inverse is not None:
            step, change = after.theta - before.theta, after.gradient - before.gradient
            bend = float(step @ change)
            if bend > 1e-12 * math.sqrt(float((step @ step) * (change @ change))):
                toward = self._inverse @ change / bend
                mixed = np.outer(step, toward - 0.5 * (1.0 / bend + change @ toward / bend) * step)
                self._inverse = self._inverse - (mixed + mixed.T)

    def _fits(self, objective: Objective) -> bool:
        return self._inverse is not None and len(self._inverse) == objective.n_features + 1


SOLVERS: dict[str, type[Solver]] = {each.name: each for each in (Gradient, Curvature)}


def descend(
    objective: Objective,
    theta: Array,
    solver: Solver,
    *,
    learning_rate: float = 0.0,
    tolerance: float = 1e-6,
) -> Iterator[Point]:
    """Descend from theta (w and then b, standardised units); yield where it begins and every step.

    Without a learning rate a solver may begin elsewhere, where it knows of a better place. Ends when
    converged, or where rounding lets no step fall any further; whoever iterates bounds the number of
    steps. Only points with a finite objective and gradient are yielded.

    Raises DescentError where the objective is not finite at the start, or a given learning rate
    makes it so.
    """
    backtracks = solver.backtracks and not learning_rate
    point = solver.begin(objective, theta) if backtracks else objective.at(theta)
    _check_finite(point, 'at the start: reset the trainer')
    yield point
    if point.gradient_max < tolerance:
        return
    own_rate = solver.start(objective)
    alpha = learning_rate or own_rate
    while point.gradient_max >= tolerance:
        direction = solver.direction(objective, point)
        if backtracks:
            after = _halve_until_it_falls(objective, point, direction, alpha)
        else:
            after = objective.at(point.theta - alpha * direction)
            _check_finite(after, f'with learning_rate {alpha:g}: set a smaller one, or 0')
        if after is None:
            if solver.refresh():
                continue
            return
        solver.stepped(point, after)
        point = after
        yield point


def _fewest_rows(objective: Objective) -> int:
    """Return how many samples the first P is taken from."""
    parameters = objective.n_features + 1
    return int(max(MIN_ROWS, ROWS_PER_PARAMETER * parameters, objective.n_samples // SHARE))


def _optimum(sample: Objective, theta: Array) -> Array:
    """Return the optimum of a sample, as far as one so small can tell where that of the whole is."""
    noise = 0.1 / np.sqrt(sample.n_samples)
    for point in islice(descend(sample, theta, Curvature(), tolerance=noise), LEAP_STEPS):
        pass
    return point.theta


def _halve_until_it_falls(
    objective: Objective, point: Point, direction: Array, alpha: float
) -> Point | None:
    """Return the first point on the way that is lower enough; None where rounding hides any fall."""
    promised = float(point.gradient @ direction)
    rounding = 4.0 * EPSILON * max(1.0, abs(point.value))
    while alpha >= MIN_STEP:
        after = objective.at(point.theta - alpha * direction)
        if _is_finite(after):
            if after.value < point.value - max(rounding, SUFFICIENT * alpha * promised):
                return after
            if after.value <= point.value + rounding and after.gradient_max < 0.5 * point.gradient_max:
                return after
        alpha *= 0.5
        if alpha * promised < 1e-3 * rounding:
            return None
    return None


def _check_finite(point: Point, advice: str) -> None:
    if not _is_finite(point):
        raise DescentError(f'the objective is not finite {advice}')


def _is_finite(point: Point) -> bool:
    return math.isfinite(point.value) and bool(np.isfinite(point.gradient).all())


def _inverse(H: Array) -> Array:
    """Invert a symmetric curvature that may be singular, each parameter in its own unit of curvature.

    Eigenvalues below ε of the largest count as ε: so constant and duplicate features, and samples that
    are all told apart already, take no unbounded step.
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
