# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM end each node with code 0 within 1 s, whatever it is at."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest
from ros_harness import blobs, vector
from std_msgs.msg import Float64MultiArray
from test_trainer_services import start_long_descent

from binclf_ros.core.storage.dataset_format import DatasetReader

NODES = ('trainer', 'predictor', 'featurizer')
WITHIN_SEC = 1.0
SIGNALS = {
    'SIGINT': [signal.SIGINT],
    'SIGTERM': [signal.SIGTERM],
    'SIGINT twice': [signal.SIGINT, signal.SIGINT],
    'SIGTERM twice': [signal.SIGTERM, signal.SIGTERM],
    'SIGINT and SIGTERM': [signal.SIGINT, signal.SIGTERM],
}


def assert_ended_well(process, took, latency):
    assert process.code == 0, process.stderr
    assert 'Traceback' not in process.stderr
    # all domains share the ports of Fast DDS in shared memory, and two tests may open one at once
    ours = [line for line in process.stderr.splitlines() if 'RTPS_TRANSPORT_SHM' not in line]
    assert not [line for line in ours if 'rror' in line], process.stderr
    latency(f'a signal to the end of {process.name}', took, WITHIN_SEC)


@pytest.mark.parametrize('signals', SIGNALS.values(), ids=SIGNALS)
def test_each_node_ends_at_work(ground, latency, signals):
    processes = [ground.start(name) for name in NODES]
    ground.wait_for_nodes(*NODES)
    ground.teach(*blobs(20))
    ground.ask([1.0, 2.0])
    ground.wait_until(lambda: ground.shown('trainer', 'converged') == 'true')
    for x, label in zip(*blobs(200)):  # which are still on their way when the signals come
        ground.ask(x)
        ground.teach([x], [label])
    for process in processes:
        assert_ended_well(process, process.signal(*signals), latency)


@pytest.mark.parametrize('kind', ['SIGINT', 'SIGTERM', 'SIGINT twice'])
def test_trainer_ends_in_the_middle_of_a_descent(ground, latency, kind):
    trainer, training = start_long_descent(ground)
    ground.wait_for_reports('trainer', 1)
    assert not training.done()
    assert_ended_well(trainer, trainer.signal(*SIGNALS[kind]), latency)


def test_trainer_ends_while_a_descent_goes_on_in_slices(ground, latency):
    trainer = ground.start('trainer', solver='gradient', tolerance=1e-12, l2=0, train_budget_sec=60)
    models = ground.hear_models()
    ground.wait_for_nodes('trainer')
    ground.teach(*blobs(3000, 40))
    ground.wait_until(lambda: ground.count('trainer', 'buffer') == 3000 or models)
    ground.wait_for_reports('trainer', 1)
    assert_ended_well(trainer, trainer.signal(signal.SIGTERM), latency)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_nodes_end_at_random_moments_with_their_state_saved(
    ground, tmp_path, volume, latency, record_property, number
):
    chance, slowest = random.Random(number), 0.0
    model_file, dataset_file = tmp_path / 'model.json', tmp_path / 'samples'
    samples = ground.node.create_publisher(Float64MultiArray, 'labeled_features', 1000)
    X, y = blobs(1000)
    for left in reversed(range(volume(3, soak=20))):
        ground.status.clear()
        trainer = ground.start('trainer', model_file=model_file, dataset_file=dataset_file)
        predictor = ground.start('predictor', model_file=tmp_path / 'answering.json')
        ground.wait_until(lambda t=trainer, p=predictor: t.heeds_signals() and p.heeds_signals())
        ends = time.monotonic() + chance.uniform(0.0, 2.5)

        def teach():
            i = chance.randrange(1000)
            samples.publish(vector([*X[i], y[i]]))

        ground.wait_until(lambda ends=ends: time.monotonic() > ends, meanwhile=teach, every_sec=0.005)
        if not left:  # something is learned by then, however slow the machine is
            ground.wait_until(
                lambda: ground.count('trainer', 'step') > 0, 'a model', meanwhile=teach, every_sec=0.005
            )
        for process in (trainer, predictor):
            took = process.signal(number)
            assert_ended_well(process, took, latency)
            slowest = max(slowest, took)
        ground.drain()
        kept = sum(len(labels) for _, labels in DatasetReader(dataset_file).batches())
        assert kept >= ground.count('trainer', 'acknowledged')
    record_property('slowest end (s)', round(slowest, 3))
    assert kept > 0
    assert json.loads(model_file.read_text())['samples'] > 0
