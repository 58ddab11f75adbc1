# SPDX-License-Identifier: Apache-2.0
"""Scores ahead: each stretch of one label is predicted by the model from before it.

A label that is held for seconds is easy to say a second time, also for a model that knows nothing but what
it was taught a moment ago. So all of a stretch is scored by the model that was in use before the label
changed to what it is, and a stretch counts as one sample. A message of several samples with both labels is
a stretch.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..learning.losses import BCE
from ..learning.model import Model

MAX_STRETCHES = 2000
MIN_CHANGES = 10
"""Changes of the label, without which nothing can be said of labels that are held."""


class Ahead:
    """Keeps the model from before the present stretch."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget it."""
        self._model: Model | None = None
        self._label: float | None = None

    def see(self, y: Array) -> bool:
        """See the labels y (m,) of a message for which there is no model; return whether it begins."""
        return self.score(None, np.empty((len(y), 0)), y, np.empty(len(y)))[1]

    def score(self, model: Model | None, X: Array, y: Array, z: Array) -> tuple[Array, bool]:
        """Return z (m,) of the message by the model from before, NaN without one, and whether it begins.

        X (m, N) and y (m,) are its samples, `z` (m,) what the model in use says of them.
        """
        label = float(y[0]) if len(y) == 1 or bool((y == y[0]).all()) else None
        begins = label is None or label != self._label
        if begins:
            self._model, self._label = model, label
        if self._model is None or model is None or self._model.features != model.features:
            return np.full(len(y), math.nan), begins
        return (z if self._model is model else self._model.decision_function(X)), begins


@dataclass(frozen=True)
class AheadScores:
    """What `Stretches` come to: means over samples, and `gain` over stretches."""

    samples: int = 0
    stretches: int = 0
    log_loss: float = math.nan
    prior_log_loss: float = math.nan
    accuracy: float = math.nan
    balanced_accuracy: float = math.nan
    gain: float = 0.0
    """(prior loss − loss) as a mean over stretches, divided by its standard error."""
    positives: int = 0
    """Stretches with positives among them."""

    @property
    def changes(self) -> int:
        """How often the label changed."""
        return max(0, self.stretches - 1)


class Stretches:
    """Sums over the last stretches: of the loss, that of the prior, and what was right of each class."""

    def __init__(self) -> None:
        self._rows: deque[Array] = deque(maxlen=MAX_STRETCHES)
        self._prior = 0.0

    def extend(self, y: Array, z: Array, prior: Array, begins: NDArray[np.bool_]) -> None:
        """Take predictions in: labels y (M,), z ahead (M,), NaN for none, and z of the prior (M,).

        `begins` (M,) says where a stretch does; the prior of that place stands for all of it.
        """
        starts = np.flatnonzero(begins)
        starts = starts if len(starts) and not starts[0] else np.append(0, starts)
        of_stretch = np.where(begins[starts], prior[starts], self._prior)
        prior = np.repeat(of_stretch, np.diff(np.append(starts, len(y))))
        self._prior = float(of_stretch[-1])
        known = np.isfinite(z)
        z, right = np.where(known, z, 0.0), known & ((z >= 0.0) == (y > 0.5))
        columns = np.stack(
            [
                known * BCE.of_samples(z, y),
                known * BCE.of_samples(prior, y),
                known & (y <= 0.5),
                known & (y > 0.5),
                right & (y <= 0.5),
                right & (y > 0.5),
            ]
        )
        sums = np.add.reduceat(columns.astype(float), starts, axis=1).T
        if not begins[0] and self._rows:
            self._rows[-1] = self._rows[-1] + sums[0]
            sums = sums[1:]
        self._rows.extend(sums)

    def scores(self, window: int) -> AheadScores:
        """Return the scores of the last `window` samples, or of as many stretches as a verdict takes."""
        some: list[Array] = []
        n = 0.0
        for row in reversed(self._rows):
            if n >= window and len(some) > 2 * MIN_CHANGES:
                break
            if row[2] + row[3] > 0.0:
                some.append(row)
                n += row[2] + row[3]
        if not some:
            return AheadScores()
        rows = np.array(some)
        loss, prior, negatives, positives, tn, tp = rows.sum(axis=0)
        gains = (rows[:, 1] - rows[:, 0]) / (rows[:, 2] + rows[:, 3])
        error = float(np.std(gains)) / math.sqrt(len(some))
        found = [right / of for right, of in ((tn, negatives), (tp, positives)) if of]
        return AheadScores(
            samples=int(n),
            stretches=len(some),
            log_loss=float(loss / n),
            prior_log_loss=float(prior / n),
            accuracy=float((tn + tp) / n),
            balanced_accuracy=float(np.mean(found)),
            gain=float(np.mean(gains)) / max(error, 1e-12),
            positives=int(np.count_nonzero(rows[:, 3])),
        )
