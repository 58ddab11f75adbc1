# SPDX-License-Identifier: Apache-2.0
"""All three nodes at once: from a sensor to a decision."""

from __future__ import annotations

import json
import time
from itertools import count

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from ros_harness import LATCHED, blobs
from sensor_msgs.msg import Imu
from std_msgs.msg import Bool, Float64, Float64MultiArray, String

FEATURES = '["mean(imu/angular_velocity/x, 0.1)", "std(imu/angular_velocity/y, 0.1)"]'


class Wrist:
    """A sensor and a label under a namespace: what is positive turns, what is negative rests."""

    def __init__(self, ground, namespace=''):
        self.imu = ground.node.create_publisher(Imu, f'{namespace}/imu', 100)
        self.label = ground.node.create_publisher(Bool, f'{namespace}/label', 100)
        self.generator = np.random.default_rng(0)
        self.turn = count()

    def go_on(self):
        i = next(self.turn)
        positive = i // 50 % 2
        message = Imu()
        message.header.stamp = Time(sec=i // 100, nanosec=i % 100 * 10_000_000)
        message.angular_velocity.x = float(self.generator.normal() + 2 * positive)
        message.angular_velocity.y = float(self.generator.normal())
        self.label.publish(Bool(data=bool(positive)))
        self.imu.publish(message)


def start_all(ground, *arguments, **parameters):
    ground.start('featurizer', *arguments, features=FEATURES, label='label/data', **parameters)
    ground.start('trainer', *arguments, **parameters)
    ground.start('predictor', *arguments, **parameters)


@pytest.mark.parametrize('executor', ['single', 'events'])
def test_from_sensor_to_decision_on_each_executor(ground, executor):
    if executor == 'events':
        pytest.importorskip('rclpy.experimental.events_executor')
    wrist = Wrist(ground)
    start_all(ground, executor=executor)
    models, probabilities = ground.hear_models(), ground.hear_probabilities()
    decisions = ground.hear_decisions()
    ground.wait_until(
        lambda: models and models[-1]['samples'] > 150 and len(probabilities) > 100,
        meanwhile=wrist.go_on,
        every_sec=0.005,
    )
    ground.wait_until(lambda: len(decisions) >= len(probabilities))
    assert models[-1]['features'] == json.loads(FEATURES)
    assert np.ptp(probabilities) > 0.3
    agree = [d == (p >= 0.5) for d, p in zip(decisions, probabilities)]
    assert all(agree)


def test_namespace_holds_everything_but_diagnostics(ground):
    wrist = Wrist(ground, '/terrain')
    start_all(ground, '-r', '__ns:=/terrain')
    probabilities = ground.hear_probabilities('/terrain/probability')
    models = ground.subscribe(String, '/terrain/model', LATCHED)
    losses = ground.subscribe(Float64, '/terrain/trainer/loss')
    ground.wait_until(lambda: probabilities and models and losses, meanwhile=wrist.go_on)
    names = {'terrain/featurizer', 'terrain/trainer', 'terrain/predictor'}
    ground.wait_until(lambda: set(ground.status) >= names)
    assert set(ground.status) == names
    topics = {name for name, _ in ground.node.get_topic_names_and_types()}
    assert not topics & {'/features', '/labeled_features', '/model', '/probability', '/decision'}
    assert ground.set_parameter('terrain/predictor', 'threshold', 0.8) == ''
    assert ground.trigger('/terrain/trainer/train')[1]


def test_topics_and_nodes_can_be_remapped(ground):
    ground.start('predictor', '-r', '__node:=judge', '-r', 'features:=/other', '-r', 'probability:=/slip')
    ground.start('trainer', '-r', 'labeled_features:=/lessons')
    probabilities = ground.hear_probabilities('/slip')
    ground.wait_for_nodes('judge', 'trainer')
    lessons = Lessons(ground)
    ground.wait_until(lambda: probabilities, meanwhile=lessons.go_on)


class Lessons:
    """Samples on topics of other names."""

    def __init__(self, ground):
        self.taught = ground.node.create_publisher(Float64MultiArray, '/lessons', 100)
        self.asked = ground.node.create_publisher(Float64MultiArray, '/other', 100)
        self.samples = iter(zip(*blobs(5000)))

    def go_on(self):
        x, label = next(self.samples)
        self.taught.publish(Float64MultiArray(data=[*x.tolist(), float(label)]))
        self.asked.publish(Float64MultiArray(data=x.tolist()))


def test_nodes_with_nothing_new_use_no_processor_time(ground):
    processes = [ground.start('trainer', train_rate_hz=1000)]
    processes += [ground.start(name) for name in ('predictor', 'featurizer')]
    ground.wait_for_nodes('trainer', 'predictor', 'featurizer')
    ground.teach(*blobs(500))
    ground.wait_until(lambda: ground.shown('trainer', 'converged') == 'true')
    ground.wait_for_reports('trainer', 1)
    before = [process.cpu_sec() for process in processes]
    began = time.monotonic()
    ground.wait_until(lambda: time.monotonic() - began > 3.0)
    used = {p.name: (p.cpu_sec() - b) / (time.monotonic() - began) for p, b in zip(processes, before)}
    assert max(used.values()) < 0.05, used
