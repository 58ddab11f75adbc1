# SPDX-License-Identifier: Apache-2.0
"""Which model is used: the newest of one run, until that run falls silent or is left for another."""

from __future__ import annotations

from collections import deque

from ..errors import ModelError
from .model import Model

GONE_SEC = 2.0
MAX_LEFT = 1024
"""At most this many runs that were left are remembered."""


class Followed:
    """The model in use, and when its run was last received (s); None if never.

    >>> followed = Followed()
    >>> followed.model is None, followed.is_silent(0.0)
    (True, True)
    """

    def __init__(self) -> None:
        self.model: Model | None = None
        self.heard_sec: float | None = None
        self._left: deque[str] = deque(maxlen=MAX_LEFT)
        self._came_back: set[str] = set()

    def is_silent(self, now: float) -> bool:
        """Return whether the run in use has not repeated its model for so long that it may be left."""
        return self.heard_sec is None or now - self.heard_sec > GONE_SEC

    def check(self, model: Model, now: float) -> None:
        """Raise ModelError for what was overtaken; stamps decide nothing.

        A run that was left is followed again when it repeats its model while the one in use is silent:
        one stray model would otherwise shut a living trainer out for good.
        """
        if model.run in self._left:
            if not (self.is_silent(now) and model.run in self._came_back):
                self._came_back.add(model.run)
                raise ModelError('left_run', f'run {model.run} was left for another one before')
            self._left.remove(model.run)
        used = self.model
        if used is not None and model.run == used.run and model.step < used.step:
            raise ModelError('older_step', f'step {model.step} of this run, which is at {used.step}')

    def is_new(self, model: Model) -> bool:
        """Return whether it is another one than the one in use."""
        used = self.model
        return used is None or (model.run, model.step) != (used.run, used.step)

    def take(self, model: Model) -> str:
        """Use a model; return a sentence where it is the first at all, or of its run."""
        used, self.model = self.model, model
        if used is None:
            return f'the first model: step {model.step} of run {model.run}, of {model.samples} samples'
        if model.run == used.run:
            return ''
        self._left.append(used.run)
        self._came_back.clear()
        return f'another run: {model.run}, its step {model.step}'
