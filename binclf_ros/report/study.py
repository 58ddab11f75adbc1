# SPDX-License-Identifier: Apache-2.0
"""Test, then train, offline: the samples of a file in their order, each predicted before it is learned."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.errors import DescentError, StorageError
from ..core.evaluation.ahead import Ahead
from ..core.evaluation.progress import Progress
from ..core.evaluation.rival import Comparison, other_options
from ..core.evaluation.scores import Scores
from ..core.learning.learner import Learner
from ..core.learning.model import Model
from ..core.learning.options import LearningOptions
from ..core.storage.dataset_format import DatasetReader

MAX_BATCHES = 200
MIN_IN_BATCH = 10
BUDGET_SEC = 0.5
"""Time that one descent may take; the next goes on from there."""


@dataclass(frozen=True)
class Samples:
    """A file's X (M, N) and y (M,), the oldest first, as far as it is whole; `note` is what is not."""

    names: tuple[str, ...]
    X: Array
    y: Array
    note: str

    @classmethod
    def none(cls) -> Samples:
        """No samples, of no features."""
        return cls((), np.empty((0, 0)), np.empty(0), '')


@dataclass(frozen=True)
class Study:
    """What came of it."""

    scores: Scores
    progress: Progress
    model: Model | None
    missing: str
    batch: int
    maps: str = ''
    """How this map and the other one did ahead."""


def read_samples(path: Path) -> Samples:
    """Read a dataset file, and leave it as it is. Raises StorageError where there is nothing to use."""
    reader = DatasetReader(path)
    parts = list(reader.batches())
    if reader.missing:
        raise StorageError(f'there is no file {path}: give the dataset_file of a trainer')
    if not parts:
        raise StorageError(f'{path} {reader.problem or "holds no samples"}')
    note = ''
    if reader.problem or reader.torn:
        what = reader.problem or 'ends within a record'
        note = f'{path} {what}: only the {reader.rows} samples before that are looked at'
    X, y = (np.concatenate(each) for each in zip(*parts))
    return Samples(reader.names, X, y, note)


def replay(samples: Samples, options: LearningOptions, window: int, show: Callable[[float], None]) -> Study:
    """Predict every sample by the model of those before its batch, then learn the batch.

    `show` is told what share is done. Raises DescentError.
    """
    n = len(samples.y)
    batch = max(MIN_IN_BATCH, -(-n // MAX_BATCHES))
    learner, scores, progress = Learner('report', options), Scores(window), Progress()
    rival, comparison, ahead = Learner('rival', other_options(options)), Comparison(), Ahead()
    for start in range(0, n, batch):
        X, y = samples.X[start : start + batch], samples.y[start : start + batch]
        for i in range(len(y)):  # one by one, as a trainer receives them
            own = _test(learner.model, X[i : i + 1], y[i : i + 1], ahead, scores)
            comparison.take(rival.model, X[i : i + 1], y[i : i + 1], *own)
        if learner.model is not None:
            progress.extend(y, learner.model.decision_function(X))
            progress.note(scores, learner.model.loss)
        for each in (learner, rival):
            each.take(samples.names, X, y)
            if each.has_work:
                _descend(each)
        show(min(1.0, (start + batch) / n))
    comparison.count()
    said = comparison.describe(options.feature_map, window)
    return Study(scores, progress, learner.model, learner.missing if n else '', batch, said)


def _test(model: Model | None, X: Array, y: Array, ahead: Ahead, scores: Scores) -> tuple[Array, bool]:
    """Score a sample by the model in use, if there is one; return z ahead, and whether a stretch begins."""
    if model is None:
        return np.full(len(y), np.nan), ahead.see(y)
    z = model.decision_function(X)
    before = ahead.score(model, X, y, z)
    scores.extend(y, z, *before, model.slope)
    return before


def _descend(learner: Learner) -> None:
    ends = time.monotonic() + BUDGET_SEC
    try:
        learner.descend(lambda: time.monotonic() >= ends)
    except DescentError as error:
        raise DescentError(f'the samples cannot be learned from: {error}') from error
