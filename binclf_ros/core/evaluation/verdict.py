# SPDX-License-Identifier: Apache-2.0
"""What the page is drawn from, and the verdict on it in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from ..learning.model import Model
from .ahead import MIN_CHANGES, AheadScores
from .progress import SHOWN, Progress
from .scores import Scores

MIN_COUNT = 100
MIN_PER_CLASS = 10
"""Tested samples without which nothing can be said."""
WORTH = 0.95
"""A model is called learning below this share of the log loss of the majority."""
SURE = 3.0
"""Standard deviations beyond which it is not chance."""


@dataclass(frozen=True)
class Learning:
    """A moment of the learning.

    `scores` are those of the stretches of one label in the window, each predicted by the model from before
    it (`ahead` has more of them), `majority` the log loss of knowing the labels before it alone. `y`, `z`
    are of the window, `life_y`, `life_z` of all that was tested, thinned out. `counts` are negatives and
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
    ahead: AheadScores = field(default_factory=AheadScores)

    @classmethod
    def of(
        cls, title: str, scores: Scores, progress: Progress, model: Model | None, missing: str
    ) -> Learning:
        """Take a picture of the learning as it is now."""
        tally, ahead = scores.tally, scores.ahead()
        return cls(
            title,
            {name: getattr(ahead, name) for name in SHOWN},
            {'log_loss': ahead.prior_log_loss},
            *scores.window(),
            *progress.life(),
            (tally.tn + tally.fp, tally.fn + tally.tp),
            progress.curves(),
            model,
            missing,
            alarms=progress.alarms(),
            ahead=ahead,
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
    """Compare the log loss of whole stretches with that of knowing the labels before them alone.

    It learns where its own is less by a twentieth at least, by more than chance explains over stretches; or
    where its balanced accuracy is: then a few errors that it was sure of cost more than all the rest
    gained. It is worse where its own log loss is more by a twentieth, and else no better.
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
    ahead = learning.ahead
    if ahead.changes < MIN_CHANGES:
        return Verdict(
            None,
            f'too few changes of the label to tell: {ahead.changes} in the last '
            f'{max(n, ahead.samples)} samples; it takes {MIN_CHANGES}',
        )
    n = max(n, ahead.samples) if ahead.samples > 2 * n else n
    own, majority = learning.scores['log_loss'], learning.majority['log_loss']
    numbers = f'log loss {own:.2f}, majority {majority:.2f}, over the last {n} samples'
    if own < WORTH * majority and ahead.gain > SURE:
        return Verdict(True, f'learning: {numbers}')
    balanced = learning.scores['balanced_accuracy']
    if balanced > 0.5 + _chance(ahead):
        return Verdict(
            True, f'learning, but too sure of itself: balanced accuracy {balanced:.2f}, {numbers}'
        )
    how = 'worse than' if WORTH * own > majority else 'no better than'
    says = int(positives >= negatives)
    return Verdict(False, f'not learning: {how} always saying {says} ({numbers})')


def _chance(ahead: AheadScores) -> float:
    """Return by how much balanced accuracy may exceed ½ by chance: 3σ of a coin a stretch, or 0.2."""
    positives = ahead.positives
    negatives = ahead.stretches - positives
    if min(positives, negatives) < MIN_CHANGES // 2:
        return 1.0
    return max(0.2, SURE * 0.25 * math.sqrt(1.0 / positives + 1.0 / negatives))
