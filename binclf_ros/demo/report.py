# SPDX-License-Identifier: Apache-2.0
"""What came of it: a table, demo_report.json and demo_report.png."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.evaluation.scores import scores_of
from ..core.evaluation.verdict import WORTH
from ..plots import replay as picture

JSON_NAME, PNG_NAME = 'demo_report.json', 'demo_report.png'


@dataclass
class Results:
    """What was measured; `names` are those of the labels 0 and 1."""

    title: str
    train_samples: int = 0
    is_cloud: bool = False
    """Samples are points, many of them answered together."""
    planned_samples: int = 0
    lost: int = 0
    began: float = 0.0
    label_off: float = 0.0
    names: tuple[str, str] = ('0', '1')
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    latencies_sec: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def add(self, seconds: float, probability: float, label: int) -> None:
        """Take in one answer, its recorded time since the start of the test (s), and the truth."""
        self.seconds.append(seconds)
        self.probabilities.append(probability)
        self.labels.append(label)

    def y_and_z(self) -> tuple[Array, Array]:
        """Return the labels y (M,) and the scores z (M,) of the published probabilities."""
        return np.array(self.labels, dtype=float), logit(np.array(self.probabilities, dtype=float))


def logit(p: Array) -> Array:
    """Return z with p = σ(z): ln p − ln(1 − p), finite also where p was rounded to 0 or 1."""
    inside = np.clip(p, np.finfo(float).tiny, 1.0 - np.finfo(float).epsneg)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def summary(results: Results) -> dict[str, float | int | None]:
    """Return what demo_report.json holds; None (null) for what is not defined: the AUC of one class.

    `majority_accuracy` is that of always naming the more frequent class; `lost` counts the messages
    whose decision did not come in time, which no other number includes.
    """
    y, z = results.y_and_z()
    scored, shown = len(y) > 0, ('accuracy', 'log_loss', 'auc')
    p50, p99 = np.percentile(results.latencies_sec or [math.nan], [50.0, 99.0]) * 1e3
    values: dict[str, float | int] = {
        **(scores_of(y, z, shown) if scored else dict.fromkeys(shown, math.nan)),
        'train_samples': results.train_samples,
        'test_samples': len(y),
        'latency_p50_ms': float(p50),
        'latency_p99_ms': float(p99),
        'majority_accuracy': max(float(y.mean()), 1.0 - float(y.mean())) if scored else math.nan,
        'lost': results.lost,
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def baseline(results: Results) -> float | None:
    """Return the log loss of knowing the share of 1 alone (nats); None where one class was scored.

    −q ln q − (1 − q) ln(1 − q), q the share of 1 among what was scored.
    """
    q = float(np.mean(results.labels)) if results.labels else 0.0
    return -q * math.log(q) - (1.0 - q) * math.log(1.0 - q) if 0.0 < q < 1.0 else None


def verdict(results: Results) -> tuple[bool | None, str]:
    """Return whether what was learned holds on what was never taught, None where that cannot be told."""
    own, rival = summary(results)['log_loss'], baseline(results)
    if own is None or rival is None:
        return None, 'Too early to tell: both labels have to be among what is scored'
    numbers = f'held-out log loss {own:.3f}, by the share of the labels alone {rival:.3f}'
    if own < WORTH * rival:
        return True, f'It learned: {numbers}'
    how = 'worse than' if own > rival else 'hardly better than'
    return False, f'It did not learn what holds here, {how} knowing no feature: {numbers}'


def table(results: Results) -> str:
    """Return the results as a table for people."""
    s, what = summary(results), 'points' if results.is_cloud else 'samples'
    rows = [
        ('held-out accuracy', _text(s['accuracy'], '.3f')),
        ('  always the larger class', _text(s['majority_accuracy'], '.3f')),
        ('held-out log loss', _text(s['log_loss'], '.3f')),
        ('  the share of 1 alone', _text(baseline(results), '.3f')),
        ('held-out AUC', _text(s['auc'], '.3f')),
        (
            f'latency, {"cloud to its answer" if results.is_cloud else "message to decision"}',
            f'{_text(s["latency_p50_ms"], ".1f")} ms (p50)',
        ),
        ('', f'{_text(s["latency_p99_ms"], ".1f")} ms (p99)'),
        (f'{what} taught', f'{results.train_samples} of {results.planned_samples}'),
        (f'{what} scored, never taught', _text(s['test_samples'], 'd')),
        ('clouds lost' if results.is_cloud else 'decisions lost', _text(s['lost'], 'd')),
    ]
    return '\n'.join(
        [results.title, verdict(results)[1], *(f'  {name:<30}{value}' for name, value in rows)]
    )


def _text(value: float | int | None, kind: str) -> str:
    return '-' if value is None else format(value, kind)


def write_json(results: Results, folder: Path) -> Path:
    """Write demo_report.json; return where it is."""
    path = folder / JSON_NAME
    path.write_text(json.dumps(summary(results), indent=2, allow_nan=False) + '\n', encoding='utf-8')
    return path


def write_png(results: Results, folder: Path) -> Path:
    """Draw demo_report.png, 1280 × 720; return where it is. Raises ImportError without matplotlib."""
    s, (y, z) = summary(results), results.y_and_z()
    own, rival = (
        [(time - results.began, loss) for time, loss in results.curves.get(name, ())]
        for name in ('log_loss', 'majority_log_loss')
    )
    p, seconds = np.array(results.probabilities, dtype=float), np.array(results.seconds, dtype=float)
    shown = picture.Replayed(
        f'Learned live: {results.title}', *verdict(results), own, rival, results.label_off - results.began,
        y, p, z, seconds, s['auc'], _text(s['accuracy'], '.3f'), results.names, results.is_cloud,
    )  # fmt: skip
    path = folder / PNG_NAME
    path.write_bytes(picture.draw(shown))
    return path
