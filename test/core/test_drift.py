# SPDX-License-Identifier: Apache-2.0
"""Drift: an alarm soon after the labels flip, none before, and the detectors beside River's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

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


def slow(rho: float, block: int, M: int, signal: float) -> tuple[Array, Array]:
    """Return z as a model says it of features that are AR(1), and labels held for `block` samples."""
    generator = np.random.default_rng(block)
    y = (np.arange(M) // block % 2).astype(float) if block > 1 else (generator.random(M) < 0.5) * 1.0
    noise = generator.normal(size=M) * np.sqrt(1.0 - rho**2)
    noise[0] /= np.sqrt(1.0 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise) + signal * (2.0 * y - 1.0), y


def alarms_of(z: Array, y: Array) -> Drift:
    drift = Drift()
    for start in range(0, len(y), 50):
        some = slice(start, start + 50)
        drift.update(y[some], z[some], [1] * len(y[some]))
    return drift


@pytest.mark.parametrize('signal', [0.0, 1.5])
@pytest.mark.parametrize('block', [1, 100, 1000])
@pytest.mark.parametrize('rho', [0.9, 0.99, 0.999])
def test_neighbours_that_are_alike_raise_nothing(rho: float, block: int, signal: float) -> None:
    z, y = slow(rho, block, 30_000, signal)
    assert alarms_of(z, y).alarms == 0
    assert alarms_of(3.0 * z, y).alarms == 0, 'too sure of itself'


@pytest.mark.parametrize('rho', [0.0, 0.9, 0.98])
def test_flipped_labels_of_slow_streams_raise_it_within_500_that_count_as_one(rho: float) -> None:
    n, per_one = 20_000, (1.0 + rho) / (1.0 - rho)
    z, y = slow(rho, 1, n + int(500 * per_one), 1.5)
    y[n:] = 1.0 - y[n:]
    drift = alarms_of(z, y)
    assert drift.alarms >= 1 and drift.last > n
    assert alarms_of(z[:n], y[:n]).alarms == 0


@pytest.mark.parametrize('rho', [0.0, 0.9, 0.99])
def test_how_many_count_as_one_is_measured(rho: float) -> None:
    drift = alarms_of(*slow(rho, 1, 100_000, 0.0))
    per_one = (1.0 + rho) / (1.0 - rho)  # of z; of what lies within a decision, less
    assert 0.2 * per_one < drift.tau < 1.5 * per_one
    assert rho or drift.tau == 1.0


def test_a_label_that_comes_more_often_is_no_drift() -> None:
    generator = np.random.default_rng(0)
    share = np.where(np.arange(20_000) < 10_000, 0.5, 0.9)
    y = (generator.random(20_000) < share).astype(float)
    wrong = generator.random(20_000) < np.where(y > 0.5, 0.5, 0.05)
    drift = alarms_of(np.where(wrong, -1.0, 1.0) * (2.0 * y - 1.0), y)
    assert drift.alarms == 0


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
