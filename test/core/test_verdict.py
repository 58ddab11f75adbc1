# SPDX-License-Identifier: Apache-2.0
"""Scores ahead, and a verdict that features which know nothing never pass for learning."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from binclf_ros.core.arrays import Array
from binclf_ros.core.evaluation.ahead import Ahead, Stretches
from binclf_ros.core.evaluation.progress import Progress
from binclf_ros.core.evaluation.scores import Scores
from binclf_ros.core.evaluation.verdict import Learning, Verdict, verdict
from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.losses import BCE
from binclf_ros.core.learning.options import LearningOptions

M = 6000


def slow(rho: float, seed: int) -> Array:
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(M, 4)) * math.sqrt(1.0 - rho**2)
    noise[0] /= math.sqrt(1.0 - rho**2)
    for i in range(1, M):
        noise[i] += rho * noise[i - 1]
    return noise


def judged(X: Array, y: Array) -> list[Verdict]:
    """What is said on the way, of a learner that descends every 100 samples."""
    learner, scores, progress, ahead = Learner('run', LearningOptions()), Scores(1000), Progress(), Ahead()
    found = []
    for start in range(0, M, 100):
        for i in range(start, start + 100):
            one, model = slice(i, i + 1), learner.model
            if model is None:
                ahead.see(y[one])
            else:
                z = model.decision_function(X[one])
                scores.extend(y[one], z, *ahead.score(model, X[one], y[one], z))
        learner.take(tuple('abcd'), X[start : start + 100], y[start : start + 100])
        if learner.has_work:
            learner.descend()
        if start % 500 == 400:
            found.append(verdict(Learning.of('', scores, progress, learner.model, learner.missing)))
    return found


@pytest.mark.parametrize('block', [1, 30, 400, 1500])
@pytest.mark.parametrize('rho', [0.0, 0.9, 0.99, 0.9997])
def test_features_that_know_nothing_never_pass_for_learning(rho: float, block: int) -> None:
    y = (np.arange(M) // block % 2).astype(float)
    if block == 1:
        y = (np.random.default_rng(9).random(M) < 0.5).astype(float)
    found = judged(slow(rho, 3), y)
    assert not [each.text for each in found if each.learns]
    if block == 1500:
        assert 'too few changes of the label to tell' in found[-1].text


def test_held_labels_that_can_be_learned_are() -> None:
    y = (np.arange(M) // 200 % 2).astype(float)
    X = slow(0.9, 5) + 2.0 * y[:, None]
    found = judged(X, y)
    assert found[-1].learns, found[-1].text
    assert found[0].learns is None, 'two changes tell nothing'


def test_a_stretch_is_predicted_by_the_model_from_before_it() -> None:
    X, y = slow(0.0, 1), (np.arange(M) // 50 % 2).astype(float)
    learner, ahead = Learner('run', LearningOptions()), Ahead()
    learner.take(tuple('abcd'), X[:100], y[:100])
    learner.descend()
    first = learner.model
    assert first is not None
    ahead.see(y[90:100])
    z = first.decision_function(X[100:110])
    assert ahead.score(first, X[100:110], y[100:110], z)[1] is True
    learner.take(tuple('abcd'), X[100:110], y[100:110])
    learner.descend()
    second = learner.model
    assert second is not None and second is not first
    of_second = second.decision_function(X[110:120])
    z, begins = ahead.score(second, X[110:120], y[110:120], of_second)
    assert not begins and np.array_equal(z, first.decision_function(X[110:120]))
    mixed = ahead.score(second, X[140:160], y[140:160], second.decision_function(X[140:160]))
    assert mixed[1] is True


def test_a_model_that_came_within_a_stretch_does_not_predict_it() -> None:
    X, y = slow(0.0, 1), np.ones(M)
    learner, ahead = Learner('run', LearningOptions()), Ahead()
    learner.take(tuple('abcd'), X[:100], np.arange(100) % 2.0)
    learner.descend()
    model = learner.model
    assert model is not None
    ahead.see(y[:5])
    assert np.isnan(ahead.score(model, X[:5], y[:5], model.decision_function(X[:5]))[0]).all()


def test_sums_of_stretches_are_those_of_their_samples_however_they_come() -> None:
    generator = np.random.default_rng(0)
    y, z = (np.arange(400) // 20 % 2).astype(float), generator.normal(size=400)
    prior, begins = generator.normal(size=400), np.arange(400) % 20 == 0
    found = []
    for cuts in ([0, 400], [0, 7, 20, 33, 200, 201, 400]):
        stretches = Stretches()
        for start, end in pairwise(cuts):
            stretches.extend(y[start:end], z[start:end], prior[start:end], begins[start:end])
        found.append(stretches.scores(1000))
    assert found[0] == found[1]
    assert (found[0].changes, found[0].samples) == (19, 400)
    assert found[0].log_loss == pytest.approx(float(np.mean(BCE.of_samples(z, y))))
    assert found[0].accuracy == pytest.approx(float(np.mean((z >= 0) == (y > 0.5))))
    stated = np.repeat(prior[::20], 20)
    assert found[0].prior_log_loss == pytest.approx(float(np.mean(BCE.of_samples(stated, y))))


def test_who_says_the_last_label_again_is_a_baseline() -> None:
    y = (np.arange(2000) // 100 % 2).astype(float)
    scores = Scores(2000)
    for start in range(0, 2000, 37):
        scores.extend(y[start : start + 37], np.zeros(len(y[start : start + 37])))
    assert scores.last_label(['accuracy'])['accuracy'] == pytest.approx(0.99, abs=0.002)
    assert scores.last_label(['log_loss'])['log_loss'] < 0.1 < scores.majority(['log_loss'])['log_loss']
