# SPDX-License-Identifier: Apache-2.0
"""scikit-learn's own checks of an estimator, and the way to the robot and back."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('sklearn', reason='scikit-learn is missing')

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.core.options import named
from binclf_ros.core.storage.model_file import load_model
from binclf_ros.estimator import BinaryClassifier


@parametrize_with_checks([BinaryClassifier()])
def test_scikit_learn_checks_it(estimator, check):
    check(estimator)


def data(count=400, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(count, 3))
    return X, np.where(X @ [1.0, -2.0, 0.5] + generator.normal(size=count) > 0.3, 'yes', 'no')


def test_its_options_are_the_trainers():
    assert BinaryClassifier().get_params().keys() == named(LearningOptions).keys()
    with pytest.raises(TypeError, match='C is no option'):
        BinaryClassifier(C=1.0)
    with pytest.raises(ValueError, match='l2 is -1'):
        BinaryClassifier(l2=-1.0).fit(*data())


def test_it_is_logistic_regression_and_cross_validates():
    X, y = data()
    ours = BinaryClassifier(l2=2.0, standardize=False, tolerance=1e-10).fit(X, y)
    theirs = LogisticRegression(C=0.5, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    assert cross_val_score(BinaryClassifier(), X, y).mean() > 0.8


def test_the_model_goes_to_the_robot_and_comes_back(tmp_path):
    X, y = data()
    taught = BinaryClassifier().fit(X, y)
    taught.save(tmp_path / 'model.json')
    assert load_model(tmp_path / 'model.json') == taught.model_
    back = BinaryClassifier.load(tmp_path / 'model.json')
    np.testing.assert_array_equal(back.decision_function(X), taught.decision_function(X))
    assert back.classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match='there is no model'):
        BinaryClassifier.load(tmp_path / 'nowhere.json')


def test_more_samples_come_piece_by_piece():
    X, y = data()
    learner = BinaryClassifier(tolerance=1e-9)
    for start in range(0, len(y), 50):
        learner.partial_fit(X[start : start + 50], y[start : start + 50], classes=['no', 'yes'])
    whole = BinaryClassifier(tolerance=1e-9).fit(X, y)
    np.testing.assert_allclose(learner.decision_function(X), whole.decision_function(X), atol=1e-6)
    with pytest.raises(ValueError, match='is none of the classes'):
        learner.partial_fit(X[:1], ['perhaps'])
