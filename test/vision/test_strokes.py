# SPDX-License-Identifier: Apache-2.0
"""The mask that strokes make, against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from binclf_ros.vision.strokes import mask_of_strokes


def slow_mask(strokes, height, width):
    """The definition, pixel by pixel and in frames that are small: a pixel is near a line or is not."""
    mask = np.full((height, width), 255)
    for label, share, shares in strokes:
        radius = max(share * width, np.sqrt(0.5))
        points = np.array(shares) * (width, height)
        for start, end in zip([points[0], *points], points):
            for row in range(height):
                for col in range(width):
                    at, way = np.array([col + 0.5, row + 0.5]) - start, end - start
                    along = np.clip(at @ way / (way @ way), 0, 1) if way.any() else 0.0
                    if np.hypot(*(at - along * way)) <= radius:
                        mask[row, col] = label
    return mask


def test_a_mask_is_what_is_near_a_line():
    strokes = [
        (1, 0.1, ((0.1, 0.2), (0.8, 0.3), (0.5, 0.9))),
        (0, 0.05, ((0.5, 0.25),)),
        (1, 0.001, ((1.0, 1.0),)),
    ]
    made = mask_of_strokes(strokes, 18, 30)
    assert made.dtype == np.uint8 and np.array_equal(made, slow_mask(strokes, 18, 30))
    assert made[4, 15] == 0  # the later stroke counts
    assert made[17, 29] == 1  # a dot in the corner is a pixel at least
    assert (mask_of_strokes([], 5, 7) == 255).all()


def test_a_large_mask_has_the_size_and_shape_of_its_frame():
    stroke = (1, 0.1, ((0.25, 0.5),))
    mask = mask_of_strokes([stroke], 1500, 2003)
    rows, cols = np.nonzero(mask == 1)
    assert mask.shape == (1500, 2003)
    assert np.ptp(rows) == pytest.approx(400, abs=8) and np.ptp(cols) == pytest.approx(400, abs=8)
    assert rows.mean() == pytest.approx(750, abs=4) and cols.mean() == pytest.approx(500, abs=4)
