# SPDX-License-Identifier: Apache-2.0
"""The lecture's formulas, written out by hand, and every loss against finite differences."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from binclf_ros.core.arrays import Array
from binclf_ros.core.learning.losses import (
    BCE,
    LOSSES,
    MSE,
    Loss,
    decision_function,
    gradient,
    initialize,
    loss,
    predict_proba,
    sigmoid,
)

every_loss = pytest.mark.parametrize('kind', LOSSES.values(), ids=LOSSES.keys())


@pytest.fixture
def data() -> tuple[Array, Array, Array, float]:
    """X (M, N), y (M, 1), w (1, N), b."""
    generator = np.random.default_rng(1)
    X, w = generator.normal(size=(30, 4)), generator.normal(size=(1, 4))
    y = (generator.random((30, 1)) < 0.4).astype(float)
    return X, y, w, 0.3


def exact_bce(z: float, y: float) -> float:
    """−y ln σ(z) − (1 − y) ln(1 − σ(z)) in 800 digits."""
    with localcontext() as context:
        context.prec = 800
        margin = Decimal(z) if y else -Decimal(z)
        return float((1 + (-margin).exp()).ln())


def test_initial_weights_have_the_lectures_shape() -> None:
    w, b = initialize(7, seed=0)
    assert w.shape == (1, 7)
    assert isinstance(b, float)


def test_initial_weights_come_from_the_seed() -> None:
    first, again, other = initialize(3, 5), initialize(3, 5), initialize(3, 6)
    assert np.array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert not np.array_equal(first[0], other[0])


def test_z_is_x_times_w_transposed_plus_b(data: tuple[Array, Array, Array, float]) -> None:
    X, _, w, b = data
    by_hand = [[sum(X[i, j] * w[0, j] for j in range(4)) + b] for i in range(30)]
    assert np.allclose(decision_function(X, w, b), by_hand, rtol=1e-14, atol=1e-14)


def test_predictions_are_a_column(data: tuple[Array, Array, Array, float]) -> None:
    X, _, w, b = data
    assert predict_proba(X, w, b).shape == (30, 1)


def test_prediction_is_the_sigmoid_of_z(data: tuple[Array, Array, Array, float]) -> None:
    X, _, w, b = data
    by_hand = 1.0 / (1.0 + np.exp(-(X @ w.T + b)))
    assert np.allclose(predict_proba(X, w, b), by_hand, rtol=1e-14, atol=0.0)


@pytest.mark.parametrize('z', [-745.0, -40.0, -1.0, -1e-9, 0.0, 1e-9, 1.0, 36.0, 800.0])
def test_sigmoid_is_exact_to_a_few_ulp(z: float) -> None:
    with localcontext() as context:
        context.prec = 60
        expected = float(1 / (1 + (-Decimal(z)).exp()))
    assert sigmoid(np.array([z]))[0] == pytest.approx(expected, rel=1e-15, abs=5e-324)


@pytest.mark.parametrize('z', [-math.inf, -1e308, 1e308, math.inf])
def test_sigmoid_overflows_nowhere(z: float) -> None:
    with np.errstate(over='raise', invalid='raise'):
        assert sigmoid(np.array([z]))[0] == (1.0 if z > 0 else 0.0)


@pytest.mark.parametrize('y', [0.0, 1.0])
@pytest.mark.parametrize('z', [-800.0, -40.0, -5.0, -1e-8, 0.0, 1e-8, 0.5, 5.0, 40.0, 800.0])
def test_bce_is_exact_at_any_z(z: float, y: float) -> None:
    value = float(BCE.of_samples(np.array([z]), np.array([y]))[0])
    assert value == pytest.approx(exact_bce(z, y), rel=1e-15, abs=2e-16)


def test_bce_of_a_wrong_answer_at_800_is_800() -> None:
    assert loss(np.array([[800.0]]), np.array([[0.0]]), np.array([[1.0]]), 0.0) == 800.0
    assert loss(np.array([[-800.0]]), np.array([[1.0]]), np.array([[1.0]]), 0.0) == 800.0


def test_bce_of_a_right_answer_at_800_is_0() -> None:
    assert loss(np.array([[800.0]]), np.array([[1.0]]), np.array([[1.0]]), 0.0) <= 5e-324
    assert loss(np.array([[-800.0]]), np.array([[0.0]]), np.array([[1.0]]), 0.0) <= 5e-324


def test_bce_is_the_lectures_formula(data: tuple[Array, Array, Array, float]) -> None:
    X, y, w, b = data
    y_hat = 1.0 / (1.0 + np.exp(-(X @ w.T + b)))
    by_hand = np.mean(-y * np.log(y_hat) - (1.0 - y) * np.log(1.0 - y_hat))
    assert loss(X, y, w, b) == pytest.approx(by_hand, rel=1e-13)


def test_bce_gradient_is_the_lectures_formula(data: tuple[Array, Array, Array, float]) -> None:
    X, y, w, b = data
    y_hat = 1.0 / (1.0 + np.exp(-(X @ w.T + b)))
    by_w, by_b = gradient(X, y, w, b)
    assert np.allclose(by_w, (1.0 / 30.0) * (y_hat - y).T @ X, rtol=1e-12, atol=1e-15)
    assert by_b == pytest.approx(np.mean(y_hat - y), rel=1e-12)


def test_mse_gradient_is_the_lectures_formula(data: tuple[Array, Array, Array, float]) -> None:
    X, y, w, b = data
    y_hat = 1.0 / (1.0 + np.exp(-(X @ w.T + b)))
    r = (y_hat - y) * y_hat * (1.0 - y_hat)
    by_w, by_b = gradient(X, y, w, b, MSE)
    assert np.allclose(by_w, (1.0 / 30.0) * r.T @ X, rtol=1e-12, atol=1e-15)
    assert by_b == pytest.approx(np.mean(r), rel=1e-12)


@every_loss
def test_gradient_has_the_shape_of_w(data: tuple[Array, Array, Array, float], kind: Loss) -> None:
    by_w, by_b = gradient(*data, kind)
    assert by_w.shape == (1, 4)
    assert isinstance(by_b, float)


@every_loss
def test_one_sample_is_a_batch_of_one(data: tuple[Array, Array, Array, float], kind: Loss) -> None:
    X, y, w, b = data
    one_by_one = [loss(X[i : i + 1], y[i : i + 1], w, b, kind) for i in range(30)]
    assert loss(X, y, w, b, kind) == pytest.approx(np.mean(one_by_one), rel=1e-13)


@every_loss
def test_gradient_agrees_with_finite_differences(
    data: tuple[Array, Array, Array, float], kind: Loss
) -> None:
    X, y, w, b = data
    by_w, by_b = gradient(X, y, w, b, kind)
    h = 1e-5
    for j in range(4):
        step = h * np.eye(4)[j : j + 1]
        slope = (loss(X, y, w + step, b, kind) - loss(X, y, w - step, b, kind)) / (2.0 * h)
        assert by_w[0, j] == pytest.approx(slope, rel=1e-6, abs=1e-9)
    slope = (loss(X, y, w, b + h, kind) - loss(X, y, w, b - h, kind)) / (2.0 * h)
    assert by_b == pytest.approx(slope, rel=1e-6, abs=1e-9)


@every_loss
@pytest.mark.parametrize('y', [0.0, 1.0])
def test_residual_is_the_derivative_of_the_loss_by_z(kind: Loss, y: float) -> None:
    z, h = np.linspace(-12.0, 12.0, 401), 1e-5
    labels = np.full_like(z, y)
    slope = (kind.of_samples(z + h, labels) - kind.of_samples(z - h, labels)) / (2.0 * h)
    assert np.allclose(kind.residual(sigmoid(z), labels), slope, rtol=1e-6, atol=1e-9)


@every_loss
@pytest.mark.parametrize('y', [0.0, 1.0])
def test_largest_curvature_bounds_the_second_derivative(kind: Loss, y: float) -> None:
    z, h = np.linspace(-12.0, 12.0, 4001), 1e-4
    labels = np.full_like(z, y)
    bend = (kind.residual(sigmoid(z + h), labels) - kind.residual(sigmoid(z - h), labels)) / (2.0 * h)
    assert np.max(np.abs(bend)) <= kind.largest_curvature
    assert np.max(np.abs(bend)) > 0.99 * kind.largest_curvature


@every_loss
@pytest.mark.parametrize('y', [0.0, 1.0])
def test_curvature_is_never_negative_nor_above_its_bound(kind: Loss, y: float) -> None:
    y_hat = np.linspace(0.0, 1.0, 1001)
    curvature = kind.curvature(y_hat, np.full_like(y_hat, y))
    assert np.min(curvature) >= 0.0
    assert np.max(curvature) <= kind.largest_curvature


def test_bce_curvature_is_the_second_derivative() -> None:
    z, h = np.linspace(-12.0, 12.0, 401), 1e-4
    y = np.ones_like(z)
    bend = (BCE.residual(sigmoid(z + h), y) - BCE.residual(sigmoid(z - h), y)) / (2.0 * h)
    assert np.allclose(BCE.curvature(sigmoid(z), y), bend, rtol=1e-5, atol=1e-9)


def test_a_saturated_wrong_answer_hardly_moves_under_mse() -> None:
    X, y, w = np.array([[1.0]]), np.array([[1.0]]), np.array([[-20.0]])
    assert abs(gradient(X, y, w, 0.0, BCE)[1]) > 0.99
    assert abs(gradient(X, y, w, 0.0, MSE)[1]) < 1e-8


@every_loss
def test_every_loss_stands_under_its_own_name(kind: Loss) -> None:
    assert LOSSES[kind.name] is kind
