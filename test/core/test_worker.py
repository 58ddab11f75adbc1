# SPDX-License-Identifier: Apache-2.0
"""The worker: order, slices, and no work where there is nothing new; by a clock that the test moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from binclf_ros.core.arrays import Array
from binclf_ros.core.errors import DescentError
from binclf_ros.core.learning import worker as worker_module
from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.model import Model
from binclf_ros.core.learning.objective import BLOCK_VALUES
from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.core.learning.worker import Worker

NAMES = ('a', 'b')
HANGS_SEC = 60.0


def samples(M: int, seed: int = 0) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(M, 2))
    return X, (X[:, 0] + generator.logistic(size=M) > 0.0).astype(float)


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + HANGS_SEC
    while not condition():
        assert time.monotonic() < ends, 'did not happen'
        time.sleep(0.002)


class Recorded:
    """A worker whose models and failures are kept."""

    def __init__(self, rate_hz: float = 100.0, budget_sec: float = 1.0, **options: object) -> None:
        self.models: list[Model] = []
        self.failures: list[str] = []
        learner = Learner('run', LearningOptions(**options))  # type: ignore[arg-type]
        self.worker = Worker(learner, rate_hz, budget_sec, self.models.append, self.failures.append)


@pytest.fixture
def make() -> Iterator[Callable[..., Recorded]]:
    made: list[Recorded] = []

    def one(**given: object) -> Recorded:
        made.append(Recorded(**given))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for each in made:
        each.worker.close()
        assert not each.worker.is_alive()


class Timed:
    """A worker whose clock the test moves, turn by turn in the test's own thread.

    Every block of samples takes `block_sec`; `ahead` holds what happens when. Who waits for ever is idle.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, recorded: Recorded, block_sec: float) -> None:
        self.worker, self.block_sec = recorded.worker, block_sec
        self.now, self.idle = 100.0, False
        self.slices: list[float] = [0.0]
        self.ahead: list[tuple[float, Callable[[], None]]] = []
        self._between, self._begin = self.worker._between_blocks, self.worker._begin_slice
        monkeypatch.setattr(worker_module.time, 'monotonic', lambda: self.now)
        monkeypatch.setattr(self.worker._urgent, 'wait', self._sleep)
        monkeypatch.setattr(self.worker._wake, 'wait', self._wait)
        monkeypatch.setattr(self.worker, '_between_blocks', self._block)
        monkeypatch.setattr(self.worker, '_begin_slice', self._begin_slice)

    def _sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self.ahead and self.ahead[0][0] <= until:
            self._let_happen()
        self.now = max(self.now, until)

    def _wait(self) -> None:
        self.idle = not self.ahead
        if self.ahead:
            self._let_happen()

    def _let_happen(self) -> None:
        at, happens = self.ahead.pop(0)
        self.now = max(self.now, at)
        happens()

    def _block(self) -> None:
        self._between()
        self.now += self.block_sec
        self.slices[-1] += self.block_sec

    def _begin_slice(self, at: float) -> None:
        self.slices.append(0.0)
        self._begin(at)

    def turn(self) -> None:
        """One turn of `Worker.run`."""
        self.worker._work_off_queue()
        self.worker._work_or_wait()


def test_samples_become_a_model(make: Callable[..., Recorded]) -> None:
    recorded = make()
    recorded.worker.stage(NAMES, *samples(100))
    recorded.worker.start()
    until(lambda: bool(recorded.models) and recorded.models[-1].converged)
    assert recorded.models[-1].samples == 100
    assert not recorded.failures


def test_one_at_a_time_is_all_taken_in(make: Callable[..., Recorded]) -> None:
    recorded = make()
    recorded.worker.start()
    X, y = samples(3000)
    for i in range(3000):
        recorded.worker.stage(NAMES, X[i : i + 1], y[i : i + 1])
    until(lambda: bool(recorded.models) and recorded.models[-1].samples == 3000)
    buffer = recorded.worker.learner.buffer
    assert buffer is not None
    assert np.array_equal(buffer.X, X)


def test_commands_take_their_turn_among_samples(make: Callable[..., Recorded]) -> None:
    recorded = make()
    seen: list[int] = []
    for seed in range(5):
        recorded.worker.stage(NAMES, *samples(10, seed))
        recorded.worker.post(lambda: seen.append(sum(recorded.worker.learner.counts)))
    recorded.worker.start()
    until(lambda: len(seen) == 5)
    assert seen == [10, 20, 30, 40, 50]


def test_with_nothing_new_it_waits_without_a_limit(
    make: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = make(rate_hz=1000.0)
    timed = Timed(monkeypatch, recorded, block_sec=0.0)
    timed.turn()
    assert timed.idle
    timed.idle = False
    timed.worker.stage(NAMES, *samples(1000))
    while timed.worker._queue or timed.worker.learner.has_work:
        timed.turn()
    assert recorded.models and not timed.idle
    timed.turn()
    assert timed.idle


def test_paused_it_collects_and_waits_without_a_limit(
    make: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = make(rate_hz=1000.0)
    timed = Timed(monkeypatch, recorded, block_sec=0.0)
    timed.worker.pause(True)
    timed.worker.stage(NAMES, *samples(1000))
    timed.turn()
    assert sum(timed.worker.learner.counts) == 1000
    assert timed.idle
    assert not recorded.models
    timed.worker.pause(False)
    while not recorded.models:
        timed.turn()


@pytest.mark.parametrize(
    ('M', 'block_sec'), [(2_000, 0.001), (80_000, 0.01), (400_000, 0.03)], ids=['many', 'few', 'part']
)
def test_the_budget_is_used_and_kept(
    make: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch, M: int, block_sec: float
) -> None:
    """Many passes a slice, a few, or a part of one: a slice ends with the block that its budget ends in."""
    budget_sec = 0.05
    recorded = make(
        rate_hz=10.0, budget_sec=budget_sec, solver='gradient', tolerance=1e-300, learning_rate=1e-6,
        buffer_capacity=M,
    )  # fmt: skip
    timed = Timed(monkeypatch, recorded, block_sec)
    timed.worker.learner.take(NAMES, *samples(M))
    blocks = -(-M // (BLOCK_VALUES // 2))
    assert (blocks * block_sec > budget_sec) == (M == 400_000), 'one pass takes more than a budget'
    began = timed.now
    while len(timed.slices) < 22:
        timed.turn()
    whole = timed.slices[1:-1]
    assert max(whole) <= budget_sec + block_sec + 1e-9
    assert min(whole) >= budget_sec - 1e-9
    assert len(whole) <= 10.0 * (timed.now - began) + 1
    assert recorded.models or blocks * block_sec > budget_sec


def test_a_slice_that_a_long_pass_ended_in_goes_on(
    make: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four blocks a slice, of descents of six and more: every slice is used to its end."""
    M = BLOCK_VALUES // 2 + 1
    recorded = make(
        rate_hz=1.0, budget_sec=0.35, solver='gradient', learning_rate=1e-6, tolerance=1e-300,
        buffer_capacity=M,
    )  # fmt: skip
    timed = Timed(monkeypatch, recorded, block_sec=0.1)
    timed.worker.learner.take(NAMES, *samples(M))
    while len(timed.slices) < 13:
        timed.turn()
    assert all(each == pytest.approx(0.4) for each in timed.slices[1:-1])
    assert recorded.models


def test_train_descends_to_the_end_whatever_the_budget(make: Callable[..., Recorded]) -> None:
    recorded = make(rate_hz=0.01, budget_sec=1e-6)
    recorded.worker.pause(True)
    recorded.worker.stage(NAMES, *samples(50_000))
    fits = []
    recorded.worker.post(lambda: fits.append(recorded.worker.train()))
    recorded.worker.start()
    until(lambda: bool(fits))
    assert fits[0].converged
    assert recorded.models[-1].converged


def test_train_without_enough_samples_says_what_is_missing() -> None:
    recorded = Recorded()
    with pytest.raises(DescentError, match='needs 5 samples of each class'):
        recorded.worker.train()


def test_new_options_reach_the_learner(make: Callable[..., Recorded]) -> None:
    recorded = make()
    recorded.worker.stage(NAMES, *samples(500))
    recorded.worker.start()
    until(lambda: bool(recorded.models))
    recorded.worker.configure(LearningOptions(buffer_capacity=50), 100.0, 1.0)
    until(lambda: recorded.models[-1].samples == 50)


def test_a_failure_is_told_and_the_worker_goes_on(make: Callable[..., Recorded]) -> None:
    recorded = make()

    def fail() -> None:
        raise RuntimeError('on purpose')

    recorded.worker.post(fail)
    recorded.worker.start()
    until(lambda: bool(recorded.failures))
    assert 'on purpose' in recorded.failures[0]
    recorded.worker.stage(NAMES, *samples(100))
    until(lambda: bool(recorded.models))


def test_it_closes_in_the_middle_of_a_descent() -> None:
    recorded = Recorded(
        rate_hz=0.01, budget_sec=1e-4, solver='gradient', tolerance=1e-300, buffer_capacity=200_000
    )
    recorded.worker.stage(NAMES, *samples(200_000))
    recorded.worker.start()
    until(lambda: sum(recorded.worker.learner.counts) == 200_000)
    recorded.worker.close()
    assert not recorded.worker.is_alive()


def test_a_stream_brings_no_more_descents_a_second_than_the_rate(
    make: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = make(rate_hz=10.0, budget_sec=0.09)
    timed = Timed(monkeypatch, recorded, block_sec=0.0005)
    timed.worker.stage(NAMES, *samples(100))
    X, y = samples(400, seed=1)

    def arrive(i: int) -> Callable[[], None]:
        return lambda: timed.worker.stage(NAMES, X[i : i + 1], y[i : i + 1])

    began = timed.now
    timed.ahead = [(began + 0.001 * i, arrive(i)) for i in range(400)]
    while not timed.idle:
        timed.turn()
    assert recorded.models[-1].samples == 500
    assert 4 <= len(recorded.models) <= 10.0 * (timed.now - began) + 1


def slow(make: Callable[..., Recorded], **options: object) -> tuple[Recorded, list[object]]:
    """A worker in a descent to convergence that would take for ever, and what becomes of that."""
    recorded = make(
        rate_hz=0.01, budget_sec=1e-3, solver='gradient', tolerance=1e-12, learning_rate=1e-9, **options
    )
    worker, answers = recorded.worker, []

    def train() -> None:
        try:
            answers.append(worker.train())
        except DescentError as error:
            answers.append(str(error))

    worker.pause(True)
    worker.stage(NAMES, *samples(1000))
    worker.post(train)
    worker.start()
    until(lambda: worker._training)
    return recorded, answers


def asked(recorded: Recorded, work: Callable[[], object]) -> object:
    answers: list[object] = []
    recorded.worker.post(lambda: answers.append(work()))
    until(lambda: bool(answers))
    return answers[0]


@pytest.mark.parametrize('name', ['reset', 'restart'])
def test_what_makes_a_descent_pointless_ends_it(make: Callable[..., Recorded], name: str) -> None:
    recorded, answers = slow(make)
    worker = recorded.worker
    assert asked(recorded, lambda: worker.change(getattr(worker.learner, name), f'~/{name}'))
    until(lambda: bool(answers))
    assert f'ended by ~/{name} after' in str(answers[0])
    assert worker.status.samples == (0 if name == 'reset' else 1000)


def test_a_pause_ends_a_descent_to_convergence(make: Callable[..., Recorded]) -> None:
    recorded, answers = slow(make)
    recorded.worker.pause(True)
    until(lambda: bool(answers))
    assert 'ended by a pause' in str(answers[0])


def test_other_commands_are_run_in_the_middle_and_it_goes_on(
    make: Callable[..., Recorded],
) -> None:
    recorded, answers = slow(make)
    assert asked(recorded, lambda: 'saved') == 'saved'
    with pytest.raises(DescentError, match='on its way'):
        asked_to_train: list[DescentError] = []

        def again() -> None:
            try:
                recorded.worker.train()
            except DescentError as error:
                asked_to_train.append(error)

        recorded.worker.post(again)
        until(lambda: bool(asked_to_train))
        raise asked_to_train[0]
    assert not answers
    recorded.worker.configure(LearningOptions(tolerance=1e-3), 1.0, 1.0)
    until(lambda: bool(answers))
    assert answers[0].converged  # type: ignore[attr-defined]
    assert recorded.models[-1].converged


def test_the_status_is_one_of_one_moment(make: Callable[..., Recorded]) -> None:
    recorded = make(rate_hz=1000.0, min_samples_per_class=1)
    worker, X, y = recorded.worker, *samples(2000)
    y[::2], y[1::2] = 0.0, 1.0
    worker.start()
    for row in range(0, 2000, 2):
        worker.stage(NAMES, X[row : row + 2], y[row : row + 2])
        status = worker.status
        assert status.negatives == status.positives
        assert status.model is None or (status.run, status.step) == (status.model.run, status.model.step)
    until(lambda: worker.status.samples == 2000)
    with pytest.raises(AttributeError):
        worker.status.step = 7  # type: ignore[misc]


def test_no_memory_for_a_buffer_is_told_and_changes_nothing(
    make: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = make()
    worker = recorded.worker
    worker.stage(NAMES, *samples(100))
    worker.start()
    until(lambda: worker.status.samples == 100)

    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(type(worker.learner.buffer), 'resized', refuse)
    worker.configure(LearningOptions(buffer_capacity=20), 1.0, 1.0)
    until(lambda: bool(recorded.failures))
    assert 'no memory for buffer_capacity 20: it stays 10000' in recorded.failures[0]
    assert worker.status.samples == 100


def test_what_is_joined_is_bounded_in_bytes(
    make: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, 'MAX_JOINED_BYTES', 1000)
    recorded = make()
    taken: list[int] = []
    monkeypatch.setattr(recorded.worker.learner, 'take', lambda names, X, y: taken.append(len(y)))
    for seed in range(20):
        recorded.worker.stage(NAMES, *samples(10, seed))
    recorded.worker._work_off_queue()
    assert sum(taken) == 200
    assert max(taken) == 80  # one, and six more of 160 bytes until 1,000 are reached
