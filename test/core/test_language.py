# SPDX-License-Identifier: Apache-2.0
"""The language of expressions: what parses prints back, and evaluates as the plainest code does."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binclf_ros.core.errors import ExpressionError
from binclf_ros.core.features.clouds import parse_point_expression
from binclf_ros.core.features.expressions import BAND, STATISTICS, parse
from binclf_ros.core.features.functions import FUNCTIONS
from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.core.features.programs import Program
from binclf_ros.core.features.sampler import Sampler
from binclf_ros.core.features.statistics import band_rms

S = 1_000_000_000
NAN = math.nan
TOPICS = {'/a': False, '/b': False}
values = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.25, 1e300, -1e-300, NAN, math.inf]
) | st.floats(-1e6, 1e6)


def numbers() -> st.SearchStrategy[str]:
    return st.sampled_from(['0', '1', '2', '0.5', '.25', '3.', '1e3'])


leaves = st.sampled_from(['/a/x', '/a/y', '/b/x', '/a/p[gripper]', '/b/q[id="a b"]/z', 'max(/a/x)'])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from([' + ', '-', ' * ', ' / ', '**', ' < ', '>=', ' == ', '!=', ' and ', ' or '])
    call = st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.lists(inner, min_size=FUNCTIONS[name].arity, max_size=FUNCTIONS[name].arity).map(
            lambda arguments: f'{name}({", ".join(arguments)})'
        )
    )
    return (
        st.tuples(st.just('('), inner, operator, inner, st.just(')')).map(''.join)
        | st.tuples(st.just('(not '), inner, st.just(')')).map(''.join)
        | st.tuples(st.just('-'), inner).map(''.join)
        | call
    )


expressions = st.recursive(leaves | numbers(), compound, max_leaves=8)


@given(expressions)
def test_what_parses_prints_back_to_itself(text: str) -> None:
    try:
        parsed = parse(text)
    except ExpressionError as error:
        assert 'no topic' in error.problem or 'levels' in error.problem or 'characters' in error.problem
        return
    assert str(parsed) == text
    assert parse(str(parsed)) == parsed
    assert parsed.names() == (text,)


def slow(text: str, names: dict[str, float]) -> float:
    """Evaluate by Python's own parser, number by number, with numpy's functions."""
    scope: dict[str, Any] = {
        'abs': np.abs, 'sqrt': np.sqrt, 'exp': np.exp, 'sin': np.sin, 'cos': np.cos, 'hypot': np.hypot,
        'atan2': np.arctan2, 'default': lambda a, b: a if math.isfinite(a) else b, 'N': np.float64,
        **{name: np.float64(value) for name, value in names.items()},
    }  # fmt: skip
    with np.errstate(all='ignore'):
        return float(eval(text, {'__builtins__': {}}, scope))


arithmetic = st.recursive(
    st.sampled_from(['x', 'y', 'z']) | st.sampled_from(['N(0)', 'N(1)', 'N(2)', 'N(0.5)']),
    lambda inner: (
        st.tuples(
            st.just('('), inner, st.sampled_from([' + ', ' - ', ' * ', ' / ']), inner, st.just(')')
        ).map(''.join)
        | st.tuples(st.sampled_from(['abs(', 'sqrt(', 'exp(', 'sin(', 'cos(']), inner, st.just(')')).map(
            ''.join
        )
        | st.tuples(
            st.sampled_from(['hypot(', 'atan2(', 'default(']), inner, st.just(', '), inner, st.just(')')
        ).map(''.join)
    ),
    max_leaves=10,
)


@given(arithmetic, values, values, values)
def test_scalars_arrays_and_the_slow_oracle_agree(text: str, x: float, y: float, z: float) -> None:
    plain = re.sub(r'N\(([0-9.]+)\)', r'\1', text)
    if not re.search(r'\b[xyz]\b', plain):
        return
    parsed = parse_point_expression(plain)
    program = Program(parsed.steps)
    by_name = {'x': x, 'y': y, 'z': z}
    inputs = [by_name[name] for name in program.inputs]
    one = program.scalar(inputs)
    many = np.asarray(program.arrays([np.array([v, 1.0, v]) for v in inputs]), dtype=float)
    many = np.broadcast_to(many, (3,))
    np.testing.assert_array_equal([one, one], [many[0], many[2]])  # the same bits
    np.testing.assert_allclose(one, slow(text, by_name), rtol=1e-12)


@pytest.mark.parametrize(
    ('text', 'x', 'expected'),
    [
        ('/a/x < 2', 1.0, 1.0),
        ('/a/x < 2', 2.0, 0.0),
        ('/a/x <= 2', 2.0, 1.0),
        ('/a/x != 2', 2.0, 0.0),
        ('/a/x == 2', 2.0, 1.0),
        ('not /a/x', 0.0, 1.0),
        ('not /a/x > 1', 2.0, 0.0),
        ('/a/x > 0 and /a/x < 3', 2.0, 1.0),
        ('/a/x < 0 or /a/x > 3', 2.0, 0.0),
        ('/a/x < 0 or /a/x > 1 and /a/x < 3', 2.0, 1.0),
        ('-/a/x**2', 3.0, -9.0),
        ('2 - /a/x - 1', 3.0, -2.0),
        ('8 / /a/x / 2', 2.0, 2.0),
        ('default(log(/a/x), 7)', -1.0, 7.0),
        ('default(1 / /a/x, 7)', 0.0, 7.0),
        ('clip(/a/x, 0, 1)', 5.0, 1.0),
        ('atan2(/a/x, 0)', 1.0, math.pi / 2),
    ],
)
def test_operators_bind_as_in_python_and_comparisons_give_1_and_0(
    text: str, x: float, expected: float
) -> None:
    assert sampled([text], [SimpleNamespace(x=x)]) == [[pytest.approx(expected)]]


def sampled(features: list[str], messages: list[Any], step_ns: int = S) -> list[list[float]]:
    """The samples of messages on /a."""
    sampler = Sampler(SamplingOptions(features=tuple(features)), TOPICS)
    found = [sampler.push('/a', message, number * step_ns)[0] for number, message in enumerate(messages)]
    return [each.x.tolist() for each in found if each is not None]


@pytest.mark.parametrize('text', ['/a/x < 2', 'not /a/x', '/a/x > 0 or 1 > 0', '/a/x + 1'])
@pytest.mark.parametrize('none', [NAN, math.inf])
def test_of_what_is_no_reading_nothing_is_true_or_false(text: str, none: float) -> None:
    assert sampled([text], [SimpleNamespace(x=none)]) == []


def test_statistics_are_of_expressions_over_windows() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    messages = [SimpleNamespace(x=float(a), y=float(b)) for a, b in zip(x, y)]
    found = sampled(
        ['std(hypot(/a/x, /a/y), 5.0)', 'mean(/a/x * 2 + 1, 5.0)', 'delta(/a/x, 5.0)'], messages
    )
    windows = [slice(i - 4, i + 1) for i in range(5, 30)]
    expected = [[np.std(np.hypot(x[w], y[w])), np.mean(2 * x[w] + 1), x[w][-1] - x[w][0]] for w in windows]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_statistic_of_a_message_may_stand_inside_a_window() -> None:
    messages = [SimpleNamespace(x=[float(i), float(i) + 2.0]) for i in range(4)]
    found = sampled(['max(mean(/a/x), 2.0)', 'max(/a/x - mean(/a/x))'], messages)
    assert found == [[3.0, 1.0], [4.0, 1.0]]


def test_elements_go_side_by_side_inside_a_statistic() -> None:
    message = SimpleNamespace(x=[3.0, 4.0, 5.0], y=[4.0, 3.0])
    assert sampled(['max(hypot(/a/x, /a/y))', 'min(/a/x - /a/y)'], [message]) == [[5.0, -1.0]]


def test_a_slice_in_arithmetic_stands_for_its_elements() -> None:
    texts = ['/a/x[0:3] * 2 - /a/y', '/a/x[0:2] - /a/x[1:3]']
    names = [name for text in texts for name in parse(text).names()]
    assert names[:2] == ['/a/x[0] * 2 - /a/y', '/a/x[1] * 2 - /a/y']
    assert names[3:] == ['/a/x[0] - /a/x[1]', '/a/x[1] - /a/x[2]']
    message = SimpleNamespace(x=[1.0, 5.0, 7.0], y=1.0)
    assert sampled(texts, [message]) == [[1.0, 9.0, 13.0, -4.0, -2.0]]
    assert sampled(names, [message]) == sampled(texts, [message])


def test_a_slice_inside_a_statistic_takes_what_is_there() -> None:
    texts = ['mean(/a/x[0:9])', 'count(/a/x[0:9])', 'default(/a/x[9], -1)', 'default(min(/a/x[5:9]), 30.0)']
    assert sampled(texts, [SimpleNamespace(x=[1.0, 3.0])]) == [[2.0, 2.0, -1.0, 30.0]]


def joints(**position: float) -> SimpleNamespace:
    return SimpleNamespace(name=list(position), x=list(position.values()))


def test_an_element_by_name_is_looked_up_in_each_message_and_held_where_it_is_not_there() -> None:
    messages = [
        joints(arm=1.0, gripper=2.0),
        joints(gripper=3.0, arm=4.0),
        joints(wheel=9.0),
        joints(arm=5.0),
    ]
    assert sampled(['/a/x[gripper]', '/a/x[arm] * 10'], messages) == [
        [2.0, 10.0],
        [3.0, 40.0],
        [3.0, 40.0],
        [3.0, 50.0],
    ]
    assert sampled(['/a/x["left wheel"]'], messages) == []


def test_a_message_without_the_named_element_is_no_reading_of_a_window() -> None:
    messages = [joints(gripper=1.0), joints(arm=100.0), joints(gripper=3.0), joints(arm=100.0)]
    assert sampled(['mean(/a/x[gripper], 2.5)'], messages) == [[3.0]]


def test_an_entry_by_its_field_and_a_text_that_is_a_number() -> None:
    def entry(name: str, number: int, value: str) -> SimpleNamespace:
        inner = SimpleNamespace(id=number)
        return SimpleNamespace(name=name, inner=inner, value=value)

    message = SimpleNamespace(status=[entry('cpu 0', 3, '41.5'), entry('cpu 1', 4, 'hot')])
    assert sampled(['/a/status[name="cpu 0"]/value', '/a/status[inner/id=3]/value'], [message]) == [
        [41.5, 41.5]
    ]
    assert sampled(["/a/status[name='cpu 1']/value"], [message]) == []


@pytest.mark.parametrize(
    ('text', 'position', 'problem'),
    [
        ('/a/x /b/y', 5, 'blanks around /'),
        ('/a/x / ', 6, 'expected a name'),
        ('stdd(/a/x)', 0, 'there are std'),
        ('hypt(/a/x, 1)', 0, 'a function: hypot'),
        ('1 < /a/x < 2', 9, 'one comparison at a time'),
        ('abs(/a/x, 1)', 8, 'takes 1'),
        ('1 + 2', 0, 'no topic'),
        ('mean(3, 1.0)', 0, 'no topic'),
        ('mean(std(/a/x, 1.0), 1.0)', 5, 'inside another statistic'),
        ('band(/a/x, 1.0)', 14, 'two frequencies'),
        ('band(/a/x, 1.0, 20, 5)', 20, 'the lower one first'),
        ('band(/a/x[0:3], 1.0, 5, 20)', 5, 'one reading a message'),
        ('/a/x[a/b]', 8, 'expected = and a value'),
        ('/a/x[a=]', 7, 'expected a word'),
        ('/a/x[0:2] + /a/y[0:3]', 12, 'of one length'),
        ('"a"', 0, 'in brackets'),
        ('not', 3, 'expected a name'),
        ('/a/x' + ' + /a/x' * 80, 500, 'at most'),
    ],
)
def test_the_caret_stands_where_it_goes_wrong(text: str, position: int, problem: str) -> None:
    with pytest.raises(ExpressionError, match=problem) as caught:
        parse(text)
    assert caught.value.position == position


def test_a_statistic_is_of_one_topic() -> None:
    with pytest.raises(ExpressionError, match='is of one topic'):
        Sampler(SamplingOptions(features=('mean(/a/x - /b/x, 1.0)',)), TOPICS)


def test_the_rms_of_a_band_is_that_of_the_sines_in_it() -> None:
    t = np.arange(200) * S // 100
    seconds = t * 1e-9
    v = 3.0 + 2.0 * np.sin(2 * np.pi * 10.0 * seconds) + 5.0 * np.sin(2 * np.pi * 30.0 * seconds)
    (found,) = band_rms(v[None], t, 5.0, 20.0)
    assert found == pytest.approx(2.0 / math.sqrt(2.0), rel=1e-9)
    (everything,) = band_rms(v[None], t, 0.0, 50.0)
    assert everything == pytest.approx(np.std(v), rel=1e-9)
    (lost,) = band_rms(np.delete(v, [50, 51, 120])[None], np.delete(t, [50, 51, 120]), 5.0, 20.0)
    assert lost == pytest.approx(found, rel=0.1)
    assert np.isnan(band_rms(v[None, :1], t[:1], 5.0, 20.0)).all()
    assert np.isnan(band_rms(v[None, ::50], t[::50], 5.0, 20.0)).all()  # 2 Hz tell nothing of 5


def test_new_statistics_are_those_of_the_books() -> None:
    v = np.array([[3.0, -1.0, 4.0, 1.5, 9.0, -2.0], [2.0] * 6])
    t = np.arange(6) * S
    m = v[0] - v[0].mean()
    expected = {
        'first': [3.0, 2.0],
        'delta': [-5.0, 0.0],
        'skew': [np.mean(m**3) / np.mean(m**2) ** 1.5, 0.0],
        'kurtosis': [np.mean(m**4) / np.mean(m**2) ** 2 - 3.0, 0.0],
        'iqr': [np.subtract(*np.percentile(v[0], [75, 25])), 0.0],
        'zcr': [3 / 5, 0.0],
        'count': [6.0, 6.0],
    }
    for name, wanted in expected.items():
        assert STATISTICS[name](v, t) == pytest.approx(wanted, rel=1e-12), name
    assert parse('band(/a/x, 1.0, 5, 20)').leaf.name == BAND  # type: ignore[union-attr]
