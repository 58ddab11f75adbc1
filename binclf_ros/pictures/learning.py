"""What the page is drawn from, and the verdict on it in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.logistic import BCE, Array
from ..core.model import Model
from ..core.progress import Progress, without_features

FEWEST = 50
FEWEST_PER_CLASS = 10
"""Tested samples without which nothing can be told."""
WORTH = 0.95
"""Of the log loss without features: what a model has to stay below to be called learning."""
SIGMAS = 3.0
"""Standard errors by which it has to be better."""


@dataclass(frozen=True)
class Learning:
    """A moment of the learning; arrays are as in `Progress`.

    `y`, `z` are of the window, `life_y`, `life_z` of all that was tested, thinned out. `tested` and
    `positives` count all; `missing` is why there is no model, `alarms` the counts of tested samples at
    which the data were found to drift.
    """

    title: str
    curves: Array
    y: Array
    z: Array
    life_y: Array
    life_z: Array
    tested: int
    positives: int
    model: Model | None = None
    missing: str = ''
    threshold: float = 0.5
    alarms: tuple[int, ...] = ()

    @classmethod
    def of(cls, progress: Progress, title: str, model: Model | None, **more: object) -> Learning:
        """Take a picture of the progress; `more` are fields of this class."""
        return cls(
            title,
            progress.curves(),
            *progress.recent(),
            *progress.life(),
            progress.tested,
            progress.positives,
            model,
            **more,  # type: ignore[arg-type]
        )

    @property
    def telling(self) -> tuple[Array, Array, str]:
        """y and z of the window, or of all where the window has too few of a class; and which, in words."""
        positives = int(np.sum(self.y))
        if min(positives, len(self.y) - positives) >= FEWEST_PER_CLASS or len(self.y) == self.tested:
            return self.y, self.z, f'last {len(self.y)} samples'
        return self.life_y, self.life_z, f'all {self.tested} samples'


@dataclass(frozen=True)
class Verdict:
    """Whether it learns: None where nothing can be told yet; `text` says it to a person."""

    learns: bool | None
    text: str


def verdict(learning: Learning) -> Verdict:
    """Hold the log loss of the window against that of one who knows no features.

    It learns where the mean of the differences is more than three of its standard errors and a
    twentieth of the other's log loss. The standard error is that of independent samples.
    """
    if learning.model is None:
        why = f': {learning.missing}' if learning.missing else ''
        return Verdict(None, f'no model yet{why}')
    n = len(learning.y)
    each = learning.tested - learning.positives, learning.positives
    if n < FEWEST or min(each) < FEWEST_PER_CLASS:
        return Verdict(
            None,
            f'too few samples to tell: {each[0]} of 0 and {each[1]} of 1 were tested; '
            f'it takes {FEWEST}, and {FEWEST_PER_CLASS} of each',
        )
    blind_z = without_features(learning.y, learning.tested, learning.positives)
    losses, blind = BCE.of_samples(learning.z, learning.y), BCE.of_samples(blind_z, learning.y)
    mean, rival = float(losses.mean()), float(blind.mean())
    error = float(np.std(blind - losses)) / n**0.5
    over = f'over the last {n} samples'
    if mean < WORTH * rival and rival - mean > SIGMAS * error:
        return Verdict(True, f'learning: log loss {mean:.2f}, majority {rival:.2f}, {over}')
    how = 'worse than' if WORTH * mean > rival else 'no better than'
    says = int(blind_z[-1] >= 0.0)
    numbers = f'log loss {mean:.2f}, majority {rival:.2f}, {over}'
    return Verdict(False, f'not learning: {how} always saying {says} ({numbers})')
