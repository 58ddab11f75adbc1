# SPDX-License-Identifier: Apache-2.0
"""Which map: how the other one would have done ahead, on the same stretches."""

from __future__ import annotations

import math
import re
import time

import numpy as np
import pytest

from binclf_ros.core.arrays import Array
from binclf_ros.core.evaluation.ahead import Ahead
from binclf_ros.core.evaluation.rival import Comparison, Rival, other_options
from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.losses import BCE
from binclf_ros.core.learning.options import LearningOptions


def ring(M: int, seed: int = 0) -> tuple[Array, Array]:
    """Return what no line parts: 1 is in the middle; labels are held for 10 samples."""
    generator = np.random.default_rng(seed)
    y = (np.arange(M) // 10 % 2).astype(float)
    radius = np.where(y > 0.5, 0.5, 2.0) + 0.2 * generator.normal(size=M)
    angle = generator.uniform(0.0, 2.0 * math.pi, M)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), y


def numbers(said: str) -> tuple[float, float]:
    found = re.fullmatch(r'curves: log loss (\d\.\d\d), line (\d\.\d\d)', said)
    assert found, said
    return float(found[1]), float(found[2])


@pytest.mark.parametrize('own', ['line', 'curves'])
def test_curves_beat_a_line_where_one_class_is_in_the_middle(own: str) -> None:
    options = LearningOptions(feature_map=own)
    learner, rival, comparison = (
        Learner('own', options),
        Learner('other', other_options(options)),
        Comparison(),
    )
    comparison, ahead = Comparison(), Ahead()
    X, y = ring(1000)
    for start in range(0, 1000, 20):
        for i in range(start, start + 20):
            one = slice(i, i + 1)
            if learner.model is None:
                z, begins = np.full(1, np.nan), ahead.see(y[one])
            else:
                now = learner.model.decision_function(X[one])
                z, begins = ahead.score(learner.model, X[one], y[one], now)
            comparison.take(rival.model, X[one], y[one], z, begins)
        for each in (learner, rival):
            each.take(('a', 'b'), X[start : start + 20], y[start : start + 20])
            each.descend()
        if start % 300 == 0:
            comparison.count()
    comparison.count()
    curves, line = numbers(comparison.describe(own, 1000))
    assert curves < 0.3 < line
    comparison.clear()
    assert comparison.describe(own, 1000) == ''


def test_both_are_scored_on_what_both_had_a_model_for() -> None:
    X, y = ring(400)
    learner = Learner('own', LearningOptions())
    learner.take(('a', 'b'), X, y)
    learner.descend()
    model, comparison = learner.model, Comparison()
    assert model is not None
    own = np.where(np.arange(400) < 100, np.nan, 0.0)
    for start in range(0, 400, 10):
        rows = slice(start, start + 10)
        comparison.take(model if start >= 200 else None, X[rows], y[rows], own[rows], True)
    comparison.count()
    expected = np.mean(BCE.of_samples(model.decision_function(X[200:]), y[200:]))
    assert comparison.describe('curves', 1000) == f'curves: log loss 0.69, line {expected:.2f}'


def test_too_few_changes_of_the_label_tell_nothing() -> None:
    comparison = Comparison()
    X, y = ring(40)
    comparison.take(None, X, y, np.zeros(40), True)
    comparison.count()
    assert comparison.describe('line', 1000) == ''


def test_it_learns_on_the_side_and_forgets() -> None:
    rival = Rival(LearningOptions())
    rival.start()
    try:
        X, y = ring(2000)
        rival.take(('a', 'b'), X[:200], y[:200], np.zeros(200), True)
        rival.work()
        ends = time.monotonic() + 30.0
        while rival._worker.status.model is None and time.monotonic() < ends:
            time.sleep(0.01)
        for start in range(200, 600, 10):
            rows = slice(start, start + 10)
            rival.take(('a', 'b'), X[rows], y[rows], np.zeros(10), True)
        rival.work()
        curves, line = numbers(rival.describe(1000))
        assert curves < line == 0.69
        rival.configure(LearningOptions(feature_map='curves'))
        assert rival.describe(1000) == ''
        rival.clear()
        while rival._worker.status.samples and time.monotonic() < ends:
            time.sleep(0.01)
        assert rival._worker.status.samples == 0
    finally:
        rival.close()


def test_more_columns_than_are_cheap_are_left_alone() -> None:
    rival = Rival(LearningOptions())
    rival.take(tuple(map(str, range(60))), np.zeros((5, 60)), np.zeros(5), np.zeros(5), True)
    rival.work()
    assert not rival._worker._queue
