"""How good predictions are: metrics over a window of test-then-train predictions, and over arrays.

A metric is one function of labels y (M,) in {0, 1} and scores z (M,), ŷ = σ(z), and one entry in
`METRICS`; the trainer publishes each as a topic of that name.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import numpy as np

from .logistic import BCE, Array, sigmoid


def accuracy(y: Array, z: Array) -> float:
    """Return the share of samples whose side of z = 0 (ŷ = 0.5, 1 at and above) is their label."""
    return float(np.mean((z >= 0.0) == (y > 0.5)))


def log_loss(y: Array, z: Array) -> float:
    """Return mean(−y ln ŷ − (1 − y) ln(1 − ŷ)), the binary cross entropy, in nats."""
    return float(np.mean(BCE.of_samples(z, y)))


def auc(y: Array, z: Array) -> float:
    """Return the area under the ROC curve: the chance that a positive scores above a negative.

    Ties count half; nan where a class is missing. (J. A. Hanley, B. J. McNeil, Radiology 143, 1982.)
    """
    positives = int(np.sum(y))
    negatives = len(y) - positives
    if not positives or not negatives:
        return math.nan
    _, inverse, counts = np.unique(z, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts)
    mean_rank = last_rank - (counts - 1) / 2.0
    rank_sum = float(np.sum(mean_rank[inverse.ravel()][y > 0.5]))
    return (rank_sum - positives * (positives + 1) / 2.0) / (positives * negatives)


def roc_curve(y: Array, z: Array) -> tuple[Array, Array]:
    """Return the false and the true positive rates of every threshold, from (0, 0) to (1, 1)."""
    order = np.argsort(-z, kind='stable')
    ends = np.append(np.flatnonzero(np.diff(z[order])), len(z) - 1)
    true = np.cumsum(y[order])[ends]
    false = ends + 1 - true
    return (
        np.append(0.0, false / max(1.0, false[-1])),
        np.append(0.0, true / max(1.0, true[-1])),
    )


def reliability_curve(y: Array, z: Array, bins: int = 10) -> tuple[Array, Array, Array]:
    """Return the mean ŷ, the share of positives and the count of each bin of ŷ; nan where it is empty."""
    p = sigmoid(z)
    which = np.minimum((p * bins).astype(int), bins - 1)
    counts, predicted, positives = (np.bincount(which, w, bins) for w in (None, p, y))
    with np.errstate(invalid='ignore'):
        return predicted / counts, positives / counts, counts


METRICS: dict[str, Callable[[Array, Array], float]] = {
    'accuracy': accuracy,
    'log_loss': log_loss,
}


class Scores:
    """The last `window` predictions that were made before their label was learned from."""

    def __init__(self, window: int) -> None:
        self._pairs: deque[tuple[float, float]] = deque(maxlen=window)

    def resize(self, window: int) -> None:
        """Look back on another number of samples."""
        self._pairs = deque(self._pairs, maxlen=window)

    def extend(self, y: Array, z: Array) -> None:
        """Take predictions in: their labels (m,), and z = X·wᵀ + b (m,)."""
        self._pairs.extend(zip(y.tolist(), z.tolist()))

    def clear(self) -> None:
        """Forget them."""
        self._pairs.clear()

    def __len__(self) -> int:
        return len(self._pairs)

    def values(self) -> dict[str, float]:
        """Return every metric over the window; nothing before the first prediction."""
        if not self._pairs:
            return {}
        y, z = np.array(self._pairs).T
        return {name: metric(y, z) for name, metric in METRICS.items()}
