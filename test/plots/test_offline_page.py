# SPDX-License-Identifier: Apache-2.0
"""The page of `train` and `evaluate`, where a model has curves."""

from __future__ import annotations

import numpy as np
import pytest

from binclf_ros.core.learning.model import Model

pytest.importorskip('matplotlib', reason='matplotlib is missing')


def test_each_curve_is_drawn_as_it_is_the_largest_first_also_without_a_range_that_was_taught():
    from matplotlib.figure import Figure

    from binclf_ros.plots.offline import _draw_effects

    model = Model(
        'run', 1, 0.0, ('still', 'bent', 'flat'), (5.0, 1.0, -1.0, 3.0, 0.0, 0.5), 0.1, (0.0,) * 3,
        (1.0,) * 3,
        9, 4, 0.3, True, feature_map='curves', knots=((2.0,), (0.0, 1.0, 2.0), (0.0, 4.0)),
    )  # fmt: skip
    axes = Figure().add_axes((0.0, 0.0, 1.0, 1.0))
    _draw_effects(axes, model)
    said = [each.get_text() for each in axes.texts]
    assert said == ['bent', '4', 'flat', '0.5', 'still', '0']
    bent, flat, still = (0.36 + row - line.get_ydata() for row, line in enumerate(axes.lines))
    assert np.ptp(bent) == pytest.approx(0.5) and bent[0] == pytest.approx(bent[100], abs=0.01)
    assert np.ptp(flat) == pytest.approx(0.0625) and np.ptp(still) == 0.0
