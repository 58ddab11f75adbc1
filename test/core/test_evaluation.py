# SPDX-License-Identifier: Apache-2.0
"""Every metric against scikit-learn's."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from binclf_ros.core.arrays import Array
from binclf_ros.core.evaluation.curves import (
    auc,
    confusion,
    expected_calibration_error,
    reliability_curve,
    roc_curve,
)
from binclf_ros.core.evaluation.scores import CHUNK, SCORES, Scores, scores_of
from binclf_ros.core.learning.losses import sigmoid

pairs = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-6, 6) | st.floats(-20.0, 20.0)), min_size=1, max_size=60
)


def arrays(given_pairs: list[tuple[int, float]]) -> tuple[Array, Array]:
    y, z = np.array(given_pairs, dtype=float).T
    return y, z


def scikit_learns(y: Array, z: Array) -> dict[str, float]:
    p = sigmoid(z)
    decision = (p >= 0.5).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # it warns of a class that is missing
        found = {
            'accuracy': metrics.accuracy_score(y, decision),
            'log_loss': metrics.log_loss(y, p, labels=[0.0, 1.0]),
            'balanced_accuracy': metrics.balanced_accuracy_score(y, decision),
            'precision': metrics.precision_score(y, decision, zero_division=0.0),
            'recall': metrics.recall_score(y, decision, zero_division=0.0),
            'f1': metrics.f1_score(y, decision, zero_division=0.0),
            'mcc': metrics.matthews_corrcoef(y, decision),
            'brier': float(np.mean((p - y) ** 2)),
            'auc': metrics.roc_auc_score(y, z) if 0 < y.sum() < len(y) else math.nan,
        }
        true, predicted = calibration_curve(y, p, n_bins=10)
    counts = np.histogram(np.searchsorted(np.linspace(0, 1, 11)[1:-1], p), np.arange(11))[0]
    found['ece'] = float(np.sum(np.abs(true - predicted) * counts[counts > 0]) / len(y))
    return found


def agree(ours: dict[str, float], theirs: dict[str, float]) -> None:
    for name, value in ours.items():
        # 1 − ŷ is rounded in theirs, where ours goes by z
        tolerance = 1e-6 if name == 'log_loss' else 1e-12
        assert value == pytest.approx(theirs[name], rel=tolerance, abs=1e-12, nan_ok=True), name


@given(pairs)
def test_every_score_is_scikit_learns(given_pairs: list[tuple[int, float]]) -> None:
    y, z = arrays(given_pairs)
    ours = scores_of(y, z)
    assert set(ours) == set(SCORES)
    agree(ours, scikit_learns(y, z))


def test_totals_and_window_of_a_stream_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    y = (generator.random(5000) < 0.3).astype(float)
    z = 2.0 * y - 1.0 + generator.normal(size=5000)
    scores, start = Scores(1000), 0
    for size in generator.permutation([1] * 2200 + [7] * 100 + [700] * 3):
        scores.extend(y[start : start + size], z[start : start + size])
        start += size
        if size == 700:
            scores.values()
    assert start == 5000
    assert len(scores.totals()) == len(SCORES) - 1
    agree(scores.totals(), scikit_learns(y, z))
    agree(scores.values(), scikit_learns(y[-1000:], z[-1000:]))
    assert scores.totals()['log_loss'] == pytest.approx(metrics.log_loss(y, sigmoid(z)), rel=1e-12)
    assert all(np.array_equal(a, b[-1000:]) for a, b in zip(scores.window(), (y, z)))
    tally = scores.tally
    assert [tally.tn, tally.fp, tally.fn, tally.tp] == metrics.confusion_matrix(y, z >= 0).ravel().tolist()


def test_the_majority_learns_from_a_label_after_it_was_scored() -> None:
    generator = np.random.default_rng(1)
    y = (generator.random(CHUNK + 100) < 0.7).astype(float)
    scores = Scores(100)
    for label in y:
        scores.extend(np.array([label]), np.array([0.0]))
    p, seen = [], []
    for label in y:
        p.append((sum(seen) + 1) / (len(seen) + 2))
        seen.append(label)
    z = np.log(p) - np.log1p(-np.array(p))
    agree(scores.majority_totals(), scikit_learns(y, z))
    expected = {**scikit_learns(y[-100:], z[-100:]), 'auc': 0.5}
    agree(scores.majority(), expected)
    assert set(scores.majority()) == set(SCORES)


@given(pairs)
def test_confusion_is_scikit_learns_at_any_threshold(given_pairs: list[tuple[int, float]]) -> None:
    y, z = arrays(given_pairs)
    for threshold in (0.0, 0.1, 0.5, 0.9, 1.0):
        expected = metrics.confusion_matrix(y, sigmoid(z) >= threshold, labels=[0, 1]).ravel()
        assert confusion(y, z, threshold) == tuple(expected)


@given(pairs)
def test_reliability_curve_is_scikit_learns(given_pairs: list[tuple[int, float]]) -> None:
    y, z = arrays(given_pairs)
    predicted, true, counts = reliability_curve(y, z, 7)
    expected = calibration_curve(y, sigmoid(z), n_bins=7)
    assert np.allclose(true, expected[0], rtol=0, atol=1e-12)
    assert np.allclose(predicted, expected[1], rtol=0, atol=1e-12)
    assert counts.sum() == len(y)
    assert expected_calibration_error(y, z) == pytest.approx(scores_of(y, z)['ece'], abs=1e-12)


@given(pairs)
def test_roc_curve_is_scikit_learns(given_pairs: list[tuple[int, float]]) -> None:
    y, z = arrays(given_pairs)
    if 0 < y.sum() < len(y):
        false, true, _ = metrics.roc_curve(y, z, drop_intermediate=False)
        ours = roc_curve(y, z)
        assert np.allclose(ours[0], false)
        assert np.allclose(ours[1], true)


@pytest.mark.parametrize('label', [0.0, 1.0])
def test_auc_of_one_class_alone_is_nan(label: float) -> None:
    assert math.isnan(auc(np.full(3, label), np.array([1.0, 2.0, 3.0])))


@pytest.mark.parametrize('label', [0.0, 1.0])
def test_the_roc_curve_of_one_class_alone_is_finite(label: float) -> None:
    false, true = roc_curve(np.full(3, label), np.array([1.0, 2.0, 3.0]))
    assert np.isfinite(false).all()
    assert np.isfinite(true).all()


def test_a_probability_of_one_half_counts_as_1() -> None:
    assert scores_of(np.array([1.0]), np.array([0.0]))['accuracy'] == 1.0


def test_log_loss_of_a_wrong_answer_at_800_is_800() -> None:
    assert scores_of(np.array([0.0]), np.array([800.0]))['log_loss'] == 800.0


@pytest.mark.parametrize('label', [0.0, 1.0])
def test_every_score_but_the_auc_is_finite_for_one_sample(label: float) -> None:
    found = scores_of(np.array([label]), np.array([0.3]))
    assert [name for name, value in found.items() if not math.isfinite(value)] == ['auc']


def test_scores_have_no_values_before_the_first() -> None:
    scores = Scores(3)
    assert scores.values() == scores.totals() == scores.majority() == scores.majority_totals() == {}


def test_only_the_scores_that_are_asked_for_are_made() -> None:
    scores = Scores(3)
    scores.extend(np.array([1.0]), np.array([0.3]))
    assert list(scores.values(['f1'])) == list(scores.majority(['f1'])) == ['f1']


@pytest.mark.parametrize('other', [2, 10])
def test_scores_of_another_size_keep_the_newest_and_the_totals(other: int) -> None:
    scores = Scores(3)
    z = np.array([-5.0, 1.0, 2.0, 3.0])
    scores.extend(np.ones(4), z)
    scores.resize(other)
    assert scores.window()[1].tolist() == z[-min(other, 3) :].tolist()
    scores.extend(np.ones(2), np.array([6.0, 7.0]))
    assert scores.window()[1].tolist() == ([6.0, 7.0] if other == 2 else [1.0, 2.0, 3.0, 6.0, 7.0])
    assert scores.tally.samples == 6
    assert len(scores) == min(other, 5)
    scores.clear()
    assert scores.totals() == {}
    assert len(scores) == 0


def test_a_z_that_is_not_finite_leaves_the_sums_finite() -> None:
    scores = Scores(10)
    scores.extend(np.array([1.0, 1.0, 0.0]), np.array([np.nan, -np.inf, np.inf]))
    assert all(math.isfinite(value) for value in scores.totals().values())
    assert scores.tally.samples == 3
    assert math.isfinite(scores.drift.level)
    assert scores.totals()['accuracy'] == pytest.approx(1.0 / 3.0)
