# SPDX-License-Identifier: Apache-2.0
"""The page of `train` and `evaluate`: one look at what holds by recording, 1280 × 720."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.evaluation.curves import auc, reliability_curve, roc_curve
from ..core.learning.model import Model
from .page import MAX_WEIGHTS, ranked_weights, shortened
from .style import BLUE, GREY, ORANGE, VERMILION, name_axes, new_figure, png

MAX_BARS = 14
SMALL, TINY = 11, 10
CURVE_POINTS, MAX_CURVES = 200, 6


def draw(
    title: str,
    words: str,
    model: Model,
    predictions: tuple[Array, Array],
    rows: Sequence[Mapping[str, Any]],
    curve: Sequence[tuple[int, float]],
) -> bytes:
    """Return the page as PNG. Raises ImportError without matplotlib.

    `predictions` are y (M,) and z (M,) of what was scored; `rows` are the figures of recordings, the worst
    first; `curve` is how many recordings taught, and the log loss on the others.
    """
    figure = new_figure()
    figure.text(0.02, 0.955, shortened(title, 90), fontsize=20, fontweight='bold', va='center')
    figure.text(0.02, 0.907, shortened(words, 150), fontsize=13, va='center')
    _draw_recordings(figure.add_axes((0.06, 0.53, 0.5, 0.3)), rows)
    _draw_curve(figure.add_axes((0.64, 0.53, 0.34, 0.3)), curve)
    _draw_roc(figure.add_axes((0.06, 0.085, 0.2, 0.31)), *predictions)
    _draw_reliability(figure.add_axes((0.345, 0.085, 0.24, 0.31)), *predictions)
    _draw_effects(figure.add_axes((0.65, 0.085, 0.33, 0.31)), model)
    return png(figure)


def _draw_recordings(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the log loss of each recording beside what knowing the share alone would have."""
    shown = [row for row in rows if row['log_loss'] is not None][:MAX_BARS]
    some = f', the worst {len(shown)} of {len(rows)}' if len(rows) > len(shown) else ', the worst first'
    name_axes(axes, f'Log loss by recording{some}', '', 'log loss (nats)')
    at = np.arange(len(shown))
    axes.bar(at, [row['log_loss'] for row in shown], width=0.6, color=BLUE, label='model')
    priors = [row['majority_log_loss'] for row in shown]
    axes.plot(at, priors, '_', color=VERMILION, markersize=18, markeredgewidth=2, label='share alone')
    axes.set_xticks(at, [shortened(row['name'], 14) for row in shown], rotation=25, ha='right')
    axes.tick_params(axis='x', labelsize=TINY)
    if shown:
        axes.legend(fontsize=SMALL, frameon=False)


def _draw_curve(axes: Any, curve: Sequence[tuple[int, float]]) -> None:
    name_axes(axes, 'Does another recording help?', 'recordings that taught', 'log loss on the others')
    if not curve:
        axes.text(0.5, 0.5, 'needs three recordings', transform=axes.transAxes, ha='center', color=GREY)
        axes.set_xticks([])
        return
    counts, losses = zip(*curve)
    axes.plot(counts, losses, 'o-', color=BLUE, linewidth=2.5)
    axes.set_ylim(0.0, 1.1 * min(max(losses), 2.0))


def _draw_roc(axes: Any, y: Array, z: Array) -> None:
    name_axes(axes, 'ROC', 'false positive rate', 'true positive rate')
    axes.plot([0, 1], [0, 1], color=VERMILION, linestyle='--', linewidth=1.5, label='chance, 0.5')
    if 0.0 < np.sum(y) < len(y):
        axes.plot(*roc_curve(y, z), color=BLUE, linewidth=2.5, label=f'AUC {auc(y, z):.3f}')
    axes.legend(fontsize=TINY, loc='lower right')


def _draw_reliability(axes: Any, y: Array, z: Array) -> None:
    name_axes(axes, 'Reliability (dashed: ideal)', 'predicted probability of 1', 'share that was 1')
    axes.plot([0, 1], [0, 1], color=GREY, linestyle='--', linewidth=1.5)
    if len(y):
        predicted, share, _ = reliability_curve(y, z)
        axes.plot(predicted, share, 'o-', color=BLUE, linewidth=2.5, markersize=5)


def _draw_effects(axes: Any, model: Model) -> None:
    """Draw what the model makes of each feature: weights × scale, or curves where it has them."""
    if model.map is not None:
        _draw_curves(axes, model)
        return
    order, effects = ranked_weights(model)
    title, unit = 'Weight × scale: + for 1, − for 0', 'change of z for 1 σ of the feature'
    shown = order[:MAX_WEIGHTS]
    largest = float(np.max(np.abs(effects))) or 1.0
    name_axes(axes, title, unit, '')
    axes.set_yticks([])
    axes.set_xlim(-1.05 * largest, 1.05 * largest)
    axes.set_ylim(max(len(shown), 5) - 0.4, -0.6)
    for row, i in enumerate(shown.tolist()):
        axes.barh(row + 0.22, effects[i], height=0.3, color=BLUE if effects[i] > 0.0 else ORANGE)
        line = {'fontsize': TINY, 'va': 'center', 'transform': axes.get_yaxis_transform()}
        axes.text(0.0, row - 0.2, shortened(model.features[i]), ha='left', **line)
        axes.text(1.0, row - 0.2, f'{effects[i]:+.3g}', ha='right', **line)


def _draw_curves(axes: Any, model: Model) -> None:
    """Draw what each feature adds to z over its range, lowest knot to highest, on one scale."""
    spans = [
        model.forward.of_feature(j, np.linspace(q[0], q[-1], CURVE_POINTS))
        for j, q in enumerate(model.knots)
    ]
    effects = np.array([float(np.ptp(each)) for each in spans])
    shown = np.argsort(-effects, kind='stable')[:MAX_CURVES].tolist()
    largest = float(np.max(effects)) or 1.0
    name_axes(
        axes,
        'Curves: what each adds to z, at most',
        'from its lowest value to its highest',
        '',
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(max(len(shown), 3) - 0.4, -0.6)
    for row, j in enumerate(shown):
        heights = (spans[j] - np.min(spans[j])) / largest
        axes.plot(np.linspace(0.0, 1.0, CURVE_POINTS), row + 0.36 - 0.5 * heights, color=BLUE, linewidth=2)
        line = {'fontsize': TINY, 'va': 'center', 'transform': axes.get_yaxis_transform()}
        axes.text(0.0, row - 0.35, shortened(model.features[j]), ha='left', **line)
        axes.text(1.0, row - 0.35, f'{effects[j]:.3g}', ha='right', **line)
