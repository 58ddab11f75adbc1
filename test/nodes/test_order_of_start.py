# SPDX-License-Identifier: Apache-2.0
"""Whoever comes late or comes back: there are probabilities again within 5 s."""

from __future__ import annotations

import json
import signal
import time
from itertools import count

import pytest
from ros_harness import LATCHED, blobs, model_dict, probability_of
from std_msgs.msg import Float64MultiArray, String

WITHIN_SEC = 5.0
LATE_SEC = 4.0


class Stream:
    """A robot that goes on: labelled samples to learn from, and one sample to answer."""

    def __init__(self, ground, latency):
        self.ground, self.latency = ground, latency
        self.models, self.probabilities = ground.hear_models(), ground.hear_probabilities()
        self.X, self.y = blobs(1000, seed=1)
        self._turn = count()
        self._asked = ground.node.create_publisher(Float64MultiArray, 'features', 100)
        self._taught = ground.node.create_publisher(Float64MultiArray, 'labeled_features', 100)

    def go_on(self):
        i = next(self._turn) % len(self.y)
        self.ground_teach(self.X[i], self.y[i])
        self._asked.publish(Float64MultiArray(data=[0.5, -1.0]))

    def ground_teach(self, x, label):
        self._taught.publish(Float64MultiArray(data=[*x.tolist(), float(label)]))

    def wait_for_probability(self, since=None, runs_before=()):
        """Go on until a probability by a model of a new run comes, 5 s after `since` at most."""
        first = len(self.probabilities)

        def answered():
            expected = [probability_of(m, (0.5, -1.0)) for m in self.models if m['run'] not in runs_before]
            return any(abs(p - e) < 1e-12 for p in self.probabilities[first:] for e in expected)

        self.ground.wait_until(answered, 'a probability', meanwhile=self.go_on)
        if since is not None:
            self.latency('a start to the first probability', time.monotonic() - since, WITHIN_SEC)

    def runs(self):
        return {model['run'] for model in self.models}

    def until(self, condition):
        self.ground.wait_until(condition, meanwhile=self.go_on)


@pytest.fixture
def stream(ground, latency):
    return Stream(ground, latency)


def test_trainer_late(ground, stream):
    ground.start('predictor')
    ground.wait_for_nodes('predictor')
    stream.until(lambda: ground.count('predictor', 'rejected/no_model') > 0)
    assert not stream.probabilities
    trainer = ground.start('trainer')
    stream.wait_for_probability(trainer.began)


def test_predictor_late(ground, stream):
    ground.start('trainer')
    stream.until(lambda: stream.models)
    predictor = ground.start('predictor')
    stream.wait_for_probability(predictor.began)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL], ids=['stopped', 'killed'])
def test_trainer_restarted(ground, stream, number):
    trainer = ground.start('trainer')
    ground.start('predictor')
    stream.wait_for_probability()
    trainer.signal(number)
    before, runs = len(stream.probabilities), stream.runs()
    stream.until(lambda: len(stream.probabilities) > before + 5)  # the old model goes on serving
    trainer = ground.start('trainer')
    stream.wait_for_probability(trainer.began, runs)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL], ids=['stopped', 'killed'])
def test_predictor_restarted(ground, stream, number):
    ground.start('trainer')
    predictor = ground.start('predictor')
    stream.wait_for_probability()
    predictor.signal(number)
    ground.drain()
    predictor = ground.start('predictor')
    stream.wait_for_probability(predictor.began)


def test_late_subscriber_gets_the_model_latched_or_volatile(ground):
    ground.start('trainer')
    X, y = blobs(50)
    models = ground.hear_models()
    ground.teach(X, y)
    ground.wait_until(lambda: models and models[-1]['converged'] and models[-1]['samples'] == 50)
    latched = ground.subscribe(String, 'model', LATCHED, lambda m: json.loads(m.data))
    volatile = ground.subscribe(String, 'model', 10, lambda m: json.loads(m.data))
    ground.wait_until(lambda: latched and volatile)
    assert latched[0] == volatile[0] == models[-1]


def test_model_is_repeated_every_second(ground, latency):
    ground.start('trainer')
    arrived = []
    ground.node.create_subscription(String, 'model', lambda m: arrived.append(time.monotonic()), LATCHED)
    ground.teach(*blobs(50))
    ground.wait_until(lambda: ground.shown('trainer', 'converged') == 'true')
    del arrived[:]
    ground.wait_until(lambda: len(arrived) >= 4)
    period = (arrived[-1] - arrived[0]) / (len(arrived) - 1)
    latency('the period of a repeated model, off 1 s by', abs(period - 1.0), 0.3)


def test_late_joiners_have_the_model_soon(ground, tmp_path, volume, latency, record_property):
    """Both ways round: a predictor that comes late, and one that waits for a trainer."""
    model_file, took = tmp_path / 'model.json', []
    model_file.write_text(json.dumps(model_dict()))

    def join(name, waits_for):
        """Start a node that comes late; return it once the predictor has the model of this run."""
        ground.status.clear()
        process = ground.start(name, **({'model_file': model_file} if name == 'trainer' else {}))
        ground.wait_until(waits_for, f'the model, {name} late')
        took.append(time.monotonic() - process.began)
        return process

    def run():
        return ground.shown('predictor', 'model_run')

    trainer = ground.start('trainer', model_file=model_file)
    ground.wait_for_nodes('trainer')
    for _ in range(volume(3, soak=20)):
        predictor = join('predictor', run)
        left = run()
        trainer.end()
        trainer = join('trainer', lambda left=left: run() not in ('', left))
        predictor.end()
    record_property('late joiners had the model', f'after {max(took):.2f} s at most, of {len(took)}')
    latency('a late joiner to the model', max(took), LATE_SEC)
