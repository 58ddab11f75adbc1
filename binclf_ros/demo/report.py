# SPDX-License-Identifier: Apache-2.0
"""What came of it: a table, demo_report.json and demo_report.png."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.evaluation.curves import roc_curve
from ..core.evaluation.scores import scores_of
from ..plots.style import BLUE, GREY, ORANGE, name_axes, new_figure, png

JSON_NAME, PNG_NAME = 'demo_report.json', 'demo_report.png'


@dataclass
class Results:
    """What was measured."""

    title: str
    train_samples: int = 0
    is_cloud: bool = False
    """Samples are points, many of them answered together."""
    planned_samples: int = 0
    lost: int = 0
    began: float = 0.0
    label_off: float = 0.0
    losses: list[tuple[float, float]] = field(default_factory=list)
    log_losses: list[tuple[float, float]] = field(default_factory=list)
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


def table(results: Results) -> str:
    """Return the results as a table for people."""
    s, what = summary(results), 'points' if results.is_cloud else 'samples'
    rows = [
        ('held-out accuracy', _text(s['accuracy'], '.3f')),
        ('  always the larger class', _text(s['majority_accuracy'], '.3f')),
        ('held-out log loss', _text(s['log_loss'], '.3f')),
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
    return '\n'.join([results.title, *(f'  {name:<30}{value}' for name, value in rows)])


def _text(value: float | int | None, kind: str) -> str:
    return '-' if value is None else format(value, kind)


def write_json(results: Results, folder: Path) -> Path:
    """Write demo_report.json; return where it is."""
    path = folder / JSON_NAME
    path.write_text(json.dumps(summary(results), indent=2, allow_nan=False) + '\n', encoding='utf-8')
    return path


def write_png(results: Results, folder: Path) -> Path:
    """Draw demo_report.png, 1280 × 720; return where it is. Raises ImportError without matplotlib."""
    figure = new_figure(layout='constrained')
    figure.suptitle(f'binclf_ros learned live: {results.title}', fontsize=16)
    grid = figure.add_gridspec(2, 2)
    _draw_loss(figure.add_subplot(grid[0, 0]), results)
    _draw_roc(figure.add_subplot(grid[0, 1]), results)
    draw = _draw_histograms if results.is_cloud else _draw_probability
    draw(figure.add_subplot(grid[1, :]), results)
    path = folder / PNG_NAME
    path.write_bytes(png(figure))
    return path


def _draw_loss(axes: Any, results: Results) -> None:
    """Draw both losses, of what is learned from and of what is predicted before it is learned from."""
    for curve, color, name in (
        (results.log_losses, ORANGE, 'tested, then taught (latest window)'),
        (results.losses, BLUE, 'of the model on all it was taught'),
    ):
        times = [time - results.began for time, _ in curve]
        axes.plot(times, [loss for _, loss in curve], color=color, linewidth=2, label=name)
    if results.label_off:
        axes.axvline(results.label_off - results.began, color=GREY, linestyle='--', label='label off')
    axes.legend(fontsize=11)
    axes.set_xlim(left=0.0)
    if any(loss > 0.0 for _, loss in (*results.losses, *results.log_losses)):
        axes.set_yscale('log')  # the first predictions may be a hundred times worse than the last
    name_axes(axes, 'Loss while it was taught', 'time since the first message (s)', 'mean log loss (nats)')


def _draw_probability(axes: Any, results: Results) -> None:
    """Draw the answers as dots over the truth as shading; recordings follow each other without a gap."""
    y, at = np.array(results.labels), np.array(results.seconds)
    axes.fill_between(at, 0.0, y, step='mid', color=ORANGE, alpha=0.4, linewidth=0, label='truth is 1')
    axes.plot(at, results.probabilities, '.', color=BLUE, markersize=3, label='published probability')
    axes.axhline(0.5, color=GREY, linestyle='--', linewidth=1)
    axes.set_ylim(-0.03, 1.03)
    axes.margins(x=0.005)
    name_axes(
        axes,
        f'Probability against truth, never taught: accuracy {_text(summary(results)["accuracy"], ".3f")}',
        'recorded time since the start of the test (s)',
        'probability of 1',
    )
    axes.legend(fontsize=11, loc='lower right', bbox_to_anchor=(1.0, 1.0), ncols=2, markerscale=4)


def _draw_histograms(axes: Any, results: Results) -> None:
    """Draw how many points got which probability, by the truth."""
    p, y = np.array(results.probabilities), np.array(results.labels)
    names = ['truth is 0', 'truth is 1']
    axes.hist([p[y == 0], p[y == 1]], bins=50, range=(0.0, 1.0), color=[BLUE, ORANGE], label=names)
    axes.axvline(0.5, color=GREY, linestyle='--', linewidth=1)
    axes.set_yscale('log')
    axes.margins(x=0.005)
    title = f'Points never taught: accuracy {_text(summary(results)["accuracy"], ".3f")}'
    name_axes(axes, title, 'published probability of 1', 'points')
    axes.legend(fontsize=11, loc='lower right', bbox_to_anchor=(1.0, 1.0), ncols=2)


def _draw_roc(axes: Any, results: Results) -> None:
    y, z = results.y_and_z()
    area = summary(results)['auc']
    if area is not None:
        false, true = roc_curve(y, z)
        axes.plot(false, true, color=BLUE, linewidth=2, label=f'AUC {area:.3f}')
    axes.plot([0, 1], [0, 1], color=GREY, linestyle='--', linewidth=1, label='chance, 0.5')
    axes.legend(fontsize=11, loc='lower right')
    name_axes(axes, 'ROC on what was never taught', 'false positive rate', 'true positive rate')
