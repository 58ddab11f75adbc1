# SPDX-License-Identifier: Apache-2.0
"""Features outside of what was taught, and curves, by a predictor that runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ros_harness import LATCHED, model_dict
from std_msgs.msg import Float64, String


@pytest.fixture
def predictor(ground):
    ground.start('predictor')
    ground.wait_for_nodes('predictor')
    models = ground.publisher(String, 'model', LATCHED)
    knots = [[0.0, 1.0, 2.0], [1.0, 3.0]]
    model = model_dict((1.0, -2.0, 3.0, 0.5, 4.0), 0.25, version=2)
    model.update(features=['a', 'b'], mean=[1.0, 2.0], scale=[1.0, 1.0], low=[0.0, 1.0], high=[2.0, 3.0])
    model.update(map={'kind': 'curves', 'knots': knots}, effective_samples=10.5, later='unknown')
    models.publish(String(data=json.dumps(model)))
    ground.wait_until(lambda: ground.shown('predictor', 'model_step') == '1')
    return ground


def expected(a, b):
    ramps = [np.clip(a, 0, 1), np.clip(a - 1, 0, 1), np.clip((b - 1) / 2, 0, 1)]
    columns = [np.clip(a, 0, 2), *ramps[:2], np.clip(b, 1, 3), ramps[2]]
    return 1.0 / (1.0 + np.exp(-np.dot(columns, [1.0, -2.0, 3.0, 0.5, 4.0]) - 0.25))


def test_curves_are_answered_and_what_is_outside_is_counted_and_held_or_silent(predictor):
    ground = predictor
    probabilities, decisions = ground.hear_probabilities(), ground.hear_decisions()
    asks = ground.subscribe(Float64, 'predictor/ask')
    ground.ask_until(lambda: probabilities and decisions, [0.7, 2.0], ['a', 'b'])
    assert probabilities[-1] == pytest.approx(expected(0.7, 2.0), abs=1e-12)
    assert ground.shown('predictor', 'outside') == '0'
    ground.wait_until(lambda: asks)
    assert asks[-1].data == pytest.approx(1.0 - abs(2.0 * expected(0.7, 2.0) - 1.0), abs=0.5)

    def ask(x):
        n = len(probabilities)
        ground.ask(x, ['a', 'b'])
        ground.wait_until(lambda: len(probabilities) > n and len(decisions) >= len(probabilities))
        return probabilities[-1], decisions[-1]

    assert ground.set_parameter('predictor', 'threshold', 0.95) == ''
    low, high = expected(0.9, 1.0), expected(2.0, 3.0)
    assert low < 0.95 < high
    assert ask([0.9, 1.0])[1] == 0
    assert ask([5.0, 3.0]) == (pytest.approx(high), 1), 'answer: as any other'
    assert ask([0.9, 1.0])[1] == 0
    assert ground.set_parameter('predictor', 'on_outside', 'hold') == ''
    assert ask([5.0, 3.0]) == (pytest.approx(high), 0), 'hold: the last decision'
    assert ground.set_parameter('predictor', 'on_outside', 'silent') == ''
    n = len(probabilities)
    ground.ask([5.0, 3.0], ['a', 'b'])
    ground.wait_until(lambda: ground.shown('predictor', 'rejected/outside') == '1')
    assert len(probabilities) == n
    ground.wait_until(lambda: ground.shown('predictor', 'outside') == '3')
    counts = [int(ground.shown('predictor', key)) for key in ('received', 'answered')]
    assert counts[0] == counts[1] + 1
