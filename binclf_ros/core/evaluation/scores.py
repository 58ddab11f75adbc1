# SPDX-License-Identifier: Apache-2.0
"""How good predictions are that were made before their label was learned from: test, then train.

A metric is one entry in `METRICS`: a function of a `Tally`, the sums over samples that all of them but
the AUC need. The trainer publishes each as a topic of that name. What is not defined follows
scikit-learn: 0 for a quotient 0/0, nan for an AUC without both classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..learning.losses import BCE, sigmoid
from .ahead import AheadScores, Stretches
from .curves import BINS, auc, calibration_sums, confusion
from .drift import Drift

CHUNK = 1024
"""At most this many predictions wait to be counted together."""
MAX_VALUE = 1e100
"""What an infinite z counts as; one that is not a number counts as 0, ŷ = 0.5."""


@dataclass(frozen=True)
class Tally:
    """Sums over predictions, y in {0, 1} and ŷ = σ(z); two tallies of different samples add up."""

    tn: int = 0
    fp: int = 0
    fn: int = 0
    tp: int = 0
    log_loss: float = 0.0
    """Σ −y ln ŷ − (1 − y) ln(1 − ŷ)."""
    squares: float = 0.0
    """Σ (ŷ − y)²."""
    bins: Array | float = 0.0
    """`calibration_sums`, (3, K)."""

    @classmethod
    def of(cls, y: Array, z: Array) -> Tally:
        """Count predictions: labels y (M,), z (M,). Decision 1 is ŷ ≥ 0.5."""
        p = sigmoid(z)
        loss = float(np.sum(BCE.of_samples(z, y)))
        return cls(*confusion(y, z), loss, float(np.sum((p - y) ** 2)), calibration_sums(y, z))

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.tn + other.tn,
            self.fp + other.fp,
            self.fn + other.fn,
            self.tp + other.tp,
            self.log_loss + other.log_loss,
            self.squares + other.squares,
            self.bins + other.bins,
        )

    @property
    def samples(self) -> int:
        """M, how many predictions are counted."""
        return self.tn + self.fp + self.fn + self.tp


def accuracy(t: Tally) -> float:
    """Return the share of samples whose decision is their label."""
    return (t.tp + t.tn) / t.samples


def log_loss(t: Tally) -> float:
    """Return mean(−y ln ŷ − (1 − y) ln(1 − ŷ)), the binary cross entropy, in nats."""
    return t.log_loss / t.samples


def precision(t: Tally) -> float:
    """Return tp/(tp + fp): the share of true ones among what was called 1."""
    return _ratio(t.tp, t.tp + t.fp)


def recall(t: Tally) -> float:
    """Return tp/(tp + fn): the share of the positives that was found."""
    return _ratio(t.tp, t.tp + t.fn)


def balanced_accuracy(t: Tally) -> float:
    """Return the mean over the classes that are there of the share that was found."""
    found = [hit / all_ for hit, all_ in ((t.tp, t.tp + t.fn), (t.tn, t.tn + t.fp)) if all_]
    return sum(found) / len(found)


def f1(t: Tally) -> float:
    """Return 2tp/(2tp + fp + fn), the harmonic mean of precision and recall."""
    return _ratio(2 * t.tp, 2 * t.tp + t.fp + t.fn)


def mcc(t: Tally) -> float:
    """Return the correlation of decision and label.

    (tp·tn − fp·fn)/√((tp + fp)(tp + fn)(tn + fp)(tn + fn)). (B. W. Matthews, BBA 405, 1975.)
    """
    margins = (t.tp + t.fp) * (t.tp + t.fn) * (t.tn + t.fp) * (t.tn + t.fn)
    return _ratio(t.tp * t.tn - t.fp * t.fn, math.sqrt(margins))


def brier(t: Tally) -> float:
    """Return mean((ŷ − y)²).

    (G. W. Brier, Monthly Weather Review 78, 1950.)
    """
    return t.squares / t.samples


def ece(t: Tally) -> float:
    """Return the expected calibration error over 10 bins, see `curves.expected_calibration_error`."""
    predicted, positives, _ = np.broadcast_to(t.bins, (3, BINS))
    return float(np.sum(np.abs(predicted - positives))) / t.samples


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


METRICS: dict[str, Callable[[Tally], float]] = {
    'accuracy': accuracy,
    'log_loss': log_loss,
    'balanced_accuracy': balanced_accuracy,
    'precision': precision,
    'recall': recall,
    'f1': f1,
    'mcc': mcc,
    'brier': brier,
    'ece': ece,
}
SCORES = (*METRICS, 'auc')
"""What `scores_of` gives: the metrics of a tally, and the AUC, which needs the order of the samples."""


def scores_of(y: Array, z: Array, names: Collection[str] = SCORES) -> dict[str, float]:
    """Return the scores of these names over predictions y (M,), z (M,); none without predictions."""
    if not len(y):
        return {}
    tally = Tally.of(y, z)
    found = {name: metric(tally) for name, metric in METRICS.items() if name in names}
    return {**found, 'auc': auc(y, z)} if 'auc' in names else found


class Scores:
    """The last `window` test-then-train predictions, and the sums over all of them.

    Beside them runs a baseline that knows the labels alone: before each sample it states the share of
    positives so far by Laplace's rule, ŷ = (positives + 1)/(samples + 2), and so decides for the class
    that was seen more often (1 where they are equal). It learns from a label after it was scored, too.

    Taking a sample in costs O(1): the sums are brought up to date by `CHUNK`, or when they are read.
    There is no AUC of the totals: it needs all samples, and compares z of models long gone. What is
    counted goes through the `drift` detectors as well.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._drift = Drift()
        self.clear()

    def clear(self) -> None:
        """Forget them."""
        self._ring, self._size, self._end = np.empty((4, self._window)), 0, 0  # y, z, z of baselines
        self._total = self._majority_total = Tally()
        self._drift.reset()
        self._staged: list[tuple[Array, Array, Array, bool, float]] = []
        self._stretches, self._repeats, self._last = Stretches(), 0, math.nan
        self._waiting = 0

    def resize(self, window: int) -> None:
        """Look back on another number of samples."""
        if window != self._window:
            held = self._held()
            self._window = window
            self._ring, self._size, self._end = np.empty((4, window)), 0, 0
            self._write(held)

    def extend(
        self,
        y: Array,
        z: Array,
        ahead: Array | None = None,
        begins: bool = True,
        slope: float = 1.0,
    ) -> None:
        """Take predictions in: their labels (m,), and z = X·wᵀ + b (m,).

        `ahead` (m,) is z by the model from before this stretch, by default z itself, which `begins` here;
        `slope` is `Model.slope` of the one that said z.
        """
        if len(y):
            self._staged.append((y, z, z if ahead is None else ahead, begins, slope))
        self._waiting += len(y)
        if self._waiting >= CHUNK:
            self._count()

    def __len__(self) -> int:
        """How many predictions the window holds."""
        return min(self._window, self._size + self._waiting)

    def window(self) -> tuple[Array, Array]:
        """Return y and z of the window, the oldest first."""
        y, z, *_ = self._held()
        return y, z

    def values(self, names: Collection[str] = SCORES) -> dict[str, float]:
        """Return scores over the window; nothing before the first prediction."""
        return scores_of(*self.window(), names)

    def majority(self, names: Collection[str] = SCORES) -> dict[str, float]:
        """Return the same for knowing the labels alone; its AUC is 0.5, as it orders nothing."""
        y, _, z, _ = self._held()
        found = scores_of(y, z, [name for name in names if name != 'auc'])
        return {**found, 'auc': 0.5} if len(y) and 'auc' in names else found

    def last_label(self, names: Collection[str] = SCORES) -> dict[str, float]:
        """Return the same for repeating the last label, as sure as that has come true so far."""
        y, _, _, z = self._held()
        return scores_of(y, z, names)

    def ahead(self) -> AheadScores:
        """Return the scores of whole stretches of one label, each predicted by the model from before it."""
        self._count()
        return self._stretches.scores(self._window)

    def totals(self) -> dict[str, float]:
        """Return every metric but the AUC over all predictions; nothing before the first."""
        return self._metrics(self.tally)

    def majority_totals(self) -> dict[str, float]:
        """Return the same for knowing the labels alone."""
        self._count()
        return self._metrics(self._majority_total)

    @property
    def drift(self) -> Drift:
        """The detectors of change."""
        self._count()
        return self._drift

    @property
    def tally(self) -> Tally:
        """The sums over all predictions."""
        self._count()
        return self._total

    @staticmethod
    def _metrics(tally: Tally) -> dict[str, float]:
        return {name: metric(tally) for name, metric in METRICS.items()} if tally.samples else {}

    def _held(self) -> Array:
        """Return the window, (3, w), the oldest first."""
        self._count()
        return self._ring[:, np.arange(self._end - self._size, self._end) % self._window]

    def _write(self, columns: Array) -> None:
        columns = columns[:, -self._window :]
        end = self._end + columns.shape[1]
        self._ring[:, np.arange(self._end, end) % self._window] = columns
        self._end, self._size = end % self._window, min(self._window, self._size + columns.shape[1])

    def _count(self) -> None:
        """Count what waits."""
        if not self._staged:
            return
        y, z, ahead = (np.concatenate(each) for each in list(zip(*self._staged))[:3])
        sizes = [len(each[0]) for each in self._staged]
        begins = np.zeros(len(y), dtype=np.bool_)
        begins[np.cumsum([0, *sizes[:-1]])] = [each[3] for each in self._staged]
        z = np.nan_to_num(z, nan=0.0, posinf=MAX_VALUE, neginf=-MAX_VALUE)  # sums would never recover
        self._drift.update(y, z, sizes, np.repeat([each[4] for each in self._staged], sizes))
        self._staged, self._waiting = [], 0
        positives = self._total.tp + self._total.fn + np.cumsum(y) - y
        negatives = self._total.samples + np.arange(len(y)) - positives
        majority = np.log((positives + 1.0) / (negatives + 1.0))
        last = self._say_again(y)
        self._stretches.extend(y, ahead, majority, begins)
        self._total += Tally.of(y, z)
        self._majority_total += Tally.of(y, majority)
        self._write(np.stack([y, z, majority, last]))

    def _say_again(self, y: Array) -> Array:
        """Return z (m,) of repeating the last label: the odds by which it was the next so far."""
        before = np.append(self._last, y[:-1])
        same = (y == before).astype(float)
        repeats = self._repeats + np.cumsum(same) - same
        others = self._total.samples + np.arange(len(y)) - repeats
        self._last, self._repeats = float(y[-1]), self._repeats + int(same.sum())
        odds = np.log((repeats + 1.0) / (others + 1.0)) * (2.0 * before - 1.0)
        return np.where(np.isfinite(odds), odds, 0.0)
