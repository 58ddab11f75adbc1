# SPDX-License-Identifier: Apache-2.0
"""The picture of the demo: what was learned live, and what it is worth elsewhere, 1280 × 720."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.arrays import Array
from ..core.evaluation.curves import roc_curve
from .page import SIGNS, shortened
from .style import BLUE, GREY, ORANGE, VERMILION, name_axes, new_figure, png

Curve = Sequence[tuple[float, float]]
SMALL = 11
ABOVE = 3.0
"""Times the baseline that the axis of losses shows: the first predictions may be a hundred times worse."""


@dataclass(frozen=True)
class Replayed:
    """What is drawn: `losses` and `baseline` are curves of time (s) and log loss, tested, then taught.

    `learned` is the verdict and `words` says it; `y`, `p`, `z` (M,) are labels, probabilities and scores of
    what was never taught, at `seconds` (M,) of the recording; `names` are those of the labels 0 and 1.
    """

    title: str
    learned: bool | None
    words: str
    losses: Curve
    baseline: Curve
    label_off: float
    y: Array
    p: Array
    z: Array
    seconds: Array
    area: float | None
    accuracy: str
    names: tuple[str, str]
    is_cloud: bool


def draw(shown: Replayed) -> bytes:
    """Return the picture as PNG. Raises ImportError without matplotlib."""
    figure = new_figure()
    color, _ = SIGNS[shown.learned]
    figure.text(0.02, 0.955, shortened(shown.title, 90), fontsize=18, fontweight='bold', va='center')
    figure.text(0.02, 0.905, shortened(shown.words, 140), fontsize=13, color=color, va='center')
    _draw_losses(figure.add_axes((0.06, 0.53, 0.5, 0.3)), shown)
    _draw_roc(figure.add_axes((0.64, 0.53, 0.34, 0.3)), shown)
    last = figure.add_axes((0.06, 0.085, 0.92, 0.31))
    (_draw_histograms if shown.is_cloud else _draw_probability)(last, shown)
    return png(figure)


def _draw_losses(axes: Any, shown: Replayed) -> None:
    """Draw the loss of what was predicted before it was taught, and that of knowing the shares alone."""
    for curve, color, style, name in (
        (shown.losses, BLUE, '-', 'tested, then taught (latest window)'),
        (shown.baseline, VERMILION, '--', 'baseline: the share of the labels so far'),
    ):
        axes.plot([t for t, _ in curve], [loss for _, loss in curve], style, color=color, lw=2, label=name)
    axes.set_ylim(bottom=0.0)
    if shown.label_off > 0.0:
        axes.axvline(shown.label_off, color=GREY, linestyle=':', label='label off')
    if shown.losses:
        own, rival = (
            max((loss for _, loss in each), default=0.5) for each in (shown.losses, shown.baseline)
        )
        axes.set_ylim(0.0, 1.1 * min(own, ABOVE * max(rival, 0.1)) if own > rival else 1.3 * rival)
    axes.set_xlim(left=0.0)
    axes.legend(fontsize=SMALL, frameon=False)
    title = 'Loss while it was taught: below the dashed line it learns'
    name_axes(axes, title, 'time since the first message (s)', 'log loss (nats)')


def _draw_roc(axes: Any, shown: Replayed) -> None:
    if shown.area is not None:
        axes.plot(*roc_curve(shown.y, shown.z), color=BLUE, linewidth=2, label=f'AUC {shown.area:.3f}')
    axes.plot([0, 1], [0, 1], color=VERMILION, linestyle='--', linewidth=1.5, label='chance, 0.5')
    axes.legend(fontsize=SMALL, loc='lower right')
    name_axes(axes, 'ROC on what was never taught', 'false positive rate', 'true positive rate')


def _draw_probability(axes: Any, shown: Replayed) -> None:
    """Draw the answers as dots over the truth as shading; recordings follow each other without a gap."""
    axes.fill_between(
        shown.seconds,
        0.0,
        shown.y,
        step='mid',
        color=ORANGE,
        alpha=0.4,
        linewidth=0,
        label=_truth(shown, 1),
    )
    axes.plot(shown.seconds, shown.p, '.', color=BLUE, markersize=3, label='published probability')
    axes.axhline(0.5, color=GREY, linestyle='--', linewidth=1)
    axes.set_ylim(-0.03, 1.03)
    _finish(
        axes, shown, 'recorded time since the start of the test (s)', f'probability of {shown.names[1]}'
    )


def _draw_histograms(axes: Any, shown: Replayed) -> None:
    """Draw how many points got which probability, by the truth."""
    parts = [shown.p[shown.y == 0], shown.p[shown.y == 1]]
    names = [_truth(shown, 0), _truth(shown, 1)]
    axes.hist(parts, bins=50, range=(0.0, 1.0), color=[BLUE, ORANGE], label=names)
    axes.axvline(0.5, color=GREY, linestyle='--', linewidth=1)
    axes.set_yscale('log')
    _finish(axes, shown, f'published probability of {shown.names[1]}', 'points')


def _truth(shown: Replayed, label: int) -> str:
    return f'truth: {shown.names[label]}'


def _finish(axes: Any, shown: Replayed, x: str, y: str) -> None:
    axes.margins(x=0.005)
    name_axes(axes, f'Never taught: accuracy {shown.accuracy}', x, y)
    place: dict[str, Any] = {'loc': 'lower right', 'bbox_to_anchor': (1.0, 1.0), 'frameon': False}
    axes.legend(fontsize=SMALL, ncols=2, markerscale=4, **place)
