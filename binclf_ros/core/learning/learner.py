# SPDX-License-Identifier: Apache-2.0
"""The whole of learning without ROS: a buffer, a solver, and the model they come to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from ..arrays import Array
from ..errors import DescentError
from .buffer import Buffer
from .carried import carried_point
from .dependence import Dependence
from .descent import MAX_CURVATURE_FEATURES, LineSearch, Solver, descend, solver_for
from .lecture import initialize
from .losses import LOSSES
from .mapping import Mapping, carried_over
from .model import Model
from .objective import Objective, Point
from .options import LearningOptions
from .outcome import function_of, model_of
from .status import Fit, LearningStatus

MAX_STEPS = 100_000
"""A descent has at most this many steps."""


class Learner:
    """Takes labelled samples in and descends; one thread at a time may use it.

    `model` is the last one, None before the first; `error` tells why a descent could not go on.

    >>> learner = Learner('a run', LearningOptions(min_samples_per_class=2))
    >>> learner.missing
    'needs 2 samples of each class (min_samples_per_class), has 0 of 0 and 0 of 1'
    >>> learner.take(('x',), np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([0.0, 1.0, 0.0, 1.0]))
    >>> fit = learner.descend()
    >>> fit.converged, learner.has_work
    (True, False)
    >>> (fit.model.predict_proba(np.array([[1.0], [4.0]])) >= 0.5).tolist()
    [False, True]
    """

    def __init__(self, run: str, options: LearningOptions) -> None:
        self.run = run
        self.step = 0
        self.options = options
        self._restarts = 0
        self._n_columns = 0
        self._clear()

    def _clear(self) -> None:
        self.names: tuple[str, ...] = ()
        self.buffer: Buffer | None = None
        self.model: Model | None = None
        self._weights: Array | None = None
        self._bias = 0.0
        self._mapping = Mapping()
        self._forget_descent()

    def _forget_descent(self) -> None:
        """Forget what descents have learned of the objective."""
        self.error = ''
        self._sums: Array | None = None
        self._solver: Solver | None = None
        self._settled = self.buffer is None
        self._dependence = Dependence(self.options.sample_dependence)

    def reset(self) -> str:
        """Forget samples, model and number of features, and begin a new run; return a sentence."""
        forgotten = sum(self.counts)
        self.run = uuid.uuid4().hex
        self._clear()
        return f'forgot {forgotten} samples and the model; a new run begins'

    def restart(self) -> str:
        """Descend again from new random weights, with the samples that are there; return a sentence.

        The last model stays the one in use until the next, as a robot is not served by random weights.
        """
        self._restarts += 1
        self._weights, self._bias = None, 0.0
        self._forget_descent()
        return f'new random weights; {sum(self.counts)} samples stay, and the model until the next one'

    def resume(self, names: tuple[str, ...], buffer: Buffer | None, model: Model | None) -> None:
        """Go on with other samples, and from the parameters of a model, which is the next of this run."""
        self._clear()
        self.names, self.buffer, self._settled = names, buffer, buffer is None
        if model is not None:
            self.step += 1
            self.model = replace(model, run=self.run, step=self.step)
        start = self._mapping.resume(buffer, model, self.options.knots)
        self._weights, self._bias = start or (None, 0.0)

    def configure(self, options: LearningOptions) -> None:
        """Go on with other options, with the samples and from the parameters that are there.

        Raises MemoryError where a larger buffer has no room; nothing has changed then.
        """
        size = options.buffer_capacity, options.buffer_policy
        if self.buffer is not None and size != (self.buffer.capacity, self.buffer.policy):
            self.buffer = self.buffer.resized(*size)
        self.options = options
        self._forget_descent()

    def take(self, names: tuple[str, ...], X: Array, y: Array) -> None:
        """Take samples in; X is (m, N), y is (m,), all finite, and the names those of before."""
        if self.buffer is None:
            options = self.options
            self.names = names
            self.buffer = Buffer(len(names), options.buffer_capacity, options.buffer_policy, options.seed)
        self.buffer.extend(X, y)
        self._mapping.take(X)
        self._settled = False

    def forget_half(self) -> None:
        """Forget the older half of the samples of each class."""
        if self.buffer is not None:
            self.buffer = self.buffer.halved()
            self._settled = False

    def forget(self, X: Array, y: Array) -> None:
        """Forget samples that were taken in, as far as they are held: X is (m, N), y is (m,)."""
        if self.buffer is not None and X.shape[1] == len(self.names):
            self.buffer = self.buffer.without(X, y)
            self._settled = False

    @property
    def counts(self) -> tuple[int, int]:
        """How many negatives and positives are held."""
        return (self.buffer.count(0), self.buffer.count(1)) if self.buffer else (0, 0)

    @property
    def missing(self) -> str:
        """What is missing before there can be a model; '' for nothing."""
        wanted, (negatives, positives) = self.options.min_samples_per_class, self.counts
        if min(negatives, positives) >= wanted:
            return ''
        has = f'has {negatives} of 0 and {positives} of 1'
        return f'needs {wanted} samples of each class (min_samples_per_class), {has}'

    def status(self) -> LearningStatus:
        """Return what it is now."""
        held = *self.counts, self.model
        return LearningStatus(self.run, self.step, self.names, *held, self.missing, self.error, self.note)

    @property
    def note(self) -> str:
        """What is done in another way than the options say; '' for nothing."""
        if self.options.solver != 'curvature' or not isinstance(self._solver, LineSearch):
            return ''
        return (
            f'{self._n_columns} features are more than the {MAX_CURVATURE_FEATURES} up to which curvature '
            'is computed: it descends by gradient'
        )

    @property
    def has_work(self) -> bool:
        """Whether a descent could bring anything: something is new, and both classes are there."""
        return not self._settled and not self.missing

    def descend(
        self,
        enough: Callable[[], bool] = lambda: False,
        pause: Callable[[], None] = lambda: None,
        later: bool = False,
    ) -> Fit:
        """Descend until converged, or after the first step at which `enough()` is true.

        `pause()` is called between blocks of rows; what it raises ends the descent without a trace.
        `later`: how many samples count as one is left to the next descent, where it does not change
        this one. Raises DescentError; the model then is the one before.
        """
        assert self.buffer is not None
        try:
            self._choose_map()
            objective = self._objective(pause)
            point, steps, ended = self._steps(objective, enough)
            converged = point.gradient_max < self.options.tolerance
            seen, ages = self.buffer.seen, self.buffer.ages
            goes_on = converged and self._dependence.update(objective, point.theta, ages, seen, later)
            self._sums = point.sums if objective.adds_up else None
            self.buffer.mark()
            model = None
            if steps or self._weights is None or not self._describes_buffer(converged):
                self.model = model = self._keep(objective, point)
        except DescentError as error:
            self.error, self._settled = str(error), True
            raise
        if goes_on:
            again = self.descend(enough, pause, later)
            return replace(again, steps=steps + again.steps, model=again.model or model)
        self.error, ended = '', ended or converged
        self._settled = ended and not (converged and self._dependence.is_due(objective, seen))
        return Fit(steps, converged, ended, point.gradient_max, model)

    def _choose_map(self) -> None:
        """Take the map that the options ask for, and go on in its columns from the function of before."""
        assert self.buffer is not None
        options, before = self.options, self._mapping.current
        if not self._mapping.choose(self.buffer, options.feature_map, options.knots, options.standardize):
            return
        if self._weights is not None:
            kept = carried_over(before, self._mapping.current, (self._weights, self._bias))
            self._weights, self._bias = kept or (None, 0.0)
        self._forget_descent()

    def _steps(self, objective: Objective, enough: Callable[[], bool]) -> tuple[Point, int, bool]:
        """Descend; return where that came to, the number of steps, and whether there are no more."""
        point, steps, ended = None, -1, False
        with np.errstate(over='ignore', invalid='ignore'):  # what is not finite is looked for
            for point in self._points(objective):
                steps += 1
                if steps >= MAX_STEPS or (steps and enough()):
                    break
            else:
                ended = True
        assert point is not None
        return point, steps, ended

    def _objective(self, pause: Callable[[], None]) -> Objective:
        assert self.buffer is not None
        options, moments = self.options, self.buffer.moments
        of_map = self._mapping.current
        scales = options.standardize and of_map is None  # a map has its own units, which stay
        return Objective(
            self.buffer.X,
            self.buffer.y,
            mean=moments.mean if scales else None,
            scale=moments.scale if scales else None,
            of_map=of_map,
            loss=LOSSES[options.loss],
            l2=self._dependence.ridge(options.l2, of_map is not None),
            balanced=options.class_weight == 'balanced',
            pause=pause,
        )

    def _points(self, objective: Objective) -> Iterator[Point]:
        theta = self._warm_start(objective)
        if theta is None:
            theta = np.append(*initialize(objective.n_features, self.options.seed + self._restarts))
        self._n_columns = objective.n_features
        self._solver = self._solver or solver_for(self.options.solver, self._n_columns)
        rate, tolerance = self.options.learning_rate, self.options.tolerance
        return descend(objective, theta, self._solver, learning_rate=rate, tolerance=tolerance)

    def _warm_start(self, objective: Objective) -> Array | None:
        """Return the parameters of before; None where there are none, or they are worse than chance.

        An outlier may throw them so far off that no step would lead back.
        """
        if self._weights is None:
            return None
        # z = x·w + b is the same function in the standardised units of the samples of now
        bias = self._bias + float(self._weights @ objective.mean)
        theta = np.append(self._weights * objective.scale, bias)
        objective.known = self._carried(objective, theta) or objective.at(theta)
        return theta if objective.known.value < 2.0 * objective.loss.of_chance else None

    def _carried(self, objective: Objective, theta: Array) -> Point | None:
        assert self.buffer is not None and self._weights is not None
        changes = self.buffer.changes
        if self._sums is None or not changes or not objective.adds_up:
            return None
        function = self._weights, self._bias
        return carried_point(objective, theta, function, self._sums, changes, self.options.tolerance)

    def _describes_buffer(self, converged: bool) -> bool:
        model, (negatives, positives) = self.model, self.counts
        samples = negatives + positives
        return model is not None and (
            (model.samples, model.positives, model.converged, model.effective_samples)
            == (samples, positives, converged, samples / self._dependence.tau)
        )

    def _keep(self, objective: Objective, point: Point) -> Model:
        """Go on from a point from here on, and return the model that it is."""
        assert self.buffer is not None
        self._weights, self._bias = function = function_of(objective, point.theta)
        model = model_of(
            objective,
            point,
            function,
            self.buffer.moments,
            self._mapping.range,
            self.options,
            run=self.run,
            step=self.step + 1,
            names=self.names,
            tau=self._dependence.tau,
        )
        self.step += 1
        return model
