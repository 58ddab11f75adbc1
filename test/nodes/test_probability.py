# SPDX-License-Identifier: Apache-2.0
"""What the predictor says is what the model says."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ros_harness import LATCHED, blobs, model_dict, probability_of
from std_msgs.msg import String


@pytest.fixture
def logit_predictor(ground):
    """A predictor whose one feature is z, and a function that asks for p and returns the decision."""
    ground.start('predictor')
    ground.wait_for_nodes('predictor')
    decisions, probabilities = ground.hear_decisions(), ground.hear_probabilities()
    models = ground.publisher(String, 'model', LATCHED)
    models.publish(String(data=json.dumps(model_dict([1.0], 0.0))))
    ground.wait_until(lambda: ground.shown('predictor', 'model_step') == '1')

    def decide(p):
        before = len(decisions)
        ground.ask_until(
            lambda: len(decisions) > before and len(probabilities) > before, [np.log(p / (1.0 - p))]
        )
        assert probabilities[-1] == pytest.approx(p, abs=1e-12)
        return decisions[-1]

    return decide


def test_probability_is_the_sigmoid_of_the_latched_model(ground):
    ground.start('trainer')
    ground.start('predictor')
    ground.wait_for_nodes('trainer', 'predictor')
    models, probabilities = ground.hear_models(), ground.hear_probabilities()
    X, y = blobs(400, n_features=7, seed=3)
    X = 100.0 + X * np.geomspace(1e-2, 1e2, 7)
    ground.teach(X, y)
    ground.wait_until(lambda: models and models[-1]['samples'] == 400 and models[-1]['converged'])
    step = models[-1]['step']
    ground.wait_until(
        lambda: ground.shown('predictor', 'model_step') == str(step),
        'the predictor takes the last model over',
    )
    ground.ask_until(lambda: probabilities, X[0])
    for x in X[:50]:
        ground.ask(x)
    ground.wait_until(lambda: len(probabilities) >= 51)
    assert models[-1]['step'] == step
    expected = [probability_of(models[-1], x) for x in X[:50]]
    np.testing.assert_allclose(probabilities[-50:], expected, rtol=0, atol=1e-12)
    assert np.ptp(probabilities) > 0.5


def test_decision_is_1_at_and_above_the_threshold_that_is_set_at_run_time(ground, logit_predictor):
    assert [logit_predictor(p) for p in (0.4, 0.5, 0.6)] == [0, 1, 1]
    assert ground.set_parameter('predictor', 'threshold', 0.8) == ''
    assert [logit_predictor(p) for p in (0.79, 0.81)] == [0, 1]


def test_decision_holds_within_the_dead_band(ground, logit_predictor):
    assert ground.set_parameter('predictor', 'hysteresis', 0.1) == ''
    asked = [0.55, 0.61, 0.55, 0.45, 0.39, 0.45, 0.55, 0.65]
    assert [logit_predictor(p) for p in asked] == [0, 1, 1, 1, 0, 0, 0, 1]
