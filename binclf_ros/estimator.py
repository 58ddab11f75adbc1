# SPDX-License-Identifier: Apache-2.0
"""What the robot learns with, as an estimator of scikit-learn: in notebooks, pipelines, `cross_val_score`.

>>> import numpy as np
>>> X = np.array([[0.0], [0.2], [0.4], [0.6], [0.8], [1.0]])
>>> y = np.array(['no', 'no', 'no', 'yes', 'yes', 'yes'])
>>> classifier = BinaryClassifier(l2=0.01, min_samples_per_class=1).fit(X, y)
>>> classifier.predict([[0.1], [0.9]]).tolist()
['no', 'yes']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        'binclf_ros.estimator needs scikit-learn 1.6 or later: pip install scikit-learn'
    ) from error

from .core.arrays import Array
from .core.errors import BinclfError, ModelError
from .core.learning.learner import Learner
from .core.learning.losses import sigmoid
from .core.learning.model import Model
from .core.learning.objective import Objective
from .core.learning.options import LearningOptions
from .core.options import checked, named
from .core.storage.model_file import load_model, save_model

DEFAULTS = {name: each.default for name, each in named(LearningOptions).items()} | {
    'min_samples_per_class': 1
}
"""The trainer's options; here, what is given has to be enough."""


def _takes_options(init: Callable[..., None]) -> Callable[..., None]:
    """Give a method the trainer's options as its arguments, as scikit-learn wants to see them."""

    @wraps(init)
    def of_options(self: Any, **given: Any) -> None:
        unknown = given.keys() - DEFAULTS
        if unknown:
            raise TypeError(f'{sorted(unknown)[0]} is no option; there are {", ".join(DEFAULTS)}')
        init(self, **{**DEFAULTS, **given})

    arguments = [Parameter(name, Parameter.KEYWORD_ONLY, default=value) for name, value in DEFAULTS.items()]
    of_options.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter('self', Parameter.POSITIONAL_OR_KEYWORD), *arguments]
    )
    return of_options


class _Weighted(Learner):
    """A learner whose classes have weights of their own."""

    weights: tuple[float, float] | None = None

    def _objective(self, pause: Callable[[], None]) -> Objective:
        objective = super()._objective(pause)
        if self.weights is not None:
            objective.class_weights = self.weights
        return objective


class BinaryClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Logistic regression by the trainer's options and descent; `model_` is what the predictor serves.

    The options are those of the trainer, by their names (doc/reference/parameters.md). `class_weight` may
    also be a dictionary of the classes' weights. `fit` learns from all samples that it gets; `partial_fit`
    from those that the buffer keeps (`buffer_capacity`, `buffer_policy`), as a trainer does.

    After `fit`: `classes_` (2,), the second is the positive one; `coef_` (1, N) and `intercept_` (1,) where
    the model is a straight line; `model_`.
    """

    @_takes_options
    def __init__(self, **options: Any) -> None:
        for name, value in options.items():
            setattr(self, name, value)

    def fit(self, X: Any, y: Any) -> BinaryClassifier:
        """Learn from samples X (M, N) and labels y (M,) of two classes.

        Raises ValueError where these are no such samples, or an option is none.
        """
        X, y = self._checked(X, y, reset=True)
        self.classes_ = self._classes(y)
        options = self._options()
        capacity = max(options.buffer_capacity, len(y))
        self._begin(replace(options, buffer_capacity=capacity))
        return self._learn(X, y)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> BinaryClassifier:
        """Learn from further samples, beside those that are kept of the ones before.

        `classes` (2,) are needed at the first call where y has only one of them. Raises ValueError.
        """
        first = not hasattr(self, '_learner')
        X, y = self._checked(X, y, reset=first)
        if first:
            self.classes_ = self._classes(y if classes is None else classes)
            self._begin(self._options())
        unknown = set(np.unique(y).tolist()) - set(self.classes_.tolist())
        if unknown:
            raise ValueError(
                f'the label {sorted(unknown)[0]!r} is none of the classes {self.classes_.tolist()}'
            )
        return self._learn(X, y)

    def decision_function(self, X: Any) -> Array:
        """Return z (M,) of samples X (M, N): above 0 where the second class is the likelier one."""
        check_is_fitted(self, 'model_')
        z: Array = self.model_.decision_function(validate_data(self, X, reset=False, dtype=np.float64))
        return z

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (M, 2) of the two classes: 1 − σ(z) and σ(z)."""
        z = self.decision_function(X)
        return np.column_stack([sigmoid(-z), sigmoid(z)])

    def predict(self, X: Any) -> Any:
        """Return the likelier class of each sample, (M,)."""
        z = self.decision_function(X)
        return self.classes_[(z >= 0.0).astype(np.intp)]

    def save(self, path: str | Path) -> None:
        """Write the model file that the predictor serves, 1 for the second class. Raises StorageError."""
        check_is_fitted(self, 'model_')
        save_model(Path(path), self.model_)

    @classmethod
    def load(cls, path: str | Path) -> BinaryClassifier:
        """Return a classifier of the classes 0 and 1 that is fitted as a model file says.

        Raises StorageError, ModelError where the file cannot be used.
        """
        model = load_model(Path(path))
        if model is None:
            raise ModelError('json', f'there is no model {path}')
        found = cls()
        found.classes_ = np.array([0, 1])
        found.n_features_in_ = len(model.features)
        found._take(model)
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _options(self) -> LearningOptions:
        given = {name: getattr(self, name) for name in DEFAULTS}
        if given['class_weight'] is None or isinstance(given['class_weight'], Mapping):
            given['class_weight'] = 'none'
        options = LearningOptions(
            **{name: checked(each, given[name]) for name, each in named(LearningOptions).items()}
        )
        options.check()
        return options

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Array, Any]:
        X, y = validate_data(self, X, y, reset=reset, dtype=np.float64)
        check_classification_targets(y)
        return X, y

    @staticmethod
    def _classes(y: Any) -> Any:
        kind, classes = type_of_target(y, input_name='y'), np.unique(y)
        if kind != 'binary':
            raise ValueError(f'Only binary classification is supported. The type of the target is {kind}.')
        if len(classes) < 2:
            raise ValueError(f'y has one class, {classes[0]!r}; two are needed')
        return classes

    def _begin(self, options: LearningOptions) -> None:
        self._learner = _Weighted('estimator', options)
        if isinstance(self.class_weight, Mapping):
            negative, positive = (
                float(self.class_weight.get(each, 1.0)) for each in self.classes_.tolist()
            )
            self._learner.weights = negative, positive

    def _learn(self, X: Array, y: Any) -> BinaryClassifier:
        names = getattr(self, 'feature_names_in_', None)
        features = tuple(f'x{i}' for i in range(X.shape[1])) if names is None else tuple(map(str, names))
        self._learner.take(features, X, (y == self.classes_[1]).astype(float))
        if self._learner.missing:
            return self
        self._learner.descend()
        if self._learner.model is None:
            raise BinclfError(self._learner.error or 'there is no model')
        self._take(self._learner.model)
        return self

    def _take(self, model: Model) -> None:
        self.model_ = model
        if model.map is None:
            self.coef_, self.intercept_ = np.array([model.weights]), np.array([model.bias])
