# SPDX-License-Identifier: Apache-2.0
"""Which map? How the other one would have done ahead, on the same stretches of one label.

Beside a straight line, curves are learned, and beside curves a line, of the same samples in the same order,
and both are scored where both had a model from before the stretch. Nothing switches by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Array
from ..learning.learner import Learner
from ..learning.model import LINE, Model
from ..learning.options import LearningOptions
from ..learning.worker import Worker
from .ahead import MIN_CHANGES, Stretches

CURVES = 'curves'
RATE_HZ = 0.2
BUDGET_SEC = 0.05
"""Of each descent: it takes no more than a hundredth of one processor."""
MAX_HELD = 10_000
"""The other map learns from at most this many samples."""
MAX_RIVAL_COLUMNS = 512
"""Columns beyond which a descent is too much for something on the side."""
MAX_IN_MESSAGE = 256
"""Samples of one message that are looked at: of larger ones, evenly as many."""
MAX_WAITING = 10_000
"""At most this many messages wait to be scored; those that come then are left out."""


def other_map(feature_map: str) -> str:
    """Return the map that one is compared with."""
    return CURVES if feature_map == LINE else LINE


def other_options(options: LearningOptions) -> LearningOptions:
    """Return the options of the rival, which differ in the map."""
    held = min(options.buffer_capacity, MAX_HELD)
    return replace(options, feature_map=other_map(options.feature_map), buffer_capacity=held)


@dataclass(frozen=True)
class _Message:
    model: Model | None
    X: Array
    y: Array
    own: Array
    begins: bool


class Comparison:
    """The log loss ahead of two models, over the stretches for which both had one."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._model: Model | None = None
        self._waiting: list[_Message] = []
        self._stretches = Stretches(), Stretches()

    def take(self, model: Model | None, X: Array, y: Array, own: Array, begins: bool) -> None:
        """Take a message in: samples X (m, N), labels y (m,), and z (m,) ahead of the one's own model.

        `model` is the rival's of now, which stands for all of the stretch that `begins`.
        """
        if begins:
            self._model = model
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(_Message(self._model, X, y, own, begins))

    def count(self) -> None:
        """Score what waits."""
        waiting, self._waiting = self._waiting, []
        start = 0
        for end in range(1, len(waiting) + 1):
            if end == len(waiting) or waiting[end].model is not waiting[start].model:
                self._score(waiting[start:end])
                start = end

    def _score(self, some: list[_Message]) -> None:
        y, own = (np.concatenate([getattr(each, name) for each in some]) for name in ('y', 'own'))
        begins = np.zeros(len(y), dtype=np.bool_)
        begins[np.cumsum([0, *(len(each.y) for each in some[:-1])])] = [each.begins for each in some]
        model = some[0].model
        X = np.concatenate([each.X for each in some])
        theirs = np.full(len(y), math.nan)
        if model is not None and len(model.features) == X.shape[1]:
            theirs = model.decision_function(X)
        known = np.isfinite(theirs) & np.isfinite(own)
        for stretches, z in zip(self._stretches, (own, theirs)):
            stretches.extend(y, np.where(known, z, math.nan), np.zeros(len(y)), begins)

    def describe(self, feature_map: str, window: int) -> str:
        """Return 'curves: log loss 0.28, line 0.47' of the last `window` samples; '' for too few."""
        own, theirs = (each.scores(window) for each in self._stretches)
        if own.changes < MIN_CHANGES:
            return ''
        losses = {feature_map: own.log_loss, other_map(feature_map): theirs.log_loss}
        (first, loss), (second, other) = sorted(losses.items(), key=lambda item: item[0] == LINE)
        return f'{first}: log loss {loss:.2f}, {second} {other:.2f}'


class Rival:
    """Learns the other map in a thread of its own, seldom and for a short time, and is compared."""

    def __init__(self, options: LearningOptions) -> None:
        self._options, self._comparison = options, Comparison()
        self._staged: list[tuple[tuple[str, ...], Array, Array]] = []
        learner = Learner('rival', other_options(options))
        self._worker = Worker(learner, RATE_HZ, BUDGET_SEC, _ignore, _ignore)

    def start(self) -> None:
        """Start its thread."""
        self._worker.start()

    def close(self) -> None:
        """End its thread."""
        self._worker.close()

    def take(self, names: tuple[str, ...], X: Array, y: Array, own: Array, begins: bool) -> None:
        """Take a message in, as `Comparison.take` does; what costs time waits for `work`."""
        every = -(-len(y) // MAX_IN_MESSAGE)
        if len(y) and len(names) * (self._options.knots + 1) <= MAX_RIVAL_COLUMNS:
            self._comparison.take(self._worker.status.model, X[::every], y[::every], own[::every], begins)
            self._staged.append((names, X[::every], y[::every]))

    def work(self) -> None:
        """Score what came, and hand it to the thread."""
        self._comparison.count()
        staged, self._staged = self._staged, []
        for names, X, y in staged:
            self._worker.stage(names, X, y)

    def configure(self, options: LearningOptions) -> None:
        """Go on with other options; where the map is another one, from the beginning of the comparison."""
        if options.feature_map != self._options.feature_map:
            self._comparison.clear()
        if options != self._options:
            self._options = options
            self._worker.configure(other_options(options), RATE_HZ, BUDGET_SEC)

    def pause(self, paused: bool) -> None:
        """Keep collecting but stop descending; or go on."""
        self._worker.pause(paused)

    def forget_half(self) -> None:
        """Forget the older half of the samples of each class, as the one's own learner does."""
        self._worker.post(self._worker.learner.forget_half)

    def clear(self) -> None:
        """Forget the comparison, and all samples."""
        self._staged = []
        self._comparison.clear()
        self._worker.post(self._reset)

    def _reset(self) -> None:
        self._worker.learner.reset()

    def describe(self, window: int) -> str:
        """Return how both did, as `Comparison.say` does."""
        return self._comparison.describe(self._options.feature_map, window)


def _ignore(_: object) -> None:
    """Do nothing: the rival's models are looked at, not published, and what fails is on the side."""
