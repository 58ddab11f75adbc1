# SPDX-License-Identifier: Apache-2.0
"""The pictures of the lecture, whose mathematics is in lecture.py; a notebook shows them below the cell."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from binclf_ros.core.learning.feature_maps import Curves
from binclf_ros.core.learning.lecture import descend, initialize, predict
from binclf_ros.plots.style import BLUE, GREEN, GREY, ORANGE, VERMILION, name_axes

Walk = list[tuple[Any, float]]
_DRAWN: dict[str, Figure] = {}


def _show(name: str, figure: Figure) -> None:
    """Keep a figure under its name, and show it where somebody looks: in a notebook."""
    _DRAWN[name] = figure
    figure.tight_layout()
    try:
        from IPython import get_ipython
        from IPython.display import Image, display
    except ImportError:
        return
    if get_ipython() is not None:
        file = io.BytesIO()
        figure.savefig(file, format='png')
        display(Image(file.getvalue()))


def written(folder: Path) -> Iterator[Path]:
    """Write every picture so far into a folder, and yield its path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in _DRAWN.items():
        path = folder / f'lecture_{name}.png'
        figure.savefig(path, dpi=80)
        yield path


def _axes(count: int = 1, width: float = 6.4) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(width * count, 4.4), dpi=100)
    return figure, [figure.add_subplot(1, count, i + 1) for i in range(count)]


def _classes(axes: Any, X: Any, y: Any) -> None:
    for label, color, marker, name in ((1, BLUE, 'o', 'gravel (1)'), (0, ORANGE, 's', 'asphalt (0)')):
        axes.scatter(*X[y.ravel() == label].T, c=color, marker=marker, s=18, label=name)


def samples(X: Any, y: Any) -> None:
    """Draw the dataset."""
    figure, (axes,) = _axes()
    _classes(axes, X, y)
    name_axes(axes, 'Samples', 'x₁: shaking', 'x₂: speed')
    axes.legend(frameon=False)
    _show('samples', figure)


def sigmoid_and_bce(z: Any, y_hat: Any) -> None:
    """Draw σ(z), and the loss of a sample by ŷ."""
    figure, (left, right) = _axes(2)
    left.plot(z, y_hat, color=BLUE)
    name_axes(left, 'ŷ = σ(z) = 1/(1 + e⁻ᶻ)', 'z = X·wᵀ + b', 'ŷ')
    right.plot(y_hat, -np.log(y_hat), color=BLUE, label='y = 1: −ln ŷ')
    right.plot(y_hat, -np.log(1.0 - y_hat), color=ORANGE, label='y = 0: −ln(1 − ŷ)')
    name_axes(right, 'The loss of one sample', 'ŷ', 'loss')
    right.legend(frameon=False)
    _show('sigmoid', figure)


def boundary_turns(X: Any, y: Any, path: Walk, losses: list[float]) -> None:
    """Draw the boundary after some of the steps, and the loss over all."""
    figure, (left, right) = _axes(2)
    _classes(left, X, y)
    shown = sorted({0, 1, 3, 10, len(path) - 1})
    for i, step in enumerate(shown):
        (w1, w2), b = path[step][0].ravel(), path[step][1]
        x1 = np.linspace(*left.get_xlim(), 2)
        left.plot(
            x1, -(b + w1 * x1) / w2, color=GREY, alpha=0.3 + 0.7 * i / len(shown), label=f'step {step}'
        )
    left.set_xlim(X[:, 0].min() - 0.3, X[:, 0].max() + 0.3)
    left.set_ylim(X[:, 1].min() - 0.3, X[:, 1].max() + 1.6)
    left.legend(frameon=False, ncols=4, loc='upper left', fontsize=8)
    name_axes(left, 'The boundary turns', 'x₁: shaking', 'x₂: speed')
    right.semilogx(np.arange(1, len(losses) + 1), losses, color=BLUE)
    name_axes(right, 'The loss falls', 'step', 'L')
    _show('boundary', figure)


def learning_rates(walks: dict[float, Walk], loss: Callable[[Any, float], float], best: float) -> None:
    """Draw the loss over the first steps for each α."""
    figure, (axes,) = _axes()
    for (alpha, walk), color in zip(walks.items(), (ORANGE, BLUE, VERMILION)):
        kind = 'too small' if alpha < 0.5 * best else 'too large' if alpha > 2.0 * best else '1/L'
        axes.semilogy([loss(*each) for each in walk], color=color, label=f'α = {alpha:.2f} ({kind})')
    name_axes(axes, 'Three learning rates', 'step', 'L')
    axes.legend(frameon=False)
    _show('learning_rates', figure)


def loss_surface(walks: dict[float, Walk], loss: Callable[[Any, float], float]) -> None:
    """Draw the loss over w₁ and w₂, at the last b, and the way that each α takes."""
    figure, (axes,) = _axes()
    w1, w2 = np.linspace(-6.0, 24.0, 80), np.linspace(-14.0, 6.0, 80)
    b = list(walks.values())[1][-1][1]
    height = np.array([[loss(np.array([[u, v]]), b) for u in w1] for v in w2])
    filled = axes.contourf(w1, w2, np.log10(height), 24, cmap='Greys')
    figure.colorbar(filled, ax=axes, label='log₁₀ L')
    for (alpha, walk), color in zip(walks.items(), (ORANGE, BLUE, VERMILION)):
        ways = np.array([w.ravel() for w, _ in walk])
        axes.plot(*ways.T, '.-', color=color, label=f'α = {alpha:.2f}', linewidth=1)
    axes.set_xlim(w1[0], w1[-1])
    axes.set_ylim(w2[0], w2[-1])
    axes.legend(loc='lower left')
    name_axes(axes, 'The way of w over the loss', 'w₁', 'w₂')
    _show('loss_surface', figure)


def bce_and_mse(w: Any, values: dict[str, list[float]], slopes: dict[str, list[float]]) -> None:
    """Draw both losses of one sample with y = 1, and their gradients."""
    figure, (left, right) = _axes(2)
    for name, color in (('BCE', BLUE), ('MSE', VERMILION)):
        left.plot(w, values[name], color=color, label=name)
        right.plot(w, slopes[name], color=color, label=name)
    name_axes(left, 'The loss of a sample with x = 1, y = 1', 'w', 'L')
    name_axes(right, 'Its gradient: where it is flat, nothing moves', 'w', '∂L/∂w')
    left.legend(frameon=False)
    right.legend(frameon=False)
    _show('mse', figure)


def line_and_curve(x: Any, y: Any) -> None:
    """Draw what a line and a curve make of a feature whose answer lies in the middle."""
    figure, (axes,) = _axes()
    axes.plot(x.ravel(), y.ravel(), '.', color=GREY, alpha=0.4, label='labels')
    grid = np.linspace(0.0, 3.0, 300)[:, None]
    curves = Curves.fit(x, 8, x.mean(axis=0), x.std(axis=0))
    for kind, columns, color in (('line', lambda x: x, VERMILION), ('curves', curves.columns, GREEN)):
        start = initialize(columns(x).shape[1], seed=0)
        *_, (w, b) = (each for each, _ in zip(descend(columns(x), y, *start, alpha=1.0), range(3000)))
        axes.plot(grid, predict(columns(grid), w, b), color=color, label=f'feature_map: {kind}')
    name_axes(
        axes, 'Neither too little nor too much', 'motor current, A', 'probability that it holds something'
    )
    axes.legend(loc='center right')
    _show('line_and_curve', figure)


def basic_motions() -> Any:
    """Return (X, y) of the recordings that teach, and of those that are scored; None, None without them."""
    from binclf_ros.core.errors import BinclfError
    from binclf_ros.recordings.basic_motions import load

    try:
        taught, scored = load('TRAIN'), load('TEST')
    except BinclfError as error:
        print(error)
        return None, None
    return _by_second(taught), _by_second(scored)


def _by_second(recordings: Any) -> tuple[Any, Any]:
    """Return mean and spread of each second (10 readings) of each channel, (M, 2·6), and labels (M, 1)."""
    rows, labels = [], []
    for readings, is_positive in recordings:
        for start in range(0, len(readings) - 9, 10):
            second = readings[start : start + 10]
            rows.append(np.concatenate([second.mean(axis=0), second.std(axis=0)]))
            labels.append(float(is_positive))
    return np.array(rows), np.array(labels)[:, None]
