# SPDX-License-Identifier: Apache-2.0
"""Every loss against exact arithmetic and finite differences."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from binclf_ros.core.learning.losses import BCE, LOSSES, MSE, Loss, sigmoid

every_loss = pytest.mark.parametrize('kind', LOSSES.values(), ids=LOSSES.keys())


def exact_bce(z: float, y: float) -> float:
    """−y ln σ(z) − (1 − y) ln(1 − σ(z)) in 800 digits."""
    with localcontext() as context:
        context.prec = 800
        margin = Decimal(z) if y else -Decimal(z)
        return float((1 + (-margin).exp()).ln())


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
    for z, y in ((800.0, 0.0), (-800.0, 1.0)):
        assert BCE.of_samples(np.array([z]), np.array([y]))[0] == 800.0


def test_bce_of_a_right_answer_at_800_is_0() -> None:
    for z, y in ((800.0, 1.0), (-800.0, 0.0)):
        assert BCE.of_samples(np.array([z]), np.array([y]))[0] <= 5e-324


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
    y_hat, y = sigmoid(np.array([-20.0])), np.array([1.0])
    assert abs(BCE.residual(y_hat, y)[0]) > 0.99
    assert abs(MSE.residual(y_hat, y)[0]) < 1e-8


@every_loss
def test_every_loss_stands_under_its_own_name(kind: Loss) -> None:
    assert LOSSES[kind.name] is kind
