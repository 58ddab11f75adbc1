# SPDX-License-Identifier: Apache-2.0
"""Clouds against a slow reader made of `struct`: every layout is read alike, every lie is refused."""

from __future__ import annotations

import array
import copy
import math
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)
    from rclpy.serialization import deserialize_message, serialize_message
    from sensor_msgs.msg import PointCloud2, PointField
    from std_msgs.msg import Header

    serialize_message(PointCloud2())  # what this loads warns

from binclf_ros.core.clouds.layout import CLOCKS, DATATYPES, MAX_STEP
from binclf_ros.core.clouds.reader import CloudReader
from binclf_ros.core.errors import ExpressionError, SampleError
from binclf_ros.core.learning.model import Model
from binclf_ros.ros.cloud_bytes import SerializedClouds
from binclf_ros.ros.cloud_writer import CloudWriter, one_point_cloud

CODES = {1: 'b', 2: 'B', 3: 'h', 4: 'H', 5: 'i', 6: 'I', 7: 'f', 8: 'd'}
SIZES = {code: struct.calcsize(letter) for code, letter in CODES.items()}
REASONS = {'layout', 'size', 'names', 'datatype', 'overlap', 'field', 'count', 'label', 'empty'}
repeatable = settings(deadline=None, max_examples=150, derandomize=True)


class LieError(Exception):
    """What the slow reader says of a cloud that contradicts itself."""


def slow(cloud, wanted=None):
    """Return names and the values of each point, one struct at a time; or raise LieError."""
    order = '>' if cloud.is_bigendian else '<'
    claimed, known, twice = set(), {}, set()
    if not 0 < cloud.point_step <= MAX_STEP:
        raise LieError
    row_step, packed = cloud.row_step, cloud.width * cloud.point_step
    if row_step < packed or len(cloud.data) != row_step * cloud.height:
        row_step = packed  # a row_step that was not brought up to date
    if len(cloud.data) != row_step * cloud.height:
        raise LieError
    for field in cloud.fields:
        if field.datatype not in CODES:
            raise LieError
        twice |= {field.name} & known.keys()
        size = SIZES[field.datatype] * field.count
        if size > 1000 or field.offset + size > cloud.point_step:
            raise LieError
        bytes_of = set(range(field.offset, field.offset + size))
        if bytes_of & claimed:
            raise LieError
        claimed |= bytes_of
        if field.name:
            known.setdefault(field.name, field)
    names = [f for f in known if f != 'label'] if wanted is None else wanted
    if not names or any(name not in known or known[name].count != 1 or name in twice for name in names):
        raise LieError
    data = bytes(cloud.data)
    rows = []
    for v in range(cloud.height if cloud.width else 0):
        for u in range(cloud.width):
            at = v * row_step + u * cloud.point_step
            rows.append(
                [
                    float(
                        struct.unpack_from(order + CODES[known[n].datatype], data, at + known[n].offset)[0]
                    )
                    for n in names
                ]
            )
    return tuple(names), rows


def build(fields, height=1, width=1, big=False, gap=0, row_gap=0, fill=None, dense=False):
    """A cloud of (name, datatype) with `gap` bytes before each field and `row_gap` after each row."""
    cloud = PointCloud2(height=height, width=width, is_bigendian=big, is_dense=dense)
    at = 0
    for name, datatype in fields:
        at += gap
        cloud.fields.append(PointField(name=name, offset=at, datatype=datatype, count=1))
        at += SIZES[datatype]
    cloud.point_step = at + gap
    cloud.row_step = width * cloud.point_step + row_gap
    generator = np.random.default_rng(fill)
    cloud.data = array.array('B', generator.bytes(cloud.row_step * height))
    return cloud


def put(cloud, name, index, value):
    field = next(f for f in cloud.fields if f.name == name)
    row, column = divmod(index, cloud.width)
    at = row * cloud.row_step + column * cloud.point_step + field.offset
    struct.pack_into(('>' if cloud.is_bigendian else '<') + CODES[field.datatype], cloud.data, at, value)


def from_bytes(cloud):
    """The cloud as a node hears it."""
    return SerializedClouds().read(serialize_message(cloud))


def classified(writer, cloud, probability, threshold):
    """The cloud that a writer makes, as whoever hears it has it."""
    return deserialize_message(writer.write(from_bytes(cloud), probability, threshold), PointCloud2)


def same(found, expected):
    np.testing.assert_array_equal(found, np.array(expected, dtype=float).reshape(found.shape))


names = st.sampled_from(['x', 'y', 'z', 'intensity', 'ring', 'a b', 'std(/imu/z, 1.0)', 'α'])
clouds = st.builds(
    build,
    st.lists(
        st.tuples(names, st.sampled_from(sorted(CODES))), min_size=1, max_size=6, unique_by=lambda f: f[0]
    ),
    height=st.integers(0, 3),
    width=st.integers(0, 4),
    big=st.booleans(),
    gap=st.integers(0, 3),
    row_gap=st.integers(0, 7),
    fill=st.integers(0, 10**6),
    dense=st.booleans(),
)


@repeatable
@given(clouds)
def test_reads_what_the_slow_reader_reads(cloud):
    before = copy.deepcopy(cloud)
    points = CloudReader().read(cloud)
    expected_names, expected = slow(cloud)
    assert points.names == expected_names
    assert points.X.shape == (cloud.height * cloud.width, len(cloud.fields))
    same(points.X, expected)
    assert points.usable.tolist() == [all(abs(v) < 1e100 for v in row) for row in expected]
    assert cloud == before


@pytest.mark.parametrize('datatype', sorted(CODES))
@pytest.mark.parametrize('big', [False, True])
def test_extremes_of_every_datatype(datatype, big):
    if datatype < 7:
        bits = 8 * SIZES[datatype]
        extremes = (
            [0, 1, 2**bits - 1] if datatype % 2 == 0 else [-(2 ** (bits - 1)), -1, 2 ** (bits - 1) - 1]
        )
    else:
        extremes = [0.5, -0.0, 2.0**100]
    cloud = build([('a', datatype)], width=3, big=big, gap=1)
    for i, value in enumerate(extremes):
        put(cloud, 'a', i, value)
    assert CloudReader(['a']).read(cloud).X[:, 0].tolist() == extremes


@repeatable
@given(clouds, st.data())
def test_classified_cloud_keeps_every_byte(cloud, data):
    size = cloud.height * cloud.width
    numbers = st.floats(0, 1, width=32) | st.just(math.nan)
    probability = np.array(data.draw(st.lists(numbers, min_size=size, max_size=size)), dtype=float)
    cloud.header.frame_id = 'lidar'
    cloud.header.stamp.sec = 7
    before = copy.deepcopy(cloud)
    out = classified(CloudWriter(), cloud, probability, 0.5)
    assert cloud == before
    assert out.header == cloud.header
    for name in ('height', 'width', 'is_bigendian', 'is_dense'):
        assert getattr(out, name) == getattr(cloud, name)
    assert out.fields[:-2] == cloud.fields
    step = cloud.point_step
    assert (out.point_step, out.row_step) == (step + 5, cloud.width * (step + 5))
    for v in range(cloud.height):
        for u in range(cloud.width):
            came, went = v * cloud.row_step + u * step, (v * cloud.width + u) * (step + 5)
            assert out.data[went : went + step] == cloud.data[came : came + step]
    _, answers = slow(out, ['probability', 'decision'])
    same(np.array(answers).reshape(-1, 2), [[p, float(p >= 0.5)] for p in probability])
    read_again = CloudReader([]).read(out)
    assert read_again.names[-2:] == ('probability', 'decision')


lies = st.fixed_dictionaries(
    {},
    optional={
        'height': st.sampled_from([0, 1, 2, 5, 2**16, 2**32 - 1]),
        'width': st.sampled_from([0, 1, 2, 5, 2**16, 2**31, 2**32 - 1]),
        'point_step': st.integers(0, 40) | st.sampled_from([2**31, 2**32 - 1]),
        'row_step': st.integers(0, 200) | st.sampled_from([2**16, 2**32 - 1]),
        'is_bigendian': st.booleans(),
    },
)
field_lies = st.fixed_dictionaries(
    {},
    optional={
        'name': st.sampled_from(['x', 'z', '', 'label', 'probability']),
        'offset': st.integers(0, 40) | st.sampled_from([2**31, 2**32 - 1]),
        'datatype': st.integers(0, 10) | st.just(255),
        'count': st.sampled_from([0, 1, 2, 3, 2**31, 2**32 - 1]),
    },
)


@settings(repeatable, max_examples=600)
@given(clouds, lies, st.dictionaries(st.integers(0, 5), field_lies, max_size=2), st.integers(-9, 9))
def test_a_cloud_that_lies_is_refused_and_never_misread(cloud, changes, of_fields, longer):
    reader, writer = CloudReader(), CloudWriter()
    reader.read(cloud)  # what is remembered of a good cloud must not help a bad one
    classified(writer, cloud, np.zeros(cloud.height * cloud.width), 0.5)
    for name, value in changes.items():
        setattr(cloud, name, value)
    for i, change in of_fields.items():
        for name, value in change.items():
            setattr(cloud.fields[i % len(cloud.fields)], name, value)
    if longer > 0:
        cloud.data.extend(bytes(longer))
    elif longer < -4:
        del cloud.data[longer:]
    try:
        expected_names, expected = slow(cloud)
    except LieError:
        with pytest.raises(SampleError) as caught:
            reader.read(cloud)
        assert caught.value.reason in REASONS
        return
    points = reader.read(cloud)
    assert points.names == expected_names
    same(points.X, expected)
    if cloud.row_step + 5 * cloud.width < 2**32 and 'probability' not in expected_names:
        out = classified(writer, cloud, np.ones(len(expected)), 0.5)
        same(CloudReader().read(out).X[:, : len(expected_names)], expected)


def lie(**changes):
    cloud = build([('x', 7), ('y', 7), ('z', 7), ('label', 2)], height=2, width=3, row_gap=2, fill=1)
    for name, value in changes.items():
        target = cloud.fields[int(name[-1])] if name[-1].isdigit() else cloud
        setattr(target, name.rstrip('0123456789'), value)
    return cloud


@pytest.mark.parametrize(
    ('reason', 'changes'),
    [
        ('layout', {'row_step': 38}),
        ('layout', {'row_step': 42}),
        ('layout', {'point_step': 0}),
        ('layout', {'point_step': 14}),
        ('layout', {'point_step': 12}),
        ('layout', {'point_step': 2**32 - 1}),
        ('layout', {'data': array.array('B', bytes(81))}),
        ('layout', {'data': array.array('B')}),
        ('layout', {'height': 2**32 - 1}),
        ('layout', {'width': 2**32 - 1}),
        ('layout', {'offset1': 2**32 - 1}),
        ('layout', {'count1': 2**32 - 1}),
        ('overlap', {'offset1': 3}),
        ('overlap', {'datatype0': 8}),
        ('overlap', {'count0': 2}),
        ('datatype', {'datatype1': 0}),
        ('datatype', {'datatype1': 9}),
        ('names', {'name3': 'z'}),
        ('field', {'name2': 'height'}),
        ('field', {'fields': []}),
        ('count', {'count2': 0}),
    ],
)
@pytest.mark.parametrize('features', [['z'], ['abs(z)'], ['z - min_cell(z, 5.0)']])
def test_the_reason(reason, changes, features):
    with pytest.raises(SampleError) as caught:
        CloudReader(features).read(lie(**changes))
    assert caught.value.reason == reason
    if reason not in ('field', 'count', 'names'):
        with pytest.raises(SampleError) as caught:
            classified(CloudWriter(), lie(**changes), np.zeros(6), 0.5)
        assert caught.value.reason == reason


def test_too_many_points_are_refused_before_memory_is_taken():
    cloud = build([('x', 2)], height=1, width=2**24 + 1)
    with pytest.raises(SampleError) as caught:
        CloudReader().read(cloud)
    assert caught.value.reason == 'size'


def test_a_field_of_several_values_that_nobody_needs_does_no_harm():
    cloud = build([('x', 7), ('histogram', 2)], width=2, gap=0)
    cloud.fields[1].count = 3
    cloud.point_step, cloud.row_step = 7, 14
    cloud.data = array.array('B', bytes(14))
    assert CloudReader(['x']).read(cloud).X.shape == (2, 1)
    with pytest.raises(SampleError, match='histogram'):
        CloudReader().read(cloud)


@pytest.mark.parametrize('row_step', [0, 1, 7, 400, 2**32 - 1])
def test_a_row_step_that_is_not_up_to_date_is_passed_over_where_the_data_has_no_gaps(row_step):
    cloud = build([('x', 7), ('label', 2)], height=2, width=3)
    for i in range(6):
        put(cloud, 'x', i, float(i))
        put(cloud, 'label', i, i % 2)
    expected = CloudReader().read_labeled(cloud)
    cloud.row_step = row_step
    reader = CloudReader()
    same(reader.read_labeled(cloud).X, expected.X)
    (remark,) = reader.remarks()
    assert reader.is_stale and 'row_step' in remark
    answer = classified(CloudWriter(), cloud, np.ones(6), 0.5)
    assert answer.row_step == 3 * answer.point_step
    same(CloudReader(['x']).read(answer).X, expected.X)


def test_names_matter_only_to_whoever_needs_them():
    cloud = build([('x', 7), ('_', 2), ('_', 2), ('y', 7), ('', 2), ('y', 7)], width=2)
    assert CloudReader(['x']).read(cloud).X.shape == (2, 1)
    with pytest.raises(SampleError, match="two fields are named 'y'") as caught:
        CloudReader(['x + y']).read(cloud)
    assert caught.value.reason == 'names'
    assert CloudReader().read(build([('x', 7), ('_', 2), ('_', 2)])).names == ('x',)


@pytest.mark.parametrize('clock', CLOCKS)
def test_clocks_are_no_features_unless_they_are_named(clock):
    reader = CloudReader()
    assert reader.read(build([('x', 7), (clock, 8)])).names == ('x',)
    assert any(f'{clock} (a clock)' in each for each in reader.remarks())
    assert CloudReader([clock]).read(build([('x', 7), (clock, 8)])).names == (clock,)


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize(('packed', 'datatype'), [('rgb', 7), ('rgb', 6), ('rgba', 6)])
def test_packed_colours_are_read_as_r_g_and_b(packed, datatype, big):
    cloud = build([('x', 7), (packed, datatype)], width=2, big=big)
    order = 'big' if big else 'little'
    for i, colour in enumerate((0xFF0A141E, 0x00FF8001)):
        cloud.data[8 * i + 4 : 8 * i + 8] = array.array('B', colour.to_bytes(4, order))
    assert CloudReader().read(cloud).names == ('x',)
    points = CloudReader(['r', 'g', 'b', 'r - b']).read(cloud)
    assert points.X.tolist() == [[10, 20, 30, -20], [255, 128, 1, 254]] and points.usable.all()


def test_no_fields_at_all():
    for fields in ([], [('label', 2)]):
        cloud = build(fields, gap=1)
        cloud.point_step = cloud.row_step = len(cloud.data) or 1
        cloud.data = cloud.data or array.array('B', [0])
        with pytest.raises(SampleError) as caught:
            CloudReader().read(cloud)
        assert caught.value.reason == 'field'


@pytest.mark.parametrize('name', ['probability', 'decision'])
def test_the_answer_needs_its_names(name):
    with pytest.raises(SampleError) as caught:
        classified(CloudWriter(), build([('x', 7), (name, 7)]), np.zeros(1), 0.5)
    assert caught.value.reason == 'names'


def test_an_answer_too_long_for_a_row_and_one_of_another_length_are_refused():
    cloud = build([('x', 2)], height=0, width=2**31)
    with pytest.raises(SampleError) as caught:
        classified(CloudWriter(), cloud, np.zeros(0), 0.5)
    assert caught.value.reason == 'layout'
    with pytest.raises(ValueError, match='probabilities'):
        classified(CloudWriter(), build([('x', 7)], width=2), np.zeros(1), 0.5)


def test_one_reader_and_writer_follow_clouds_that_change():
    reader, writer = CloudReader(), CloudWriter()
    for width, big, fields in [
        (2, False, [('x', 7)]),
        (5, False, [('x', 7)]),
        (5, True, [('x', 7)]),
        (0, True, [('x', 7)]),
        (5, True, [('y', 5)]),
        (5, True, [('x', 8), ('y', 3)]),
    ]:
        cloud = build(fields, width=width, big=big, fill=width)
        out = classified(writer, cloud, np.full(width, 0.25), 0.25)
        same(reader.read(cloud).X, slow(cloud)[1])
        same(CloudReader([f[0] for f in fields]).read(out).X, slow(cloud)[1])
        assert slow(out, ['probability', 'decision'])[1] == [[0.25, 1.0]] * width


def test_derived_columns_are_named_by_their_text():
    cloud = build([('x', 7), ('y', 8), ('z', 3)], width=3, big=True, gap=1)
    for i, (x, y, z) in enumerate([(3.0, 4.0, 7), (1.0, 1.0, -2), (6.0, 0.0, 5)]):
        for name, value in zip('xyz', (x, y, z)):
            put(cloud, name, i, value)
    features = ['sqrt(x**2 + y**2)', 'z', 'z - min_cell(z, 5.0)']
    points = CloudReader(features).read(cloud)
    assert points.names == tuple(features)
    assert points.X.tolist() == [[5.0, 7.0, 9.0], [math.sqrt(2), -2.0, 0.0], [6.0, 5.0, 0.0]]
    assert points.usable.all()


def test_a_field_of_exactly_that_name_comes_before_the_expression():
    cloud = build([('x', 7), ('abs(x)', 7)])
    put(cloud, 'x', 0, -3.0)
    put(cloud, 'abs(x)', 0, 8.0)
    assert CloudReader(['abs(x)', 'x']).read(cloud).X.tolist() == [[8.0, -3.0]]


def test_a_model_may_name_fields_that_are_no_expressions():
    names = ('std(/imu/z, 1.0)', 'abs(z)', 'z')
    cloud = one_point_cloud(Header(), (names[0], 'z'), np.array([1.0, -2.0]))
    points = CloudReader.of_model(names).read(cloud)
    assert (points.names, points.X.tolist()) == (names, [[1.0, 2.0, -2.0]])
    with pytest.raises(SampleError) as caught:
        CloudReader.of_model(['mean(/imu/z, 1.0)']).read(cloud)
    assert caught.value.reason == 'field'


@pytest.mark.parametrize('features', [['z', 'cosh('], ['z', ' z'], ['label'], ['']])
def test_bad_features_are_refused_at_once(features):
    with pytest.raises(ExpressionError):
        CloudReader(features)


def labeled(values, datatype=8, features=None):
    cloud = build([('x', 8), ('label', datatype), ('ring', 2)], width=len(values), gap=1, fill=3)
    for i, value in enumerate(values):
        put(cloud, 'x', i, features[i] if features else float(i))
        put(cloud, 'ring', i, i)
        put(cloud, 'label', i, value)
    return cloud


@pytest.mark.parametrize('datatype', sorted(CODES))
def test_labels_of_any_type(datatype):
    number = float if datatype > 6 else int
    points = CloudReader().read_labeled(labeled([number(v) for v in (0, 1, 1, 0)], datatype))
    assert points.names == ('x', 'ring')
    assert points.X.tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    assert points.y.tolist() == [0, 1, 1, 0] and points.left_out == {}


def test_points_that_teach_nothing_are_left_out_and_counted():
    nan, inf = math.nan, math.inf
    cloud = labeled([0, 1, nan, 2, 1, 0, nan, 1, 0.5], 8, [0.0, 1.0, 2.0, 3.0, nan, inf, nan, -1e200, nan])
    points = CloudReader(['x']).read_labeled(cloud)
    assert points.X.tolist() == [[0.0], [1.0]] and points.y.tolist() == [0.0, 1.0]
    assert points.left_out == {'unlabeled': 2, 'label': 2, 'not_finite': 2, 'too_large': 1}
    assert CloudReader(['x']).read(cloud).usable.tolist() == [True] * 4 + [False] * 3 + [False, False]


@pytest.mark.parametrize('values', [[], [math.nan, 2.0]])
def test_a_labeled_cloud_of_which_nothing_is_left_is_empty(values):
    with pytest.raises(SampleError) as caught:
        CloudReader().read_labeled(labeled(values))
    assert caught.value.reason == 'empty'


def test_a_labeled_cloud_needs_one_label_at_each_point():
    with pytest.raises(SampleError) as caught:
        CloudReader().read_labeled(build([('x', 7)]))
    assert caught.value.reason == 'label'
    cloud = labeled([1.0])
    cloud.fields[1].count = 0
    with pytest.raises(SampleError) as caught:
        CloudReader().read_labeled(cloud)
    assert caught.value.reason == 'count'


def test_points_that_are_not_finite_have_no_probability():
    model = Model('r', 1, 0.0, ('x', 'y'), (0.0, 1.0), 0.0, (0.0, 0.0), (1.0, 1.0), 2, 1, 0.1, True)
    cloud = build([('x', 7), ('y', 8)], width=5, dense=True)
    for i, (x, y) in enumerate([(1, 0), (math.nan, 0), (math.inf, 5), (0, -math.inf), (0, 1e200)]):
        put(cloud, 'x', i, x)
        put(cloud, 'y', i, y)
    probability = CloudReader.of_model(model.features).read(cloud).predict_proba(model)
    same(probability, [0.5] + [math.nan] * 4)
    out = classified(CloudWriter(), cloud, probability, 0.5)
    same(np.array(slow(out, ['probability', 'decision'])[1]), [[0.5, 1.0]] + [[math.nan, 0.0]] * 4)


@given(st.lists(st.floats(), min_size=1, max_size=4), st.none() | st.sampled_from([0, 1, 1.0]))
@repeatable
def test_one_point_clouds_come_back(values, label):
    header = Header(frame_id='base')
    names = tuple(f'std(/imu[{i}], 1.0)' for i in range(len(values)))
    cloud = one_point_cloud(header, names, np.array(values), label)
    assert cloud.header is header
    found, rows = slow(cloud)
    assert found == names == CloudReader().read(cloud).names
    same(np.array(rows), [values])
    assert [f.name for f in cloud.fields][len(values) :] == ([] if label is None else ['label'])
    if label is not None and all(abs(v) < 1e100 for v in values):
        assert CloudReader().read_labeled(cloud).y.tolist() == [float(label)]


@pytest.mark.parametrize('names', [('a',), ('a', 'a'), ('a', ''), ('a', 'b', 'c')])
def test_one_point_needs_a_name_for_each_value(names):
    with pytest.raises(SampleError) as caught:
        one_point_cloud(Header(), names, np.zeros(2))
    assert caught.value.reason == 'names'


def model_of(features, weights, bias=0.1):
    n = len(features)
    return Model(
        'r', 1, 1.0, tuple(features), tuple(weights), bias, (0.0,) * n, (1.0,) * n, 2, 1, 0.5, True
    )


def cloud_of(points):
    """A cloud with the fields and offsets of a structured array."""
    codes = {np.dtype(DATATYPES[code]): code for code in DATATYPES}
    step = points.dtype.itemsize
    cloud = PointCloud2(height=1, width=len(points), point_step=step, row_step=step * len(points))
    cloud.fields = [
        PointField(name=name, offset=offset, datatype=codes[dtype], count=1)
        for name, (dtype, offset) in points.dtype.fields.items()
    ]
    cloud.data = array.array('B', points.tobytes())
    return cloud


@pytest.mark.parametrize('n_points', [0, 1, 16_384, 40_001])
def test_a_cloud_in_blocks_is_answered_as_it_is_whole(n_points):
    generator = np.random.default_rng(n_points)
    points = np.zeros(n_points, dtype=[('a', '<f4'), ('b', '<i2'), ('c', '<f8')])
    for name, scale in (('a', 1.0), ('b', 100.0), ('c', 5.0)):
        points[name] = generator.normal(scale=scale, size=n_points)
    points['a'][::7], points['c'][3::11], points['c'][5::13] = math.nan, -math.inf, 1e101
    model = model_of(['c', 'a', 'b'], [0.3, -2.0, 0.01])
    reader, cloud = CloudReader.of_model(model.features), cloud_of(points)
    for _ in range(2):
        whole = reader.read(cloud).predict_proba(model)
        answer = reader.predict_proba(from_bytes(cloud), model)
        assert answer.dtype == np.float32  # as it is published
        np.testing.assert_allclose(answer, whole, rtol=0, atol=2**-23)
        assert reader.n_unusable == np.isnan(whole).sum() >= n_points // 7


@pytest.mark.parametrize('n_points', [0, 1, 16_384, 40_001])
@pytest.mark.parametrize('place', [0.0, 1e2, 5e5], ids=['near', 'far', 'in_utm'])
@pytest.mark.parametrize(
    'layout',
    [
        {'names': ['x', 'y', 'z', 'i'], 'formats': ['<f4'] * 4},
        {'names': ['x', 'y', 'z', 'i'], 'formats': ['<f4'] * 4, 'offsets': [0, 4, 8, 16], 'itemsize': 22},
        {'names': ['i', 't', 'z', 'x', 'y'], 'formats': ['<f4', 'u1', '<f4', '<f4', '<f4']},
    ],
    ids=['side_by_side', 'with_a_gap', 'odd'],
)
def test_single_precision_is_as_exact_as_its_fields(layout, place, n_points):
    generator = np.random.default_rng(n_points)
    points = np.zeros(n_points, dtype=layout)
    for name in 'xyzi':
        points[name] = generator.normal(scale=2.0, size=n_points) + (place if name in 'xy' else 0.0)
    points['i'][3::7], points['x'][5::11], points['z'][6::13] = math.nan, math.inf, -math.inf
    # far away, the bias brings z back to where it decides
    weights = np.array([0.7, -1.1, 0.3, -0.9])
    model = model_of(['z', 'i', 'x', 'y'], weights, -place * float(weights[2:].sum()))
    reader, cloud = CloudReader.of_model(model.features), cloud_of(points)
    points = reader.read(cloud)
    whole = points.predict_proba(model)
    answer = reader.predict_proba(from_bytes(cloud), model)
    assert np.array_equal(np.isnan(answer), np.isnan(whole))
    assert reader.n_unusable == np.isnan(whole).sum()
    sizes = np.abs(points.X[points.usable] * np.array(model.weights)).sum(axis=1) + abs(model.bias)
    error = np.abs(answer - whole)[points.usable]
    assert (error <= 0.25 * 6 * 2**-24 * sizes + 2**-22).all()


def test_points_so_far_off_that_a_sum_has_no_room_are_answered():
    points = np.zeros(2, dtype=[('x', '<f4'), ('y', '<f4')])
    points['x'] = points['y'] = [3e38, -3e38]
    reader = CloudReader.of_model(['x', 'y'])
    answer = reader.predict_proba(from_bytes(cloud_of(points)), model_of(['x', 'y'], [1.0, 2.0]))
    assert answer.tolist() == [1.0, 0.0] and reader.n_unusable == 0


def test_bytes_that_somebody_holds_are_not_written_to():
    writer, cloud = CloudWriter(), from_bytes(build([('x', 7)], width=3, fill=1))
    first = writer.write(cloud, np.full(3, 0.25), 0.5)
    copy_of_first = bytes(bytearray(first))
    second = writer.write(cloud, np.full(3, 0.75), 0.5)
    assert first == copy_of_first != second
    del first, second
    assert writer.write(cloud, np.full(3, 0.25), 0.5) == copy_of_first


@repeatable
@given(st.lists(st.tuples(clouds, st.sampled_from(['', 'os', 'lidar_link'])), min_size=1, max_size=5))
def test_a_stream_of_bytes_is_read_as_each_cloud_alone(stream):
    reader = SerializedClouds()
    for cloud, frame in [each for each in stream for _ in range(2)]:
        cloud.header.frame_id, cloud.header.stamp.sec = frame, len(frame)
        found = reader.read(serialize_message(cloud))
        for name in ('height', 'width', 'is_bigendian', 'point_step', 'row_step', 'is_dense'):
            assert getattr(found, name) == getattr(cloud, name)
        assert list(found.fields) == list(cloud.fields)
        assert bytes(found.data) == cloud.data.tobytes()


def test_every_cut_of_a_cloud_is_refused():
    whole = serialize_message(build([('x', 7), ('y', 8)], width=3))
    for known in (False, True):
        for end in range(len(whole)):
            reader = SerializedClouds()
            if known:
                reader.read(whole)
            with pytest.raises(SampleError) as caught:
                reader.read(whole[:end])
            assert caught.value.reason == 'unreadable'


def test_a_big_endian_message_is_read_as_the_middleware_reads_it():
    cloud = build([('x', 7)], width=2, fill=2)
    cloud.header.frame_id = 'abc'
    parts = [
        (4, b'\x00\x00\x00\x00'), (4, struct.pack('>i', 0)), (4, struct.pack('>I', 0)),
        (4, struct.pack('>I', 4) + b'abc\x00'), (4, struct.pack('>II', 1, 2)), (4, struct.pack('>I', 1)),
        (4, struct.pack('>I', 2) + b'x\x00'), (4, struct.pack('>IB', 0, 7)), (4, struct.pack('>I', 1)),
        (1, b'\x00'), (4, struct.pack('>II', 4, 8)), (4, struct.pack('>I', 8)), (1, cloud.data.tobytes()),
        (1, b'\x00'),
    ]  # fmt: skip
    data = b''
    for size, part in parts:
        data += bytes(-len(data) % size) + part
    assert deserialize_message(data, PointCloud2) == cloud
    found = SerializedClouds().read(data)
    assert (found.width, bytes(found.data)) == (2, cloud.data.tobytes())


def test_a_cloud_of_more_fields_than_are_gone_through_is_refused_by_a_reason():
    cloud = build([(f'f{i}', 2) for i in range(6000)])
    with pytest.raises(SampleError) as caught:
        from_bytes(cloud)
    assert caught.value.reason == 'unreadable'
