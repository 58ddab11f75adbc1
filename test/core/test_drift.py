# SPDX-License-Identifier: Apache-2.0
"""Drift: an alarm soon after the labels flip, none before, and the detectors beside River's."""

from __future__ import annotations

import numpy as np
import pytest

from binclf_ros.core.arrays import Array
from binclf_ros.core.evaluation.drift import Adwin, Drift, PageHinkley
from binclf_ros.core.evaluation.scores import Scores
from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.options import LearningOptions

BEFORE = 20_000
NAMES = ('a', 'b', 'c')


def stream(M: int, seed: int, spread: float) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    y = (generator.random(M) < 0.4).astype(float)
    return generator.normal(size=(M, 3)) * spread + np.outer(2.0 * y - 1.0, [1.0, 0.5, 0.0]), y


def learn(X: Array, y: Array, scores: Scores) -> list[int]:
    """Test, then train, as the trainer does; return at which sample alarms were raised."""
    learner = Learner('run', LearningOptions(tolerance=1e-3))
    alarms: list[int] = []
    start = 0
    while start < len(y):
        size = max(1, min(1000, start // 10))  # models come often at first, then every tenth of all
        rows = slice(start, start + size)
        if learner.model is not None:
            for i in range(start, min(start + size, len(y))):
                scores.extend(y[i : i + 1], learner.model.decision_function(X[i : i + 1]))
            before = len(alarms)
            assert scores.drift.alarms <= before + 1
            if scores.drift.alarms > before:
                alarms.append(start - scores.drift.seen + scores.drift.last + size)
        learner.take(NAMES, X[rows], y[rows])
        if learner.has_work:
            learner.descend()
        start += size
    return alarms


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('spread', [0.3, 0.7, 1.3])
def test_flipped_labels_raise_it_within_500_samples_and_nothing_does_before(
    seed: int, spread: float
) -> None:
    X, y = stream(BEFORE + 500, seed, spread)
    y[BEFORE:] = 1.0 - y[BEFORE:]
    scores = Scores(1000)
    alarms = learn(X, y, scores)
    assert len(alarms) == 1
    assert BEFORE < alarms[0] <= BEFORE + 500


def test_a_problem_that_cannot_be_learned_is_no_drift() -> None:
    X, y = stream(BEFORE, 0, 1.0)
    y = (np.random.default_rng(1).random(BEFORE) < 0.5).astype(float)
    assert learn(X, y, Scores(1000)) == []


@pytest.mark.parametrize('seed', range(20))
def test_a_loss_that_falls_raises_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    chance = 0.02 + 0.5 * np.exp(-np.arange(3000) / 500.0)
    wrong = generator.random(3000) < chance
    y = (generator.random(3000) < 0.5).astype(float)
    z = np.where(wrong, -2.0, 2.0) * (2.0 * y - 1.0)
    drift = Drift()
    drift.update(y, z, [1] * 3000)
    assert drift.alarms == 0


def test_one_prediction_that_is_sure_and_wrong_raises_nothing() -> None:
    drift = Drift()
    z = np.full(500, 5.0)
    z[300] = -1e6
    drift.update(np.ones(500), z, [1] * 500)
    assert drift.alarms == 0
    assert 0.0 <= drift.level < 0.1


def test_a_cloud_is_one_witness() -> None:
    drift = Drift()
    z = np.append(np.full(60_000, 3.0), np.full(5000, -3.0))
    drift.update(np.ones(65_000), z, [1000] * 65)
    assert (drift.alarms, drift.seen) == (0, 65_000)
    assert 0.0 < drift.level < 0.1


def test_alarms_say_who_and_when_and_reset_forgets_them() -> None:
    drift = Drift()
    z = np.append(np.full(1000, 3.0), np.full(100, -9.0))
    drift.update(np.ones(1100), z, [1] * 1100)
    assert drift.alarms == 1
    assert 1000 < drift.last < 1100
    assert drift.how
    drift.reset()
    assert (drift.alarms, drift.seen, drift.how) == (0, 0, '')


def test_a_rise_of_errors_that_are_hardly_surprising_is_seen_by_adwin() -> None:
    generator = np.random.default_rng(0)
    y = (generator.random(6000) < 0.5).astype(float)
    right = generator.random(6000) < np.where(np.arange(6000) < 3000, 0.9, 0.5)
    z = np.where(right, 0.1, -0.1) * (2.0 * y - 1.0)
    drift = Drift()
    drift.update(y, z, [1] * 6000)
    assert 'ADWIN' in drift.how
    assert 3000 < drift.last < 3500


def streams(seed: int) -> Array:
    generator = np.random.default_rng(seed)
    level = np.repeat([0.1, 0.5, 0.2, 0.25], [3000, 1500, 3000, 3000])
    return (generator.random(len(level)) < level).astype(float)


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize(('delta', 'shortest'), [(0.002, 5), (1e-6, 200)])
def test_adwin_is_rivers(seed: int, delta: float, shortest: int) -> None:
    river = pytest.importorskip('river.drift', reason='river is not installed: pip install river')
    theirs = river.ADWIN(delta=delta, min_window_length=shortest)
    ours, x = Adwin(delta, shortest), streams(seed)
    found = [(ours.update(value), theirs.update(value), theirs.drift_detected) for value in x.tolist()]
    assert [bool(change) for change, _, _ in found] == [drifted for _, _, drifted in found]
    assert {change for change, _, _ in found} == {-1, 0, 1}


@pytest.mark.parametrize('seed', range(5))
def test_page_hinkley_is_rivers_without_its_fading(seed: int) -> None:
    river = pytest.importorskip('river.drift', reason='river is not installed: pip install river')
    theirs = river.PageHinkley(delta=0.1, threshold=20.0, alpha=1.0, mode='up')
    ours, x = PageHinkley(threshold=20.0), streams(seed)
    found = [(ours.update(value), theirs.update(value), theirs.drift_detected) for value in x.tolist()]
    assert [alarm for alarm, _, _ in found] == [drifted for _, _, drifted in found]
    assert any(alarm for alarm, _, _ in found)
