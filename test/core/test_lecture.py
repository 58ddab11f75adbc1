# SPDX-License-Identifier: Apache-2.0
"""The lecture by hand, and what runs on a robot against the lecture, to 1e-12."""

from __future__ import annotations

import inspect
from itertools import islice

import numpy as np
import pytest

from binclf_ros.core.arrays import Array
from binclf_ros.core.errors import BinclfError
from binclf_ros.core.learning import lecture
from binclf_ros.core.learning.descent import Gradient, descend
from binclf_ros.core.learning.lecture import initialize, predict
from binclf_ros.core.learning.losses import LOSSES, Loss, sigmoid
from binclf_ros.core.learning.objective import Objective

Data = tuple[Array, Array, Array, float]
ORACLES = {'bce': (lecture.bce, lecture.bce_gradient), 'mse': (lecture.mse, lecture.mse_gradient)}
every_loss = pytest.mark.parametrize('kind', LOSSES.values(), ids=LOSSES.keys())
every_oracle = pytest.mark.parametrize('name', ORACLES)
EXACT = {'rtol': 1e-12, 'atol': 1e-12}


@pytest.fixture
def data() -> tuple[Array, Array, Array, float]:
    """X (M, N), y (M, 1), w (1, N), b."""
    generator = np.random.default_rng(1)
    X, w = generator.normal(size=(30, 4)), generator.normal(size=(1, 4))
    y = (generator.random((30, 1)) < 0.4).astype(float)
    return X, y, w, 0.3


def theta_of(w: Array, b: float) -> Array:
    return np.append(w, b)


def test_initial_weights_have_the_lectures_shape() -> None:
    w, b = initialize(7, seed=0)
    assert w.shape == (1, 7)
    assert isinstance(b, float)


def test_initial_weights_come_from_the_seed() -> None:
    first, again, other = initialize(3, 5), initialize(3, 5), initialize(3, 6)
    assert np.array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert not np.array_equal(first[0], other[0])


def test_a_prediction_is_the_sigmoid_of_x_times_w_transposed_plus_b(data: Data) -> None:
    X, _, w, b = data
    z = np.array([[sum(X[i, j] * w[0, j] for j in range(4)) + b] for i in range(30)])
    assert predict(X, w, b).shape == (30, 1)
    assert np.allclose(predict(X, w, b), 1.0 / (1.0 + np.exp(-z)), rtol=1e-14, atol=0.0)


def test_bce_and_its_gradient_are_the_lectures_formulas(data: Data) -> None:
    X, y, w, b = data
    y_hat = 1.0 / (1.0 + np.exp(-(X @ w.T + b)))
    by_hand = np.mean(-y * np.log(y_hat) - (1.0 - y) * np.log(1.0 - y_hat))
    assert lecture.bce(y_hat, y) == pytest.approx(by_hand, rel=1e-14)
    dw, db = lecture.bce_gradient(X, y_hat, y)
    assert np.allclose(dw, (1.0 / 30.0) * (y_hat - y).T @ X, rtol=1e-12, atol=1e-15)
    assert db == pytest.approx(np.mean(y_hat - y), rel=1e-12)


def test_mse_gradient_is_the_lectures_formula(data: Data) -> None:
    X, y, w, b = data
    y_hat = 1.0 / (1.0 + np.exp(-(X @ w.T + b)))
    dw, db = lecture.mse_gradient(X, y_hat, y)
    r = (y_hat - y) * y_hat * (1.0 - y_hat)
    assert np.allclose(dw, (1.0 / 30.0) * r.T @ X, rtol=1e-12, atol=1e-15)
    assert db == pytest.approx(np.mean(r), rel=1e-12)


@every_oracle
def test_gradient_has_the_shape_of_w(data: Data, name: str) -> None:
    X, y, w, b = data
    dw, db = ORACLES[name][1](X, predict(X, w, b), y)
    assert dw.shape == (1, 4)
    assert isinstance(db, float)


@every_oracle
def test_gradient_agrees_with_finite_differences(data: Data, name: str) -> None:
    X, y, w, b = data
    loss, gradient = ORACLES[name]
    dw, db = gradient(X, predict(X, w, b), y)
    h = 1e-5
    for j in range(4):
        step = h * np.eye(4)[j : j + 1]
        slope = (loss(predict(X, w + step, b), y) - loss(predict(X, w - step, b), y)) / (2.0 * h)
        assert dw[0, j] == pytest.approx(slope, rel=1e-6, abs=1e-9)
    slope = (loss(predict(X, w, b + h), y) - loss(predict(X, w, b - h), y)) / (2.0 * h)
    assert db == pytest.approx(slope, rel=1e-6, abs=1e-9)


@every_oracle
def test_one_sample_is_a_batch_of_one(data: Data, name: str) -> None:
    X, y, w, b = data
    loss = ORACLES[name][0]
    one_by_one = [loss(predict(X[i : i + 1], w, b), y[i : i + 1]) for i in range(30)]
    assert loss(predict(X, w, b), y) == pytest.approx(np.mean(one_by_one), rel=1e-13)


@every_oracle
@pytest.mark.parametrize('shape', [(30,), (1, 30), (30, 2), (29, 1), ()])
def test_a_y_of_another_shape_is_refused(data: Data, name: str, shape: tuple[int, ...]) -> None:
    """(M,) broadcasts: ŷ − y is (M, M) then, and its mean a number that looks like a loss."""
    X, _, w, b = data
    loss, gradient = ORACLES[name]
    y_hat, y = predict(X, w, b), np.zeros(shape)
    for call in (
        lambda: loss(y_hat, y),
        lambda: gradient(X, y_hat, y),
        lambda: next(lecture.descend(X, y, w, b, 0.1, gradient)),
    ):
        with pytest.raises(BinclfError, match=r'reshape\(-1, 1\)'):
            call()


@every_oracle
def test_a_w_of_another_shape_is_refused(data: Data, name: str) -> None:
    X, y, w, b = data
    with pytest.raises(BinclfError, match=r'\(M, 1\)'):
        next(lecture.descend(X, y, w[0], b, 0.1, ORACLES[name][1]))


def test_the_loop_is_four_lines_with_w_and_b_in_sight() -> None:
    lines = inspect.getsource(lecture.descend).split('while ')[1].splitlines()[1:]
    assert len(lines) == 4
    assert lines[0].strip() == 'w = w - alpha * dw'
    assert lines[1].strip() == 'b = b - alpha * db'


@every_oracle
def test_the_loop_ends_where_it_has_converged(data: Data, name: str) -> None:
    X, y, w, b = data
    gradient = ORACLES[name][1]
    *_, (w, b) = lecture.descend(X, y, w, b, 1.0, gradient, tolerance=1e-4)
    dw, db = gradient(X, predict(X, w, b), y)
    assert max(np.abs(dw).max(), abs(db)) < 1e-4
    assert not list(lecture.descend(X, y, w, b, 1.0, gradient, tolerance=1e-4))


@every_loss
def test_losses_are_the_lectures(data: Data, kind: Loss) -> None:
    X, y, w, b = data
    loss, gradient = ORACLES[kind.name]
    z, y_hat = (X @ w.T + b)[:, 0], predict(X, w, b)
    assert np.mean(kind.of_samples(z, y[:, 0])) == pytest.approx(loss(y_hat, y), rel=1e-12)
    value, residual = kind.together(z, y[:, 0], 1.0)
    for r in (residual, kind.residual(sigmoid(z), y[:, 0])):
        dw, db = gradient(X, y_hat, y)
        assert np.allclose(r @ X / 30.0, dw[0], **EXACT)
        assert np.mean(r) == pytest.approx(db, abs=1e-12)
    assert value / 30.0 == pytest.approx(loss(y_hat, y), rel=1e-12)


@every_loss
def test_the_objective_without_scale_and_ridge_is_the_lectures(data: Data, kind: Loss) -> None:
    X, y, w, b = data
    loss, gradient = ORACLES[kind.name]
    point = Objective(X, y[:, 0], loss=kind).at(theta_of(w, b))
    assert point.value == pytest.approx(loss(predict(X, w, b), y), rel=1e-13)
    assert np.allclose(point.gradient, theta_of(*gradient(X, predict(X, w, b), y)), **EXACT)


@every_loss
def test_the_objective_in_standardised_units_is_the_lectures_of_a_standardised_copy(
    data: Data, kind: Loss
) -> None:
    X, y, w, b = data
    mean, scale = X.mean(axis=0), X.std(axis=0)
    loss, gradient = ORACLES[kind.name]
    Z = (X - mean) / scale
    point = Objective(X, y[:, 0], mean=mean, scale=scale, loss=kind).at(theta_of(w, b))
    assert point.value == pytest.approx(loss(predict(Z, w, b), y), rel=1e-12)
    assert np.allclose(point.gradient, theta_of(*gradient(Z, predict(Z, w, b), y)), **EXACT)


@every_loss
@pytest.mark.parametrize('alpha', [0.1, 1.0])
def test_every_step_of_a_descent_is_the_lectures(data: Data, kind: Loss, alpha: float) -> None:
    X, y, w, b = data
    steps = lecture.descend(X, y, w, b, alpha, ORACLES[kind.name][1], tolerance=1e-4)
    points = descend(
        Objective(X, y[:, 0], loss=kind), theta_of(w, b), Gradient(), learning_rate=alpha, tolerance=1e-4
    )
    assert np.array_equal(next(points).theta, theta_of(w, b))
    count = 0
    for point, (w, b) in islice(zip(points, steps, strict=True), 500):
        assert np.allclose(point.theta, theta_of(w, b), **EXACT)
        count += 1
    assert count > 5
