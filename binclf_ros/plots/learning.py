# SPDX-License-Identifier: Apache-2.0
"""What the page is drawn from, and the verdict on it in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.evaluation.progress import SHOWN, Progress
from ..core.evaluation.scores import Scores
from ..core.learning.model import Model

MIN_COUNT = 100
MIN_PER_CLASS = 10
"""Tested samples without which nothing can be told."""
WORTH = 0.95
"""Of the log loss of the majority: what a model has to stay below to be called learning."""


@dataclass(frozen=True)
class Learning:
    """A moment of the learning.

    `scores` are those of the window, `majority` the same of who knows the labels alone. `y`, `z` are of
    the window, `life_y`, `life_z` of all that was tested, thinned out. `counts` are the negatives and
    positives of all, `missing` is why there is no model, `alarms` the numbers of tested samples at which
    the data were found to drift. `curves` are those of `Progress`.
    """

    title: str
    scores: dict[str, float]
    majority: dict[str, float]
    y: Array
    z: Array
    life_y: Array
    life_z: Array
    counts: tuple[int, int]
    curves: Array
    model: Model | None = None
    missing: str = ''
    threshold: float = 0.5
    alarms: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, title: str, scores: Scores, progress: Progress, model: Model | None, missing: str
    ) -> Learning:
        """Take a picture of the learning as it is now."""
        tally = scores.tally
        return cls(
            title,
            scores.values(SHOWN),
            scores.majority(SHOWN),
            *scores.window(),
            *progress.life(),
            (tally.tn + tally.fp, tally.fn + tally.tp),
            progress.curves(),
            model,
            missing,
            alarms=progress.alarms(),
        )

    @property
    def telling(self) -> tuple[Array, Array, str]:
        """What curves are drawn of, and what it is in words.

        These are y and z of the window, or of all where the window has too few of a class.
        """
        positives, tested = int(np.sum(self.y)), sum(self.counts)
        if min(positives, len(self.y) - positives) >= MIN_PER_CLASS or len(self.y) == tested:
            return self.y, self.z, f'last {len(self.y)} samples'
        return self.life_y, self.life_z, f'all {tested} samples'


@dataclass(frozen=True)
class Verdict:
    """Whether it learns: None where nothing can be told yet; `text` says it to a person."""

    learns: bool | None
    text: str


def verdict(learning: Learning) -> Verdict:
    """Hold the log loss of the window against that of who knows the labels alone.

    It learns where its own is less by a twentieth at least, or where its balanced accuracy is more than
    chance explains: then a few errors that it was sure of cost more than all the rest gained. It is worse
    where its own log loss is more by a twentieth, and else no better.
    """
    if learning.model is None:
        return Verdict(None, ': '.join(filter(None, ('no model yet', learning.missing))))
    n, (negatives, positives) = len(learning.y), learning.counts
    if n < MIN_COUNT or min(negatives, positives) < MIN_PER_CLASS:
        return Verdict(
            None,
            f'too few samples to tell: {negatives} of 0 and {positives} of 1 were tested; '
            f'it takes {MIN_COUNT}, and {MIN_PER_CLASS} of each',
        )
    own, majority = learning.scores['log_loss'], learning.majority['log_loss']
    numbers = f'log loss {own:.2f}, majority {majority:.2f}, over the last {n} samples'
    if own < WORTH * majority:
        return Verdict(True, f'learning: {numbers}')
    balanced = learning.scores['balanced_accuracy']
    if balanced > 0.5 + _chance(learning.y):
        return Verdict(
            True, f'learning, but too sure of itself: balanced accuracy {balanced:.2f}, {numbers}'
        )
    how = 'worse than' if WORTH * own > majority else 'no better than'
    says = int(positives >= negatives)
    return Verdict(False, f'not learning: {how} always saying {says} ({numbers})')


def _chance(y: Array) -> float:
    """Return by how much balanced accuracy may exceed ½ by chance: 3σ of independent coins, or 0.2."""
    positives = int(np.sum(y))
    negatives = len(y) - positives
    if min(positives, negatives) < MIN_PER_CLASS:
        return 1.0
    return max(0.2, 3.0 * 0.25 * math.sqrt(1.0 / positives + 1.0 / negatives))
