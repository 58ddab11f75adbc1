# SPDX-License-Identifier: Apache-2.0
"""The lecture's loop by hand, scikit-learn's optimum, and steps that always descend."""

from __future__ import annotations

import warnings
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from binclf_ros.core.arrays import Array
from binclf_ros.core.errors import DescentError
from binclf_ros.core.learning import descent
from binclf_ros.core.learning.descent import (
    MAX_CURVATURE_FEATURES,
    SOLVERS,
    Curvature,
    Gradient,
    LineSearch,
    Solver,
    descend,
    solver_for,
)
from binclf_ros.core.learning.inverse_hessian import corrected
from binclf_ros.core.learning.losses import LOSSES, MSE, Loss, sigmoid
from binclf_ros.core.learning.objective import Objective, Point
from binclf_ros.core.learning.scaler import Moments

every_solver = pytest.mark.parametrize('solver', SOLVERS.values(), ids=SOLVERS.keys())


def labels_of(Z: Array, seed: int, noise: float = 1.0) -> Array:
    generator = np.random.default_rng(seed)
    z = Z @ generator.normal(size=Z.shape[1]) + noise * generator.logistic(size=len(Z))
    y = (z > 0.3).astype(float)
    y[:2] = 0.0, 1.0
    return y


def plain(M: int = 200, N: int = 3, seed: int = 0) -> tuple[Array, Array]:
    X = np.random.default_rng(seed).normal(size=(M, N))
    return X, labels_of(X, seed)


def nasty(M: int, N: int, seed: int) -> tuple[Array, Array]:
    """Correlated features, scales from 1e-2 to 1e3 and offsets; one constant and one twice."""
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(M, N)) @ (np.eye(N) + generator.normal(size=(N, N)))
    X = mixed * 10.0 ** generator.uniform(-2.0, 3.0, N) + generator.normal(0.0, 10.0, N)
    y = labels_of(mixed, seed)
    return np.column_stack([X, X[:, 0], np.full(M, 3.0)]), y


def separable(M: int = 100) -> tuple[Array, Array]:
    X = np.random.default_rng(0).normal(size=(M, 2))
    X[:, 0] += np.sign(X[:, 0])
    return X, (X[:, 0] > 0.0).astype(float)


def standardised(X: Array, y: Array, l2: float = 1.0, balanced: bool = False) -> Objective:
    moments = Moments(X.shape[1])
    moments.add(X)
    return Objective(X, y, mean=moments.mean, scale=moments.scale, l2=l2, balanced=balanced)


def run(
    objective: Objective, solver: Solver, steps: int, learning_rate: float = 0.0, tolerance: float = 1e-6
) -> list[Point]:
    start = np.zeros(objective.n_features + 1)
    points = descend(objective, start, solver, learning_rate=learning_rate, tolerance=tolerance)
    return list(islice(points, steps + 1))


def never_rises(points: list[Point]) -> bool:
    values = np.array([point.value for point in points])
    return bool(np.all(np.diff(values) <= 1e-14 * np.maximum(1.0, values[:-1])))


def test_gradient_is_the_lectures_loop_step_for_step() -> None:
    X, y = plain()
    w, b, alpha = np.array([[0.1, -0.2, 0.05]]), 0.02, 0.7
    points = descend(Objective(X, y), np.append(w, b), Gradient(), learning_rate=alpha)
    for point in islice(points, 50):
        assert np.allclose(point.theta, np.append(w, b), rtol=1e-12, atol=1e-12)
        y_hat = 1.0 / (1.0 + np.exp(-(X @ w.T + b)))
        by_w, by_b = (1.0 / len(X)) * (y_hat - y[:, None]).T @ X, np.mean(y_hat - y[:, None])
        w, b = w - alpha * by_w, b - alpha * by_b


def test_gradient_is_the_lectures_loop_for_the_mse_too() -> None:
    X, y = plain()
    w, b, alpha = np.array([[0.1, -0.2, 0.05]]), 0.02, 2.0
    points = descend(Objective(X, y, loss=MSE), np.append(w, b), Gradient(), learning_rate=alpha)
    for point in islice(points, 50):
        assert np.allclose(point.theta, np.append(w, b), rtol=1e-12, atol=1e-12)
        y_hat = 1.0 / (1.0 + np.exp(-(X @ w.T + b)))
        r = (y_hat - y[:, None]) * y_hat * (1.0 - y_hat)
        w, b = w - alpha * (1.0 / len(X)) * r.T @ X, b - alpha * np.mean(r)


def test_curvature_with_a_learning_rate_takes_that_step_of_newtons() -> None:
    X, y = plain()
    objective = Objective(X, y, l2=1.0)
    first, second = run(objective, Curvature(), 1, learning_rate=0.5)
    newton = np.linalg.solve(objective.hessian(first.theta), first.gradient)
    assert np.allclose(second.theta, first.theta - 0.5 * newton, rtol=1e-9)


@pytest.mark.parametrize('balanced', [False, True])
@pytest.mark.parametrize('seed', range(3))
def test_the_step_of_one_over_l_never_rises(seed: int, balanced: bool) -> None:
    points = run(standardised(*nasty(300, 5, seed), balanced=balanced), Gradient(), 300)
    assert len(points) > 10
    assert never_rises(points)


def test_the_step_of_one_over_l_never_rises_under_mse() -> None:
    X, y = plain()
    objective = Objective(X, y, loss=MSE, l2=1.0)
    points = list(islice(descend(objective, np.full(4, 5.0), Gradient()), 300))
    assert never_rises(points)


@given(
    seed=st.integers(0, 2**32 - 1),
    M=st.integers(2, 80),
    N=st.integers(1, 6),
    l2=st.sampled_from([0.0, 1e-3, 1.0, 100.0]),
    balanced=st.booleans(),
)
def test_curvature_never_rises_and_converges(seed: int, M: int, N: int, l2: float, balanced: bool) -> None:
    points = run(standardised(*nasty(M, N, seed), l2=l2, balanced=balanced), Curvature(), 200)
    assert never_rises(points)
    assert points[-1].gradient_max < 1e-6


@pytest.mark.parametrize('seed', range(5))
def test_curvature_never_rises_and_converges_without_standardising(seed: int) -> None:
    points = run(Objective(*nasty(300, 5, seed), l2=1.0), Curvature(), 300, tolerance=1e-5)
    assert never_rises(points)
    assert points[-1].gradient_max < 1e-5


@every_solver
def test_every_solver_converges_on_every_loss(solver: type[Solver]) -> None:
    X, y = plain()
    for loss in LOSSES.values():
        points = run(Objective(X, y, loss=loss, l2=1.0), solver(), 5000)
        assert points[-1].gradient_max < 1e-6, loss.name


@every_solver
def test_every_solver_ends_where_it_has_converged(solver: type[Solver]) -> None:
    X, y = plain()
    *before, last = run(Objective(X, y, l2=1.0), solver(), 5000, tolerance=1e-4)
    assert last.gradient_max < 1e-4
    assert all(point.gradient_max >= 1e-4 for point in before)


@every_solver
def test_every_solver_stays_at_the_optimum(solver: type[Solver]) -> None:
    objective = Objective(*plain(), l2=1.0)
    best = run(objective, Curvature(), 100, tolerance=1e-9)[-1]
    assert len(list(descend(objective, best.theta, solver()))) == 1


@every_solver
def test_every_solver_reaches_the_same_optimum(solver: type[Solver]) -> None:
    objective = Objective(*plain(), l2=1.0)
    best = run(objective, Curvature(), 100, tolerance=1e-9)[-1]
    found = run(objective, solver(), 20_000, tolerance=1e-8)[-1]
    assert np.allclose(found.theta, best.theta, atol=1e-5)


@every_solver
def test_every_solver_stands_under_its_own_name(solver: type[Solver]) -> None:
    assert SOLVERS[solver.name] is solver


@every_solver
def test_every_solver_takes_another_number_of_features_after_the_first(solver: type[Solver]) -> None:
    kept = solver()
    for N in (2, 4, 1):
        assert run(Objective(*plain(N=N), l2=1.0), kept, 5000)[-1].gradient_max < 1e-6


@every_solver
@pytest.mark.parametrize('kind', LOSSES.values(), ids=LOSSES.keys())
def test_one_class_alone_is_a_bounded_descent(solver: type[Solver], kind: Loss) -> None:
    X, _ = plain(50)
    points = run(Objective(X, np.ones(50), loss=kind, l2=1.0), solver(), 100)
    assert never_rises(points)
    assert all(np.isfinite(point.theta).all() for point in points)


def test_separable_samples_with_ridge_converge_in_a_few_steps() -> None:
    points = run(standardised(*separable()), Curvature(), 100)
    assert points[-1].gradient_max < 1e-6
    assert len(points) <= 15


def test_separable_samples_without_ridge_converge_in_a_bounded_number_of_steps() -> None:
    points = run(standardised(*separable(), l2=0.0), Curvature(), 100)
    assert never_rises(points)
    assert points[-1].gradient_max < 1e-6
    assert len(points) <= 40


@pytest.mark.parametrize('factor', [1.0, 1e4])
@pytest.mark.parametrize('seed', range(10))
def test_a_tolerance_below_rounding_still_ends(seed: int, factor: float) -> None:
    X, y = nasty(200, 4, seed)
    points = run(standardised(X * factor, y), Curvature(), 1000, tolerance=1e-300)
    assert len(points) < 60
    assert never_rises(points)


@pytest.mark.parametrize('seed', range(10))
def test_a_tolerance_below_rounding_still_ends_without_standardising(seed: int) -> None:
    points = run(Objective(*nasty(200, 4, seed), l2=1.0), Curvature(), 1000, tolerance=1e-300)
    assert len(points) < 60
    assert never_rises(points)


@pytest.mark.parametrize('seed', range(4))
def test_standardised_samples_converge_to_rounding(seed: int) -> None:
    assert (
        run(standardised(*nasty(200, 4, seed)), Curvature(), 100, tolerance=1e-12)[-1].gradient_max < 1e-12
    )


def test_newton_from_far_away_still_descends() -> None:
    objective = Objective(*plain(), l2=1e-3)
    points = list(islice(descend(objective, np.array([300.0, -500.0, 800.0, 100.0]), Curvature()), 300))
    assert never_rises(points)
    assert points[-1].gradient_max < 1e-6


@pytest.mark.parametrize('class_weight', [None, 'balanced'])
@pytest.mark.parametrize('l2', [0.01, 1.0, 50.0])
@pytest.mark.parametrize('make', [lambda: plain(300, 4, 2), lambda: nasty(300, 4, 2), separable])
def test_the_optimum_is_scikit_learns(
    make: type[tuple[Array, Array]], l2: float, class_weight: str | None
) -> None:
    X, y = make()
    objective = standardised(X, y, l2, class_weight == 'balanced')
    found = run(objective, Curvature(), 100, tolerance=1e-9)[-1]
    reference = LogisticRegression(C=1.0 / l2, tol=1e-10, max_iter=10_000, class_weight=class_weight)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        reference.fit((X - objective.mean) / objective.scale, y)
    theirs = by_formula(objective, y, np.append(reference.coef_, reference.intercept_), l2, class_weight)
    ours = by_formula(objective, y, found.theta, l2, class_weight)
    assert found.value == pytest.approx(ours, rel=1e-12)
    assert ours == pytest.approx(theirs, rel=1e-6)


def by_formula(objective: Objective, y: Array, theta: Array, l2: float, class_weight: str | None) -> float:
    """mean(c·(−y ln ŷ − (1 − y) ln(1 − ŷ))) + l2/(2M)·‖w‖² with ŷ's logarithms taken by numpy."""
    z = (objective.X - objective.mean) / objective.scale @ theta[:-1] + theta[-1]
    c = np.ones(len(y))
    if class_weight == 'balanced':
        c = (len(y) / (2.0 * np.bincount(y.astype(int))))[y.astype(int)]
    losses = np.logaddexp(0.0, np.where(y == 1.0, -z, z))
    return float(np.mean(c * losses) + l2 / (2.0 * len(y)) * np.sum(theta[:-1] ** 2))


def ill_conditioned(M: int = 10_100) -> tuple[Array, Array]:
    """M x 20, features that nearly repeat each other, and scales from 1e-2 to 1e3."""
    generator = np.random.default_rng(7)
    hidden = generator.normal(size=(M, 20)) * np.logspace(0.0, -2.0, 20)
    mixed = hidden @ np.linalg.qr(generator.normal(size=(20, 20)))[0]
    true = generator.normal(size=20) * 3.0
    y = (mixed @ true + 0.3 * generator.logistic(size=M) > 0.0).astype(float)
    return mixed * np.logspace(-2.0, 3.0, 20), y


def test_after_100_new_samples_a_kept_curvature_needs_at_most_3_steps() -> None:
    X, y = ill_conditioned(12_100)
    kept, theta = Curvature(), np.zeros(21)
    steps = []
    for gone in range(0, 2100, 100):
        *before, last = descend(standardised(X[gone : gone + 10_000], y[gone : gone + 10_000]), theta, kept)
        assert last.gradient_max < 1e-6
        theta = last.theta
        steps.append(len(before))
    assert steps[1] <= 4  # the first P is of a sample; what the steps show makes it better
    assert np.mean(steps[2:]) <= 3.0


def test_a_step_corrects_the_kept_curvature_along_it() -> None:
    objective = standardised(*plain(5000))
    solver = Curvature()
    first, second = run(objective, solver, 1)
    assert solver._P is not None
    change = second.gradient - first.gradient
    assert np.allclose(solver._P @ change, second.theta - first.theta, rtol=1e-9)
    assert np.linalg.eigvalsh(solver._P)[0] > 0.0


def test_a_large_cold_descent_reads_all_samples_only_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = standardised(*nasty(200_000, 5, 0))
    passes = []
    at = Objective.at
    monkeypatch.setattr(
        Objective, 'at', lambda self, theta: (passes.append(self.n_samples), at(self, theta))[1]
    )
    assert run(objective, Curvature(), 50)[-1].gradient_max < 1e-6
    assert passes.count(200_000) <= 8


@pytest.mark.parametrize('balanced', [False, True])
@pytest.mark.parametrize('l2', [0.0, 1e-3, 1.0])
def test_a_large_cold_descent_with_rare_positives_converges(l2: float, balanced: bool) -> None:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(60_000, 8))
    y = np.zeros(60_000)
    y[generator.choice(60_000, 12, replace=False)] = 1.0  # a sample of one in 50 sees none or one
    X[y == 1.0] += 2.0
    points = run(standardised(X, y, l2=l2, balanced=balanced), Curvature(), 200)
    assert never_rises(points)
    assert points[-1].gradient_max < 1e-6


def test_a_large_cold_descent_with_samples_in_order_of_their_class_converges() -> None:
    X, y = nasty(60_000, 4, 1)
    order = np.argsort(y, kind='stable')
    points = run(standardised(X[order], y[order]), Curvature(), 50)
    assert never_rises(points)
    assert points[-1].gradient_max < 1e-6
    assert len(points) < 15


@pytest.mark.parametrize('M', [2000, 100_000])
def test_separable_samples_of_any_number_end(M: int) -> None:
    for l2 in (0.0, 1.0):
        points = run(standardised(*separable(M), l2=l2), Curvature(), 200)
        assert never_rises(points)
        assert points[-1].gradient_max < 1e-6
        assert len(points) <= 60


def test_a_kept_curvature_is_not_taken_anew_while_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = ill_conditioned()
    kept = Curvature()
    before = run(standardised(X[:10_000], y[:10_000]), kept, 100, tolerance=1e-9)[-1]
    objective = standardised(X[100:], y[100:])
    monkeypatch.delattr(Objective, 'hessian')
    again = list(descend(objective, before.theta, kept))
    assert len(again) > 1
    assert again[-1].gradient_max < 1e-6


def test_after_100_new_samples_plain_descent_needs_more_than_100_steps() -> None:
    X, y = ill_conditioned()
    before = run(standardised(X[:10_000], y[:10_000]), Curvature(), 100)[-1]
    points = descend(standardised(X[100:], y[100:]), before.theta, Gradient())
    assert all(point.gradient_max >= 1e-6 for point in islice(points, 101))


def test_a_kept_curvature_still_converges_on_a_quite_different_problem() -> None:
    kept = Curvature()
    run(standardised(*plain(seed=1)), kept, 100)
    X, y = plain(seed=9)
    points = run(standardised(X * 100.0, 1.0 - y, l2=0.01), kept, 100)
    assert never_rises(points)
    assert points[-1].gradient_max < 1e-6


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
@every_solver
@pytest.mark.parametrize('learning_rate', [1e4, 1e300])
def test_an_absurd_learning_rate_is_a_descent_error(solver: type[Solver], learning_rate: float) -> None:
    with pytest.raises(DescentError, match=r'learning_rate .*set a smaller one'):
        run(Objective(*plain(), l2=200.0), solver(), 2000, learning_rate=learning_rate)


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
@every_solver
def test_only_finite_points_are_yielded(solver: type[Solver]) -> None:
    points: list[Point] = []
    objective = Objective(*plain(), l2=200.0)
    with pytest.raises(DescentError):
        points.extend(descend(objective, np.zeros(4), solver(), learning_rate=1e4))
    for point in islice(descend(objective, np.zeros(4), solver(), learning_rate=1e4), 5):
        assert np.isfinite(point.value)
        assert np.isfinite(point.gradient).all()


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
@pytest.mark.parametrize('theta', [np.nan, np.inf, 1e308])
def test_a_start_that_is_not_finite_is_a_descent_error(theta: float) -> None:
    with pytest.raises(DescentError, match='at the start'):
        list(descend(Objective(*plain()), np.full(4, theta), Gradient()))


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
@every_solver
@pytest.mark.parametrize('huge', [1e150, 1e200, 1e300])
def test_huge_samples_end_in_a_descent_or_a_descent_error(solver: type[Solver], huge: float) -> None:
    X, y = plain()
    X[0, 0] = huge
    try:
        points = run(Objective(X, y, l2=1.0), solver(), 20)
    except DescentError:
        return
    assert never_rises(points)


def test_probabilities_at_the_optimum_have_the_mean_of_the_labels() -> None:
    X, y = plain()
    theta = run(standardised(X, y), Curvature(), 100, tolerance=1e-10)[-1].theta
    given_objective = standardised(X, y)
    z = (X - given_objective.mean) / given_objective.scale @ theta[:-1] + theta[-1]
    assert float(np.mean(sigmoid(z))) == pytest.approx(float(np.mean(y)), abs=1e-9)


def test_a_given_learning_rate_takes_no_leap() -> None:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(5000, 3))
    y = (X[:, 0] + generator.normal(size=5000) > 0.0).astype(float)
    objective = Objective(X, y, l2=1.0)
    solver, alpha = Curvature(), 0.125
    before, after, *_ = islice(descend(objective, np.zeros(4), solver, learning_rate=alpha), 2)
    P = np.linalg.inv(objective.hessian(np.zeros(4)))
    step = after.theta - before.theta
    np.testing.assert_allclose(step, -alpha * P @ before.gradient, rtol=0.0, atol=0.01)


def test_a_sample_that_misleads_is_no_place_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, theta = standardised(*plain(60_000)), np.zeros(4)
    monkeypatch.setattr(descent, '_optimum', lambda sample, theta: np.full(4, 40.0))
    assert next(iter(descend(objective, theta, Curvature()))).theta is theta


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
@every_solver
@pytest.mark.parametrize('kind', LOSSES.values(), ids=LOSSES.keys())
@pytest.mark.parametrize('standardise', [False, True])
@pytest.mark.parametrize('learning_rate', [100.0, 1e3, 1e6])
def test_a_rate_that_diverges_is_told_within_a_few_steps(
    solver: type[Solver], kind: Loss, standardise: bool, learning_rate: float
) -> None:
    """It ran 100,000 steps, and advised a larger tolerance."""
    X, y = plain(1000)
    X += [0.0, 1.0, 3.0]
    mean, scale = (X.mean(axis=0), X.std(axis=0)) if standardise else (None, None)
    objective = Objective(X, y, loss=kind, l2=1.0, mean=mean, scale=scale)
    points = descend(objective, np.full(4, 0.01), solver(), learning_rate=learning_rate)
    with pytest.raises(DescentError, match=r'learning_rate .*set a smaller one'):
        assert len(list(islice(points, 1000))) < 1000


def test_a_rate_that_diverges_is_told_with_the_step_that_would_do() -> None:
    objective = Objective(*plain(500), l2=1.0)
    with pytest.raises(DescentError, match='such as ') as caught:
        run(objective, Gradient(), 1000, learning_rate=50.0)
    advised = float(str(caught.value).split('such as ')[1].split()[0])
    assert advised == pytest.approx(1.0 / objective.max_curvature(), rel=0.01)
    assert run(objective, Gradient(), 5000, learning_rate=advised)[-1].gradient_max < 1e-6


def test_a_rate_that_diverges_is_told_though_each_slice_takes_but_a_few_steps() -> None:
    objective, solver, theta = Objective(*plain(500), l2=1.0), Gradient(), np.full(4, 0.01)
    with pytest.raises(DescentError, match='rises'):
        for _ in range(100):
            *_, last = islice(descend(objective, theta, solver, learning_rate=50.0), 4)
            theta = last.theta


@pytest.mark.parametrize('share', [0.01, 0.5, 1.0, 1.9])
def test_a_rate_below_2_over_l_is_never_called_divergent(share: float) -> None:
    objective = standardised(*nasty(300, 4, 0))
    alpha = share / objective.max_curvature()
    points = run(objective, Gradient(), 3000, learning_rate=alpha)
    assert never_rises(points)


def test_a_step_corrects_p_as_the_textbook_writes_it() -> None:
    generator = np.random.default_rng(0)
    A = generator.normal(size=(6, 6))
    P, s = A @ A.T, generator.normal(size=6)
    y = s + 0.1 * generator.normal(size=6)
    rho, identity = 1.0 / float(y @ s), np.eye(6)
    left = identity - rho * np.outer(s, y)
    by_hand = left @ P @ left.T + rho * np.outer(s, s)
    assert np.allclose(corrected(P, s, y), by_hand, rtol=1e-10, atol=1e-10)
    assert corrected(P, s, -y) is P


def test_above_the_limit_a_solver_gives_way_to_one_without_a_matrix() -> None:
    for name, kind in SOLVERS.items():
        assert type(solver_for(name, MAX_CURVATURE_FEATURES)) is kind
        assert type(solver_for(name, MAX_CURVATURE_FEATURES + 1)) is LineSearch


@pytest.mark.parametrize('factor', [1e-3, 1.0, 1e3])
def test_the_line_search_never_rises_and_converges(factor: float) -> None:
    X, y = plain(300, 5)
    points = run(Objective(X * factor, y, l2=1e-3), LineSearch(), 5000, tolerance=1e-2)
    assert never_rises(points)
    assert points[-1].gradient_max < 1e-2
    standard = run(standardised(*nasty(300, 5, 1), l2=10.0), LineSearch(), 20_000)
    assert never_rises(standard)
    assert standard[-1].gradient_max < 1e-6
