# SPDX-License-Identifier: Apache-2.0
"""The one thread that learns: descents in slices of a budget, and whatever is asked of it between."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import numpy as np

from ..arrays import Array
from ..errors import DescentError
from .learner import MAX_STEPS, Learner
from .model import Model
from .options import LearningOptions
from .status import Fit

T = TypeVar('T')
Batch = tuple[tuple[str, ...], Array, Array]
Command = Callable[[], None]
NICE = 10
MAX_JOINED = 1024
"""At most this many batches are handed to the learner in one piece."""
MAX_JOINED_BYTES = 2**24
"""Bytes of features in such a piece, beside the first batch."""


class _Ended(Exception):
    """The worker is closed."""


class Worker(threading.Thread):
    """Owns a `Learner`: samples are staged for it and commands posted to it, from any thread.

    At most `rate_hz` times a second it descends for `budget_sec`; with nothing new it sleeps. `status`
    is what the learner was after the last thing that happened to it: other threads read that alone.
    `on_model` is called from its thread with each new model, `on_failure` with what went wrong.
    """

    def __init__(
        self,
        learner: Learner,
        rate_hz: float,
        budget_sec: float,
        on_model: Callable[[Model], None],
        on_failure: Callable[[str], None],
    ) -> None:
        super().__init__(name='descent', daemon=True)
        self.learner = learner
        self.status = learner.status()
        self.paused = False
        self._period, self._budget = 1.0 / rate_hz, budget_sec
        self._on_model, self._on_failure = on_model, on_failure
        self._queue: deque[Batch | Command] = deque()
        self._asked = 0
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._ended = False
        self._training = False
        self._interrupted_by = ''
        self._next_slice = self._slice_ends = 0.0
        self._overrun = False

    def stage(self, names: tuple[str, ...], X: Array, y: Array) -> None:
        """Hand samples over; X is (m, N), y is (m,)."""
        self._queue.append((names, X, y))
        if not self._wake.is_set():  # which takes a lock
            self._wake.set()

    def post(self, command: Command) -> None:
        """Have the worker run a command between two steps, in turn with what is staged."""
        self._queue.append(command)
        self._asked += 1
        self._hurry()

    def configure(self, options: LearningOptions, rate_hz: float, budget_sec: float) -> None:
        """Go on with other options, also in the middle of a descent to convergence."""

        def command() -> None:
            self._period, self._budget = 1.0 / rate_hz, budget_sec
            try:
                self.learner.configure(options)
            except MemoryError:
                kept = self.learner.options.buffer_capacity
                self._on_failure(
                    f'no memory for buffer_capacity {options.buffer_capacity}: it stays {kept}, '
                    'as do all options of the learning: set a smaller one'
                )

        self.post(command)

    def pause(self, paused: bool) -> None:
        """Keep collecting but stop descending, also in the middle of a descent; or go on."""
        self.paused = paused
        if paused:
            self._interrupted_by = 'a pause'
        self._hurry()

    def change(self, what: Callable[[], T], name: str) -> T:
        """Do what makes a descent to convergence that is on its way pointless; for commands.

        `name` is what that descent then says it was ended by.
        """
        self._interrupted_by = name
        try:
            return what()
        finally:
            self.status = self.learner.status()

    def train(self) -> Fit:
        """Descend to convergence now, without a budget; for commands, which the worker runs.

        Commands that come meanwhile are run between two steps, and samples before them taken in: after
        a `change` or a `pause` the descent is over, else it goes on with what there is by then.
        Raises DescentError.
        """
        if self._training:
            raise DescentError('a descent to convergence is on its way: wait for its answer')
        if self.learner.missing:
            raise DescentError(self.learner.missing)
        self._training, self._interrupted_by = True, ''
        try:
            return self._train()
        finally:
            self._training, self._slice_ends = False, 0.0

    def _train(self) -> Fit:
        steps, fit = 0, None
        while fit is None or not (fit.ended or steps >= MAX_STEPS):
            self._slice_ends, self._overrun = math.inf, False
            fit = self._descend(lambda: self._asked > 0 or bool(self._interrupted_by), later=True)
            steps += fit.steps
            if not fit.ended:
                self._work_off_queue(commands_only=True)
                if self._interrupted_by or self.learner.missing:
                    ended_by = self._interrupted_by or self.learner.missing
                    raise DescentError(f'ended by {ended_by} after {steps} steps')
        return replace(fit, steps=steps)

    def close(self) -> None:
        """End the thread, also in the middle of a descent; what is staged is taken, and handed on."""
        self._ended = True
        self._hurry()
        if self.is_alive():
            self.join()
        while self._queue:
            with suppress(Exception):  # commands whose answers nobody waits for any more
                self._work_off_queue()

    def run(self) -> None:
        """Work until closed; let all others that need a processor go first."""
        if sys.platform == 'linux':  # elsewhere a priority is not a thread's
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while not self._ended:
            self._wake.clear()
            self._urgent.clear()
            try:
                self._work_off_queue()
                self._work_or_wait()
            except _Ended:
                return
            except DescentError:
                pass  # the learner keeps why
            except Exception as error:
                self._on_failure(f'learning failed: {error!r}')
                self._urgent.wait(self._period)

    def _work_or_wait(self) -> None:
        now = time.monotonic()
        goes_on = self._overrun and now < self._slice_ends  # a long pass ended in the middle of a slice
        if self.paused or not self.learner.has_work:
            self._wake.wait()
        elif now < self._next_slice and not goes_on:
            self._urgent.wait(self._next_slice - now)
        else:
            if not goes_on:
                self._begin_slice(now)
            self._overrun = False
            self._descend(self._slice_is_over)

    def _begin_slice(self, now: float) -> None:
        self._next_slice, self._slice_ends = now + self._period, now + self._budget

    def _slice_is_over(self) -> bool:
        return self._overrun or self._asked > 0 or time.monotonic() >= self._slice_ends

    def _between_blocks(self) -> None:
        """Sleep out the rest of the period where one pass over the samples takes more than a budget."""
        if self._ended:
            raise _Ended
        if time.monotonic() >= self._slice_ends and not self._asked:
            self._overrun = True
            self._urgent.wait(max(0.0, self._next_slice - time.monotonic()))
            self._begin_slice(time.monotonic())

    def _descend(self, enough: Callable[[], bool], later: bool = False) -> Fit:
        try:
            fit = self.learner.descend(enough, self._between_blocks, later)
        finally:
            self.status = self.learner.status()
        if fit.model is not None:
            self._on_model(fit.model)
        return fit

    def _work_off_queue(self, commands_only: bool = False) -> None:
        """Run commands and hand samples to the learner in order.

        What comes meanwhile waits, as descents have a turn; `commands_only`: what comes after the last
        command waits as well.
        """
        turns = 0 if commands_only else len(self._queue)
        while self._queue and (turns > 0 or self._asked):
            turns -= 1
            first = self._queue.popleft()
            if isinstance(first, tuple):
                self.learner.take(*self._joined(first))
                self.status = self.learner.status()
            else:
                self._asked -= 1
                self._run_command(first)

    def _run_command(self, command: Command) -> None:
        try:
            command()
        except _Ended:
            raise
        except Exception as error:
            self._on_failure(f'learning failed: {error!r}')
        finally:
            self.status = self.learner.status()

    def _joined(self, first: Batch) -> Batch:
        """Return a batch and its neighbours of the same features in one piece."""
        queue, batches, n_bytes = self._queue, [first], 0
        while queue and len(batches) < MAX_JOINED and n_bytes < MAX_JOINED_BYTES:
            other = queue[0]
            if not isinstance(other, tuple) or other[0] != first[0]:
                break
            batches.append(other)
            n_bytes += other[1].nbytes
            queue.popleft()
        if len(batches) == 1:
            return first
        return (
            first[0],
            np.concatenate([X for _, X, _ in batches]),
            np.concatenate([y for *_, y in batches]),
        )

    def _hurry(self) -> None:
        self._urgent.set()
        self._wake.set()
