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
from ..core.evaluation.scores import Scores
from ..core.learning.learner import Learner
from ..core.learning.model import Model
from ..core.learning.options import LearningOptions
from ..core.storage.dataset_format import DatasetReader

MAX_BATCHES = 200
MIN_IN_BATCH = 10
BUDGET_SEC = 0.5
"""That one descent may take; the next goes on from there."""


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
    ahead = Ahead()
    for start in range(0, n, batch):
        X, y = samples.X[start : start + batch], samples.y[start : start + batch]
        if learner.model is not None:
            z = learner.model.decision_function(X)
            for i in range(len(y)):  # one by one, as a trainer hears them
                one = slice(i, i + 1)
                before = ahead.score(learner.model, X[one], y[one], z[one])
                scores.extend(y[one], z[one], *before, learner.model.slope)
            progress.extend(y, z)
            progress.note(scores, learner.model.loss)
        else:
            for label in y:
                ahead.see(np.array([label]))
        learner.take(samples.names, X, y)
        if learner.has_work:
            _descend(learner)
        show(min(1.0, (start + batch) / n))
    return Study(scores, progress, learner.model, learner.missing if n else '', batch)


def _descend(learner: Learner) -> None:
    ends = time.monotonic() + BUDGET_SEC
    try:
        learner.descend(lambda: time.monotonic() >= ends)
    except DescentError as error:
        raise DescentError(f'the samples cannot be learned from: {error}') from error
