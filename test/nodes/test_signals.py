"""SIGINT and SIGTERM end each node with code 0 within 1 s, whatever it is at."""

from __future__ import annotations

import signal

import pytest
from ros_harness import blobs
from test_trainer_services import start_long_descent

NODES = ('trainer', 'predictor', 'featurizer')
WITHIN_SEC = 1.0
SIGNALS = {
    'SIGINT': [signal.SIGINT],
    'SIGTERM': [signal.SIGTERM],
    'SIGINT twice': [signal.SIGINT, signal.SIGINT],
    'SIGTERM twice': [signal.SIGTERM, signal.SIGTERM],
    'SIGINT and SIGTERM': [signal.SIGINT, signal.SIGTERM],
}


def assert_ended_well(process, took):
    assert process.code == 0, process.stderr
    assert 'Traceback' not in process.stderr
    assert 'rror' not in process.stderr, process.stderr
    assert took <= WITHIN_SEC, f'{process.name} took {took:.2f} s'


@pytest.mark.parametrize('signals', SIGNALS.values(), ids=SIGNALS)
def test_each_node_ends_at_work(ground, signals):
    processes = [ground.start(name) for name in NODES]
    ground.wait_for_nodes(*NODES)
    ground.teach(*blobs(20))
    ground.ask([1.0, 2.0])
    ground.wait_until(lambda: ground.shown('trainer', 'converged') == 'true')
    for x, label in zip(*blobs(200)):  # which are still on their way when the signals come
        ground.ask(x)
        ground.teach([x], [label])
    for process in processes:
        assert_ended_well(process, process.signal(*signals))


@pytest.mark.parametrize('kind', ['SIGINT', 'SIGTERM', 'SIGINT twice'])
def test_trainer_ends_in_the_middle_of_a_descent(ground, kind):
    trainer, training = start_long_descent(ground)
    ground.wait_for_reports('trainer', 1)
    assert not training.done()
    assert_ended_well(trainer, trainer.signal(*SIGNALS[kind]))


def test_trainer_ends_while_a_descent_goes_on_in_slices(ground):
    trainer = ground.start('trainer', solver='gradient', tolerance=1e-12, l2=0, train_budget_sec=60)
    models = ground.hear_models()
    ground.wait_for_nodes('trainer')
    ground.teach(*blobs(3000, 40))
    ground.wait_until(lambda: ground.count('trainer', 'buffer') == 3000 or models)
    ground.wait_for_reports('trainer', 1)
    assert_ended_well(trainer, trainer.signal(signal.SIGTERM))
