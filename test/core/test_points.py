# SPDX-License-Identifier: Apache-2.0
"""Features of points: the grammar against Python's own, min_cell against a dict, any text safe."""

from __future__ import annotations

import math
import random
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from binclf_ros.core.errors import ExpressionError
from binclf_ros.core.features import clouds as module
from binclf_ros.core.features.clouds import FUNCTIONS, MAX_CHARACTERS, MAX_DEPTH, parse_point_expression

FIELDS = ('x', 'y', 'z', 'intensity')
ORACLE = {
    'sqrt': np.sqrt,
    'abs': np.abs,
    'log': np.log,
    'exp': np.exp,
    'min': np.minimum,
    'max': np.maximum,
    'hypot': np.hypot,
}
wild = st.floats(width=32) | st.floats() | st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf])
place = st.floats(-20, 20) | st.floats() | st.sampled_from([-5.0, -0.0, 0.0, 5.0, 1e15, -1e-300, math.nan])


def columns_of(rows):
    return dict(zip(FIELDS, np.array(rows, dtype=float).reshape(-1, 4).T.copy()))


rows = st.lists(st.tuples(wild, wild, wild, wild), min_size=1, max_size=6)


def numbers():
    return st.sampled_from(['0', '1', '2', '0.5', '.25', '3.', '1e3', '2.5E-1', '7'])


def compound(inner):
    space = st.sampled_from(['', ' '])
    operator = st.sampled_from(['+', '-', '*', '/', '**'])
    one, two = (st.sampled_from([n for n in ORACLE if FUNCTIONS[n].arity == k]) for k in (1, 2))
    return (
        st.tuples(inner, space, operator, space, inner).map(''.join)
        | st.tuples(st.just('-'), inner).map(''.join)
        | st.tuples(st.just('('), space, inner, st.just(')')).map(''.join)
        | st.tuples(one, st.just('('), inner, st.just(')')).map(''.join)
        | st.tuples(two, st.just('('), inner, st.just(', '), inner, st.just(')')).map(''.join)
    )


expressions = st.recursive(st.sampled_from(FIELDS) | numbers(), compound, max_leaves=10)


@given(expressions, rows)
@example('-x**2', [(2, 0, 0, 0)])
@example('2**-x**2', [(2, 0, 0, 0)])
@example('x**2**3', [(2, 0, 0, 0)])
@example('x - y - z', [(1, 2, 3, 0)])
@example('x / y / z', [(1, 2, 3, 0)])
@example('-x**-y', [(2, 2, 0, 0)])
def test_binds_as_python_does(text, values):
    columns = columns_of(values)
    if not any(field in text for field in FIELDS):
        with pytest.raises(ExpressionError, match='no field'):
            parse_point_expression(text)
        return
    try:
        parsed = parse_point_expression(text)
    except ExpressionError as error:
        assert 'levels' in error.problem or 'no field' in error.problem  # "exp" and "max" have an x
        return
    assert str(parsed) == text.strip()
    with np.errstate(all='ignore'):
        numbers_as_arrays = re.sub(r'(?<![\w.])((\d+\.?\d*|\.\d+)([eE]-?\d+)?)', r'N(\1)', text)
        expected = eval(numbers_as_arrays, {**ORACLE, 'N': np.float64, '__builtins__': {}}, columns)
    found = parsed.evaluate(columns)
    assert found.shape == (len(values),) and found.dtype == np.float64
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-12)


@pytest.mark.parametrize(
    ('text', 'fields'),
    [
        ('z', {'z'}),
        ('  z ', {'z'}),
        ('sqrt(x**2 + y**2)', {'x', 'y'}),
        ('z - min_cell(z, 5.0)', {'x', 'y', 'z'}),
        ('sqrt', {'sqrt'}),
        ('class + min', {'class', 'min'}),
    ],
)
def test_names_the_fields_that_it_needs(text, fields):
    parsed = parse_point_expression(text)
    assert parsed.fields == fields
    assert str(parsed) == text.strip()
    assert parsed.field == (text.strip() if len(fields) == 1 else None)


@pytest.mark.parametrize(
    ('text', 'position', 'says'),
    [
        ('', 0, 'empty'),
        ('z z', 2, 'the end'),
        ('z +', 3, 'expected a field'),
        ('(z', 2, 'expected )'),
        ('abs(z', 5, 'expected )'),
        ('abs(z, z)', 5, 'takes 1'),
        ('1 + hypot(z)', 11, 'takes 2'),
        ('z + cosh(z)', 4, 'min_cell'),
        ('3', 0, 'no field'),
        ('2*1e999*z', 2, '64 bits'),
        ('z*label', 2, 'learnt'),
        ('min_cell(z, x)', 12, 'above 0'),
        ('min_cell(z, 0)', 12, 'above 0'),
        ('min_cell(z, -1)', 12, 'above 0'),
        ('min_cell(z, 2*3)', 12, 'above 0'),
        ('z.__class__', 1, 'the end'),
        ('z[0]', 1, 'the end'),
        ('2x', 1, 'the end'),
        ('z // 2', 3, 'expected a field'),
        ('α', 0, 'expected a field'),
        ('-' * 100 + 'z', MAX_DEPTH, 'levels'),
        ('(' * 100 + 'z', MAX_DEPTH, 'levels'),
        ('z' + '**z' * 100, 3 * MAX_DEPTH, 'levels'),
        ('z+' * 400, MAX_CHARACTERS, 'characters'),
    ],
)
def test_points_at_what_is_wrong(text, position, says):
    with pytest.raises(ExpressionError) as caught:
        parse_point_expression(text)
    assert caught.value.position == position
    assert says in caught.value.problem


def test_not_a_text_is_refused():
    for thing in (None, 3, b'z', ['z']):
        with pytest.raises(ExpressionError):
            parse_point_expression(thing)


tokens = st.lists(
    st.sampled_from(
        [*FUNCTIONS, *'xyz()+-*/,. _"\'\\\n0123456789e', '**', 'min_cell(', 'label', '9' * 30, '\0']
    ),
    max_size=60,
).map(''.join)


@given(st.text(max_size=80) | tokens)
@example('z' + '**9' * 15)
@example('9**9**9**9**9 * z')
@example('(' * 5000)
@example('-' * 5000)
def test_any_text_parses_or_is_an_expression_error(text):
    try:
        parsed = parse_point_expression(text)
    except ExpressionError as error:
        assert 0 <= error.position <= len(error.text) <= MAX_CHARACTERS
        return
    assert str(parsed) == text.strip()
    columns = dict.fromkeys(parsed.fields, np.array([1.5, math.nan, -2.0]))
    assert parsed.evaluate(columns).shape == (3,)
    assert parse_point_expression(str(parsed)) == parsed


def test_a_long_sum_is_evaluated_without_recursion():
    text = '+'.join(['z'] * (MAX_CHARACTERS // 2))
    assert parse_point_expression(text).evaluate({'z': np.array([2.0])})[0] == 2.0 * (MAX_CHARACTERS // 2)


def test_a_field_alone_is_not_copied():
    z = np.arange(3.0)
    assert parse_point_expression('z').evaluate({'z': z}) is z


def lowest_by_dict(values, size, xs, ys):
    cells = {}

    def cell(x, y):
        with np.errstate(all='ignore'):
            at = np.float64(x) / np.float64(size), np.float64(y) / np.float64(size)
        return tuple(map(math.floor, at)) if all(map(math.isfinite, at)) else None

    for value, x, y in zip(values, xs, ys):
        if cell(x, y) is not None and math.isfinite(value):
            cells.setdefault(cell(x, y), []).append(value)
    return [min(cells.get(cell(x, y), [math.nan])) for x, y in zip(xs, ys)]


sizes = st.sampled_from([5.0, 1.0, 0.1, 1e-300, 1e300])


@given(st.lists(st.tuples(place, place, wild), max_size=30), sizes)
@example([(-1e300, 0, 1), (1, 0, 2), (7, 0, 3)], 5.0)
@example([(1e17, 0, 1), (1e17 + 64, 0, 2), (1e17, 0, 0.5)], 1.0)
@example([(math.nan, 0, 1), (0, math.inf, 2)], 5.0)
@example([(0, 0, math.nan), (0, 1, math.inf), (0, 0, -math.inf)], 5.0)
@example([(-1e-300, 0, 1), (0, 0, 2)], 1.0)
def test_min_cell_is_the_lowest_of_the_cell(points, size):
    x, y, z = np.array(points, dtype=float).reshape(-1, 3).T.copy()
    before = x.copy(), y.copy(), z.copy()
    found = parse_point_expression(f'min_cell(z, {size!r})').evaluate({'x': x, 'y': y, 'z': z})
    np.testing.assert_array_equal(found, lowest_by_dict(z, size, x, y))
    for now, then in zip((x, y, z), before):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize('most_cells', [0, 2**20])
def test_min_cell_is_the_same_dense_and_sparse(monkeypatch, most_cells):
    monkeypatch.setattr(module, 'MAX_CELLS', most_cells)
    generator = random.Random(1)
    x, y, z = (np.array([generator.uniform(-30, 30) for _ in range(2000)]) for _ in range(3))
    found = parse_point_expression('z - min_cell(z, 5)').evaluate({'x': x, 'y': y, 'z': z})
    np.testing.assert_array_equal(found, z - lowest_by_dict(z, 5.0, x, y))


def test_min_cell_of_an_expression_and_of_a_number():
    columns = {'x': np.array([0.0, 1.0, 9.0]), 'y': np.zeros(3), 'z': np.array([1.0, -3.0, 2.0])}
    assert parse_point_expression('min_cell(abs(z), 5)').evaluate(columns).tolist() == [1.0, 1.0, 2.0]
    assert parse_point_expression('min_cell(4, 5)').evaluate(columns).tolist() == [4.0] * 3
    assert parse_point_expression('min_cell(min_cell(z, 5), 50)').evaluate(columns).tolist() == [-3.0] * 3
