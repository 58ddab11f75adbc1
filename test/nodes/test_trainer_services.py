# SPDX-License-Identifier: Apache-2.0
"""The services of the trainer, and what goes on while they work."""

from __future__ import annotations

import json
import signal
import time

import numpy as np
from rcl_interfaces.srv import GetParameters
from ros_harness import blobs
from std_msgs.msg import Float64
from std_srvs.srv import Trigger


def start_long_descent(ground, n_samples=1000, n_features=40, **parameters):
    """Start a trainer and have it descend for a minute or so; return the future of ~/train."""
    parameters = {'solver': 'gradient', 'tolerance': 1e-12, 'l2': 0, 'standardize': 'false', **parameters}
    trainer = ground.start('trainer', **parameters)
    ground.wait_for_nodes('trainer')
    ground.pause()
    X, y = blobs(n_samples, n_features)
    ground.teach(X * np.geomspace(1e-3, 1e2, n_features), y)
    ground.wait_until(lambda: ground.count('trainer', 'buffer') == n_samples)
    training = ground.call_async(Trigger, '/trainer/train', Trigger.Request())
    # at work, and not on its way yet: after each command it publishes the model that it has come to
    ground.wait_until(
        lambda: ground.count('trainer', 'step'), meanwhile=lambda: ground.trigger('/trainer/save')
    )
    return trainer, training


def test_train_without_samples_of_both_classes_says_what_is_missing(ground):
    ground.start('trainer')
    X, _ = blobs(9)
    ground.teach(X, np.ones(9))
    ground.wait_until(lambda: ground.count('trainer', 'buffer') == 9)
    success, message = ground.trigger('/trainer/train')
    assert not success
    assert '5' in json.loads(message)['error']


def test_train_publishes_the_model_and_then_answers(ground):
    ground.start('trainer')
    models = ground.hear_models()
    ground.pause()
    for count in (20, 40, 60):
        ground.teach(*blobs(20, seed=count))
        ground.wait_until_shown('trainer', 'buffer', count)
        success, message = ground.trigger('/trainer/train')
        ground.drain()
        answer = json.loads(message)
        assert success is answer['converged'] is True
        assert set(answer) == {'loss', 'steps', 'seconds', 'converged'}
        assert answer['steps'] >= 1 and 0.0 < answer['seconds'] < 30.0
        assert (models[-1]['samples'], models[-1]['loss']) == (count, answer['loss'])
        assert models[-1]['converged']


def test_parameters_answer_and_topics_go_on_while_it_trains(ground, latency):
    _, training = start_long_descent(ground)
    received = ground.count('trainer', 'received')
    X, y = blobs(10, 40)
    ground.teach(X, y)
    took = []
    for i in range(10):
        began = time.monotonic()
        assert ground.set_parameter('trainer', 'score_window', 100 + i) == ''
        ground.call(GetParameters, '/trainer/get_parameters', GetParameters.Request(names=['l2']))
        took.append(time.monotonic() - began)
    ground.wait_until(lambda: ground.count('trainer', 'received') == received + 10)
    ground.wait_for_reports('trainer', 2)
    assert not training.done(), 'the descent was too short to show anything'
    latency('an answer while it trains', max(took), 1.0)


def test_a_reset_ends_a_slow_descent_and_a_parameter_reaches_it(ground):
    _, training = start_long_descent(ground, learning_rate=1e-9)
    success, message = ground.trigger('/trainer/save')
    assert not success and 'neither' in message
    assert not training.done()
    assert ground.set_parameter('trainer', 'l2', 2.0) == ''
    assert ground.trigger('/trainer/reset')[0]
    ground.wait_until(training.done)
    assert not training.result().success
    assert '~/reset' in json.loads(training.result().message)['error']
    ground.wait_until_shown('trainer', 'buffer', 0)


def test_restart_descends_again_with_the_same_samples(ground):
    ground.start('trainer')
    models = ground.hear_models()
    ground.teach(*blobs(40))
    ground.wait_until(lambda: models and models[-1]['samples'] == 40 and models[-1]['converged'])
    before = models[-1]
    success, message = ground.trigger('/trainer/restart')
    assert success and '40 samples stay' in message
    ground.wait_until(lambda: models[-1]['step'] > before['step'] and models[-1]['converged'])
    assert models[-1]['run'] == before['run']
    assert models[-1]['samples'] == 40


def test_20000_features_are_learned_by_gradient_and_a_signal_ends_it(ground):
    """A dozen messages took memory without end, and SIGTERM was not heard for seconds."""
    trainer = ground.start('trainer')
    ground.wait_for_nodes('trainer')
    ground.teach(*blobs(12, n_features=20_000))
    ground.wait_until(lambda: ground.count('trainer', 'step') > 0)
    ground.wait_until(lambda: 'it descends by gradient' in ground.text['trainer'])
    assert trainer.memory_bytes() < 1e9
    trainer.signal(signal.SIGTERM)
    assert trainer.code == 0


def test_samples_that_there_is_no_memory_for_are_refused(ground):
    ground.start('trainer', buffer_capacity=10_000_000)
    ground.wait_for_nodes('trainer')
    ground.teach(*blobs(3, n_features=20_000))
    ground.wait_until_shown('trainer', 'rejected/memory', 3)
    ground.teach(*blobs(40))
    ground.wait_until_shown('trainer', 'buffer', 40)


def test_a_learning_rate_that_diverges_is_told_with_one_that_does_not(ground):
    ground.start('trainer', learning_rate='1e4', solver='gradient')
    ground.wait_for_nodes('trainer')
    ground.pause()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    ground.teach(X, (X[:, 0] + rng.logistic(size=200) > 0).astype(float))
    ground.wait_until_shown('trainer', 'buffer', 200)
    success, message = ground.trigger('/trainer/train')
    assert not success
    error = json.loads(message)['error']
    assert 'learning_rate 10000' in error and '1/L' in error
    ground.wait_until(lambda: '1/L' in ground.text['trainer'])
    advised = float(error.split('such as ')[1].split()[0])
    assert ground.set_parameter('trainer', 'learning_rate', advised) == ''
    success, message = ground.trigger('/trainer/train')
    assert success, message


def test_a_buffer_without_memory_is_refused_and_get_says_the_old(ground):
    ground.start('trainer')
    ground.wait_for_nodes('trainer')
    ground.pause()
    ground.teach(*blobs(40, n_features=1000))
    ground.wait_until_shown('trainer', 'buffer', 40)
    assert 'set a smaller buffer_capacity' in ground.set_parameter('trainer', 'buffer_capacity', 10_000_000)
    assert ground.parameter_values('trainer', 'buffer_capacity') == [10_000]
    assert ground.count('trainer', 'buffer') == 40


def test_pause_collects_but_learns_nothing(ground):
    ground.start('trainer')
    models = ground.hear_models()
    ground.teach(*blobs(40))
    ground.wait_until(lambda: models and models[-1]['samples'] == 40 and models[-1]['converged'])
    ground.pause()
    step = models[-1]['step']
    ground.teach(*blobs(30, seed=1))
    ground.wait_until(lambda: ground.count('trainer', 'buffer') == 70)
    ground.wait_for_reports('trainer', 2)
    assert models[-1]['step'] == step == ground.count('trainer', 'step')
    assert 'paused' in ground.text['trainer']
    ground.pause(False)
    ground.wait_until(lambda: models[-1]['step'] > step and models[-1]['samples'] == 70)


def test_reset_forgets_samples_and_names_and_begins_a_new_run(ground):
    ground.start('trainer')
    models = ground.hear_models()
    ground.teach(*blobs(40), ('a', 'b'))
    ground.wait_until(lambda: models and models[-1]['samples'] == 40 and models[-1]['converged'])
    before = models[-1]
    assert ground.trigger('/trainer/reset')[0]
    forgotten = {'accepted': '40', 'acknowledged': '0', 'buffer': '0', 'positives': '0'}
    ground.wait_until(lambda: forgotten.items() <= ground.status.get('trainer', {}).items())
    ground.teach(*blobs(20, n_features=3), ('c', 'd', 'e'))
    ground.wait_until(lambda: models[-1]['features'] == ['c', 'd', 'e'] and models[-1]['samples'] == 20)
    assert models[-1]['run'] != before['run']
    assert models[-1]['step'] > before['step']
    assert ground.count('trainer', 'rejected/names') == 0


def test_curves_come_one_scalar_a_topic(ground):
    ground.start('trainer')
    curves = {
        name: ground.subscribe(Float64, f'trainer/{name}', 10) for name in ('loss', 'accuracy', 'log_loss')
    }
    ground.teach(*blobs(40))
    ground.wait_until(lambda: ground.shown('trainer', 'converged') == 'true')
    ground.teach(*blobs(40, seed=1))
    ground.wait_until(lambda: all(curves.values()))
    assert 0.5 < curves['accuracy'][-1].data <= 1.0
