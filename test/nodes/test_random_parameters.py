# SPDX-License-Identifier: Apache-2.0
"""Parameters at random: sets are taken whole or refused with a reason, and the node works on."""

from __future__ import annotations

import json
import math
import random
from dataclasses import fields

import pytest
from rcl_interfaces.srv import SetParametersAtomically
from ros_harness import LATCHED, blobs, model_dict, parameter, probability_of, vector
from sensor_msgs.msg import Imu
from std_msgs.msg import Float64MultiArray, String

from binclf_ros.ros.options import KINDS

AT_ONCE = 8
"""Requests on their way: a service keeps ten."""
MAX_VALUE = 100_000
"""Of whole numbers that are taken: larger buffers and windows only cost time here."""
TEXTS = (
    '', 'gradient', 'curvature', 'newton', 'bce', 'mse', 'none', 'balanced', 'fifo', 'reservoir', 'report',
    'forget', 'f1', 'recall>=0.9', 'cost:FP=1,FN=2', 'cost:', '/imu/angular_velocity/x', 'mean(/imu',
    '/label/data', '/a/b[0]', '/imu', 'ü' * 300,
)  # fmt: skip
NUMBERS = (0.0, 0.5, 1.0, -1.0, 1e-3, 1e-12, 2.0, 1e9, 1e308, -0.0, math.nan, math.inf, -math.inf)


def value_at_random(chance, like, choices=()):
    """Return a value, more often than not of the kind that is expected."""
    texts = chance.sample(TEXTS, chance.randrange(4))
    kinds = {
        bool: lambda: chance.random() < 0.5,
        int: lambda: chance.choice(
            [0, 1, 2, -1, 7, 1000, -(2**63), 2**63 - 1, chance.randrange(MAX_VALUE)]
        ),
        float: lambda: chance.choice([*NUMBERS, chance.random(), chance.uniform(0, 100)]),
        str: lambda: chance.choice(choices if choices and chance.random() < 0.5 else TEXTS),
        tuple: lambda: texts,
        bytes: lambda: b'',
    }
    kind = type(like) if chance.random() < 0.8 else chance.choice(list(kinds))
    return kinds[kind]()


def in_kind(like, value):
    """Return a value as it is told of, where one such as `like` is declared."""
    kinds = {float: float, tuple: list}
    return kinds.get(type(like), lambda same: same)(value)


class Storm:
    """Atomic sets of one to three parameters; what has to be in force after those that were taken."""

    def __init__(self, ground, name, seed=0):
        self.ground, self.name, self.chance = ground, name, random.Random(seed)
        self.service = f'/{name}/set_parameters_atomically'
        changing = [each for each in fields(KINDS[name]) if not each.metadata['set_once']]  # for good
        self.defaults = {each.name: each.default for each in changing}
        self.choices = {each.name: each.metadata['choices'] for each in changing}
        self.free = [each.name for each in changing if not each.metadata['read_only']]
        self.state = {name: in_kind(value, value) for name, value in self.defaults.items()}
        self.taken = self.refused = 0

    def some(self):
        names = self.chance.sample([*self.defaults, 'unknown'], self.chance.randrange(1, 4))
        if self.chance.random() < 0.8:
            names = self.chance.sample(self.free, min(len(self.free), self.chance.randrange(1, 3)))
        return {
            name: value_at_random(self.chance, self.defaults.get(name, ''), self.choices.get(name, ()))
            for name in names
        }

    def go_on(self):
        """Set some, many at once; they are answered in the order in which they were asked."""
        ground, asked = self.ground, []
        for _ in range(AT_ONCE):
            values = self.some()
            wanted = [parameter(*each) for each in values.items()]
            request = SetParametersAtomically.Request(parameters=wanted)
            asked.append((values, ground.call_async(SetParametersAtomically, self.service, request)))
        ground.wait_until(lambda: all(future.done() for _, future in asked), 'answers')
        for values, future in asked:
            result = future.result().result
            if not result.successful:
                assert result.reason, values
                self.refused += 1
                continue
            self.taken += 1
            for name, value in values.items():
                self.state[name] = in_kind(self.defaults[name], value)
        names = list(self.state)
        assert dict(zip(names, ground.parameter_values(self.name, *names))) == self.state
        KINDS[self.name](
            **{name: tuple(v) if isinstance(v, list) else v for name, v in self.state.items()}
        ).check()

    def set_back(self):
        free = {name: in_kind(self.defaults[name], self.defaults[name]) for name in self.free}
        assert self.ground.set_atomically(self.name, free) == ''


def weather(ground, name, count, meanwhile=lambda: None):
    """Start a node, let a storm go over it, and put all parameters back."""
    ground.start(name)
    ground.wait_for_nodes(name)
    storm = Storm(ground, name)
    for _ in range(count // AT_ONCE):
        meanwhile()
        storm.go_on()
    storm.set_back()
    assert min(storm.taken, storm.refused) > count // 10, (storm.taken, storm.refused)


@pytest.fixture
def sets(volume):
    return volume(480, soak=10_000)


def test_trainer(ground, sets):
    samples = ground.node.create_publisher(Float64MultiArray, 'labeled_features', 1000)
    messages = [vector([*x, label]) for x, label in zip(*blobs(4))]

    def teach():
        for message in messages:
            samples.publish(message)

    weather(ground, 'trainer', sets, teach)
    models = ground.hear_models()
    assert ground.trigger('/trainer/reset')[0]
    ground.teach(*blobs(40))
    ground.wait_until(lambda: models and models[-1]['samples'] == 40 and models[-1]['converged'])
    assert all(map(math.isfinite, models[-1]['weights']))


def test_predictor(ground, sets):
    models = ground.publisher(String, 'model', LATCHED, subscribers=0)
    models.publish(String(data=json.dumps(model_dict())))
    weather(ground, 'predictor', sets, lambda: ground.ask([1.0, 2.0]))
    probabilities, decisions = ground.hear_probabilities(), ground.hear_decisions()
    ground.ask_until(lambda: probabilities and decisions, [1.0, 2.0])
    assert probabilities[-1] == pytest.approx(probability_of(model_dict(), [1.0, 2.0]), abs=1e-15)
    assert decisions[-1] == (probabilities[-1] >= 0.5)


def test_featurizer(ground, sets):
    imu = ground.node.create_publisher(Imu, '/imu', 100)
    weather(ground, 'featurizer', sets, lambda: imu.publish(Imu()))
    assert ground.set_parameter('featurizer', 'features', ['/imu/angular_velocity/x']) == ''
    samples = ground.subscribe(Float64MultiArray, 'features')
    ground.wait_until(lambda: samples, 'samples', meanwhile=lambda: imu.publish(Imu()))
