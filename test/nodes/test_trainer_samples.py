# SPDX-License-Identifier: Apache-2.0
"""What the trainer takes in, and what it refuses: counted by reason, and nothing changes."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from ros_harness import blobs, vector
from std_msgs.msg import Float64MultiArray

NAMES = ('a', 'b')
REFUSED = {
    'nan': (vector([math.nan, 1.0, 1.0], NAMES), 'not_finite'),
    'infinite': (vector([1.0, -math.inf, 0.0], NAMES), 'not_finite'),
    'label of one half': (vector([1.0, 2.0, 0.5], NAMES), 'label'),
    'label of two': (vector([1.0, 2.0, 2.0], NAMES), 'label'),
    'label nan': (vector([1.0, 2.0, math.nan], NAMES), 'not_finite'),
    'another length': (vector([1.0, 2.0, 3.0, 1.0], ('a', 'b', 'c')), 'length'),
    'fewer names than features': (vector([1.0, 2.0, 1.0], ('a',)), 'length'),
    'other names': (vector([1.0, 2.0, 1.0], ('b', 'a')), 'names'),
    'no names': (vector([1.0, 2.0, 1.0]), 'names'),
    'the same name twice': (vector([1.0, 2.0, 1.0], ('a', 'a')), 'names'),
    'empty': (vector([]), 'empty'),
    'label alone': (vector([1.0]), 'empty'),
    'size of another length': (vector([1.0, 2.0, 1.0], NAMES, size=4), 'layout'),
    'offset behind the end': (vector([1.0, 2.0, 1.0], NAMES, offset=9), 'layout'),
    'squares overflow': (vector([1e200, 2.0, 1.0], NAMES), 'too_large'),
}


@pytest.fixture(scope='module')
def taught(shared_ground):
    """A trainer that learned 40 samples of the features a, b, and has converged."""
    shared_ground.start('trainer')
    models = shared_ground.hear_models()
    shared_ground.teach(*blobs(40), NAMES)
    shared_ground.wait_until(lambda: models and models[-1]['samples'] == 40 and models[-1]['converged'])
    shared_ground.wait_until(lambda: shared_ground.count('trainer', 'step') == models[-1]['step'])
    return shared_ground


def rejected(ground):
    shown = ground.status['trainer'].items()
    return Counter({key: int(value) for key, value in shown if key.startswith('rejected/')})


def test_bad_samples_are_refused_counted_once_each_and_change_nothing(taught):
    before = dict(taught.status['trainer'])
    publisher = taught.publisher(Float64MultiArray, 'labeled_features')
    for message, _ in REFUSED.values():
        publisher.publish(message)
    expected = Counter(f'rejected/{reason}' for _, reason in REFUSED.values())
    taught.wait_until(lambda: rejected(taught).total() >= expected.total())
    taught.wait_for_reports('trainer', 1)
    assert rejected(taught) == expected
    assert taught.count('trainer', 'received') == int(before['received']) + len(REFUSED)
    for kept in ('accepted', 'acknowledged', 'buffer', 'positives', 'step', 'loss', 'converged'):
        assert taught.shown('trainer', kept) == before[kept]


def test_good_samples_between_bad_ones_are_learned(taught):
    before = taught.count('trainer', 'accepted')
    for x, label in zip(*blobs(30, seed=5)):
        publisher = taught.publisher(Float64MultiArray, 'labeled_features')
        publisher.publish(vector([*x, label], NAMES))
        publisher.publish(vector([*x, math.nan], NAMES))
    taught.wait_until(lambda: taught.count('trainer', 'accepted') == before + 30)
    taught.wait_until(lambda: taught.count('trainer', 'buffer') == before + 30)


@pytest.fixture
def first_model(ground):
    """Start a trainer, teach it messages made of x and label, and return its first converged model."""

    def learn(message_of):
        ground.start('trainer')
        models = ground.hear_models()
        publisher = ground.publisher(Float64MultiArray, 'labeled_features')
        for x, label in zip(*blobs(20)):
            publisher.publish(message_of(x, label))
        ground.wait_until(lambda: models and models[-1]['samples'] == 20)
        return models[-1]

    return learn


def test_data_offset_is_honoured(first_model):
    model = first_model(lambda x, label: vector([9e9, math.nan, *x, label], offset=2))
    assert len(model['weights']) == 2
    X, _ = blobs(20)
    assert model['mean'] == pytest.approx(X.mean(axis=0).tolist())


def test_commas_in_parentheses_do_not_split_names(first_model):
    names = ['std(/imu/data/angular_velocity/x, 1.0)', 'max(/scan/ranges[0:9], 0.5)']
    model = first_model(lambda x, label: vector([*x, label], names, size=3))
    assert model['features'] == names


def test_what_has_no_names_is_x0_x1(first_model):
    assert first_model(lambda x, label: vector([*x, label]))['features'] == ['x0', 'x1']
