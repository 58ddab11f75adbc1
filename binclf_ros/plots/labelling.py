# SPDX-License-Identifier: Apache-2.0
"""Stretches of time that are selected by mouse, and labelled by the keys 1, 0 and space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.arrays import Array
from .style import BLUE, GREEN, VERMILION, name_axes

COLORS = {1: GREEN, 0: VERMILION}
HELP = 'drag to select; 1: yes, 0: no, space: neither; close the window to go on'
Span = tuple[float, float, int]


class Selection:
    """Spans of start, end (s) and label, none of which overlap."""

    def __init__(self, spans: Sequence[Span] = ()) -> None:
        self.spans = sorted(spans)
        self.selected: tuple[float, float] | None = None

    def select(self, start: float, end: float) -> None:
        """Take a stretch, for the next key."""
        self.selected = (start, end) if start < end else None

    def press(self, key: str) -> bool:
        """Label the stretch by a key; return whether anything changed."""
        if self.selected is None or key not in ('1', '0', ' '):
            return False
        start, end = self.selected
        kept = []
        for begin, until, label in self.spans:
            kept += [(begin, min(until, start), label)] if begin < start else []
            kept += [(max(begin, end), until, label)] if end < until else []
        if key != ' ':
            kept.append((start, end, int(key)))
        self.spans = sorted(kept)
        return True


def show(title: str, names: Sequence[str], X: Array, t: Array, selection: Selection) -> Any:
    """Draw features X (M, N) at times t (M,), and let stretches be labelled until the window is closed."""
    from matplotlib import pyplot
    from matplotlib.widgets import SpanSelector

    figure, rows = pyplot.subplots(len(names), 1, sharex=True, squeeze=False, figsize=(12.8, 7.2))
    axes = [row[0] for row in rows]
    figure.suptitle(f'{title}: {HELP}')
    for each, name, x in zip(axes, names, X.T):
        each.plot(t, x, color=BLUE, linewidth=1)
        name_axes(each, name, '', '')
    drawn: list[Any] = []

    def redraw() -> None:
        while drawn:
            drawn.pop().remove()
        for each in axes:
            drawn.extend(
                each.axvspan(a, b, color=COLORS[label], alpha=0.3) for a, b, label in selection.spans
            )
        figure.canvas.draw_idle()

    def on_key(event: Any) -> None:
        if selection.press(event.key):
            redraw()

    figure.canvas.mpl_connect('key_press_event', on_key)
    selectors = [SpanSelector(each, selection.select, 'horizontal', useblit=True) for each in axes]
    redraw()
    pyplot.show()
    return selectors
