# SPDX-License-Identifier: Apache-2.0
"""Clouds in, clouds out: taught, classified with every byte kept, or rejected whole with the reason."""

from __future__ import annotations

import array
import copy
import json
import math
from collections import Counter

import numpy as np
import pytest
from live_featurizer import at, imu
from ros_harness import LATCHED, model_dict
from sensor_msgs.msg import Imu, PointCloud2, PointField
from std_msgs.msg import String

CODES = {'i1': 1, 'u1': 2, 'i2': 3, 'u2': 4, 'i4': 5, 'u4': 6, 'f4': 7, 'f8': 8}
HEIGHT = 'z - min_cell(z, 5.0)'
POINT_FEATURES = ['intensity', HEIGHT]
LAYOUTS = {
    'dense': {},
    'big-endian': {'big': True},
    'organised and padded': {'rows': 6, 'gap': 3, 'row_gap': 5},
    'big-endian, organised and padded': {'big': True, 'rows': 4, 'gap': 1, 'row_gap': 9},
}


def cloud_of(columns, ms=0, rows=1, big=False, gap=0, row_gap=0):
    """A cloud of name → (dtype, values (M,)); what is between the fields is noise."""
    n_points = len(next(iter(columns.values()))[1])
    cloud = at(ms, PointCloud2(height=rows, width=n_points // rows, is_bigendian=big))
    cloud.header.frame_id = f'lidar {ms}'
    for name, (dtype, _) in columns.items():
        offset = cloud.point_step + gap
        cloud.fields.append(PointField(name=name, offset=offset, datatype=CODES[dtype], count=1))
        cloud.point_step = offset + np.dtype(dtype).itemsize
    cloud.point_step += gap
    cloud.row_step = cloud.width * cloud.point_step + row_gap
    data = bytearray(np.random.default_rng(ms).bytes(rows * cloud.row_step))
    for field, (dtype, values) in zip(cloud.fields, columns.values()):
        shape, strides = (rows, cloud.width), (cloud.row_step, cloud.point_step)
        view = np.ndarray(shape, ('>' if big else '<') + dtype, data, field.offset, strides)
        view[...] = np.asarray(values).reshape(shape)
    cloud.data = array.array('B', data)
    return cloud


def street(n_points, seed):
    """x, y, z and intensity over two 5 m cells each way, some points without z or x; and the labels."""
    generator = np.random.default_rng(seed)
    x, y = generator.uniform(-5.0, 5.0, (2, n_points)).astype('f4')
    y_true = generator.integers(0, 2, n_points)
    slope = 0.3 * np.floor(x / 5.0) - 0.7 * np.floor(y / 5.0)
    z = (slope + 1.5 * y_true + generator.normal(0.0, 0.5, n_points)).astype('f4')
    z[3::40], x[7::60] = math.nan, math.inf
    intensity = generator.integers(0, 200, n_points) + 20 * y_true
    columns = {'x': ('f4', x), 'y': ('f4', y), 'z': ('f4', z), 'intensity': ('u2', intensity)}
    return columns, y_true


def features_of(columns):
    """The point features (M, 2), one point at a time."""
    x, y, z, intensity = (np.asarray(values, dtype=float) for _, values in columns.values())
    cells = [(math.floor(a / 5), math.floor(b / 5)) if math.isfinite(a) else None for a, b in zip(x, y)]
    lowest = {}
    for cell, height in zip(cells, z):
        if math.isfinite(height):
            lowest[cell] = min(height, lowest.get(cell, math.inf))
    above = [height - lowest.get(cell, math.nan) if cell else math.nan for cell, height in zip(cells, z)]
    return np.column_stack([intensity, above])


def expected_answer(model, X):
    """sigmoid(weights·x + bias) of each point; NaN where a feature is."""
    z = X @ np.array(model['weights']) + model['bias']
    return 1.0 / (1.0 + np.exp(-z))


def points_of(cloud):
    """The bytes of each point, (M, point_step), without what is behind the rows."""
    rows = np.array(cloud.data, dtype=np.uint8).reshape(cloud.height, cloud.row_step)
    points = rows[:, : cloud.width * cloud.point_step]
    return points.reshape(cloud.height * cloud.width, cloud.point_step)


def column(cloud, name):
    field = next(each for each in cloud.fields if each.name == name)
    dtype = np.dtype(
        ('>' if cloud.is_bigendian else '<') + {v: k for k, v in CODES.items()}[field.datatype]
    )
    chosen = points_of(cloud)[:, field.offset : field.offset + dtype.itemsize]
    return np.ascontiguousarray(chosen).view(dtype)[:, 0]


def check_answer(sent, answer, probability, threshold=0.5):
    assert answer.header == sent.header
    assert (answer.height, answer.width) == (sent.height, sent.width)
    assert (answer.is_bigendian, answer.is_dense) == (sent.is_bigendian, sent.is_dense)
    assert answer.fields[:-2] == sent.fields
    described = [(each.name, each.datatype, each.count) for each in answer.fields[-2:]]
    assert described == [('probability', PointField.FLOAT32, 1), ('decision', PointField.UINT8, 1)]
    kept = points_of(answer)[:, : sent.point_step]
    np.testing.assert_array_equal(kept, points_of(sent))
    found, usable = column(answer, 'probability'), ~np.isnan(probability)
    np.testing.assert_array_equal(np.isnan(found), ~usable)
    np.testing.assert_array_max_ulp(found[usable].astype('f4'), probability[usable].astype('f4'))
    np.testing.assert_array_equal(column(answer, 'decision'), np.nan_to_num(probability) >= threshold)


class Lidar:
    """A trainer and a predictor of clouds; and in /hand a predictor of models made by hand."""

    def __init__(self, ground):
        self.ground = ground
        self.models = ground.hear_models()
        self.answers = ground.subscribe(PointCloud2, 'classified_points')
        self.hand_answers = ground.subscribe(PointCloud2, '/hand/classified_points')
        listed = '[' + ', '.join(f'"{each}"' for each in POINT_FEATURES) + ']'
        ground.start('trainer', point_features=listed)
        ground.start('predictor')
        ground.start('predictor', '-r', '__ns:=/hand')
        ground.wait_for_nodes('trainer', 'predictor', 'hand/predictor')
        self.n_taught = self.teach()

    def teach(self):
        """Teach three clouds, each of another layout; some points cannot be used."""
        columns, labels = zip(*(street(240, seed) for seed in range(3)))
        types = ('u1', 'f8', 'f4')
        layouts = list(LAYOUTS.values())[1:]
        labels = [each.astype(float) for each in labels]
        labels[1][10:15], labels[2][20:27] = math.nan, 2.0
        labeled = self.ground.publisher(PointCloud2, 'labeled_points')
        for i in range(3):
            with_label = {**columns[i], 'label': (types[i], labels[i])}
            labeled.publish(cloud_of(with_label, i, **layouts[i]))
        X, y = np.vstack([features_of(each) for each in columns]), np.concatenate(labels)
        self.finite, self.known = np.isfinite(X).all(axis=1), (y == 0.0) | (y == 1.0)
        self.no_label = int(np.isnan(y).sum())
        usable = self.finite & self.known
        self.X, self.y = X[usable], y[usable]
        return len(y)

    def model(self):
        """The model of what was taught, that the predictor has, too."""

        def learned():
            return (
                self.models and self.models[-1]['samples'] == len(self.y) and self.models[-1]['converged']
            )

        self.ground.wait_until(learned, 'a model')
        self.ground.wait_until_shown('predictor', 'model_step', self.models[-1]['step'])
        return self.models[-1]

    def answer(self, cloud, topic='/points', answers=None):
        """Return the answer to a cloud; who hears best effort may not hear the first one."""
        answers = self.answers if answers is None else answers
        publisher = self.ground.publisher(PointCloud2, topic)
        self.ground.wait_until(
            lambda: any(each.header == cloud.header for each in answers),
            'an answer',
            meanwhile=lambda: publisher.publish(cloud),
            every_sec=1.0,
        )
        return next(each for each in answers if each.header == cloud.header)

    def use_by_hand(self, model):
        publisher = self.ground.publisher(String, '/hand/model', LATCHED)
        publisher.publish(String(data=json.dumps(model)))
        self.ground.wait_until_shown('hand/predictor', 'model_run', model['run'])

    def rejected(self, node):
        shown = self.ground.status[node].items()
        return Counter({k.removeprefix('rejected/'): int(v) for k, v in shown if k.startswith('rejected/')})


@pytest.fixture(scope='module')
def lidar(shared_ground):
    return Lidar(shared_ground)


def test_labeled_clouds_teach_and_what_can_not_be_used_is_counted(lidar):
    model = lidar.model()
    assert model['features'] == POINT_FEATURES
    assert model['mean'] == pytest.approx(lidar.X.mean(axis=0).tolist(), rel=1e-12)
    assert model['scale'] == pytest.approx(lidar.X.std(axis=0).tolist(), rel=1e-12)
    assert model['positives'] == lidar.y.sum()
    ground = lidar.ground
    ground.wait_until_shown('trainer', 'received', lidar.n_taught)
    assert ground.count('trainer', 'accepted') == len(lidar.y)
    assert lidar.rejected('trainer') == {
        'not_finite': int((lidar.known & ~lidar.finite).sum()),
        'unlabeled': lidar.no_label,
        'label': int((~lidar.known).sum()) - lidar.no_label,
    }


@pytest.mark.parametrize('layout', LAYOUTS)
def test_cloud_is_answered_by_the_model_that_was_taught(lidar, layout):
    model = lidar.model()
    columns, _ = street(240, 9)
    sent = cloud_of(columns, 1000 + list(LAYOUTS).index(layout), **LAYOUTS[layout])
    answer = lidar.answer(sent)
    probability = expected_answer(model, features_of(columns))
    assert 0 < np.isnan(probability).sum() < 20
    assert 0.2 < np.mean(probability >= 0.5) < 0.8
    check_answer(sent, answer, probability)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_fields_of_every_datatype_are_features_as_they_are(lidar, layout):
    generator = np.random.default_rng(5)
    largest = {code: float(np.iinfo(code).max) if code[0] != 'f' else 1e9 for code in CODES}
    smallest = {code: 0.0 if code[0] == 'u' else -value for code, value in largest.items()}
    columns = {
        f'a {code}': (code, generator.uniform(smallest[code], largest[code], 24).astype(code))
        for code in CODES
    }
    columns['a f8'][1][4], columns['a f4'][1][5:7] = math.nan, (math.inf, -math.inf)
    weights = [float(generator.normal() / value) for value in largest.values()]
    model = model_dict(weights, run='every', features=list(columns))
    lidar.use_by_hand(model)
    sent = cloud_of(columns, 2000 + list(LAYOUTS).index(layout), **LAYOUTS[layout])
    answer = lidar.answer(sent, '/hand/points', lidar.hand_answers)
    X = np.column_stack([np.asarray(values, dtype=float) for _, values in columns.values()])
    X[~np.isfinite(X)] = math.nan
    check_answer(sent, answer, expected_answer(model, X))


def lie(**changes):
    """Return what makes a good cloud of street() and labels lie about itself."""

    def change(cloud):
        for name, value in changes.items():
            setattr(cloud, name, value(cloud) if callable(value) else value)
        return cloud

    return change


def changed(field_name, /, **changes):
    """The fields, of which one is not what it was."""

    def change(cloud):
        for name, value in changes.items():
            setattr(next(each for each in cloud.fields if each.name == field_name), name, value)
        return cloud.fields

    return change


def labeled_7(cloud):
    """The data with a label, which is the last byte of each point, that is none."""
    return [7 if (i + 1) % cloud.point_step == 0 else byte for i, byte in enumerate(cloud.data)]


def one_byte_more(cloud):
    """The data with a gap behind it: without one, a `row_step` that is not up to date is passed over."""
    return [*cloud.data, 0]


LIES = {
    'point_step 0': (lie(point_step=0), 'layout'),
    'point_step too short': (lie(point_step=lambda c: c.point_step - 8), 'layout'),
    'row_step too short': (lie(row_step=lambda c: c.row_step - 1, data=one_byte_more), 'layout'),
    'row_step too long': (lie(row_step=lambda c: c.row_step + 2, data=one_byte_more), 'layout'),
    'row_step 0': (lie(row_step=0, data=one_byte_more), 'layout'),
    'short data': (lie(data=lambda c: c.data[:-1]), 'layout'),
    'no data': (lie(data=lambda c: c.data[:0]), 'layout'),
    'one row more': (lie(height=2), 'layout'),
    'sizes that wrap round': (lie(height=2**31, width=2**31), 'layout'),
    'field behind the point': (lie(fields=changed('z', offset=2**32 - 2)), 'layout'),
    'overlapping fields': (lie(fields=changed('z', offset=6)), 'overlap'),
    'another datatype': (lie(fields=changed('z', datatype=9)), 'datatype'),
    'the same name twice': (lie(fields=changed('y', name='x')), 'names'),
    'no name': (lie(fields=changed('y', name='')), 'field'),
    'count of two': (lie(fields=changed('intensity', datatype=2, count=2)), 'count'),
    'count of none': (lie(fields=changed('intensity', count=0)), 'count'),
    'a field of a feature is missing': (lie(fields=changed('intensity', name='reflectivity')), 'field'),
    'a field of an expression is missing': (lie(fields=changed('x', name='range')), 'field'),
}
LIES_TO_THE_TRAINER = {
    'no label': (lie(fields=changed('label', name='class')), 'label'),
    'no label that is known': (lie(data=labeled_7), 'empty'),
    'no points': (lie(width=0, row_step=0, data=lambda c: c.data[:0]), 'empty'),
}
LIES_TO_THE_PREDICTOR = {
    'answered already': (lie(fields=changed('label', name='probability')), 'names'),
}


@pytest.mark.parametrize(
    ('node', 'topic', 'done', 'lies'),
    [
        ('trainer', '/labeled_points', 'accepted', {**LIES, **LIES_TO_THE_TRAINER}),
        ('predictor', '/points', 'answered', {**LIES, **LIES_TO_THE_PREDICTOR}),
    ],
)
def test_cloud_that_lies_is_rejected_whole_and_counted_once(lidar, node, topic, done, lies):
    ground = lidar.ground
    model = lidar.model()
    columns, y = street(24, 3)
    good = cloud_of({**columns, 'label': ('u1', y)}, 3000)
    lidar.answer(good)
    ground.wait_for_reports(node, 2)
    before, rejected, answered = dict(ground.status[node]), lidar.rejected(node), len(lidar.answers)
    publisher = ground.publisher(PointCloud2, topic)
    for change, _ in lies.values():
        publisher.publish(change(copy.deepcopy(good)))
    expected = rejected + Counter(reason for _, reason in lies.values())
    ground.wait_until(lambda: lidar.rejected(node).total() >= expected.total())
    assert lidar.rejected(node) == expected
    assert ground.count(node, 'received') == int(before['received']) + len(lies)
    assert ground.shown(node, done) == before[done]
    assert ground.count(node, 'received') == ground.count(node, done) + lidar.rejected(node).total()
    assert len(lidar.answers) == answered
    sent = cloud_of(columns, 3001 + len(node))
    check_answer(sent, lidar.answer(sent), expected_answer(model, features_of(columns)))


def test_stamped_samples_come_back_with_the_header_of_the_sensor(lidar):
    ground = lidar.ground
    names = ['/wheel/angular_velocity/x', '/wheel/linear_acceleration/z']
    model = model_dict((2.0, -0.5), bias=0.1, run='wheel', features=names)
    lidar.use_by_hand(model)
    labeled = ground.subscribe(PointCloud2, '/hand/labeled_points')
    ground.publisher(Imu, '/wheel', subscribers=0)
    ground.start(
        'featurizer',
        '-r',
        '__ns:=/hand',
        features='["' + '", "'.join(names) + '"]',
        label='/wheel/linear_acceleration/y',
        stamped='true',
    )

    def wheel(ms):
        message = imu(ms, ms % 7 / 3)
        message.header.frame_id = f'wheel {ms}'
        message.linear_acceleration.z, message.linear_acceleration.y = ms % 5 / 4, ms % 3 - 1.0
        return message

    def answered():
        return [each for each in lidar.hand_answers if each.header.frame_id.startswith('wheel')]

    first = wheel(4000)
    ground.wait_until(
        lambda: answered() and labeled,
        'the first sample',
        meanwhile=lambda: ground.publisher(Imu, '/wheel').publish(first),
        every_sec=0.1,
    )
    sent = [wheel(4000 + 37 * i) for i in range(1, 25)]
    for each in sent:
        ground.publisher(Imu, '/wheel').publish(each)
        ground.wait_until(lambda h=each.header: answered()[-1].header == h, 'the answer')
    by_stamp = {each.header.frame_id: each for each in answered()}
    for each in sent:
        answer, x = by_stamp[each.header.frame_id], (each.angular_velocity.x, each.linear_acceleration.z)
        assert answer.header == each.header
        assert [field.name for field in answer.fields] == [*names, 'probability', 'decision']
        assert [column(answer, name)[0] for name in names] == list(x)
        probability = expected_answer(model, np.array([x]))
        np.testing.assert_array_max_ulp(column(answer, 'probability'), probability.astype('f4'))
        assert column(answer, 'decision')[0] == (probability[0] >= 0.5)
    labels = {m.header.frame_id: m.linear_acceleration.y for m in sent if m.linear_acceleration.y >= 0.0}
    last = list(labels)[-1]
    ground.wait_until(lambda: any(each.header.frame_id == last for each in labeled), 'labelled clouds')
    by_stamp = {each.header.frame_id: each for each in labeled if each.header != first.header}
    assert {stamp: column(each, 'label')[0] for stamp, each in by_stamp.items()} == labels
    assert all([field.name for field in each.fields] == [*names, 'label'] for each in by_stamp.values())
    for topic in ('/hand/features', '/hand/labeled_features'):
        assert ground.node.count_publishers(topic) == 0
