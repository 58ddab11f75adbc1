# SPDX-License-Identifier: Apache-2.0
"""Exact features of a stream with stamps, and what labels them."""

from __future__ import annotations

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Imu, LaserScan
from std_msgs.msg import Bool, Float64MultiArray, Int8

STEP_NS = 100_000_000
X = 'std(/imu/data/angular_velocity/x, 0.5)'


def stamp(ns):
    return Time(sec=ns // 10**9, nanosec=ns % 10**9)


def reading(i):
    """The angular velocity about x of the i-th message."""
    return float(np.sin(0.7 * i) + 0.1 * i)


def imu(i):
    message = Imu()
    message.header.stamp = stamp(i * STEP_NS)
    message.angular_velocity.x = reading(i)
    message.linear_acceleration.z = 9.0 + i
    return message


class Robot:
    """A featurizer and the topics that it listens to."""

    def __init__(self, ground):
        self.ground = ground
        self.features = ground.subscribe(Float64MultiArray, 'features', 1000)
        self.labeled = ground.subscribe(Float64MultiArray, 'labeled_features', 1000)
        self.turn = 0

    def start(self, features, *arguments, **parameters):
        listed = '[' + ', '.join(f'"{each}"' for each in features) + ']'
        self.ground.start('featurizer', *arguments, features=listed, **parameters)
        self.ground.wait_for_nodes('featurizer')

    def say(self, message, topic='/imu/data'):
        self.ground.publisher(type(message), topic).publish(message)

    def go_on(self):
        """One more Imu."""
        self.turn += 1
        self.say(imu(self.turn))

    def until(self, condition, what=''):
        self.ground.wait_until(condition, what, meanwhile=self.go_on)

    def heard(self, what):
        return self.ground.count('featurizer', what)

    def stream(self, indices):
        """Send these Imu messages once the featurizer hears them; return the features of them."""
        self.ground.publisher(Imu, '/imu/data')
        sampling = [9000 * 10]
        before = self.heard('sampled') + dropped(self.ground)

        def probe():
            sampling[0] += 1
            self.say(imu(sampling[0]))

        def counted():
            return self.heard('sampled') + dropped(self.ground)

        self.ground.wait_until(lambda: counted() > before, 'the first Imu', meanwhile=probe, every_sec=0.3)
        self.ground.wait_for_reports('featurizer', 2)  # all of the probes are counted
        already, before = len(self.features), counted()
        for i in indices:
            self.say(imu(i))
        self.ground.wait_until(lambda: counted() == before + len(indices), 'all of the stream')
        return self.features[already:]


def dropped(ground):
    return sum(int(v) for k, v in ground.status['featurizer'].items() if k.startswith('dropped/'))


@pytest.fixture
def robot(ground):
    return Robot(ground)


def names_of(message):
    return message.layout.dim[0].label


def test_fields_and_windows_have_the_values_that_numpy_has(robot):
    expressions = ['/imu/data/linear_acceleration/z', 'mean(/imu/data/angular_velocity/x, 0.5)', X]
    robot.start(expressions)
    messages = robot.stream(range(1, 31))  # a step back in time: windows fill again
    # (t − 0.5 s, t] holds five readings at 10 Hz, and is filled at t₀ + 0.5 s
    windows = [[reading(k) for k in range(i - 4, i + 1)] for i in range(6, 31)]
    expected = [[9.0 + i, np.mean(w), np.std(w)] for i, w in zip(range(6, 31), windows)]
    np.testing.assert_allclose([m.data for m in messages], expected, rtol=0, atol=1e-12)
    assert {names_of(m) for m in messages} == {','.join(expressions)}
    assert {m.layout.dim[0].size for m in messages} == {3}


def test_window_that_is_not_filled_gives_nothing(robot):
    robot.start(['mean(/imu/data/angular_velocity/x, 1.0)'])
    assert robot.stream(range(1, 11)) == []
    robot.ground.wait_until(lambda: robot.heard('dropped/window') >= 10)


def test_elements_slices_and_statistics_of_a_scan(robot):
    robot.start(['/scan/ranges[1]', '/scan/ranges[0:5:2]', 'min(/scan/ranges[0:4])', 'max(/scan/ranges)'])
    scan = LaserScan(ranges=[4.0, 8.0, float('inf'), 0.5, 16.0, 32.0])
    finite = LaserScan(ranges=[4.0, 8.0, 2.0, 0.5, 16.0, 32.0])
    robot.ground.wait_until(
        lambda: robot.features, meanwhile=lambda: robot.say(finite, '/scan'), every_sec=0.3
    )
    message = robot.features[-1]
    assert list(message.data) == [8.0, 4.0, 2.0, 16.0, 0.5, 32.0]
    assert names_of(message) == (
        '/scan/ranges[1],/scan/ranges[0],/scan/ranges[2],/scan/ranges[4],min(/scan/ranges[0:4]),max(/scan/ranges)'
    )
    robot.say(scan, '/scan')  # REP 117: out of range is no reading, and no feature
    robot.ground.wait_until(lambda: robot.heard('dropped/not_finite') == 1)


def test_join_goes_by_stamps_of_the_headers(robot):
    robot.start(['/scan/ranges[0]', '/imu/data/linear_acceleration/z'])
    ground = robot.ground
    ground.publisher(Imu, '/imu/data', subscribers=0)
    ground.publisher(LaserScan, '/scan')

    def scan(ns):
        message = LaserScan(ranges=[1.0])
        message.header.stamp = stamp(ns)
        robot.say(message, '/scan')

    def both():
        robot.go_on()
        scan((robot.turn + 1000) * STEP_NS)

    ground.wait_until(lambda: robot.features, meanwhile=both)
    newest = robot.turn
    ground.wait_until(
        lambda: robot.features[-1].data[1] == 9.0 + newest,
        meanwhile=lambda: scan((newest + 1000) * STEP_NS),
    )
    robot.go_on()
    robot.go_on()
    ground.wait_until(
        lambda: robot.features[-1].data[1] == 9.0 + newest + 2,
        meanwhile=lambda: scan((newest + 1000) * STEP_NS),
    )
    scan((newest + 1) * STEP_NS + 1)  # a trigger that comes late finds what was there at its time
    ground.wait_until(lambda: robot.features[-1].data[1] == 9.0 + newest + 1)


def test_topic_that_is_missing_is_shown_and_sampled_once_it_comes(robot):
    robot.start([X])
    robot.ground.wait_until(lambda: '/imu/data' in robot.ground.text['featurizer'])
    assert robot.ground.severity['featurizer'] == 1
    robot.until(lambda: robot.features)
    robot.ground.wait_until(lambda: robot.ground.severity['featurizer'] == 0)


@pytest.fixture
def labeling(robot):
    """A robot whose labels are heard, and that has made labelled samples of 1."""
    robot.start([X], label='/label/data')

    def label_and_go_on():
        robot.say(Bool(data=True), '/label')
        robot.go_on()

    robot.ground.publisher(Imu, '/imu/data', subscribers=0)
    robot.ground.publisher(Bool, '/label', subscribers=0)
    robot.ground.wait_until(lambda: robot.labeled, meanwhile=label_and_go_on)
    return robot


def test_labeled_sample_is_the_sample_and_then_the_label(labeling):
    message = labeling.labeled[-1]
    assert message.data[-1] == 1.0
    labeling.ground.wait_until(
        lambda: any(list(each.data) == list(message.data[:-1]) for each in labeling.features)
    )
    assert names_of(message) == X


def test_label_that_timed_out_labels_nothing(labeling):
    labeling.until(lambda: labeling.heard('unlabeled/stale') > 0, 'a stale label')
    labeled, sampled = labeling.heard('labeled'), labeling.heard('sampled')
    labeling.until(lambda: labeling.heard('sampled') > sampled)
    assert labeling.heard('labeled') == labeled


def test_label_turned_off_at_run_time_labels_nothing(labeling):
    assert labeling.ground.set_parameter('featurizer', 'label', '') == ''
    assert labeling.ground.set_parameter('featurizer', 'label_timeout_sec', 0.0) == ''
    labeling.ground.wait_for_reports('featurizer', 2)
    labeled, sampled = labeling.heard('labeled'), labeling.heard('sampled')
    labeling.until(lambda: labeling.heard('sampled') > sampled + 5)
    assert labeling.heard('labeled') == labeled


def test_label_other_than_0_and_1_labels_nothing(robot):
    robot.start([X], label='/label/data', label_timeout_sec=0)
    robot.ground.publisher(Imu, '/imu/data', subscribers=0)

    def label_and_go_on():
        robot.say(Int8(data=2), '/label')
        robot.go_on()

    robot.ground.publisher(Int8, '/label', subscribers=0)
    robot.ground.wait_until(lambda: robot.heard('unlabeled/not_0_or_1') > 0, meanwhile=label_and_go_on)
    assert robot.heard('labeled') == 0


def test_features_changed_at_run_time_are_what_comes_next(robot):
    robot.start(['/imu/data/linear_acceleration/z'])
    robot.until(lambda: robot.features)
    changed = ['/imu/data/angular_velocity/x', '/imu/data/linear_acceleration/z']
    assert robot.ground.set_parameter('featurizer', 'features', changed) == ''
    robot.until(lambda: names_of(robot.features[-1]) == ','.join(changed))
    x, z = robot.features[-1].data
    assert x == reading(int(z) - 9)


@pytest.mark.parametrize(
    ('expression', 'caret_at', 'problem'),
    [
        ('mean(/imu/data/angular_velocity/x 1.0)', 34, 'expected )'),
        ('/imu/data/angular_velocity/q', 27, 'no field q'),
        ('/imu/data/orientation_covariance', 10, 'is an array'),
    ],
)
def test_bad_expression_is_refused_at_its_place_and_the_old_ones_go_on(
    robot, expression, caret_at, problem
):
    robot.start(['/imu/data/linear_acceleration/z'])
    robot.until(lambda: robot.features)
    reason = robot.ground.set_parameter('featurizer', 'features', [expression])
    first, text, caret = reason.splitlines()
    assert problem in first
    assert text.strip() == expression
    assert caret.index('^') - text.index(expression) == caret_at
    before = len(robot.features)
    robot.until(lambda: len(robot.features) > before + 3)
    assert names_of(robot.features[-1]) == '/imu/data/linear_acceleration/z'


def test_simulated_time_without_a_clock_samples_by_stamps(robot):
    robot.start([X], use_sim_time='true')
    robot.until(lambda: len(robot.features) > 3)
