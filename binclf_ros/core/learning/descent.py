# SPDX-License-Identifier: Apache-2.0
"""Gradient descent: the lecture's loop, once, and the preconditioners that it can run with.

Repeat until converged: w := w − α P ∂L/∂w,  b := b − α P ∂L/∂b, with θ for w and then b, (N + 1,)

- `Gradient`: P is 1, and α the learning rate or, where that is 0, 1/L: exactly the lecture's loop.
- `Curvature`: P is the inverse Hessian of the objective, kept as long as it serves; α is the learning
  rate or, where that is 0, 1, halved until the objective falls.
- `LineSearch`: what both become above `MAX_CURVATURE_FEATURES`, where neither P nor L can be had: P is 1,
  and α the learning rate or, where that is 0, the last one doubled, then halved until the objective falls.

Converged: the largest component of the objective's gradient is below `tolerance`.

Sources: the lecture; S. Boyd, L. Vandenberghe, "Convex Optimization" (2004), 9.3 (constant steps,
backtracking) and 9.5 (Newton's method); J. Nocedal, S. Wright, "Numerical Optimization" (2006), 3, 6.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from itertools import islice

import numpy as np

from ..arrays import Array
from ..errors import DescentError
from .inverse_hessian import corrected, inverse_hessian
from .objective import Objective, Point

EPSILON = sys.float_info.epsilon
MAX_CURVATURE_FEATURES = 1000
"""Features up to which the Hessian (N², and N³ to invert) is taken: 0.2 s at 1,000, 2 to 5 s at 2,000."""
MIN_STEP = 2.0**-40
SUFFICIENT = 1e-4
"""Share of the fall that the gradient promises which a halved step has to bring (Armijo)."""
MAX_RISES, FORGIVEN = 50.0, 0.2
"""A given learning rate diverges at this many rising steps; one that falls takes this off their count."""
PLATEAU = 1.01
"""A descent that ends above this many times the loss of chance was thrown onto a plateau."""
ROWS_PER_PARAMETER, MIN_ROWS, MIN_SHARE, MAX_SHARE = 50, 1000, 0.02, 0.25
"""P is taken from so many samples a parameter, at least so many, and such a share of all samples."""
ALL = 2**62
MUCH_SMALLER = 0.5
"""What share of the samples a sample may be for a leap to its optimum to pay."""
LEAP_STEPS = 10


class Solver:
    """How a descent steps. An instance may keep what it learned from one descent to the next."""

    name = ''
    backtracks = False
    """Whether α is halved until the objective falls, where none is given."""

    def __init__(self) -> None:
        self.alpha = 1.0
        """α of the next step."""
        self.rises = 0.0
        """How often steps have risen of late: see `MAX_RISES`."""

    def initial_point(self, objective: Objective, theta: Array) -> Point:
        """Return where a descent that is to go on from theta begins, if it may choose its steps."""
        return objective.at(theta)

    def prepare(self, objective: Objective, learning_rate: float) -> None:
        """Prepare for a descent of this objective, with a learning rate of 0 for none given."""
        self.alpha = learning_rate or 1.0

    def direction(self, objective: Objective, point: Point) -> Array:
        """Return P · gradient."""
        return point.gradient

    def refresh(self) -> bool:
        """Forget what may be stale; false where nothing is."""
        return False

    def stepped(self, before: Point, after: Point, alpha: float) -> None:
        """See what a step did."""
        rose = after.value > before.value + 1e-12 * max(1.0, abs(before.value))
        self.rises = max(0.0, self.rises + (1.0 if rose else -FORGIVEN))

    def advice(self, objective: Objective) -> str:
        """Return what to do where a given learning rate diverges."""
        return 'set a smaller one, or 0: halved until the objective falls'


class Gradient(Solver):
    """The lecture's: P = 1."""

    name = 'gradient'

    def prepare(self, objective: Objective, learning_rate: float) -> None:
        """Take 1/L, the largest constant step that provably descends."""
        self.alpha = learning_rate or 1.0 / objective.max_curvature()

    def advice(self, objective: Objective) -> str:
        """Return the step that would do."""
        return f'set a smaller one, such as {1.0 / objective.max_curvature():.3g} (1/L), or 0'


class LineSearch(Solver):
    """P = 1, and a step that is found on the way: it takes neither L nor a matrix of N²."""

    name = 'gradient'
    backtracks = True

    def prepare(self, objective: Objective, learning_rate: float) -> None:
        """Go on with the step that was found last."""
        self.alpha = learning_rate or self.alpha

    def stepped(self, before: Point, after: Point, alpha: float) -> None:
        """Try a step twice as long next, where this one was not halved."""
        super().stepped(before, after, alpha)
        self.alpha = 2.0 * alpha if alpha == self.alpha else alpha


class Curvature(Solver):
    """P = (Hessian + ε)⁻¹: taken from a sample, corrected by every step, and kept as long as it serves.

    The full gradient alone decides where a descent ends; P only has to be good enough to get there in
    few passes. A first descent begins at the optimum of a sample. Each step shows what the
    curvature along it was, and P is made to agree (BFGS).
    """

    name = 'curvature'
    backtracks = True
    served = 0.35
    """A step that leaves more of the gradient than this share asks for a new P, from more samples."""

    def __init__(self) -> None:
        super().__init__()
        self._P: Array | None = None
        self._fresh = False
        self._whole = True
        self._rows = ALL

    def initial_point(self, objective: Objective, theta: Array) -> Point:
        """Begin at theta where P is known; else at the optimum of a sample, if that is no worse."""
        if self._fits(objective):
            return objective.at(theta)
        sample = objective.sample(_fewest_rows(objective))
        if sample.n_samples < MUCH_SMALLER * objective.n_samples:
            leapt = _optimum(sample, theta)
            point = objective.at(leapt)
            if point.value <= sample.at(theta).value:
                self._P = inverse_hessian(sample.hessian(leapt))
                return point
        return objective.at(theta)

    def prepare(self, objective: Objective, learning_rate: float) -> None:
        """Keep P if it fits; take 1, Newton's step."""
        super().prepare(objective, learning_rate)
        if not self._fits(objective):
            self._P = None
        self._fresh = False
        self._rows = _fewest_rows(objective)

    def direction(self, objective: Objective, point: Point) -> Array:
        """Return P · gradient, from the kept P or a new one."""
        if self._P is None:
            sample = objective.sample(self._rows)
            self._fresh, self._whole = True, sample is objective
            self._P = inverse_hessian(sample.hessian(point.theta))
        return self._P @ point.gradient

    def refresh(self) -> bool:
        """Drop a P that was kept from an earlier point, or is of a sample: then take it from all."""
        stale = not (self._fresh and self._whole)
        if self._fresh:
            self._rows = ALL
        self._P = None
        return stale

    def stepped(self, before: Point, after: Point, alpha: float) -> None:
        """Keep P while steps with it shrink the gradient well, and correct it by what this one shows."""
        super().stepped(before, after, alpha)
        self._fresh = False
        if after.gradient_max > self.served * before.gradient_max:
            self._P = None
            self._rows *= 4
        elif self._P is not None:
            self._P = corrected(self._P, after.theta - before.theta, after.gradient - before.gradient)

    def _fits(self, objective: Objective) -> bool:
        return self._P is not None and len(self._P) == objective.n_features + 1


SOLVERS: dict[str, type[Solver]] = {each.name: each for each in (Gradient, Curvature)}


def solver_for(name: str, n_features: int) -> Solver:
    """Return a new solver of this name, or what stands in for it with so many features."""
    return SOLVERS[name]() if n_features <= MAX_CURVATURE_FEATURES else LineSearch()


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
    converged, or where rounding lets no step fall any further; the caller bounds the number of
    steps. Only points with a finite objective and gradient are yielded.

    Raises DescentError where the objective is not finite at the start, or a given learning rate
    makes it rise without end: then with the step that would do.
    """
    backtracks = solver.backtracks and not learning_rate
    point = solver.initial_point(objective, theta) if backtracks else objective.at(theta)
    if not _is_finite(point):
        raise DescentError('the objective is not finite at the start: reset the trainer')
    yield point
    if point.gradient_max >= tolerance:
        solver.prepare(objective, learning_rate)
    while point.gradient_max >= tolerance:
        direction = solver.direction(objective, point)
        for alpha in backtrack(point, direction, solver.alpha) if backtracks else (solver.alpha,):
            after = objective.at(point.theta - alpha * direction)  # θ := θ − α P ∂L/∂θ
            if not backtracks or _falls(point, after, direction, alpha):
                break
        else:
            if solver.refresh():
                continue
            return
        solver.stepped(point, after, alpha)
        if not backtracks:
            _check_step(objective, after, solver, tolerance)
        point = after
        yield point


def backtrack(point: Point, direction: Array, alpha: float) -> Iterator[float]:
    """Yield α, and then α/2, α/4, … as long as rounding would let the fall be seen that they promise."""
    promised = float(point.gradient @ direction)
    yield alpha
    while alpha > MIN_STEP and alpha * promised >= 2e-3 * _rounding(point):
        alpha *= 0.5
        yield alpha


def _falls(point: Point, after: Point, direction: Array, alpha: float) -> bool:
    """Whether a step brings enough of what the gradient promises (Armijo), or as good as that.

    Near the optimum the fall, which is of the gradient squared, drowns in the rounding of the value long
    before the gradient does: there a value that is the same to rounding will do, if the gradient, which
    is what `tolerance` is held against, has become half of what it was.
    """
    if not _is_finite(after):
        return False
    promised, rounding = float(point.gradient @ direction), _rounding(point)
    if after.value < point.value - max(rounding, SUFFICIENT * alpha * promised):
        return True
    return after.value <= point.value + rounding and after.gradient_max < 0.5 * point.gradient_max


def _rounding(point: Point) -> float:
    return 4.0 * EPSILON * max(1.0, abs(point.value))


def _check_step(objective: Objective, point: Point, solver: Solver, tolerance: float) -> None:
    """Raise DescentError where a constant step brought the descent here that is too large.

    A step below 2/L never rises, so a step that does is proof of one above it, somewhere on the way. A few
    are forgiven, as L is smaller away from the start. A loss that saturates (MSE) may end above chance at
    a gradient of almost 0, which is no optimum: w = 0 would be better.
    """
    said = f'with learning_rate {solver.alpha:g}: '
    if not _is_finite(point):
        raise DescentError(f'the objective is not finite {said}{solver.advice(objective)}')
    if solver.rises >= MAX_RISES:
        raise DescentError(f'the objective rises instead of falling {said}{solver.advice(objective)}')
    if point.gradient_max < tolerance and point.loss > PLATEAU * objective.loss.of_chance:
        raise DescentError(
            f'the loss ended at {point.loss:.3g}, above chance, {said}{solver.advice(objective)}'
        )


def _fewest_rows(objective: Objective) -> int:
    """Return how many samples the first P is taken from."""
    wanted, n = ROWS_PER_PARAMETER * (objective.n_features + 1), objective.n_samples
    return int(max(MIN_ROWS, min(wanted, MAX_SHARE * n), MIN_SHARE * n))


def _optimum(sample: Objective, theta: Array) -> Array:
    """Return the optimum of a sample, as far as one so small can tell where that of the whole is."""
    noise = 0.1 / np.sqrt(sample.n_samples)
    for point in islice(descend(sample, theta, Curvature(), tolerance=noise), LEAP_STEPS):
        pass
    return point.theta


def _is_finite(point: Point) -> bool:
    return math.isfinite(point.value) and bool(np.isfinite(point.gradient).all())
