# SPDX-License-Identifier: Apache-2.0
"""The classifier: what two nodes do, in one process."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from ros_harness import LATCHED, model_dict
from sensor_msgs.msg import Imu
from std_msgs.msg import Float64MultiArray, String

SABOTAGE = Path(__file__).with_name('sabotage.py')
FEATURES = ['/imu/angular_velocity/x', '/imu/angular_velocity/y']
MODEL = model_dict(features=FEATURES)


class Classifier:
    """A classifier, a sensor and a model."""

    def __init__(self, ground, script=('-m', 'binclf_ros', 'classifier')):
        self.ground, self.sent = ground, 0
        self.imu = ground.node.create_publisher(Imu, '/imu', 100)
        self.models = ground.node.create_publisher(String, 'model', LATCHED)
        self.probabilities = ground.hear_probabilities()
        self.process = ground.start_script([*script], 'classifier', features=json.dumps(FEATURES))
        ground.wait_for_nodes('featurizer', 'predictor')

    def move(self):
        """Publish what tells the samples apart by x; its sequence number is a thousandth."""
        self.sent += 1
        message = Imu()
        message.angular_velocity.x, message.angular_velocity.y = self.sent * 1e-3, 0.5
        self.imu.publish(message)
        self.models.publish(String(data=json.dumps(MODEL)))  # again and again, as a trainer does

    def answer(self, count=20):
        """Have it answer so many more."""
        heard = len(self.probabilities)
        self.ground.wait_until(
            lambda: len(self.probabilities) >= heard + count, 'answers', meanwhile=self.move
        )

    def settle(self):
        """Wait until both nodes have told all that happened."""
        wanted = {name: self.ground.reports[name] + 2 for name in ('featurizer', 'predictor')}
        self.ground.wait_until(
            lambda: all(self.ground.reports[k] >= n for k, n in wanted.items()), 'reports'
        )


def test_each_sample_is_answered_once_whoever_listens_and_so_is_what_others_say(ground):
    classifier = Classifier(ground)
    classifier.answer()
    classifier.settle()
    assert ground.count('predictor', 'received') == ground.count('featurizer', 'sampled')
    samples = ground.subscribe(Float64MultiArray, 'features')
    ground.wait_until(lambda: len(samples) >= 20, 'samples', meanwhile=classifier.move)
    classifier.settle()
    sampled = ground.count('featurizer', 'sampled')
    assert ground.count('predictor', 'received') == sampled
    assert samples[-1].layout.dim[0].label == ','.join(FEATURES)
    assert len(set(classifier.probabilities)) == len(classifier.probabilities) <= sampled
    ground.ask_until(lambda: ground.count('predictor', 'answered') > sampled, [0.25, 0.5], names=FEATURES)
    classifier.answer()


def test_each_node_keeps_its_parameters_its_counts_and_its_failures(ground):
    classifier = Classifier(ground)
    classifier.answer()
    decisions = ground.hear_decisions()
    assert ground.set_parameter('predictor', 'threshold', 2.0)
    assert not ground.set_parameter('predictor', 'threshold', 0.0)
    ground.wait_until(lambda: decisions and decisions[-1] == 1, meanwhile=classifier.move)
    assert not ground.set_parameter('featurizer', 'features', FEATURES[:1])
    ground.wait_until(lambda: ground.count('predictor', 'rejected/length'), meanwhile=classifier.move)
    classifier.settle()
    assert not [key for key in ground.status['featurizer'] if key.startswith(('rejected', 'failed'))]
    assert not ground.set_parameter('featurizer', 'features', FEATURES)
    classifier.answer()
    classifier.process.signal(signal.SIGTERM)
    assert classifier.process.code == 0 and 'Traceback' not in classifier.process.stderr


def test_what_the_predictor_raises_is_counted_there_alone(ground, tmp_path):
    raises, report = 20, tmp_path / 'done.json'
    classifier = Classifier(ground, [SABOTAGE, 'classifier', str(raises), report])

    def over():
        done = json.loads(report.read_text()) if report.exists() else {}
        return done.get('Predictor.on_sample') == raises

    ground.wait_until(over, 'sabotage', meanwhile=classifier.move)
    classifier.answer()
    classifier.settle()
    assert ground.count('predictor', 'rejected/internal_error') == raises
    assert ground.count('featurizer', 'sampled') == ground.count('predictor', 'received')


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        ({'threshold': '3.0'}, 'threshold is 3.0, expected 0 to 1'),
        ({'max_rate_hz': '-1.0'}, 'max_rate_hz is -1.0'),
        (
            {'predictor:executor': 'single'},
            'executor is auto for the featurizer and single for the predictor',
        ),
    ],
    ids=['predictor', 'featurizer', 'both'],
)
def test_a_bad_start_of_either_ends_both(ground, given, said):
    process = ground.start('classifier', **given)
    assert process.wait() == 1
    assert f'cannot start: {said}' in process.stderr and 'Traceback' not in process.stderr
