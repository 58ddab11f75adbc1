# SPDX-License-Identifier: Apache-2.0
"""The grammar of features, their names, and what they read from messages."""

from __future__ import annotations

import math
from array import array
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from binclf_ros.core.arrays import Array
from binclf_ros.core.errors import ExpressionError, SampleError
from binclf_ros.core.features.expressions import STATISTICS, Call, Expression, parse
from binclf_ros.core.features.paths import Segment, elements
from binclf_ros.core.features.readings import reader

SECOND = 1_000_000_000
words = st.from_regex(r'[A-Za-z_][A-Za-z0-9_]{0,5}', fullmatch=True)
blanks = st.sampled_from(['', ' ', '  '])
windows = st.floats(1e-9, 86_400.0).map(repr) | st.sampled_from(['1', '1.', '.5', '1e3', '2E-1', '1e+0'])
texts = st.text(alphabet='/ab_01[]():,. e+-', max_size=25) | st.text(max_size=25)


@st.composite
def brackets(draw: st.DrawFn) -> str:
    start, length = draw(st.integers(0, 30)), draw(st.integers(1, 8))
    step = draw(st.none() | st.integers(1, 9))
    tail = '' if step is None else f':{step}'
    return draw(
        st.sampled_from(['', f'[{start}]', f'[:{length}{tail}]', f'[{start}:{start + length}{tail}]'])
    )


@st.composite
def paths(draw: st.DrawFn) -> str:
    segments = draw(st.lists(st.tuples(words, brackets()).map(''.join), min_size=2, max_size=4))
    return draw(st.sampled_from(['/', ''])) + '/'.join(segments)


@st.composite
def calls(draw: st.DrawFn) -> str:
    gaps = [draw(blanks) for _ in range(4)]
    window = f',{gaps[2]}{draw(windows)}' if draw(st.booleans()) else ''
    return f'{draw(st.sampled_from(list(STATISTICS)))}({gaps[0]}{draw(paths())}{gaps[1]}{window}{gaps[3]})'


expressions = paths() | calls()


def parses_or_points(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError as error:
        assert 0 <= error.position <= len(error.text) <= len(text)
        assert str(error).endswith(f'\n  {" " * error.position}^')
    else:
        assert str(expression) == text.strip()


@given(expressions)
def test_printing_what_was_parsed_gives_the_text(text: str) -> None:
    assert str(parse(text)) == text


@given(expressions)
def test_the_path_is_part_of_the_text(text: str) -> None:
    (path,) = parse(text).paths
    assert str(path) == text[path.start : path.end]
    assert parse(str(path)).paths[0].segments == tuple(
        Segment(s.name, s.index, s.position - path.start) for s in path.segments
    )


@given(expressions)
def test_every_name_is_an_expression_of_itself(text: str) -> None:
    names = parse(text).names()
    assert len(set(names)) == len(names) >= 1
    assert all(parse(name).names() == (name,) for name in names)


@given(texts)
@example('')
@example('a/b\n')
@example('٣/a')
@example('a/é')
@example('mean(/a/b, 1e999)')
@example('\x1f/a/b')
def test_any_text_parses_or_points_at_a_place(text: str) -> None:
    parses_or_points(text)


@given(text=expressions, at=st.integers(0, 60), length=st.integers(0, 3), put=texts)
def test_any_damage_parses_or_points_at_a_place(text: str, at: int, length: int, put: str) -> None:
    parses_or_points(text[:at] + put + text[at + length :])


def test_space_around_an_expression_is_not_part_of_it() -> None:
    assert str(parse('  /a/b ')) == '/a/b'


@pytest.mark.parametrize('value', [None, 3, 1.5, ['/a/b']])
def test_what_is_no_text_is_an_expression_error(value: Any) -> None:
    with pytest.raises(ExpressionError, match='a feature is a text'):
        parse(value)


@pytest.mark.parametrize(
    ('text', 'position', 'problem'),
    [
        ('', 0, 'an empty feature'),
        ('/', 1, 'expected a name'),
        ('/a', 2, 'at least one field'),
        ('/a/', 3, 'expected a name'),
        ('/a//b', 3, 'expected a name'),
        ('/a/1b', 3, 'expected a name'),
        ('/a/b c', 5, 'expected the end'),
        ('/a/b[', 5, 'expected an element'),
        ('/a/b[-1]', 5, 'expected an element'),
        ('/a/b[1', 6, 'expected an element'),
        ('/a/b[٣]', 5, 'expected an element'),
        ('/a/b[1:]', 7, 'a slice needs its end'),
        ('/a/b[1:2', 8, 'expected ]'),
        ('/a/b[1:2:0]', 10, 'expected a step'),
        ('/a/b[2:2]', 5, 'no elements'),
        ('mean', 4, 'at least one field'),
        ('mode(/a/b)', 0, 'mode is no statistic; there are mean'),
        ('mean(/a/b', 9, r'expected \) or ,'),
        ('mean(/a/b,)', 10, 'expected a window'),
        ('mean(/a/b, x)', 11, 'expected a window'),
        ('mean(/a/b, 0)', 11, 'a window is above 0'),
        ('mean(/a/b, 1e6)', 11, 'a window is above 0'),
        ('mean(/a/b, 1', 12, r'expected \) here'),
        ('mean(/a/b) ', 10, None),
        ('mean(/a/b)x', 10, 'expected the end'),
        ('mean(/a/b[0:1000]/c[0:1000])', 27, '1000000 elements'),
    ],
)
def test_the_caret_stands_where_it_goes_wrong(text: str, position: int, problem: str | None) -> None:
    if problem is None:
        assert str(parse(text)) == text.strip()
        return
    with pytest.raises(ExpressionError, match=problem) as caught:
        parse(text)
    assert caught.value.position == position
    assert str(caught.value).split('\n')[1:] == [f'  {text}', '  ' + ' ' * position + '^']


def test_a_slice_stands_for_its_elements() -> None:
    assert parse('/scan/ranges[0:90:30]').names() == tuple(f'/scan/ranges[{i}]' for i in (0, 30, 60))
    assert parse('a/b[:2]').names() == ('a/b[0]', 'a/b[1]')
    assert parse('/p/q[1:3]/x').names() == ('/p/q[1]/x', '/p/q[2]/x')


def test_two_slices_stand_for_every_pair_in_the_order_of_reading() -> None:
    assert parse('/a/b[0:2]/c[3:5]').names() == (
        '/a/b[0]/c[3]',
        '/a/b[0]/c[4]',
        '/a/b[1]/c[3]',
        '/a/b[1]/c[4]',
    )


def test_a_statistic_of_a_slice_is_one_feature() -> None:
    assert parse('min(/scan/ranges[0:90])').names() == ('min(/scan/ranges[0:90])',)


def test_a_window_is_in_whole_nanoseconds() -> None:
    assert parse('mean(/a/b, 0.1)').window_ns == 100_000_000
    assert parse('mean(/a/b, 1e-9)').window_ns == 1
    assert parse('mean(/a/b)').window_ns is None


def test_elements_are_those_of_the_slice() -> None:
    assert list(elements(slice(None, 5, 2))) == [0, 2, 4]
    assert list(elements(slice(3, 5))) == [3, 4]


def split(
    expression: Expression, topics: list[str], namespace: str = '/'
) -> tuple[str, tuple[Segment, ...]]:
    return expression.paths[0].split(topics, namespace)


def fields(segments: tuple[Segment, ...]) -> list[str]:
    return [str(segment) for segment in segments]


def test_the_longest_topic_that_fits_is_the_topic() -> None:
    expression = parse('/imu/data/linear_acceleration/z')
    assert split(expression, ['/imu'])[0] == '/imu'
    topic, rest = split(expression, ['/imu', '/imu/data', '/imu/data/linear_acceleration/z', '/z'])
    assert (topic, fields(rest)) == ('/imu/data', ['linear_acceleration', 'z'])


def test_at_least_one_field_is_left_to_the_message() -> None:
    with pytest.raises(LookupError):
        split(parse('/a/b'), ['/a/b'])


def test_a_segment_with_an_element_is_no_part_of_a_topic() -> None:
    topic, rest = split(parse('/a/b[1]/c'), ['/a', '/a/b'])
    assert (topic, fields(rest)) == ('/a', ['b[1]', 'c'])


def test_an_unknown_topic_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match='/imu/data'):
        split(parse('mean(/imu/data, 1.0)'), ['/scan'])


@pytest.mark.parametrize('namespace', ['/robot', '/robot/'])
def test_a_path_without_a_slash_is_relative_to_the_namespace(namespace: str) -> None:
    assert split(parse('imu/x'), ['/imu', '/robot/imu'], namespace)[0] == '/robot/imu'
    assert split(parse('/imu/x'), ['/imu', '/robot/imu'], namespace)[0] == '/imu'
    assert split(parse('imu/x'), ['/imu'], '/')[0] == '/imu'


V = np.array([3.0, -1.0, 4.0, 1.5, 9.0])
T = np.array([0, 1, 3, 4, 7], dtype=np.int64) * SECOND + 1_700_000_000 * SECOND
ORACLES = {
    'mean': np.mean(V),
    'std': np.std(V),
    'min': np.min(V),
    'max': np.max(V),
    'median': np.median(V),
    'rms': np.sqrt(np.mean(V**2)),
    'ptp': np.ptp(V),
    'slope': np.polyfit([0.0, 1.0, 3.0, 4.0, 7.0], V, 1)[0],
    'last': V[-1],
}


@pytest.mark.parametrize('name', ORACLES)
def test_a_statistic_is_numpys(name: str) -> None:
    rows = np.stack([V, 2.0 * V, V[::-1]])
    assert STATISTICS[name](V[None], T) == pytest.approx([float(ORACLES[name])], rel=1e-12)
    together = STATISTICS[name](rows, T)
    assert together.tolist() == [STATISTICS[name](row[None], T)[0] for row in rows]


@pytest.mark.parametrize('name', STATISTICS)
def test_every_statistic_can_be_written(name: str) -> None:
    leaf = parse(f'{name}(/a/b, 1.0)').leaf
    assert isinstance(leaf, Call) and leaf.name == name


@pytest.mark.parametrize('name', STATISTICS)
def test_every_statistic_is_a_float_a_path_and_leaves_the_readings_alone(name: str) -> None:
    v, t = np.stack([V, V]), T.copy()
    for found in (STATISTICS[name](v, t), STATISTICS[name](v[:, :1], t[:1])):
        assert (found.shape, found.dtype) == ((2,), np.float64)
    assert np.array_equal(v, np.stack([V, V]))
    assert np.array_equal(t, T)


def test_the_slope_of_readings_at_one_time_is_nan() -> None:
    assert np.isnan(STATISTICS['slope'](V[None, :1], T[:1])).all()
    assert np.isnan(STATISTICS['slope'](V[None, :2], np.full(2, T[0]))).all()


def test_the_slope_is_per_second_also_between_close_stamps() -> None:
    v: Array = np.array([0.0, 1.0, 2.0])
    assert STATISTICS['slope'](v[None], T[0] + np.array([0, 1000, 2000])) == pytest.approx([1e6])


MESSAGE = SimpleNamespace(
    x=1.5,
    count=3,
    on=True,
    single=np.float32(0.5),
    flag=np.bool_(True),
    name='text',
    raw=b'\x01\x02',
    level=b'\x02',
    inner=SimpleNamespace(z=-2.0),
    ranges=array('f', [0.5, math.inf, 2.5]),
    covariance=np.array([1.0, 2.0, 3.0]),
    buttons=[0, 1],
    flags=[True, False],
    empty=[],
    points=[SimpleNamespace(x=1.0, tags=[1, 2]), SimpleNamespace(x=2.0, tags=[3, 4])],
)


def read(path: str) -> list[float]:
    return reader(split(parse(f'/topic/{path}'), ['/topic'])[1])(MESSAGE)


@pytest.mark.parametrize(
    ('path', 'expected'),
    [
        ('x', [1.5]),
        ('count', [3.0]),
        ('on', [1.0]),
        ('single', [0.5]),
        ('flag', [1.0]),
        ('level', [2.0]),
        ('inner/z', [-2.0]),
        ('ranges', [0.5, math.inf, 2.5]),
        ('ranges[2]', [2.5]),
        ('ranges[0:3:2]', [0.5, 2.5]),
        ('covariance', [1.0, 2.0, 3.0]),
        ('covariance[1]', [2.0]),
        ('covariance[1:3]', [2.0, 3.0]),
        ('buttons', [0.0, 1.0]),
        ('flags', [1.0, 0.0]),
        ('empty', []),
        ('points[1]/x', [2.0]),
        ('points[0:2]/x', [1.0, 2.0]),
        ('points[0:2]/tags', [1.0, 2.0, 3.0, 4.0]),
        ('points[0:2]/tags[1:2]', [2.0, 4.0]),
    ],
)
def test_a_path_reads_its_numbers_in_order(path: str, expected: list[float]) -> None:
    values = read(path)
    assert values == expected
    assert all(type(value) is float for value in values)


@pytest.mark.parametrize(
    ('path', 'reason'),
    [
        ('y', 'field'),
        ('inner/y', 'field'),
        ('x/y', 'field'),
        ('points/x', 'field'),
        ('ranges[3]', 'element'),
        ('ranges[0:4]', 'element'),
        ('covariance[9]', 'element'),
        ('x[0]', 'element'),
        ('inner[0]', 'element'),
        ('name', 'type'),
        ('name[0]', 'type'),
        ('raw', 'type'),
        ('inner', 'type'),
        ('points', 'type'),
        ('points[0]', 'type'),
        ('__class__', 'type'),
    ],
)
def test_what_can_not_be_read_is_a_sample_error_with_its_reason(path: str, reason: str) -> None:
    with pytest.raises(SampleError) as caught:
        read(path)
    assert caught.value.reason == reason
