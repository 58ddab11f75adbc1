# SPDX-License-Identifier: Apache-2.0
"""The blocked objective against the plain formula, and its curvature against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from binclf_ros.core.arrays import Array
from binclf_ros.core.learning import losses as logistic
from binclf_ros.core.learning import objective
from binclf_ros.core.learning.losses import LOSSES, Loss
from binclf_ros.core.learning.objective import Objective, class_weights

every_loss = pytest.mark.parametrize('kind', LOSSES.values(), ids=LOSSES.keys())
MEAN, SCALE = np.array([5.0, -100.0, 0.01]), np.array([2.0, 30.0, 0.001])
THETA = np.array([0.7, -1.1, 0.4, -0.2])


def make(n_samples: int, seed: int = 0) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    X = MEAN + SCALE * generator.normal(size=(n_samples, 3))
    y = (generator.random(n_samples) < 0.3).astype(float)
    return X, y


def plain(
    X: Array, y: Array, theta: Array, kind: Loss, l2: float, balanced: bool
) -> tuple[float, float, Array]:
    """Value, data loss and gradient in one piece, from a standardised copy of X."""
    Z = (X - MEAN) / SCALE
    w, b, M = theta[:-1], theta[-1], len(X)
    c = np.ones(M)
    if balanced and 0 < y.sum() < M:
        c = np.where(y == 1.0, M / (2.0 * y.sum()), M / (2.0 * (M - y.sum())))
    z = Z @ w + b
    r = c * kind.residual(logistic.sigmoid(z), y)
    data_loss = float(np.mean(c * kind.of_samples(z, y)))
    gradient = np.append(r @ Z / M + l2 / M * w, np.mean(r))
    return data_loss + l2 / (2.0 * M) * float(w @ w), data_loss, gradient


@every_loss
@pytest.mark.parametrize('balanced', [False, True])
@pytest.mark.parametrize('n_samples', [1, 2, 63, 64, 65, 128, 200])
def test_it_is_the_plain_formula_whatever_the_blocks(
    monkeypatch: pytest.MonkeyPatch, kind: Loss, balanced: bool, n_samples: int
) -> None:
    monkeypatch.setattr(objective, 'BLOCK_VALUES', 1)
    X, y = make(n_samples)
    given = Objective(X, y, mean=MEAN, scale=SCALE, loss=kind, l2=2.5, balanced=balanced)
    point = given.at(THETA)
    value, data_loss, gradient = plain(X, y, THETA, kind, 2.5, balanced)
    assert point.value == pytest.approx(value, rel=1e-12)
    assert point.loss == pytest.approx(data_loss, rel=1e-12)
    assert np.allclose(point.gradient, gradient, rtol=1e-10, atol=1e-13)


def test_it_is_the_plain_formula_over_several_blocks_of_the_real_size() -> None:
    X, y = make(3 * objective.BLOCK_VALUES // 3 + 17)
    point = Objective(X, y, mean=MEAN, scale=SCALE, l2=1.0, balanced=True).at(THETA)
    value, _, gradient = plain(X, y, THETA, logistic.BCE, 1.0, True)
    assert point.value == pytest.approx(value, rel=1e-12)
    assert np.allclose(point.gradient, gradient, rtol=1e-10, atol=1e-13)


def test_the_ridge_never_touches_the_bias() -> None:
    X, y = make(40)
    without, with_ridge = (Objective(X, y, mean=MEAN, scale=SCALE, l2=l2).at(THETA) for l2 in (0.0, 8.0))
    assert with_ridge.gradient[-1] == without.gradient[-1]
    assert with_ridge.loss == without.loss
    assert with_ridge.value == pytest.approx(without.value + 8.0 / 80.0 * np.sum(THETA[:3] ** 2))


def test_class_weights_let_each_class_weigh_half() -> None:
    negative, positive = class_weights(100, 20.0)
    assert 80 * negative == pytest.approx(50.0)
    assert 20 * positive == pytest.approx(50.0)


@pytest.mark.parametrize('positives', [0.0, 7.0])
def test_one_class_alone_has_nothing_to_balance(positives: float) -> None:
    assert class_weights(7, positives) == (1.0, 1.0)


@pytest.mark.parametrize('l2', [0.0, 3.0])
@pytest.mark.parametrize('balanced', [False, True])
def test_curvature_agrees_with_finite_differences_of_the_gradient(l2: float, balanced: bool) -> None:
    X, y = make(150)
    given = Objective(X, y, mean=MEAN, scale=SCALE, l2=l2, balanced=balanced)
    h = 1e-5
    differences = [
        (given.at(THETA + h * e).gradient - given.at(THETA - h * e).gradient) / (2.0 * h) for e in np.eye(4)
    ]
    assert np.allclose(given.hessian(THETA), differences, rtol=1e-6, atol=1e-9)


@every_loss
def test_curvature_is_the_same_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch, kind: Loss) -> None:
    X, y = make(300)
    whole = Objective(X, y, mean=MEAN, scale=SCALE, loss=kind, l2=1.0, balanced=True)
    monkeypatch.setattr(objective, 'BLOCK_VALUES', 1)
    blocked = Objective(X, y, mean=MEAN, scale=SCALE, loss=kind, l2=1.0, balanced=True)
    assert np.allclose(blocked.hessian(THETA), whole.hessian(THETA), rtol=1e-12, atol=1e-14)


def test_a_sample_estimates_the_whole() -> None:
    whole = Objective(*make(50_000), mean=MEAN, scale=SCALE, l2=5.0, balanced=True)
    sample = whole.sample(5_000)
    assert sample.n_samples == 5_000
    assert sample.at(THETA).value == pytest.approx(whole.at(THETA).value, rel=0.05)
    assert np.allclose(sample.at(THETA).gradient, whole.at(THETA).gradient, atol=0.05)
    assert np.allclose(sample.hessian(THETA), whole.hessian(THETA), atol=0.02)


def test_a_sample_takes_one_row_of_each_stretch_and_weighs_as_the_whole_does() -> None:
    X, y = np.arange(1000.0)[:, None], np.zeros(1000)
    y[:100] = 1.0
    whole = Objective(X, y, l2=3.0, balanced=True)
    sample = whole.sample(100)
    assert (sample.X[:, 0] // 10).tolist() == list(range(100))
    assert len(set(sample.X[:, 0] % 10)) > 3
    assert np.array_equal(sample.y, (sample.X[:, 0] < 100).astype(float))
    assert (sample.ridge, sample.class_weights) == (whole.ridge, whole.class_weights)


@pytest.mark.parametrize('rows', [40, 41, 1000])
def test_a_sample_of_most_samples_is_the_whole(rows: int) -> None:
    whole = Objective(*make(79))
    assert whole.sample(rows) is whole


@every_loss
@pytest.mark.parametrize('balanced', [False, True])
def test_large_means_are_taken_off_the_rows_and_small_ones_off_the_sums(kind: Loss, balanced: bool) -> None:
    X, y = make(500)
    far = MEAN + np.array([0.0, 1e9, 0.0])
    near = Objective(X, y, mean=MEAN, scale=SCALE, loss=kind, l2=1.0, balanced=balanced)
    away = Objective(X + far - MEAN, y, mean=far, scale=SCALE, loss=kind, l2=1.0, balanced=balanced)
    assert np.allclose(away.at(THETA).gradient, near.at(THETA).gradient, atol=1e-7)
    assert away.at(THETA).value == pytest.approx(near.at(THETA).value, abs=1e-7)
    assert np.allclose(away.hessian(THETA), near.hessian(THETA), atol=1e-7)


@every_loss
@pytest.mark.parametrize('factor', [0.0, 1.0, 30.0, 1e3, 1e150])
def test_loss_and_residual_at_once_are_those_apart(kind: Loss, factor: float) -> None:
    generator = np.random.default_rng(5)
    for count in (1, 15, 16, 1000):
        z, y = factor * generator.normal(size=count), generator.integers(0, 2, count).astype(float)
        for c in (1.0, 0.7, generator.uniform(0.1, 3.0, count)):
            value, residual = kind.together(z, y, c)
            assert value == pytest.approx(float(np.sum(c * kind.of_samples(z, y))), rel=1e-12, abs=1e-13)
            assert value >= 0.0
            assert np.allclose(residual, c * kind.residual(logistic.sigmoid(z), y), rtol=0.0, atol=1e-15)


@every_loss
@pytest.mark.parametrize('balanced', [False, True])
def test_no_second_derivative_exceeds_the_largest_curvature(kind: Loss, balanced: bool) -> None:
    X, y = make(60)
    given = Objective(X, y, mean=MEAN, scale=SCALE, loss=kind, l2=1.5, balanced=balanced)
    bound, generator, h = given.max_curvature(), np.random.default_rng(4), 1e-4
    for _ in range(200):
        theta = generator.normal(0.0, 10.0 ** generator.uniform(-2.0, 1.0), 4)
        way = generator.normal(size=4)
        way /= np.linalg.norm(way)
        bend = (given.at(theta + h * way).gradient - given.at(theta - h * way).gradient) @ way / (2.0 * h)
        assert abs(bend) <= bound * (1.0 + 1e-6)


def test_the_largest_curvature_of_the_bce_is_met_at_zero() -> None:
    X, y = make(60)
    given = Objective(X, y, mean=MEAN, scale=SCALE)
    largest = np.linalg.eigvalsh(given.hessian(np.zeros(4)))[-1]
    assert given.max_curvature() == pytest.approx(largest, rel=1e-12)


def test_slope_is_the_largest_gradient_component() -> None:
    point = objective.Point(np.zeros(3), 0.0, 0.0, np.array([0.5, -2.0, 1.0]), np.zeros(4))
    assert point.gradient_max == 2.0


def test_pause_is_called_before_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objective, 'BLOCK_VALUES', 1)
    calls: list[None] = []
    X, y = make(64 * 2 + 1)
    Objective(X, y, pause=lambda: calls.append(None)).at(np.zeros(4))
    assert len(calls) == 3


def test_an_error_of_pause_gives_the_evaluation_up() -> None:
    class Yield(Exception):
        pass

    def pause() -> None:
        raise Yield

    with pytest.raises(Yield):
        Objective(*make(5), pause=pause).at(np.zeros(4))


def test_evaluating_changes_neither_the_samples_nor_theta() -> None:
    X, y = make(70)
    copies, theta = (X.copy(), y.copy()), THETA.copy()
    given = Objective(X, y, mean=MEAN, scale=SCALE, l2=1.0, balanced=True)
    given.at(theta)
    given.hessian(theta)
    given.max_curvature()
    assert np.array_equal(X, copies[0])
    assert np.array_equal(y, copies[1])
    assert np.array_equal(theta, THETA)
