"""Every metric against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from binclf_ros.core.evaluation import METRICS, Scores, accuracy, auc, log_loss, roc_curve
from binclf_ros.core.logistic import Array, sigmoid

pairs = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-6, 6) | st.floats(-20.0, 20.0)), min_size=1, max_size=60
)


def arrays(given_pairs: list[tuple[int, float]]) -> tuple[Array, Array]:
    y, z = np.array(given_pairs, dtype=float).T
    return y, z


@given(pairs)
def test_accuracy_is_scikit_learns(given_pairs: list[tuple[int, float]]) -> None:
    y, z = arrays(given_pairs)
    assert accuracy(y, z) == pytest.approx(metrics.accuracy_score(y, z >= 0.0))


@given(pairs)
def test_log_loss_is_scikit_learns(given_pairs: list[tuple[int, float]]) -> None:
    y, z = arrays(given_pairs)
    expected = metrics.log_loss(y, sigmoid(z), labels=[0.0, 1.0])
    assert log_loss(y, z) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(pairs)
def test_auc_is_scikit_learns_ties_included(given_pairs: list[tuple[int, float]]) -> None:
    y, z = arrays(given_pairs)
    if 0 < y.sum() < len(y):
        assert auc(y, z) == pytest.approx(metrics.roc_auc_score(y, z), abs=1e-12)


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
    assert accuracy(np.array([1.0]), np.array([0.0])) == 1.0


def test_log_loss_of_a_wrong_answer_at_800_is_800() -> None:
    assert log_loss(np.array([0.0]), np.array([800.0])) == 800.0


@pytest.mark.parametrize('name', METRICS)
def test_every_metric_is_a_finite_float_for_one_sample(name: str) -> None:
    value = METRICS[name](np.array([1.0]), np.array([0.3]))
    assert isinstance(value, float)
    assert math.isfinite(value)


def test_scores_hold_every_metric_over_their_window() -> None:
    scores = Scores(3)
    for label, z in [(0.0, 9.0), (1.0, 2.0), (0.0, -1.0), (1.0, -0.5)]:
        scores.extend(np.array([label]), np.array([z]))
    y, z_all = np.array([1.0, 0.0, 1.0]), np.array([2.0, -1.0, -0.5])
    assert scores.values() == {name: metric(y, z_all) for name, metric in METRICS.items()}


def test_scores_have_no_values_before_the_first() -> None:
    assert Scores(3).values() == {}


def test_scores_of_another_size_keep_the_newest() -> None:
    scores = Scores(10)
    for z in (-5.0, 1.0, 2.0):
        scores.extend(np.array([1.0]), np.array([z]))
    scores.resize(2)
    assert len(scores) == 2
    assert scores.values()['accuracy'] == 1.0
