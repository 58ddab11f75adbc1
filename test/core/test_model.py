# SPDX-License-Identifier: Apache-2.0
"""The model: exact to and from JSON, and refused with a reason where it is wrong."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from binclf_ros.core.errors import ModelError
from binclf_ros.core.learning import json_fields as module
from binclf_ros.core.learning.losses import sigmoid
from binclf_ros.core.learning.model import FORMAT, VERSION, Model

REASONS = {'json', 'format', 'version', 'shape', 'not_finite'}
GOOD: dict[str, Any] = {
    'format': FORMAT,
    'version': VERSION,
    'run': '6f1c',
    'step': 42,
    'stamp': 1700000000.25,
    'features': ['std(/imu/data/angular_velocity/x, 1.0)', 'b'],
    'weights': [0.81, -2.4],
    'bias': -0.3,
    'mean': [0.01, 9.8],
    'scale': [0.2, 0.05],
    'samples': 1234,
    'positives': 600,
    'loss': 0.131,
    'converged': True,
}
finite = st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def but(**changed: Any) -> str:
    return json.dumps({**GOOD, **changed})


def with_raw(key: str, raw: str) -> str:
    """A good model but for one value, which is written as it is."""
    return but(**{key: '@'}).replace('"@"', raw)


def reason_of(text: str) -> str:
    with pytest.raises(ModelError) as caught:
        Model.from_json(text)
    return caught.value.reason


def accepts_or_refuses(text: str) -> None:
    try:
        Model.from_json(text)
    except ModelError as error:
        assert error.reason in REASONS


NAMES = st.text(min_size=1, max_size=100).filter(str.isprintable)


@st.composite
def models(draw: st.DrawFn) -> Model:
    n = draw(st.integers(1, 5))
    samples = draw(st.integers(0, 2**63 - 1))
    return Model(
        run=draw(NAMES),
        step=draw(st.integers(0, 2**63 - 1)),
        stamp=draw(finite),
        features=tuple(draw(st.lists(NAMES, min_size=n, max_size=n, unique=True))),
        weights=tuple(draw(st.lists(finite, min_size=n, max_size=n))),
        bias=draw(finite),
        mean=tuple(draw(st.lists(finite, min_size=n, max_size=n))),
        scale=tuple(draw(st.lists(finite.map(abs).filter(bool), min_size=n, max_size=n))),
        samples=samples,
        positives=draw(st.integers(0, samples)),
        loss=draw(finite.map(abs)),
        converged=draw(st.booleans()),
    )


@given(models())
def test_json_round_trip_is_exact(model: Model) -> None:
    again = Model.from_json(model.to_json())
    assert again == model
    assert repr(again) == repr(model)


@given(models())
def test_the_json_is_strict(model: Model) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(model.to_json(), parse_constant=refuse)['format'] == 'binclf_ros/model'


def test_the_json_has_the_keys_of_the_interface() -> None:
    assert list(json.loads(Model.from_json(but()).to_json())) == list(GOOD)


def test_whole_numbers_are_read_as_floats() -> None:
    model = Model.from_json(but(weights=[1, 2], bias=0, stamp=5))
    assert model.weights == (1.0, 2.0)
    assert all(type(each) is float for each in (*model.weights, model.bias, model.stamp))


def test_unknown_keys_are_passed_over() -> None:
    assert Model.from_json(but(comment='a later release')).step == 42


def test_the_probability_is_the_sigmoid_of_weights_times_x_plus_bias() -> None:
    model = Model.from_json(but())
    X = np.array([[1.0, 2.0], [-3.0, 0.5]])
    z = [0.81 * a - 2.4 * b - 0.3 for a, b in X]
    assert np.allclose(model.decision_function(X), z, rtol=1e-15, atol=0.0)
    assert np.allclose(model.predict_proba(X), sigmoid(np.array(z)), rtol=1e-15, atol=0.0)
    assert model.predict_proba(X).shape == (2,)


def test_a_model_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Model.from_json(but()).bias = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    'text',
    [
        '',
        ' ',
        'x',
        '{',
        '[]',
        'null',
        '1',
        '"a"',
        but()[:-1],
        but() + ',',
        but() + but(),
        '\ufeff' + but(),
    ],
)
def test_what_is_no_object_of_json_is_refused_as_json(text: str) -> None:
    assert reason_of(text) == 'json'


def test_a_text_that_is_too_long_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'MAX_JSON', len(but()) - 1)
    assert reason_of(but()) == 'json'


@pytest.mark.parametrize('depth', [100, 950, 980, 1000, 100_000])
@pytest.mark.parametrize('key', ['format', 'version', 'features', 'weights', 'bias', 'run', 'more'])
def test_deep_nesting_is_refused_or_passed_over(key: str, depth: int) -> None:
    accepts_or_refuses(with_raw(key, '[' * depth + ']' * depth))


@pytest.mark.parametrize('depth', range(900, 1000, 3))
def test_nesting_that_json_just_reads_is_still_refused(depth: int) -> None:
    for key in ('format', 'weights'):
        accepts_or_refuses(with_raw(key, '[' * depth + ']' * depth))
        accepts_or_refuses(with_raw(key, '{"a":' * depth + '1' + '}' * depth))


@pytest.mark.parametrize('value', [None, '', 'other/model', 1, [FORMAT]])
def test_another_format_is_refused(value: Any) -> None:
    assert reason_of(but(format=value)) == 'format'


@pytest.mark.parametrize('value', [None, 0, 3, '2', True, [1], 1e300])
def test_another_version_is_refused(value: Any) -> None:
    assert reason_of(but(version=value)) == 'version'


@pytest.mark.parametrize('key', [key for key in GOOD if key not in ('format', 'version')])
@pytest.mark.parametrize('value', [None, {}, [[]], [None], [True, True], ''])
def test_a_value_of_another_type_is_refused_by_shape(key: str, value: Any) -> None:
    assert reason_of(but(**{key: value})) == 'shape'


@pytest.mark.parametrize('key', GOOD)
def test_a_missing_key_is_refused(key: str) -> None:
    text = json.dumps({other: value for other, value in GOOD.items() if other != key})
    assert reason_of(text) == (key if key in ('format', 'version') else 'shape')


@pytest.mark.parametrize('key', ['weights', 'mean', 'scale', 'features'])
@pytest.mark.parametrize('count', [0, 1, 3])
def test_another_length_is_refused(key: str, count: int) -> None:
    values = ['a', 'b', 'c'] if key == 'features' else [1.0, 2.0, 3.0]
    assert reason_of(but(**{key: values[:count]})) == 'shape'


@pytest.mark.parametrize(
    'changed',
    [
        {'features': ['a', 'a']},
        {'features': ['a', '']},
        {'scale': [1.0, 0.0]},
        {'scale': [1.0, -1.0]},
        {'samples': -1},
        {'step': -1},
        {'step': 2**63},
        {'step': 1.0},
        {'samples': 3, 'positives': 4},
        {'loss': -0.1},
        {'run': ''},
        {'converged': 1},
        {'bias': True},
    ],
)
def test_a_value_that_can_not_be_is_refused_by_shape(changed: dict[str, Any]) -> None:
    assert reason_of(but(**changed)) == 'shape'


@pytest.mark.parametrize('key', ['bias', 'stamp', 'loss'])
@pytest.mark.parametrize('raw', ['NaN', 'Infinity', '-Infinity', '1e999', '-1e999', '1' + '0' * 400])
def test_a_number_that_is_not_finite_is_refused(key: str, raw: str) -> None:
    assert reason_of(with_raw(key, raw)) == 'not_finite'


@pytest.mark.parametrize('key', ['weights', 'mean', 'scale'])
@pytest.mark.parametrize('raw', ['NaN', 'Infinity', '-Infinity', '1e999', '1' + '0' * 400])
def test_a_list_with_a_number_that_is_not_finite_is_refused(key: str, raw: str) -> None:
    assert reason_of(with_raw(key, f'[1.0, {raw}]')) == 'not_finite'


@pytest.mark.parametrize('key', GOOD)
@pytest.mark.parametrize('digits', [400, 4300, 5000, 100_000])
def test_a_huge_whole_number_is_refused(key: str, digits: int) -> None:
    assert reason_of(with_raw(key, '9' * digits)) in REASONS


@pytest.mark.parametrize('field', ['bias', 'loss', 'stamp'])
@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_a_model_that_is_not_finite_is_not_written(field: str, value: float) -> None:
    changed: dict[str, Any] = {field: value}
    with pytest.raises(ModelError) as caught:
        dataclasses.replace(Model.from_json(but()), **changed).to_json()
    assert caught.value.reason == 'not_finite'


@given(st.text() | st.text(alphabet='{}[]",:0123456789.eE+-truefalsn \\u'))
@example('{"format": "\\ud800"}')
def test_any_text_gives_a_model_or_a_model_error(text: str) -> None:
    accepts_or_refuses(text)


@given(key=st.sampled_from(sorted(GOOD)), value=anything)
def test_any_value_gives_a_model_or_a_model_error(key: str, value: Any) -> None:
    accepts_or_refuses(but(**{key: value}))


@given(start=st.integers(0, 400), length=st.integers(0, 20), put=st.text(max_size=5))
def test_any_damage_gives_a_model_or_a_model_error(start: int, length: int, put: str) -> None:
    text = but()
    accepts_or_refuses(text[:start] + put + text[start + length :])


def test_contributions_sum_to_z_and_are_those_of_standardised_values() -> None:
    model = Model.from_json(but())
    x = np.array([0.3, -4.0])[: len(model.features)]
    parts, rest = model.contributions(x)
    standardised = (x - np.array(model.mean)) / np.array(model.scale)
    assert np.allclose(parts, np.array(model.weights) * np.array(model.scale) * standardised, rtol=1e-12)
    assert float(np.sum(parts)) + rest == pytest.approx(
        float(model.decision_function(x[None])[0]), rel=1e-12
    )
    assert model.contributions(np.array(model.mean))[0].tolist() == [0.0] * len(model.features)


def test_an_explanation_names_the_largest_parts_first_and_sums_up_the_rest() -> None:
    features, weights = [f'x{i}' for i in range(10)], [0.1 * i for i in range(9)] + [-3.0]
    changed = {
        'features': features,
        'weights': weights,
        'mean': [0.0] * 10,
        'scale': [1.0] * 10,
        'bias': 0.5,
    }
    line = Model.from_json(but(**changed)).explain(np.ones(10))
    assert line.startswith('0.75 = σ(1.1): −3 x9 +0.8 x8 +0.7 x7')
    assert line.endswith('+0.2 x2 +0.1 2 more +0.5 bias')
