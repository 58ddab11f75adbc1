# SPDX-License-Identifier: Apache-2.0
"""A learner from its first sample on: what it waits for, what it keeps, and what each descent costs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binclf_ros.core.arrays import Array
from binclf_ros.core.errors import DescentError
from binclf_ros.core.learning import buffer as buffer_module
from binclf_ros.core.learning.descent import SOLVERS
from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.objective import Objective, Point
from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.core.learning.policies import POLICIES
from binclf_ros.core.learning.scaler import Moments

NAMES = ('a', 'b', 'c')


def samples(M: int, seed: int = 0, N: int = 3) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(M, N)) * np.logspace(-2.0, 3.0, N) + 5.0
    z = (X - 5.0) / np.logspace(-2.0, 3.0, N) @ np.linspace(-2.0, 2.0, N)
    return X, (z + generator.logistic(size=M) > 0.0).astype(float)


def learner(**options: object) -> Learner:
    return Learner('run', LearningOptions(**options))  # type: ignore[arg-type]


def taught(M: int = 500, **options: object) -> Learner:
    given_learner = learner(**options)
    given_learner.take(NAMES, *samples(M))
    return given_learner


def test_before_any_sample_it_has_nothing_to_do_and_says_what_is_missing() -> None:
    fresh = learner()
    assert not fresh.has_work
    assert fresh.missing == ('needs 5 samples of each class (min_samples_per_class), has 0 of 0 and 0 of 1')


@pytest.mark.parametrize('label', [0.0, 1.0])
def test_one_class_alone_waits_and_says_why(label: float) -> None:
    one = learner()
    one.take(NAMES, samples(1000)[0], np.full(1000, label))
    assert not one.has_work
    assert 'needs 5 samples of each class' in one.missing
    assert one.model is None


@pytest.mark.parametrize('solver', SOLVERS)
@pytest.mark.parametrize('loss', ['bce', 'mse'])
def test_two_samples_make_a_finite_model(solver: str, loss: str) -> None:
    two = learner(solver=solver, loss=loss, min_samples_per_class=1)
    two.take(NAMES, samples(2)[0], np.array([0.0, 1.0]))
    assert two.descend().converged
    assert two.model is not None
    assert np.isfinite([*two.model.weights, two.model.bias, two.model.loss]).all()


@given(seed=st.integers(0, 10_000), M=st.integers(4, 60), l2=st.sampled_from([0.0, 1e-3, 1.0]))
def test_constant_and_duplicate_features_make_a_finite_model(seed: int, M: int, l2: float) -> None:
    X, y = samples(M, seed)
    y[:2] = 0.0, 1.0
    X[:, 1], X[:, 2] = 7.0, X[:, 0]
    odd = learner(l2=l2, min_samples_per_class=1)
    odd.take(NAMES, X, y)
    assert odd.descend().converged
    assert odd.model is not None
    assert np.isfinite(odd.model.weights).all()
    assert abs(odd.model.weights[1]) < 0.1  # nothing but the random start, less the ridge


def test_separable_samples_without_ridge_end_converged_and_finite() -> None:
    X, _ = samples(400)
    apart = learner(l2=0.0)
    apart.take(NAMES, X, (X[:, 0] > 5.0).astype(float))
    fit = apart.descend()
    assert fit.converged
    assert fit.steps <= 60
    assert apart.model is not None
    assert 0.0 <= apart.model.loss < 1e-5
    assert not apart.has_work


def test_a_converged_learner_has_nothing_to_do_until_something_comes() -> None:
    given_learner = taught()
    assert given_learner.has_work
    assert given_learner.descend().converged
    assert not given_learner.has_work
    given_learner.take(NAMES, *samples(1, 1))
    assert given_learner.has_work


def test_a_descent_that_was_cut_short_goes_on_from_where_it_was() -> None:
    given_learner = taught(tolerance=1e-10)
    losses = []
    for _ in range(30):
        fit = given_learner.descend(enough=lambda: True)
        assert given_learner.model is not None
        losses.append(given_learner.model.loss)
        if fit.converged:
            break
        assert fit.steps == 1
        assert given_learner.has_work
    assert given_learner.model is not None
    assert given_learner.model.converged
    assert given_learner.model.step == len(losses) == given_learner.step


def test_an_error_out_of_pause_leaves_no_trace() -> None:
    given_learner = taught(tolerance=1e-3)
    given_learner.descend()
    before = given_learner.model
    given_learner.take(NAMES, *samples(300, 5))

    class Ended(Exception):
        pass

    def end() -> None:
        raise Ended

    with pytest.raises(Ended):
        given_learner.descend(pause=end)
    assert given_learner.model is before
    assert given_learner.has_work


@pytest.mark.parametrize('standardize', [True, False])
def test_the_model_is_that_of_the_features_as_they_come(standardize: bool) -> None:
    given_learner = taught(standardize=standardize, tolerance=1e-9, l2=1e-9)
    given_learner.descend()
    assert given_learner.model is not None
    X, y = samples(500)
    objective = Objective(X, y)
    theta = np.append(given_learner.model.weights, given_learner.model.bias)
    assert given_learner.model.loss == pytest.approx(objective.at(theta).loss, rel=1e-9)
    assert objective.at(theta).gradient[-1] == pytest.approx(0.0, abs=1e-7)


def test_new_samples_are_refitted_to_the_optimum_of_a_cold_fit() -> None:
    X, y = samples(4000)
    ring = learner(buffer_capacity=1000, buffer_policy='fifo', tolerance=1e-9)
    for start in range(0, 4000, 100):
        ring.take(NAMES, X[start : start + 100], y[start : start + 100])
        if ring.has_work:
            assert ring.descend().converged
    cold = learner(tolerance=1e-9)
    cold.take(NAMES, X[3000:], y[3000:])
    cold.descend()
    assert ring.model is not None and cold.model is not None
    assert np.allclose(ring.model.weights, cold.model.weights, rtol=1e-5)
    assert ring.model.loss == pytest.approx(cold.model.loss, rel=1e-8)


class Watched:
    """Each start of a refit from what changed alone, held against a whole pass, and counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spared = 0
        known = Learner._carried

        def watched(learned: Learner, objective: Objective, theta: Array) -> Point | None:
            point, whole = known(learned, objective, theta), objective.at(theta)
            if point is not None:
                self.spared += 1
                assert point.value == pytest.approx(whole.value, rel=1e-14)
                assert np.abs(point.gradient - whole.gradient).max() < 1e-9
            return point

        monkeypatch.setattr(Learner, '_carried', watched)


@pytest.mark.parametrize('policy', POLICIES)
@pytest.mark.parametrize('loss', ['bce', 'mse'])
@pytest.mark.parametrize('solver', SOLVERS)
def test_a_refit_begins_with_what_came_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, policy: str, loss: str, solver: str
) -> None:
    X, y = samples(4000)
    X -= 5.0
    learned = learner(buffer_policy=policy, buffer_capacity=1000, loss=loss, solver=solver, tolerance=1e-5)
    learned.take(NAMES, X[:900], y[:900])
    learned.descend()
    watched, refits, row = Watched(monkeypatch), 0, 900
    for count in np.random.default_rng(0).integers(1, 20, 150):
        learned.take(NAMES, X[row : row + count], y[row : row + count])
        row += count
        if count % 3:
            learned.descend()
            refits += 1
    assert watched.spared > refits // 3
    assert_at_the_optimum(learned)


def test_a_refit_visits_all_samples_where_rounding_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = samples(2000)
    X -= 5.0
    learned = learner(buffer_policy='fifo', buffer_capacity=500)
    learned.take(NAMES, X[:500], y[:500])
    learned.descend()
    watched, spared = Watched(monkeypatch), []
    X[500] *= 1e60
    for row in range(500, 1500, 10):
        before = watched.spared
        learned.take(NAMES, X[row : row + 10], y[row : row + 10])
        learned.descend()
        spared.append(watched.spared - before)
    assert spared[50] == 0, 'the outlier left'
    assert sum(spared) > 50
    assert_at_the_optimum(learned)


def test_a_refit_visits_all_samples_after_a_change_of_what_they_weigh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = samples(2000)
    X -= 5.0
    learned = learner()
    watched = Watched(monkeypatch)
    for options in ({'loss': 'mse'}, {'class_weight': 'balanced'}, {'l2': 50.0}, {'buffer_capacity': 700}):
        learned.configure(LearningOptions(**options))  # type: ignore[arg-type]
        for row in (0, 1000):
            learned.take(NAMES, X[row : row + 1000], y[row : row + 1000])
            learned.descend()
            assert not watched.spared


def test_an_outlier_that_is_learned_from_does_not_hold_the_model_for_ever() -> None:
    X, y = samples(1500)
    for solver in SOLVERS:
        learned = learner(buffer_policy='fifo', buffer_capacity=500, solver=solver, tolerance=1e-4)
        learned.take(NAMES, X[:500], y[:500])
        learned.descend()
        learned.take(NAMES, X[500:501] * 1e60, y[500:501])
        learned.descend()
        assert learned.model is not None and learned.model.converged
        assert learned.model.loss < 1.0
        learned.take(NAMES, X[501:1001], y[501:1001])
        assert_at_the_optimum(learned)


def assert_at_the_optimum(learned: Learner) -> None:
    while learned.has_work:
        learned.descend()
    assert learned.model is not None and learned.buffer is not None and learned.model.converged
    cold = Learner('cold', replace(learned.options, buffer_capacity=10_000, buffer_policy='fifo'))
    cold.take(NAMES, learned.buffer.X, learned.buffer.y)
    cold.descend()
    assert cold.model is not None
    scale, tolerance = np.array(cold.model.scale), 1000.0 * learned.options.tolerance
    assert np.array(learned.model.weights) * scale == pytest.approx(
        np.array(cold.model.weights) * scale, abs=tolerance
    )


def test_a_long_run_of_one_class_does_not_make_it_forget_the_other() -> None:
    X, y = samples(2000)
    given_learner = learner(buffer_capacity=500)
    given_learner.take(NAMES, X, y)
    given_learner.descend()
    for seed in range(20):
        more, _ = samples(500, seed + 10)
        more[:, 2] -= 3000.0  # where the class that comes is easily told
        given_learner.take(NAMES, more, np.zeros(500))
        given_learner.descend()
    assert min(given_learner.counts) == 250
    assert given_learner.model is not None
    z = given_learner.model.decision_function(X[y == 1.0])
    assert np.mean(z > 0.0) > 0.7


def test_balanced_lets_the_rare_class_weigh_half() -> None:
    X, y = samples(3000)
    keep = (y == 0.0) | (np.arange(3000) % 20 == 0)
    shares = []
    for class_weight in ('none', 'balanced'):
        given_learner = learner(class_weight=class_weight)
        given_learner.take(NAMES, X[keep], y[keep])
        given_learner.descend()
        assert given_learner.model is not None
        shares.append(float(np.mean(given_learner.model.decision_function(X) > 0.0)))
    assert shares[0] < 0.3 < 0.4 < shares[1] < 0.6


@pytest.mark.parametrize('policy', POLICIES)
def test_taking_samples_in_reads_no_more_the_more_are_held(
    monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """Counted in rows, not in time: what Moments see, and how often they start again."""
    counted = []

    class Counting(Moments):
        def _merge(self, X: Array, sign: int) -> None:
            counted.append(len(X))
            super()._merge(X, sign)

    monkeypatch.setattr(buffer_module, 'Moments', Counting)
    for capacity in (1000, 20_000):
        ring = learner(buffer_capacity=capacity, buffer_policy=policy)
        X, y = samples(capacity)
        ring.take(NAMES, X, y)
        counted.clear()
        more = 3 * capacity
        for start in range(0, more, 100):
            X, y = samples(100, start)
            ring.take(NAMES, X, y)
        assert sum(counted) <= 3.2 * more  # came, left, and a share of starting again


def _peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        kept = work()
        peak = tracemalloc.get_traced_memory()[1]
        del kept
    finally:
        tracemalloc.stop()
    return peak


def test_a_million_samples_of_20_take_1_2_times_their_own_bytes() -> None:
    names = tuple(f'x{i}' for i in range(20))
    X, y = samples(10_000, N=20)

    def work() -> Learner:
        full = learner(buffer_capacity=1_000_000)
        for _ in range(100):
            full.take(names, X, y)
        full.take(names, X, y)  # and once more, so that samples leave
        assert full.descend().converged
        assert sum(full.counts) == 1_000_000
        return full

    assert _peak_of(work) <= 1.2 * 1_000_000 * 20 * 8


def test_a_buffer_without_memory_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    given_learner = taught(50)
    options, buffer = given_learner.options, given_learner.buffer

    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(buffer_module.Buffer, 'resized', refuse)
    with pytest.raises(MemoryError):
        given_learner.configure(replace(options, buffer_capacity=20, l2=9.0))
    assert given_learner.options is options
    assert given_learner.buffer is buffer


def test_a_reset_forgets_and_begins_a_new_run() -> None:
    given_learner = taught(50)
    given_learner.descend()
    assert given_learner.reset() == 'forgot 50 samples and the model; a new run begins'
    assert given_learner.run != 'run'
    assert (given_learner.model, given_learner.names, given_learner.counts) == (None, (), (0, 0))
    given_learner.take(NAMES[:2], samples(50, N=2)[0], samples(50)[1])
    assert given_learner.descend().converged
    assert given_learner.model is not None and given_learner.model.run == given_learner.run


@pytest.mark.parametrize('solver', SOLVERS)
def test_a_restart_begins_at_new_random_weights_with_the_same_samples(solver: str) -> None:
    given_learner = taught(500, solver=solver, tolerance=1e-5)
    first = given_learner.descend().model
    assert first is not None and not given_learner.has_work
    assert '500 samples stay' in given_learner.restart()
    assert given_learner.model is first, 'a robot is served until there is another'
    assert given_learner.has_work
    fit = given_learner.descend(enough=lambda: True)
    assert fit.steps >= 1
    while given_learner.has_work:
        fit = given_learner.descend()
    assert fit.converged
    last = given_learner.model
    assert last.run == first.run and last.step > first.step
    assert last.weights == pytest.approx(first.weights, rel=1e-2)
    assert last.weights != first.weights


def test_a_fit_says_whether_there_is_a_new_model() -> None:
    given_learner = taught()
    fit = given_learner.descend()
    assert fit.model is given_learner.model is not None
    assert fit.ended and fit.converged
    again = given_learner.descend()
    assert (again.steps, again.model, again.ended) == (0, None, True)


@pytest.mark.parametrize('solver', SOLVERS)
def test_many_features_take_no_matrix_of_them(monkeypatch: pytest.MonkeyPatch, solver: str) -> None:
    """2,500 features and more: seconds in one call that no signal ends, 20,000: memory without end."""
    N, M = 5000, 30
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(M, N)), np.arange(M) % 2.0
    wide = learner(solver=solver, tolerance=1e-3, buffer_capacity=100)
    wide.take(tuple(f'x{i}' for i in range(N)), X, y)
    monkeypatch.delattr(Objective, 'hessian')
    monkeypatch.delattr(Objective, 'max_curvature')
    peak = _peak_of(wide.descend)
    assert peak < N * N * 8 / 8
    assert wide.model is not None and wide.model.converged
    word = wide.status().note
    assert word == '' if solver == 'gradient' else 'it descends by gradient' in word and '5000' in word


def test_a_rate_that_diverges_leaves_the_model_before_and_is_told_until_it_is_mended() -> None:
    given_learner = taught(500)
    before = given_learner.descend().model
    given_learner.configure(replace(given_learner.options, solver='gradient', learning_rate=1e5))
    given_learner.restart()
    with pytest.raises(DescentError, match='such as'):
        given_learner.descend()
    assert given_learner.model is before
    assert 'such as' in given_learner.status().error
    assert not given_learner.has_work, 'it would only diverge again'
    given_learner.configure(replace(given_learner.options, learning_rate=0.0))
    given_learner.descend(enough=lambda: True)
    assert not given_learner.status().error


def test_many_columns_of_few_features_are_told_as_well() -> None:
    N, M = 60, 400
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(M, N)), np.arange(M) % 2.0
    curved = learner(feature_map='curves', knots=24, tolerance=0.1)
    curved.take(tuple(f'x{i}' for i in range(N)), X, y)
    curved.descend(enough=lambda: True)
    assert 'it descends by gradient' in curved.status().note
    curved.configure(replace(curved.options, feature_map='line'))
    curved.descend(enough=lambda: True)
    assert curved.status().note == ''
