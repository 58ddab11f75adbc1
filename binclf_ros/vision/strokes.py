# SPDX-License-Identifier: Apache-2.0
"""Strokes of a round brush on a picture, and the mask that they make."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
"""Column and row, as shares of width and height where they are those of a stroke."""
Stroke = tuple[int, float, Sequence[Point]]
"""The label, the radius as a share of the picture's width, and the way."""

UNLABELED = 255
MAX_SIDE = 640
"""Pixels of the longer side at which masks are made: no finger paints finer than the picture is shown."""


def mask_of_strokes(strokes: Iterable[Stroke], height: int, width: int) -> NDArray[np.uint8]:
    """Return the mask (height, width): 1, 0, and 255 where there is no stroke; the last stroke counts."""
    shrink = min(1.0, MAX_SIDE / max(height, width))
    small = np.full((math.ceil(height * shrink), math.ceil(width * shrink)), UNLABELED, dtype=np.uint8)
    for label, share, shares in strokes:
        points = [(x * small.shape[1], y * small.shape[0]) for x, y in shares]
        radius = max(share * small.shape[1], math.sqrt(0.5))  # one pixel at least
        for start, end in zip(points[:1] + points, points):
            _draw_line(small, start, end, radius, label)
    rows, cols = (np.arange(n) * m // n for n, m in zip((height, width), small.shape))
    return small[rows[:, None], cols]


def _draw_line(mask: NDArray[np.uint8], start: Point, end: Point, radius: float, label: int) -> None:
    """Label the pixels whose middle is no further than `radius` from the line, both ends included."""
    spans = []
    for a, b, size in zip(start, end, mask.shape[::-1]):
        first, last = math.floor(min(a, b) - radius), math.ceil(max(a, b) + radius)
        spans.append((max(0, first), min(size, last)))
    (left, right), (top, bottom) = spans
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right) + 0.5 - start[0]
    y = np.arange(top, bottom)[:, None] + 0.5 - start[1]
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    along = np.clip((x * dx + y * dy) / length, 0.0, 1.0) if length else 0.0
    near = (x - along * dx) ** 2 + (y - along * dy) ** 2 <= radius * radius
    mask[top:bottom, left:right][near] = label
