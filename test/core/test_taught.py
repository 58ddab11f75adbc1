# SPDX-License-Identifier: Apache-2.0
"""The range that was taught, what leaves it, and how much a label would teach."""

from __future__ import annotations

import numpy as np
import pytest

from binclf_ros.core.evaluation.ask import Ask
from binclf_ros.core.health.learning import find_outside
from binclf_ros.core.learning.learner import Learner, LearningOptions
from binclf_ros.core.learning.model import Model
from binclf_ros.core.learning.taught import Taught


def test_there_is_a_margin_but_never_towards_0() -> None:
    taught = Taught([1.0, -4.0, -1.0], [2.0, -2.0, 3.0])
    inside = np.array([1.5, -3.0, 0.0])
    assert not taught.leaves(inside)
    for j, value, leaves in [
        (0, 2.2, False), (0, 2.3, True), (0, 0.99, True), (1, -4.4, False), (1, -1.9, True),
        (2, -1.9, False)
    ]:  # fmt: skip
        x = inside.copy()
        x[j] = value
        assert taught.leaves(x) is leaves and taught.outside(x) == ([j] if leaves else [])
    assert taught.leaves(np.zeros(3)), 'sensors that have died'


def test_the_explanation_names_the_features_that_are_outside() -> None:
    learner = Learner('run', LearningOptions())
    X = np.random.default_rng(0).uniform(1.0, 2.0, (100, 2))
    learner.take(('speed', 'tilt'), X, (X[:, 0] > 1.5).astype(float))
    learner.descend()
    model = Model.from_json(learner.model.to_json())  # type: ignore[union-attr]
    assert model.low == tuple(X.min(axis=0)) and model.high == tuple(X.max(axis=0))
    assert 'outside' not in model.explain(X[0])
    said = model.explain(np.array([1.5, 0.0]))
    assert 'outside of what was taught: tilt is 0 (1.0' in said and 'speed is' not in said
    assert 'speed is 9 (1.0' in model.explain(np.array([9.0, 0.0]))


def test_the_range_goes_on_where_the_model_of_a_file_does() -> None:
    first = Learner('run', LearningOptions())
    X = np.random.default_rng(0).uniform(1.0, 2.0, (100, 1))
    first.take(('a',), X, (X[:, 0] > 1.5).astype(float))
    first.descend()
    second = Learner('run', LearningOptions())
    second.resume(('a',), None, first.model)
    second.take(('a',), X[:50] * 3.0, (X[:50, 0] > 1.5).astype(float))
    second.descend()
    assert first.model is not None and second.model is not None
    assert second.model.low == first.model.low and second.model.high[0] > 5.0


def test_health_tells_of_more_than_half() -> None:
    assert find_outside({'received': 100, 'outside': 50}, {'received': 0}, 3.0, 'x') == []
    (found,) = find_outside({'received': 110, 'outside': 90}, {'received': 10}, 3.0, 'tilt is 0')
    assert found.text.startswith('90 of 100 samples in the last 3 s are tilt is 0')


def test_to_ask_is_the_mean_uncertainty_of_the_last_second() -> None:
    ask = Ask(1.0)
    assert ask.look(0.0) is None
    for p in (0.5, 1.0):
        ask.add(p)
    assert ask.look(0.2) == pytest.approx(0.5)
    ask.add(0.75)
    assert ask.look(0.4) == pytest.approx((1.0 + 0.0 + 0.5) / 3)
    assert ask.look(1.3) == pytest.approx(0.5)
    assert ask.look(1.5) is None
