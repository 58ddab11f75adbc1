# SPDX-License-Identifier: Apache-2.0
"""Figures of arrays of predictions: labels y (M,) in {0, 1}, and z (M,), of which ŷ = σ(z)."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array
from ..learning.losses import sigmoid

BINS = 10


def confusion(y: Array, z: Array, threshold: float = 0.5) -> tuple[int, int, int, int]:
    """Return tn, fp, fn, tp of the decision ŷ ≥ threshold, in scikit-learn's order."""
    counts = np.bincount((2 * (y > 0.5) + (sigmoid(z) >= threshold)).astype(np.intp), minlength=4)
    tn, fp, fn, tp = counts.tolist()
    return tn, fp, fn, tp


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


def calibration_sums(y: Array, z: Array, bins: int = BINS) -> Array:
    """Return (3, bins): of each of the equal bins of ŷ its sum of ŷ, its positives, its samples.

    An edge belongs to the bin below it, as in scikit-learn's `calibration_curve`.
    """
    p = sigmoid(z)
    edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    of = np.searchsorted(edges, p)
    return np.stack([np.bincount(of, weights=each, minlength=bins) for each in (p, y, np.ones(len(y)))])


def reliability_curve(y: Array, z: Array, bins: int = BINS) -> tuple[Array, Array, Array]:
    """Return the mean ŷ, the share of positives and the samples of each bin of ŷ that is not empty."""
    predicted, positives, counts = calibration_sums(y, z, bins)
    some = counts > 0.0
    return predicted[some] / counts[some], positives[some] / counts[some], counts[some]


def expected_calibration_error(y: Array, z: Array, bins: int = BINS) -> float:
    """Return Σ over bins |Σ ŷ − positives| / M: how far a stated chance is from the share that came true.

    (M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015.)
    """
    predicted, positives, _ = calibration_sums(y, z, bins)
    return float(np.sum(np.abs(predicted - positives)) / len(y))
