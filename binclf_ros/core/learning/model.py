# SPDX-License-Identifier: Apache-2.0
"""The model: immutable, exact to and from JSON, and checked before anybody uses it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ModelError
from .losses import sigmoid

FORMAT = 'binclf_ros/model'
VERSION = 1
MAX_PARTS = 8
"""Features that an explanation names."""
MAX_JSON = 16 * 2**20
"""Characters of JSON that are looked at; a longer text is refused unread."""


@dataclass(frozen=True)
class Model:
    """probability = σ(weights·x + bias) for a sample x of N `features`, as published.

    `mean` and `scale` are those of the training data (weights × scale compares features); `run` names
    one life of a trainer, `step` counts its models; `stamp` is seconds since the epoch; `samples` and
    `positives` are those of the buffer it was fitted to; `loss` is the mean data loss there.
    """

    run: str
    step: int
    stamp: float
    features: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    samples: int
    positives: int
    loss: float
    converged: bool

    def decision_function(self, X: Array) -> Array:
        """Return z = X·wᵀ + b, (M,), for X (M, N)."""
        z: Array = X @ np.array(self.weights) + self.bias
        return z

    def predict_proba(self, X: Array) -> Array:
        """Return ŷ = σ(z), (M,), for X (M, N)."""
        return sigmoid(self.decision_function(X))

    def contributions(self, x: Array) -> tuple[Array, float]:
        """Return what each feature adds to z for one sample x (N,), and what is there without them.

        weights·scale × (x − mean)/scale, (N,), and bias + weights·mean: the z of the mean sample. Their
        sum is z.
        """
        weights, mean = np.array(self.weights), np.array(self.mean)
        return weights * (x - mean), self.bias + float(weights @ mean)

    def explain(self, x: Array) -> str:
        """Return one line for people: ŷ = σ(z), and what made z, the largest part first."""
        parts, rest = self.contributions(x)
        z = float(np.sum(parts)) + rest
        order = np.argsort(-np.abs(parts), kind='stable')
        shown = [f'{parts[i]:+.2g} {self.features[i]}' for i in order[:MAX_PARTS].tolist()]
        if len(order) > MAX_PARTS:
            others = order[MAX_PARTS:]
            shown.append(f'{np.sum(parts[others]):+.2g} {len(others)} more')
        chance = float(sigmoid(np.array(z)))
        return f'{chance:.2g} = σ({z:.2g}): ' + ' '.join([*shown, f'{rest:+.2g} bias']).replace('-', '−')

    def to_json(self) -> str:
        """Return the model as one JSON object; floats round-trip exactly.

        Raises ModelError if a number is not finite.
        """
        fields = {'format': FORMAT, 'version': VERSION, **asdict(self)}
        try:
            return json.dumps(fields, allow_nan=False)
        except ValueError as error:
            raise ModelError('not_finite', f'the model is not finite: {error}') from error

    @classmethod
    def from_json(cls, text: str) -> Model:
        """Read a model and check it whole.

        Raises ModelError with the reason `json`, `format`, `version`, `shape` or `not_finite`.
        """
        fields = _object(text)
        if fields.get('format') != FORMAT:
            raise ModelError('format', f'format is {fields.get("format")!r:.60}, not {FORMAT!r}')
        version = fields.get('version')
        if type(version) is not int or version != VERSION:
            raise ModelError(
                'version',
                f'version is {version!r:.60}; this release reads {VERSION}: update the older side',
            )
        names = _list(fields, 'features', str, 'strings')
        if not names or len(set(names)) != len(names) or not all(names):
            raise ModelError('shape', f'features has to name N ≥ 1 different features, not {names!r:.80}')
        model = cls(
            run=_one(fields, 'run', str, 'a string'),
            step=_count(fields, 'step'),
            stamp=_float(_one(fields, 'stamp', (int, float), 'a number'), 'stamp'),
            features=tuple(names),
            weights=_floats(fields, 'weights', len(names)),
            bias=_float(_one(fields, 'bias', (int, float), 'a number'), 'bias'),
            mean=_floats(fields, 'mean', len(names)),
            scale=_floats(fields, 'scale', len(names)),
            samples=_count(fields, 'samples'),
            positives=_count(fields, 'positives'),
            loss=_float(_one(fields, 'loss', (int, float), 'a number'), 'loss'),
            converged=_one(fields, 'converged', bool, 'true or false'),
        )
        if not model.run:
            raise ModelError('shape', 'run is empty')
        if min(model.scale) <= 0.0:
            raise ModelError('shape', 'scale has to be above 0')
        if model.positives > model.samples or model.loss < 0.0:
            raise ModelError('shape', 'positives exceed samples, or the loss is below 0')
        return model


def _object(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> float:
        raise ModelError('not_finite', f'{constant} is no number that a model may have')

    if len(text) > MAX_JSON:
        raise ModelError('json', f'{len(text)} characters are more than a model may have')
    try:
        fields = json.loads(text, parse_constant=refuse)
    except ModelError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelError('json', f'not JSON: {error}') from error
    if not isinstance(fields, dict):
        raise ModelError('json', f'a model is one JSON object, this is a {type(fields).__name__}')
    return fields


def _one(fields: dict[str, Any], key: str, kind: type | tuple[type, ...], wanted: str) -> Any:
    value = fields.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ModelError('shape', f'{key} is {value!r:.60}, not {wanted}')
    return value


def _list(fields: dict[str, Any], key: str, kind: type | tuple[type, ...], wanted: str) -> list[Any]:
    values = _one(fields, key, list, f'a list of {wanted}')
    for value in values:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ModelError('shape', f'{key} holds {value!r:.60}; it is a list of {wanted}')
    return list(values)


def _count(fields: dict[str, Any], key: str) -> int:
    value = int(_one(fields, key, int, 'a whole number'))
    if not 0 <= value < 2**63:
        raise ModelError('shape', f'{key} is {value!r:.60}; a count is 0 or more')
    return value


def _float(value: float, key: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ModelError('not_finite', f'{key} is not finite')
    return number


def _floats(fields: dict[str, Any], key: str, length: int) -> tuple[float, ...]:
    values = _list(fields, key, (int, float), 'numbers')
    if len(values) != length:
        raise ModelError('shape', f'{key} has {len(values)} values for {length} features')
    return tuple(_float(value, key) for value in values)
