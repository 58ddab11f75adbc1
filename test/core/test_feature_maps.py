# SPDX-License-Identifier: Apache-2.0
"""Curves: their columns, the objective over them, their optimum, and the forward pass."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from binclf_ros.core.arrays import Array
from binclf_ros.core.errors import DescentError
from binclf_ros.core.learning.feature_maps import FEATURE_MAPS, Curves, CurvesAndPairs, quantile_knots
from binclf_ros.core.learning.learner import Learner, LearningOptions
from binclf_ros.core.learning.losses import LOSSES, Loss
from binclf_ros.core.learning.mapping import carried_over
from binclf_ros.core.learning.model import Model
from binclf_ros.core.learning.objective import Objective

NAMES = ('a', 'b', 'c')
KINDS = [name for name, kind in FEATURE_MAPS.items() if kind is not None]
every_map = pytest.mark.parametrize('kind', KINDS)


def samples(M: int, seed: int = 0) -> tuple[Array, Array]:
    """A question that no line answers: whether a is between two values, on scales far apart."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(M, 3)) * [1.0, 1e-3, 1e4] + [0.0, 5.0, -1e5]
    X[:, 1] = np.round(X[:, 1], 3)  # of few values
    z = 3.0 - 4.0 * np.abs(X[:, 0]) + (X[:, 2] + 1e5) / 1e4
    return X, (z + generator.logistic(size=M) > 0.0).astype(float)


def taught(kind: str, M: int = 2000, **options: object) -> tuple[Learner, Array, Array]:
    X, y = samples(M)
    learner = Learner('run', LearningOptions(feature_map=kind, **options))  # type: ignore[arg-type]
    learner.take(NAMES, X, y)
    assert learner.descend().converged
    return learner, X, y


def columns_one_by_one(model: Model, x: Array) -> list[float]:
    """The columns as the interface says them, number by number."""
    found, normal = [], []
    for value, q in zip(x.tolist(), model.knots):
        found.append(min(max(value, q[0]), q[-1]))
        ramps = [min(max((value - a) / (b - a), 0.0), 1.0) for a, b in itertools.pairwise(q)]
        found += ramps
        levels = CurvesAndPairs((q,)).normals[0]
        normal.append(levels[0] + sum(r * d for r, d in zip(ramps, np.diff(levels))))
    if model.feature_map == 'curves+pairs':
        found += [a * b for a, b in itertools.combinations(normal, 2)]
    return found


@every_map
def test_z_is_weights_times_the_columns_of_the_interface(kind: str) -> None:
    learner, X, _ = taught(kind)
    model = Model.from_json(learner.model.to_json())  # type: ignore[union-attr]
    assert model == learner.model
    outside = np.concatenate([X[:50], X[:50] * 3.0, -X[:50]])
    z = [np.dot(model.weights, columns_one_by_one(model, x)) + model.bias for x in outside]
    assert np.allclose(model.decision_function(outside), z, rtol=1e-9, atol=1e-9)
    assert np.allclose([model.score(x) for x in outside], z, rtol=1e-9, atol=1e-9)
    single = model.decision_function(X[:50].astype(np.float32), np.empty(50, dtype=np.float32))
    assert np.allclose(single, z[:50], rtol=1e-3, atol=1e-3)


@every_map
def test_what_lies_outside_is_clipped_so_that_z_is_bounded(kind: str) -> None:
    learner, X, _ = taught(kind)
    assert learner.model is not None
    ends = learner.model.decision_function(np.stack([X.max(axis=0), X.min(axis=0)]))
    assert np.allclose(learner.model.decision_function(np.array([[1e300] * 3, [-1e300] * 3])), ends)


def test_knots_are_the_different_quantiles() -> None:
    X = np.column_stack([np.arange(801.0), np.arange(801) % 2, np.full(801, 7.0)])
    assert quantile_knots(X, 8) == (tuple(100.0 * k for k in range(9)), (0.0, 1.0), (7.0,))
    assert Curves(quantile_knots(X, 8)).n_columns == 9 + 2 + 1


@every_map
@pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES.keys())
def test_gradient_and_curvature_are_those_of_finite_differences(kind: str, loss: Loss) -> None:
    X, y = samples(400)
    wanted = FEATURE_MAPS[kind]
    assert wanted is not None
    of_map = wanted.fit(X, 4, X.mean(axis=0), X.std(axis=0))
    objective = Objective(X, y, loss=loss, l2=2.0, balanced=True, of_map=of_map)
    theta = np.random.default_rng(1).normal(size=of_map.n_columns + 1) * 0.3
    step = 1e-5 * np.eye(len(theta))
    numeric = [(objective.at(theta + d).value - objective.at(theta - d).value) / 2e-5 for d in step]
    assert np.allclose(objective.at(theta).gradient, numeric, rtol=1e-5, atol=1e-8)
    if loss.name == 'bce':
        rows = [(objective.at(theta + d).gradient - objective.at(theta - d).gradient) / 2e-5 for d in step]
        assert np.allclose(objective.hessian(theta), rows, rtol=1e-4, atol=1e-7)
    each = np.concatenate(list(objective.gradients(theta))).mean(axis=0)
    ridge = objective.ridge * np.append(theta[:-1], 0.0)
    assert np.allclose(each + ridge, objective.at(theta).gradient, atol=1e-12)


@every_map
@pytest.mark.parametrize('solver', ['curvature', 'gradient'])
def test_the_optimum_is_that_of_scikit_learn_on_the_columns(kind: str, solver: str) -> None:
    options = {'tolerance': 1e-9 if solver == 'curvature' else 1e-5, 'sample_dependence': 1.0}
    learner, X, y = taught(kind, 800, knots=4, solver=solver, **options)
    wanted, model = FEATURE_MAPS[kind], learner.model
    assert wanted is not None and model is not None
    columns = wanted(model.knots, np.array(model.mean), np.array(model.scale)).columns(X)
    peer = LogisticRegression(C=1.0, tol=1e-12, max_iter=100_000, solver='newton-cholesky').fit(columns, y)
    z = peer.decision_function(columns)
    assert np.abs(model.decision_function(X) - z).max() < (1e-6 if solver == 'curvature' else 2e-2)


@every_map
def test_an_explanation_is_one_number_a_feature_and_sums_to_z(kind: str) -> None:
    learner, X, _ = taught(kind)
    model = learner.model
    assert model is not None
    for x in np.concatenate([X[:20], 10.0 * X[:5]]):
        parts, rest = model.contributions(x)
        assert parts.shape == (3,)
        assert float(parts.sum()) + rest == pytest.approx(model.score(x), rel=1e-12, abs=1e-12)
    still = model.contributions(np.array(model.mean))[0]
    assert np.allclose(still, 0.0, atol=1e-12)


def test_a_curve_answers_what_a_line_cannot() -> None:
    X, y = samples(4000, 7)
    share = {}
    for kind in FEATURE_MAPS:
        model = taught(kind)[0].model
        assert model is not None
        share[kind] = float(np.mean((model.decision_function(X) >= 0.0) == (y > 0.5)))
    assert share['curves'] > share['line'] + 0.1
    assert share['curves+pairs'] > share['line'] + 0.1


@every_map
def test_a_line_becomes_curves_that_say_the_same_and_curves_other_curves(kind: str) -> None:
    X, _ = samples(500)
    wanted = FEATURE_MAPS[kind]
    assert wanted is not None
    centre, unit = X.mean(axis=0), X.std(axis=0)
    coarse, fine = wanted.fit(X, 4, centre, unit), wanted.fit(X, 8, centre, unit)
    w, b = np.array([0.5, 300.0, -1e-4]), 0.7
    of_line = carried_over(None, coarse, (w, b))
    assert of_line is not None
    assert np.allclose(coarse.columns(X) @ of_line[0] + of_line[1], X @ w + b, atol=1e-9)
    of_curves = carried_over(coarse, fine, of_line)
    assert of_curves is not None
    assert np.allclose(fine.columns(X) @ of_curves[0] + of_curves[1], X @ w + b, atol=1e-9)
    raw, bias = fine.published(*of_curves)
    assert np.allclose(wanted(fine.knots).columns(X) @ raw + bias, X @ w + b, atol=1e-9)
    again, _ = fine.adopted(raw, bias)
    assert np.allclose(again, of_curves[0])


def test_the_map_changes_while_it_runs_and_no_sample_is_lost() -> None:
    learner, X, _ = taught('line')
    models = {}
    for kind in ('curves', 'curves+pairs', 'line', 'curves', 'line'):
        learner.configure(dataclasses.replace(learner.options, feature_map=kind))
        assert learner.descend().converged
        model = learner.model
        assert model is not None and model.feature_map == kind and sum(learner.counts) == len(X)
        z = models.setdefault(kind, model.decision_function(X))
        assert np.allclose(z, model.decision_function(X), atol=1e-3), 'the optimum, whatever was before'


def test_knots_stay_until_samples_or_range_have_changed_much() -> None:
    learner, X, y = taught('curves', 1000)

    def knots_after(X: Array, y: Array) -> object:
        learner.take(NAMES, X, y)
        learner.descend()
        assert learner.model is not None
        return learner.model.knots

    assert learner.model is not None
    first = learner.model.knots
    inside = np.clip(samples(1100, 1)[0], X.min(axis=0), X.max(axis=0))
    assert knots_after(inside[:900], y[:900]) == first
    second = knots_after(inside[900:], y[:200])
    assert second != first, 'twice as many samples'
    far = X[:1].copy()
    far[0, 0] = 100.0
    third = knots_after(far, y[:1])
    assert third != second and third[0][-1] == 100.0  # type: ignore[index]


def test_a_refit_is_that_of_a_cold_fit_on_the_same_knots() -> None:
    learner, X, y = taught('curves', 2000, tolerance=1e-9, sample_dependence=1.0)
    X, y = samples(1500, 5)
    for start in range(0, 1500, 50):
        learner.take(NAMES, X[start : start + 50], y[start : start + 50])
        assert learner.descend().converged
    of_map, buffer = learner._mapping.current, learner.buffer
    assert of_map is not None and buffer is not None and learner.model is not None
    columns = of_map.columns(buffer.X)
    peer = LogisticRegression(C=1.0, tol=1e-12, max_iter=1000, solver='newton-cholesky')
    z = peer.fit(columns, buffer.y).decision_function(columns)
    assert np.abs(learner.model.decision_function(buffer.X) - z).max() < 1e-5


def test_pairs_of_too_many_features_are_refused_with_what_to_do() -> None:
    learner = Learner('run', LearningOptions(feature_map='curves+pairs'))
    generator = np.random.default_rng(0)
    X = generator.normal(size=(50, 100))
    learner.take(tuple(f'f{i}' for i in range(100)), X, (X[:, 0] > 0.0).astype(float))
    with pytest.raises(DescentError, match='set fewer knots, or line'):
        learner.descend()


def test_a_million_samples_need_no_second_copy() -> None:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(200_000, 20))
    objective = Objective(X, (X[:, 0] > 0).astype(float), of_map=Curves(quantile_knots(X, 8)))
    import tracemalloc

    tracemalloc.start()
    objective.at(np.zeros(objective.n_features + 1))
    assert tracemalloc.get_traced_memory()[1] < X.nbytes / 2
    tracemalloc.stop()
