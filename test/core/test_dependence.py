# SPDX-License-Identifier: Apache-2.0
"""How many neighbours count as one: known streams, shuffled ones, and what the ridge makes of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from binclf_ros.core.arrays import Array
from binclf_ros.core.learning.learner import Learner, LearningOptions

NAMES = ('a', 'b', 'c')


def stream(M: int, same: int, seed: int = 0) -> tuple[Array, Array]:
    """Samples of which each comes `same` times, one after the other."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(M // same, 3))
    y = (X @ [1.0, -0.5, 0.2] + generator.logistic(size=M // same) > 0.0).astype(float)
    return np.repeat(X, same, axis=0), np.repeat(y, same)


def taught(X: Array, y: Array, **options: object) -> Learner:
    learner = Learner('run', LearningOptions(buffer_capacity=100_000, **options))  # type: ignore[arg-type]
    learner.take(NAMES, X, y)
    assert learner.descend().converged
    return learner


def tau(learner: Learner) -> float:
    assert learner.model is not None and learner.model.effective_samples is not None
    return learner.model.samples / learner.model.effective_samples


@pytest.mark.parametrize('same', [5, 20])
def test_it_is_as_many_as_say_the_same(same: int) -> None:
    found = [tau(taught(*stream(20_000, same, seed))) for seed in range(4)]
    assert np.mean(found) == pytest.approx(same, rel=0.3)


@pytest.mark.parametrize('feature_map', ['line', 'curves'])
def test_it_is_1_where_samples_are_shuffled(feature_map: str) -> None:
    for seed in range(5):
        X, y = stream(5000, 10, seed)
        order = np.random.default_rng(seed).permutation(len(y))
        assert tau(taught(X[order], y[order], feature_map=feature_map)) == 1.0


@pytest.mark.parametrize('feature_map', ['line', 'curves'])
def test_it_multiplies_the_ridge(feature_map: str) -> None:
    X, y = stream(20_000, 20)
    options = {'tolerance': 1e-10, 'feature_map': feature_map}
    estimated = taught(X, y, **options)
    as_told = taught(X, y, sample_dependence=tau(estimated), **options)
    by_l2 = taught(X, y, sample_dependence=1.0, l2=tau(estimated), **options)
    assert estimated.model is not None and as_told.model is not None and by_l2.model is not None
    assert as_told.model.weights == pytest.approx(by_l2.model.weights, rel=1e-6)
    plain = taught(X, y, sample_dependence=1.0, **options).model
    expected = by_l2.model if feature_map == 'curves' else plain  # a line is what scikit-learn fits
    assert expected is not None
    assert estimated.model.weights == pytest.approx(expected.weights, rel=1e-6)
    assert by_l2.model.effective_samples == 20_000


def test_few_samples_tell_nothing_and_it_is_looked_at_again_once_they_are_twice_as_many() -> None:
    X, y = stream(4000, 20)
    learner = taught(X[:200], y[:200])
    assert tau(learner) == 1.0
    learner.take(NAMES, X[200:], y[200:])
    learner.descend()
    assert tau(learner) > 5.0
    learner.configure(dataclasses.replace(learner.options, sample_dependence=1.0))
    learner.descend()
    assert tau(learner) == 1.0


def test_what_nothing_waits_for_is_left_to_the_next_descent_of_a_line_alone() -> None:
    X, y = stream(4000, 20)
    for feature_map, now in (('line', False), ('curves', True)):
        learner = Learner('run', LearningOptions(feature_map=feature_map, buffer_capacity=5000))
        learner.take(NAMES, X, y)
        fit = learner.descend(later=True)
        assert fit.converged and fit.ended
        assert (tau(learner) > 5.0) is now
        assert learner.has_work is not now
        if not now:
            left = learner.descend()
            assert left.steps == 0 and left.model is not None and left.model.step == fit.model.step + 1
            assert left.model.weights == fit.model.weights
            assert left.model.effective_samples == pytest.approx(4000 / tau(learner))
        assert tau(learner) > 5.0 and not learner.has_work
