# SPDX-License-Identifier: Apache-2.0
"""What all pictures share: size, colours, axes; and how one becomes a PNG.

matplotlib's figures are used as objects, never its global state, so that any thread may draw.
"""

from __future__ import annotations

import io
from typing import Any

BLUE, ORANGE, GREY = '#0072B2', '#E69F00', '#595959'
GREEN, VERMILION, BLACK = '#009E73', '#D55E00', '#000000'
"""Of the palette of Okabe and Ito, which the colour-blind can tell apart."""
COLORS = 128
MAX_DRAWN = 1e100
"""Larger numbers are drawn as this: axes of more have no ticks, and matplotlib raises."""


def new_figure(**more: Any) -> Any:
    """Return an empty figure of 1280 × 720. Raises ImportError without matplotlib."""
    from matplotlib.figure import Figure

    return Figure(figsize=(12.8, 7.2), dpi=100, **more)


def png(figure: Any) -> bytes:
    """Return a figure as PNG of few colours: a third of the bytes, and nobody sees it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image  # comes with matplotlib

    _take_words_literally(figure)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    size = canvas.get_width_height()
    image = Image.frombuffer('RGBA', size, canvas.buffer_rgba(), 'raw', 'RGBA', 0, 1)
    file = io.BytesIO()
    few = image.convert('RGB').quantize(COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(file, format='png')
    return file.getvalue()


def _take_words_literally(figure: Any) -> None:
    """Keep dollars in names and titles from being read as mathematics, which may be wrong, and raises."""
    written = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    for text in written:  # the title of a figure is one of its texts
        text.set_text(text.get_text().replace('$', r'\$'))


def name_axes(axes: Any, title: str, x: str, y: str, pad: float = 6) -> None:
    """Write the title, `pad` points above, and what the axes are, with units."""
    axes.set_title(title, fontsize=13, loc='left', pad=pad)
    axes.set_xlabel(x, fontsize=12)
    axes.set_ylabel(y, fontsize=12)
    axes.tick_params(labelsize=11)
    axes.spines[['top', 'right']].set_visible(False)
