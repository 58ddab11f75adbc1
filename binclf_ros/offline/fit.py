# SPDX-License-Identifier: Apache-2.0
"""The product's own descent over samples on disk, whose sums any number of workers compute.

The samples are visited in blocks of rows, as in `core.learning.objective`: a block's sums do not depend on
who computes them, and they are added up in one order. So the model has the same bits for any number of
parts, processes and workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise

import numpy as np

from ..core.arrays import Array
from ..core.errors import BinclfError
from ..core.learning.dependence import Dependence
from ..core.learning.descent import descend, solver_for
from ..core.learning.feature_maps import MAX_SAMPLE, Curves
from ..core.learning.learner import MAX_STEPS
from ..core.learning.lecture import initialize
from ..core.learning.losses import LOSSES
from ..core.learning.mapping import Range, map_of
from ..core.learning.model import LINE, Model
from ..core.learning.objective import Objective, Point
from ..core.learning.options import LearningOptions
from ..core.learning.outcome import function_of, model_of
from ..core.learning.scaler import Moments, summed
from .rows import Part, Rows
from .work import Work

MIN_SPREAD = 4_000_000
"""Values of X from which on workers are worth what it takes to ask them."""
CHUNK = 65_536
Show = Callable[[int, float], None]
"""Is told how many passes there were, and the largest component of the gradient."""


@dataclass(frozen=True)
class _Stretch:
    """What a worker computes: the sums of the blocks of rows [start, stop) of some parts."""

    parts: tuple[Part, ...]
    start: int
    stop: int
    mean: Array
    scale: Array
    loss: str
    class_weights: tuple[float, float]
    kind: str
    """`sums` or `grams`."""
    theta: Array | None
    n_features: int
    of_map: Curves | None
    block_rows: int

    def objective(self) -> Objective:
        """Return the objective of these rows alone, which visits the same blocks."""
        rows = Rows(self.parts, self.n_features)
        X, y = rows[self.start : self.stop], rows.labels(self.start, self.stop)
        found = Objective(
            X, y, mean=self.mean, scale=self.scale, loss=LOSSES[self.loss], of_map=self.of_map
        )
        found.class_weights, found.block_rows = self.class_weights, self.block_rows
        return found


def _compute(stretch: _Stretch) -> Array:
    """Return the sums of each block of a stretch, one after another."""
    objective = stretch.objective()
    if stretch.kind == 'grams':
        return np.array(list(objective.block_grams(stretch.theta)))
    assert stretch.theta is not None
    return np.array(list(objective.block_sums(stretch.theta)))


class SpreadObjective(Objective):
    """The objective over rows on disk, whose blocks are computed by workers, `n_parts` of them at once."""

    def __init__(self, rows: Rows, options: LearningOptions, work: Work, n_parts: int = 0) -> None:
        spreads = work.parallel and rows.nbytes >= 8 * MIN_SPREAD
        self._work, self._n_parts = work, n_parts or (work.width if spreads else 0)
        self.moments, self.low, self.high = describe(rows, work, self._n_parts)
        asked = options.feature_map, options.knots, options.standardize
        curved = options.feature_map != LINE
        of_map = map_of(_for_knots(rows, self.low, self.high), self.moments, *asked) if curved else None
        scales = options.standardize and of_map is None  # a map has its own units
        super().__init__(
            rows,  # type: ignore[arg-type]
            rows.y,
            mean=self.moments.mean if scales else None,
            scale=self.moments.scale if scales else None,
            of_map=of_map,
            loss=LOSSES[options.loss],
            l2=options.l2,
            balanced=options.class_weight == 'balanced',
        )
        self.passes = 0

    def block_sums(self, theta: Array) -> Iterator[Array]:
        """Yield the sums of each block, in order."""
        self.passes += 1
        return self._spread('sums', theta) if self._n_parts else super().block_sums(theta)

    def block_grams(self, theta: Array | None) -> Iterator[Array]:
        """Yield the second derivatives of each block, in order."""
        self.passes += 1
        return self._spread('grams', theta) if self._n_parts else super().block_grams(theta)

    def _spread(self, kind: str, theta: Array | None) -> Iterator[Array]:
        assert isinstance(self.X, Rows)
        stretches = [
            _Stretch(
                self.X.parts,
                start,
                stop,
                self.mean,
                self.scale,
                self.loss.name,
                self.class_weights,
                kind,
                theta,
                self.X.shape[1],
                self.map,
                self.block_rows,
            )
            for start, stop in _bounds(self.n_samples, self.block_rows, self._n_parts)
        ]
        for of_stretch in self._work.map(_compute, stretches):
            yield from of_stretch


def _bounds(n_rows: int, block_rows: int, n_parts: int) -> list[tuple[int, int]]:
    """Return where so many parts of some rows start and stop, each of whole blocks."""
    n_blocks = -(-n_rows // block_rows)
    bounds = np.linspace(0, n_blocks, min(n_parts, n_blocks) + 1).astype(int) * block_rows
    return [(start, min(stop, n_rows)) for start, stop in pairwise(bounds.tolist())]


def describe(rows: Rows, work: Work, n_parts: int) -> tuple[Moments, Array, Array]:
    """Return mean and scale of rows, and the range of each feature, (N,) twice, added up chunk by chunk."""
    N = rows.shape[1]
    moments = Moments(N)
    low, high = np.full(N, np.inf), np.full(N, -np.inf)
    stretches = [(rows, *each, CHUNK) for each in _bounds(len(rows), CHUNK, max(1, n_parts))]
    found = work.map(_describe, stretches) if n_parts else map(_describe, stretches)
    for count, mean, squares, lowest, highest in chain.from_iterable(found):
        moments.add_summed(count, mean, squares)
        low, high = np.minimum(low, lowest), np.maximum(high, highest)
    return moments, low, high


def _describe(stretch: tuple[Rows, int, int, int]) -> list[tuple[int, Array, Array, Array, Array]]:
    """Return count, mean, squared deviations, least and largest of each chunk of some rows."""
    rows, begin, end, size = stretch
    chunks = (rows[start : min(start + size, end)] for start in range(begin, end, size))
    return [(len(X), *summed(X), X.min(axis=0), X.max(axis=0)) for X in chunks]


def _for_knots(rows: Rows, low: Array, high: Array) -> Array:
    """Return the rows that knots are taken from: all, or so many that both ends of the range are there."""
    if len(rows) < MAX_SAMPLE:
        return rows[:]
    every = -(-len(rows) // (MAX_SAMPLE - 2))
    return np.concatenate([low[None], rows[np.arange(0, len(rows), every)], high[None]])


def missing(y: Array, wanted: int) -> str:
    """Return what is missing before there can be a model; '' for nothing."""
    positives = int(np.sum(y))
    negatives = len(y) - positives
    if not len(y):
        return 'no sample has a label'
    if not min(positives, negatives):
        return f'all {len(y)} labelled samples are {int(y[0])}: a model needs both classes'
    if min(positives, negatives) < wanted:
        return (
            f'{negatives} samples of 0 and {positives} of 1; a model needs {wanted} of each '
            '(min_samples_per_class)'
        )
    return ''


def fit(
    parts: Sequence[Part],
    names: tuple[str, ...],
    options: LearningOptions,
    work: Work,
    *,
    run: str = 'train',
    n_parts: int = 0,
    show: Show = lambda passes, gradient: None,
) -> Model:
    """Return the model of the labelled samples of parts.

    Raises BinclfError where a class is missing, DescentError where the descent cannot go on.
    """
    rows = Rows(parts, len(names))
    if problem := missing(rows.y, options.min_samples_per_class):
        raise BinclfError(problem)
    objective = SpreadObjective(rows, options, work, n_parts)
    dependence, ridge = Dependence(options.sample_dependence), objective.ridge
    objective.ridge = dependence.ridge(ridge, objective.map is not None)
    w, b = initialize(objective.n_features, options.seed)
    point = _descended(objective, np.append(w, b), options, show)
    order = np.arange(objective.n_samples)
    if dependence.update(objective, point.theta, order, objective.n_samples):
        objective.ridge = dependence.ridge(ridge, objective.map is not None)
        point = _descended(objective, point.theta, options, show)
    taught = Range(objective.low, objective.high)
    function = function_of(objective, point.theta)
    return model_of(
        objective,
        point,
        function,
        objective.moments,
        taught,
        options,
        run=run,
        step=1,
        names=names,
        tau=dependence.tau,
    )


def _descended(objective: SpreadObjective, theta: Array, options: LearningOptions, show: Show) -> Point:
    """Return where a descent from theta ends. Raises DescentError."""
    point: Point | None = None
    points = descend(
        objective,
        theta,
        solver_for(options.solver, objective.n_features),
        learning_rate=options.learning_rate,
        tolerance=options.tolerance,
    )
    with np.errstate(over='ignore', invalid='ignore'):  # what is not finite is looked for
        for point in islice(points, MAX_STEPS):
            show(objective.passes, point.gradient_max)
    assert point is not None
    return point
