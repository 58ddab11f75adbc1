# SPDX-License-Identifier: Apache-2.0
"""Figures of predictions by recording, and of all together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.evaluation.curves import confusion
from ..core.evaluation.scores import scores_of
from .store import VECTORS

KEYS = ('accuracy', 'balanced_accuracy', 'log_loss', 'auc', 'iou')
"""What of the scores goes into the JSON."""
COUNTS = ('samples', 'positives')
MAX_Z = 1e100


@dataclass(frozen=True)
class Predicted:
    """The predictions of one recording by a model that has not seen it: labels y (M,) and z (M,)."""

    name: str
    y: Array
    z: Array
    group: str = ''


def together(predicted: Sequence[Predicted]) -> tuple[Array, Array]:
    """Return y and z of all."""
    y = np.concatenate([np.empty(0), *(each.y for each in predicted)])
    return y, np.concatenate([np.empty(0), *(each.z for each in predicted)])


def figures(y: Array, z: Array, share: float) -> dict[str, Any]:
    """Return the figures of predictions; `share` is that of the positives that the baseline states.

    What is not defined, as the AUC of one class, is None.
    """
    z = np.nan_to_num(z, nan=0.0, posinf=MAX_Z, neginf=-MAX_Z)
    _, fp, fn, tp = confusion(y, z)
    union = tp + fp + fn
    scores = {**scores_of(y, z, KEYS), 'iou': tp / union if union else math.nan}
    found: dict[str, Any] = {'samples': len(y), 'positives': int(np.sum(y))}
    for key in KEYS:
        value = scores.get(key, math.nan)
        found[key] = float(value) if math.isfinite(value) else None
    found['majority_log_loss'] = baseline(y, share)
    return found


def baseline(y: Array, share: float) -> float | None:
    """Return the log loss of stating the share of the positives for every sample.

    −mean(y ln p + (1 − y) ln(1 − p)), in nats; 0·ln 0 is 0.
    """
    if not len(y):
        return None
    q = float(np.mean(y))
    parts = [weight * math.log(p) for weight, p in ((q, share), (1.0 - q, 1.0 - share)) if weight and p]
    return 0.0 - sum(parts)


def by_recording(predicted: Sequence[Predicted], kind: str = VECTORS) -> dict[str, Any]:
    """Return the figures of all samples, of a kind, and of each recording, the worst first."""
    y, z = together(predicted)
    share = float(np.mean(y)) if len(y) else 0.0
    rows = [
        {
            'name': each.name,
            **({'group': each.group} if each.group else {}),
            **figures(each.y, each.z, share),
        }
        for each in predicted
    ]
    rows.sort(key=lambda row: -(row['log_loss'] if row['log_loss'] is not None else -1.0))
    return {'kind': kind, **figures(y, z, share), 'recordings': rows}
