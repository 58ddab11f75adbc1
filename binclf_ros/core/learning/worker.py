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

import numpy as np

from ..arrays import Array
from ..errors import DescentError
from .learner import Fit, Learner, LearningOptions
from .model import Model

Batch = tuple[tuple[str, ...], Array, Array]
Command = Callable[[], None]
NICE = 10
MAX_JOINED = 1024
"""Batches that are handed to the learner in one piece at most."""


class _Ended(Exception):
    """The worker is closed."""


class Worker(threading.Thread):
    """Owns a `Learner`: samples are staged for it and commands posted to it, from any thread.

    At most `rate_hz` times a second it descends for `budget_sec`; with nothing new it sleeps.
    `on_model` is called from its thread with each new model, `on_samples` with what the learner has
    taken, `on_failure` with what went wrong.
    """

    def __init__(
        self,
        learner: Learner,
        rate_hz: float,
        budget_sec: float,
        on_model: Callable[[Model], None],
        on_failure: Callable[[str], None],
        on_samples: Callable[[tuple[str, ...], Array, Array], None] = lambda names, X, y: None,
    ) -> None:
        super().__init__(name='descent', daemon=True)
        self.learner = learner
        self.paused = False
        self._period, self._budget = 1.0 / rate_hz, budget_sec
        self._on_model, self._on_failure, self._on_samples = on_model, on_failure, on_samples
        self._queue: deque[Batch | Command] = deque()
        self._asked = 0
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._ended = False
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
        """Go on with other options."""

        def command() -> None:
            self.learner.configure(options)
            self._period, self._budget = 1.0 / rate_hz, budget_sec

        self.post(command)

    def pause(self, paused: bool) -> None:
        """Keep collecting but stop descending, or go on."""
        self.paused = paused
        self._hurry()

    def train(self) -> Fit:
        """Descend to convergence now, without a budget; for commands, which the worker runs.

        Raises DescentError.
        """
        if self.learner.missing:
            raise DescentError(self.learner.missing)
        self._slice_ends, self._overrun = math.inf, False
        try:
            return self._descend(lambda: False)
        finally:
            self._slice_ends = 0.0

    def close(self) -> None:
        """End the thread, also in the middle of a descent; what is staged is taken, and handed on."""
        self._ended = True
        self._hurry()
        if self.is_alive():
            self.join()
        while self._queue:
            with suppress(Exception):  # commands whose answers nobody awaits any more
                self._work_off_queue()

    def run(self) -> None:
        """Work until closed; let whatever else needs a processor go first."""
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

    def _descend(self, enough: Callable[[], bool]) -> Fit:
        before = self.learner.step
        fit = self.learner.descend(enough, self._between_blocks)
        if self.learner.step != before and self.learner.model is not None:
            self._on_model(self.learner.model)
        return fit

    def _work_off_queue(self) -> None:
        """Run commands and hand samples to the learner in order, neighbours of one kind in one piece."""
        queue = self._queue
        turns = len(queue)
        while queue and (turns > 0 or self._asked):  # what comes meanwhile waits: descents have a turn
            turns -= 1
            first = queue.popleft()
            if not isinstance(first, tuple):
                self._asked -= 1
                first()
                continue
            batches = [first]
            while queue and isinstance(queue[0], tuple) and queue[0][0] == first[0]:
                batches.append(queue.popleft())  # type: ignore[arg-type]
                if len(batches) == MAX_JOINED:
                    break
            if len(batches) == 1:
                names, X, y = first
            else:
                names, X, y = first[0], *map(np.concatenate, list(zip(*batches))[1:])
            self.learner.take(names, X, y)
            self._on_samples(names, X, y)

    def _hurry(self) -> None:
        self._urgent.set()
        self._wake.set()
