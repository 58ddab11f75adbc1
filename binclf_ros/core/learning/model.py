# SPDX-License-Identifier: Apache-2.0
"""The model: immutable, exact to and from JSON, and checked before anybody uses it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import text as texts
from ..arrays import Array, Floats
from ..errors import ModelError
from ..text import MAX_NAME, MAX_RUN, is_name
from .feature_maps import FEATURE_MAPS, MAX_KNOTS, Curves, CurvesAndPairs, Knots, is_rising
from .forward import Forward, PairsForward, forward
from .json_fields import count, floats, list_of, number, one, read_object
from .losses import sigmoid, sigmoid_of
from .taught import Taught

FORMAT = 'binclf_ros/model'
VERSION = 1
"""Of a straight line: anybody can read it."""
MAP_VERSION = 2
"""Of a model whose features go through a map."""
LINE = 'line'
MAX_PARTS = 8
"""Features that an explanation names."""


@dataclass(frozen=True)
class Model:
    """probability = σ(weights·x + bias) for a sample x of N `features`, as published.

    With a `feature_map` but `line`, x is its columns at the `knots`, and `weights` are theirs. `mean` and
    `scale` are those of the training data (weights × scale compares features), `low` and `high` its range;
    `run` names one life of a trainer, `step` counts its models; `stamp` is seconds since the epoch;
    `samples` and `positives` are those of the buffer it was fitted to, `effective_samples` what they count
    as; `loss` is the mean data loss there.

    >>> features, weights, bias, mean, scale = ('height', 'tilt'), (2.0, -1.0), 0.5, (0.0, 0.0), (1.0, 1.0)
    >>> model = Model('a run', 1, 0.0, features, weights, bias, mean, scale, 9, 4, 0.3, True)
    >>> model.score(np.array([1.0, 2.5]))
    0.0
    >>> model.predict_proba(np.array([[1.0, 2.5]])).tolist()
    [0.5]
    >>> model.explain(np.array([1.0, 2.5]))
    '0.5 = σ(0): −2.5 tilt +2 height +0.5 bias'
    >>> Model.from_json(model.to_json()) == model
    True
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
    low: tuple[float, ...] = ()
    """() where it is not known."""
    high: tuple[float, ...] = ()
    effective_samples: float | None = None
    feature_map: str = LINE
    knots: Knots = ()

    @cached_property
    def map(self) -> Curves | None:
        """The map that features go through; None for a straight line."""
        kind = FEATURE_MAPS[self.feature_map]
        return None if kind is None else kind(self.knots)

    @cached_property
    def forward(self) -> Forward:
        """The forward pass: z of a vector, a batch or a block, in double precision."""
        return forward(self.map, np.array(self.weights), self.bias)

    @cached_property
    def forward_single(self) -> Forward:
        """The same in single precision."""
        return forward(self.map, np.array(self.weights), self.bias, np.float32)

    @cached_property
    def taught(self) -> Taught | None:
        """The range that was taught; None where that is not known."""
        return Taught(self.low, self.high) if self.low else None

    @cached_property
    def slope(self) -> float:
        """How steep z is: ‖weights‖ in standardised units, by which z of different models compare."""
        units = np.ones(len(self.weights))
        units[slice(None) if self.map is None else self.map.starts[:-1]] = self.scale
        return float(np.linalg.norm(np.array(self.weights) * units)) or 1.0

    def score(self, x: Array) -> float:
        """Return z of one sample x (N,)."""
        return self.forward.score(x)

    def decision_function(self, X: Floats, out: Any = None) -> Any:
        """Return z = X·wᵀ + b, (M,), for X (M, N), in the precision of `out` where that is given."""
        out = np.empty(len(X)) if out is None else out
        passes = self.forward_single if out.dtype == np.float32 else self.forward
        return passes.fill(out, X)

    def predict_proba(self, X: Floats, out: Any = None) -> Any:
        """Return ŷ = σ(z), (M,), for X (M, N), in the precision of `out` where that is given."""
        z = self.decision_function(X, out)
        return sigmoid(z, z)

    def contributions(self, x: Array) -> tuple[Array, float]:
        """Return what each feature adds to z for one sample x (N,), and what is there without them.

        For a line weights·scale × (x − mean)/scale, (N,), and bias + weights·mean: the z of the mean
        sample. For curves, f(x) − f(mean) of each curve; half of what two features add together belongs to
        each. Their sum is z.
        """
        two = np.stack([x, np.array(self.mean)])
        if self.map is None:
            parts = np.array(self.weights) * (two[0] - two[1])
        else:
            parts = np.array([-np.diff(self.forward.of_feature(j, two[:, j]))[0] for j in range(len(x))])
        if isinstance(self.forward, PairsForward):
            g, of_mean = self.forward.normal(two[0]), self.forward.normal(two[1])
            pairs = self.forward.pairs
            parts += g * (pairs @ g) - of_mean * (pairs @ of_mean)
        return parts, self.score(two[1])

    def explain(self, x: Array) -> str:
        """Return one line for people: ŷ = σ(z), and what made z, the largest part first."""
        parts, rest = self.contributions(x)
        z = float(np.sum(parts)) + rest
        order = np.argsort(-np.abs(parts), kind='stable')
        shown = [f'{parts[i]:+.2g} {self.features[i]}' for i in order[:MAX_PARTS].tolist()]
        if len(order) > MAX_PARTS:
            others = order[MAX_PARTS:]
            shown.append(f'{np.sum(parts[others]):+.2g} {len(others)} more')
        said = f'{sigmoid_of(z):.2g} = σ({z:.2g}): ' + ' '.join([*shown, f'{rest:+.2g} bias'])
        outside = self.taught.describe(x, self.features) if self.taught else ''
        return '; '.join(filter(None, (said, outside))).replace('-', '−')

    def to_json(self) -> str:
        """Return the model as one JSON object; floats round-trip exactly.

        Raises ModelError if a number is not finite.
        """
        fields = {'format': FORMAT, 'version': VERSION if self.map is None else MAP_VERSION, **asdict(self)}
        kind, knots = fields.pop('feature_map'), fields.pop('knots')
        if self.map is not None:
            fields['map'] = {'kind': kind, 'knots': knots}
        for optional in ('low', 'high', 'effective_samples'):
            if not fields[optional]:
                del fields[optional]
        try:
            return json.dumps(fields, allow_nan=False)
        except ValueError as error:
            raise ModelError('not_finite', f'the model is not finite: {error}') from error

    @classmethod
    def from_json(cls, said: str) -> Model:
        """Read a model and check it whole.

        Raises ModelError with the reason `json`, `format`, `version`, `shape` or `not_finite`.
        """
        fields = read_object(said)
        version = _version(fields)
        optional = {'low', 'high', 'effective_samples'} & fields.keys()
        names = list_of(fields, 'features', str, 'strings')
        if not names or len(set(names)) != len(names) or not all(map(is_name, names)):
            raise ModelError('shape', _bad_names(names))
        kind, knots = _map(fields, len(names)) if version == MAP_VERSION else (LINE, ())
        model = cls(
            run=one(fields, 'run', str, 'a string'),
            step=count(fields, 'step'),
            stamp=number(fields, 'stamp'),
            features=tuple(names),
            weights=floats(fields, 'weights', _n_columns(kind, knots, len(names))),
            bias=number(fields, 'bias'),
            mean=floats(fields, 'mean', len(names)),
            scale=floats(fields, 'scale', len(names)),
            samples=count(fields, 'samples'),
            positives=count(fields, 'positives'),
            loss=number(fields, 'loss'),
            converged=one(fields, 'converged', bool, 'true or false'),
            low=floats(fields, 'low', len(names)) if 'low' in optional else (),
            high=floats(fields, 'high', len(names)) if 'high' in optional else (),
            effective_samples=(
                number(fields, 'effective_samples') if 'effective_samples' in optional else None
            ),
            feature_map=kind,
            knots=knots,
        )
        model._check()
        return model

    def _check(self) -> None:
        """Raise ModelError for numbers that contradict one another."""
        if not is_name(self.run, MAX_RUN):
            raise ModelError(
                'shape', f'run is 1 to {MAX_RUN} printable characters, not {texts.shown(self.run)}'
            )
        if min(self.scale) <= 0.0:
            raise ModelError('shape', 'scale has to be above 0')
        if self.positives > self.samples or self.loss < 0.0:
            raise ModelError('shape', 'positives exceed samples, or the loss is below 0')
        if len(self.low) != len(self.high) or any(a > b for a, b in zip(self.low, self.high)):
            raise ModelError('shape', 'low and high come together, and low is at most high')
        if self.effective_samples is not None and self.effective_samples < 0.0:
            raise ModelError('shape', 'effective_samples is below 0')
        if self.map is not None and not (np.isfinite([*self.forward.w, self.forward.bias]).all()):
            raise ModelError('not_finite', 'a curve of the map is steeper than a float can tell')


def _version(fields: Mapping[str, object]) -> int:
    """Return the version of what is said to be a model. Raises ModelError: `format`, `version`."""
    if fields.get('format') != FORMAT:
        raise ModelError('format', f'format is {texts.shown(fields.get("format"))}, not {FORMAT!r}')
    version = fields.get('version')
    if type(version) is not int or version not in (VERSION, MAP_VERSION):
        raise ModelError(
            'version',
            f'version is {texts.shown(version)}; this release reads {VERSION} and {MAP_VERSION}: '
            'update the older side',
        )
    return version


def _bad_names(names: list[str]) -> str:
    bad = [name for name in names if not is_name(name)]
    if bad:
        return f'a name is 1 to {MAX_NAME} printable characters, not {texts.shown(bad[0])}'
    return f'features has to name N ≥ 1 different features, not {texts.shown(names)}'


def _map(fields: dict[str, Any], n_features: int) -> tuple[str, Knots]:
    """Read the map of version 2: its kind, and rising knots for each feature. Raises ModelError."""
    given = one(fields, 'map', dict, 'an object')
    kind = one(given, 'kind', str, 'a string')
    if kind == LINE or kind not in FEATURE_MAPS:
        raise ModelError(
            'shape', f'the map is of kind {texts.shown(kind)}, expected curves or curves+pairs'
        )
    of_features = list_of(given, 'knots', list, 'lists')
    if len(of_features) != n_features:
        raise ModelError('shape', f'map has knots for {len(of_features)} of {n_features} features')
    for q in of_features:
        if not 1 <= len(q) <= MAX_KNOTS + 1:
            raise ModelError('shape', f'a feature has 1 to {MAX_KNOTS + 1} knots, not {len(q)}')
    knots = tuple(floats({'knots': q}, 'knots', len(q)) for q in of_features)
    if not all(map(is_rising, knots)):
        raise ModelError('shape', 'the knots of a feature have to rise')
    return kind, knots


def _n_columns(kind: str, knots: Knots, n_features: int) -> int:
    """Return how many columns a map makes, without making any."""
    if kind == LINE:
        return n_features
    pairs = n_features * (n_features - 1) // 2 if FEATURE_MAPS[kind] is CurvesAndPairs else 0
    return sum(map(len, knots)) + pairs
