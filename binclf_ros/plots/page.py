# SPDX-License-Identifier: Apache-2.0
"""The page that shows whether it learns: one look, 1280 × 720."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.evaluation.curves import BINS, auc, calibration_sums, confusion, reliability_curve, roc_curve
from ..core.evaluation.progress import COLUMNS
from ..core.evaluation.verdict import Learning, verdict
from ..core.learning.model import Model
from .style import BLACK, BLUE, GREEN, GREY, MAX_DRAWN, ORANGE, VERMILION, name_axes, new_figure, png

MAX_WEIGHTS = 8
MAX_NAME = 46
SMALL, TINY = 11, 10
SIGNS = {
    True: (GREEN, 'It is learning'),
    False: (VERMILION, 'It is not learning'),
    None: (GREY, 'Too early to tell'),
}


def draw(learning: Learning) -> bytes:
    """Return the page as PNG. Raises ImportError without matplotlib."""
    return png(figure_of(learning))


def figure_of(learning: Learning) -> Any:
    """Return the page as a figure. Raises ImportError without matplotlib."""
    figure = new_figure()
    _draw_verdict(figure, learning)
    # the margins are given, as looking for them takes longer than all of the drawing
    _draw_losses(figure.add_axes((0.06, 0.53, 0.42, 0.26)), learning)
    _draw_accuracy(figure.add_axes((0.56, 0.53, 0.42, 0.26)), learning)
    _draw_roc(figure.add_axes((0.06, 0.085, 0.2, 0.31)), learning)
    reliability = figure.add_axes((0.345, 0.16, 0.24, 0.235))
    _draw_reliability(
        reliability, figure.add_axes((0.345, 0.085, 0.24, 0.06), sharex=reliability), learning
    )
    _draw_weights(figure.add_axes((0.65, 0.085, 0.33, 0.31)), learning.model)
    return figure


def shortened(name: str, longest: int = MAX_NAME) -> str:
    """Return a name without its middle where it is too long: both ends tell what it is."""
    if len(name) <= longest:
        return name
    start = (longest - 1) // 3
    return f'{name[:start]}…{name[len(name) - (longest - 1 - start) :]}'


def _draw_verdict(figure: Any, learning: Learning) -> None:
    found = verdict(learning)
    color, headline = SIGNS[found.learns]
    figure.text(0.02, 0.955, headline, fontsize=20, fontweight='bold', color=color, va='center')
    figure.text(
        0.98, 0.955, shortened(learning.title, 70), fontsize=12, color=GREY, va='center', ha='right'
    )
    figure.text(0.02, 0.907, shortened(found.text, 150), fontsize=13, va='center')


def _draw_losses(axes: Any, learning: Learning) -> None:
    curve = dict(zip(COLUMNS, learning.curves.T))
    axes.plot(curve['samples'], curve['loss'], color=BLACK, linewidth=1, label='training')
    _draw_pair(axes, curve, 'log_loss', 'tested before learned')
    axes.set_ylim(0.0, 1.0)
    if len(learning.curves):
        rival, own = curve['majority_log_loss'], curve['log_loss']
        axes.set_ylim(0.0, max(0.1, 1.15 * rival.max(), 1.1 * float(np.percentile(own, 95))))
    _finish_curve(axes, learning, 'Log loss: below the dashed line it learns', 'log loss (nats)')


def _draw_accuracy(axes: Any, learning: Learning) -> None:
    curve = dict(zip(COLUMNS, learning.curves.T))
    _draw_pair(axes, curve, 'accuracy', 'accuracy')
    axes.plot(
        curve['samples'], curve['balanced_accuracy'], color=BLACK, linewidth=1, label='balanced accuracy'
    )
    axes.set_ylim(0.0, 1.02)
    _finish_curve(axes, learning, 'Accuracy: above the dashed line it learns', 'share that is right')


def _draw_pair(axes: Any, curve: dict[str, Any], name: str, label: str) -> None:
    """Draw a score and that of the majority."""
    axes.plot(curve['samples'], curve[name], color=BLUE, linewidth=2.5, label=label)
    rival = curve[f'majority_{name}']
    axes.plot(curve['samples'], rival, color=VERMILION, linewidth=2, linestyle='--', label='majority')


def _finish_curve(axes: Any, learning: Learning, title: str, unit: str) -> None:
    if learning.alarms:
        high = [0.96] * len(learning.alarms)
        above = axes.get_xaxis_transform()  # y in shares of the panel
        axes.plot(learning.alarms, high, 'v', color=ORANGE, markersize=7, transform=above, label='drift')
    if len(learning.curves):
        axes.set_xlim(min(learning.curves[0, 0], learning.curves[-1, 0] - 1.0), learning.curves[-1, 0])
        place = {'loc': 'lower left', 'bbox_to_anchor': (0.0, 1.0), 'frameon': False}
        axes.legend(
            fontsize=SMALL,
            ncols=4,
            borderpad=0.2,
            borderaxespad=0.0,
            handlelength=1.6,
            columnspacing=1.2,
            **place,
        )
    else:
        axes.set_xticks([])
        _write(axes, 'nothing was tested yet')
    name_axes(axes, title, 'labelled samples that were tested', unit, pad=24)


def _draw_roc(axes: Any, learning: Learning) -> None:
    y, z, which = learning.telling
    name_axes(axes, f'ROC, {which}', 'false positive rate', 'true positive rate')
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    if not 0.0 < np.sum(y) < len(y):
        _write(axes, 'needs samples of\nboth classes')
        return
    axes.plot([0, 1], [0, 1], color=VERMILION, linestyle='--', linewidth=1.5, label='chance, 0.5')
    false, true = roc_curve(y, z)
    axes.plot(false, true, color=BLUE, linewidth=2.5, label=f'AUC {auc(y, z):.3f}')
    tn, fp, fn, tp = confusion(y, z, learning.threshold)
    axes.plot(
        fp / (fp + tn),
        tp / (tp + fn),
        'o',
        color=ORANGE,
        markeredgecolor='black',
        markersize=9,
        label=f'threshold {learning.threshold:g}',
    )
    axes.legend(fontsize=TINY, loc='lower right', borderaxespad=0.2)


def _draw_reliability(axes: Any, counts_axes: Any, learning: Learning) -> None:
    y, z, _ = learning.telling
    name_axes(axes, 'Reliability (dashed: ideal)', '', 'share that was 1')
    name_axes(counts_axes, '', 'predicted probability of 1', 'count')
    axes.tick_params(labelbottom=False)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    counts_axes.tick_params(labelsize=TINY)
    if not len(y):
        _write(axes, 'nothing was tested yet')
        return
    axes.plot([0, 1], [0, 1], color=GREY, linestyle='--', linewidth=1.5)
    predicted, share, _ = reliability_curve(y, z)
    axes.plot(predicted, share, 'o-', color=BLUE, linewidth=2.5, markersize=5)
    counts = calibration_sums(y, z)[2]
    counts_axes.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.8 / BINS, color=BLUE)
    counts_axes.set_yticks([int(counts.max())])


def _draw_weights(axes: Any, model: Model | None) -> None:
    if model is None:
        name_axes(axes, 'Weight × scale', 'change of z for 1 σ of the feature', '')
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines['left'].set_visible(False)
        _write(axes, 'no model yet')
        return
    order, effects = ranked_weights(model)
    shown = order[:MAX_WEIGHTS]
    largest = float(np.max(np.abs(effects))) or 1.0
    some = f', {len(shown)} of {len(order)}' if len(order) > len(shown) else ''
    name_axes(axes, f'Weight × scale{some}: + for 1, − for 0', 'change of z for 1 σ of the feature', '')
    axes.set_yticks([])
    axes.spines['left'].set_visible(False)
    axes.set_xlim(-1.05 * largest, 1.05 * largest)
    axes.set_ylim(max(len(shown), 5) - 0.4, -0.6)
    across = axes.get_yaxis_transform()  # x in shares of the panel
    for row, i in enumerate(shown):
        effect = float(effects[i])
        axes.barh(row + 0.22, effect, height=0.3, color=BLUE if effect > 0.0 else ORANGE)
        axes.plot([0.0, 0.0], [row + 0.02, row + 0.42], color=GREY, linewidth=1)
        line = {'y': row - 0.2, 'fontsize': TINY, 'va': 'center', 'transform': across}
        axes.text(0.0, s=shortened(model.features[i]), ha='left', **line)
        axes.text(1.0, s=f'{effect:+.3g}', ha='right', **line)


def ranked_weights(model: Model) -> tuple[Any, Any]:
    """Return the features by |weight × scale|, the largest first, and weight × scale (N,)."""
    with np.errstate(over='ignore'):
        effects = np.clip(np.array(model.weights) * np.array(model.scale), -MAX_DRAWN, MAX_DRAWN)
    return np.argsort(-np.abs(effects), kind='stable'), effects


def _write(axes: Any, text: str) -> None:
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha='center', va='center', fontsize=SMALL, color=GREY
    )
