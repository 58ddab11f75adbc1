# SPDX-License-Identifier: Apache-2.0
"""What every run of the demo has in common: its phases, the watch over the nodes, and the pace."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import BinclfError
from .errors import DemoFailed
from .panel import Panel, View
from .player import Player
from .processes import Processes
from .report import Results

READY_SEC = 60.0
SETTLE_SEC = 0.5
SETTLE_SHARE = 0.25
"""Of the time that the nodes took to start."""
HOLD_SEC = 10.0
MIN_TAUGHT = 0.9
"""Share of the planned samples without which a result would say nothing about the recording."""
MAX_LOST_IN_A_ROW = 5
NOT_TAUGHT = ('dropped/', 'unlabeled/', 'unread', 'rejected/', 'failed/')
NS = 1e-9


@dataclass(frozen=True)
class Pace:
    """How fast messages are published: `rate` times real time, or 0: so many a second at most."""

    rate: float = 0.0
    teach_hz: float = 350.0
    test_hz: float = 200.0
    patience_sec: float = 2.0
    """How long to wait for labelled samples that lag behind."""
    answer_sec: float = 2.0
    """How long to wait for an answer. Windows that go by arrival would have a gap after either."""


@dataclass
class Clock:
    """When the next message is due."""

    rate: float
    hz: float
    began: float = field(default_factory=time.monotonic)
    first_ns: int = -1
    due: float = 0.0

    def wait_sec(self, time_ns: int) -> float:
        """Return how long to wait before a message of this recorded time."""
        now = time.monotonic()
        if self.rate:
            self.first_ns = time_ns if self.first_ns < 0 else self.first_ns
            return self.began + (time_ns - self.first_ns) * NS / self.rate - now
        self.due = max(self.due + 1.0 / self.hz, now - 0.1)  # a delay is made up for, but not for long
        return self.due - now


class Course(ABC):
    """Plays a recording to the nodes and gathers the results: teach, converge, then score.

    `kinds` maps the topics that it publishes to their classes.
    """

    def __init__(
        self, title: str, kinds: Mapping[str, Any], pace: Pace, nodes: Processes, panel: Panel
    ) -> None:
        self._pace, self._nodes, self._panel = pace, nodes, panel
        self._view = View()
        self._kinds = kinds
        self._player = Player(kinds, self._watch)
        self._received = 0
        self._lost_in_a_row = 0
        self.results = Results(title)

    def close(self) -> None:
        """Take the demo's own node down."""
        self._player.close()

    def run(self) -> Results:
        """Play it all; return the results. Raises DemoFailed."""
        self._view.phase = 'starting'
        self._get_ready()
        self._view.phase = 'teaching'
        self.results.began = time.monotonic()
        self._teach()
        self._view.phase = 'label off'
        self._withhold_label()
        self._see_all_taught()
        self._view.phase = 'converging'
        self._converge()
        self._view.phase, self._view.progress = 'scoring', 0.0
        self._test()
        self._check_nothing_was_taught()
        return self.results

    @abstractmethod
    def _is_ready(self) -> bool:
        """Return whether the nodes receive what is published."""

    @abstractmethod
    def _planned_samples(self) -> int:
        """Return how many samples are to be taught."""

    @abstractmethod
    def _teach(self) -> None:
        """Publish everything before the split, labels included."""

    @abstractmethod
    def _withhold_label(self) -> None:
        """See to it that nothing is labelled from now on."""

    @abstractmethod
    def _test(self) -> None:
        """Publish everything from the split on, one message at a time, the label withheld."""

    def _watch(self) -> None:
        """Look after the nodes and the panel; called all the time."""
        if self._panel.is_due():
            self._nodes.check()
            self._view.take(self._player.feedback)
            self._panel.show(self._view)

    def _wait_until_due(self, clock: Clock, time_ns: int) -> None:
        """Wait until a message of this recorded time is due, and receive what has come already."""
        self._player.wait(max(0.0, clock.wait_sec(time_ns)))
        self._player.take_waiting()
        self._watch()

    def _get_ready(self) -> None:
        """Wait until the nodes receive what is published, and each has reported something."""
        player, feedback, began = self._player, self._player.feedback, time.monotonic()

        def is_ready() -> bool:
            known = all(name in feedback.status for name in self._nodes.names())
            return known and self._is_ready() and all(map(player.has_subscribers, self._kinds))

        if not player.wait_for(is_ready, READY_SEC):
            words = feedback.words
            said = '; '.join(f'{name}: {words.get(name, "silent")}' for name in self._nodes.names())
            raise DemoFailed(f'the nodes were not ready within {READY_SEC:g} s ({said})')
        # featurizer and trainer find each other unseen; a busy machine is as slow in that as in starting
        player.wait(max(SETTLE_SEC, SETTLE_SHARE * (time.monotonic() - began)))

    def _see_all_taught(self) -> None:
        """Wait until the trainer has received every labelled sample. Raises DemoFailed with the counts."""
        player, results = self._player, self.results
        deadline = time.monotonic() + HOLD_SEC
        while int(player.fresh_status('trainer')['received']) < player.feedback.labeled:
            if time.monotonic() > deadline:
                raise DemoFailed(f'the trainer did not receive all labelled samples ({self._counts()})')
        results.label_off = time.monotonic()
        self._received = int(player.feedback.status['trainer']['received'])
        results.train_samples = int(player.feedback.status['trainer']['accepted'])
        results.planned_samples = self._planned_samples()
        if results.train_samples < MIN_TAUGHT * results.planned_samples:
            raise DemoFailed(
                f'only {results.train_samples} of {results.planned_samples} samples could be taught '
                f'({self._counts()})'
            )

    def _counts(self) -> str:
        """Return what the nodes have counted as not taught, and what they say is wrong."""
        feedback, names = self._player.feedback, ('featurizer', 'trainer')
        why = [
            f'{name} {key}: {count}'
            for name in names
            for key, count in feedback.status.get(name, {}).items()
            if key.startswith(NOT_TAUGHT)
        ]
        said = [f'{name}: {feedback.words[name]}' for name in names if feedback.levels.get(name)]
        return '; '.join([', '.join(why) or 'the others were lost on the way', *said])

    def _converge(self) -> None:
        """Train to convergence, and see the predictor hold the model that came of it."""
        player = self._player
        success, text = player.trigger('/trainer/train')
        if not success:
            raise DemoFailed(f'the trainer could not learn from this: {text}')
        step = int(player.fresh_status('trainer')['step'])
        status = player.feedback.status

        def is_held() -> bool:
            return 'predictor' in status and int(status['predictor']['model_step'] or -1) >= step

        if not player.wait_for(is_held, HOLD_SEC):
            raise DemoFailed(f'the predictor did not take over the model of step {step}')

    def _note(self, answered: bool) -> None:
        """Count an answer that did not come; several in a row raise DemoFailed."""
        self.results.lost += not answered
        self._lost_in_a_row = 0 if answered else self._lost_in_a_row + 1
        if self._lost_in_a_row > MAX_LOST_IN_A_ROW:
            raise DemoFailed(f'{self._lost_in_a_row} messages in a row got no answer')

    def _check_nothing_was_taught(self) -> None:
        """See that no labelled sample of the scored part reached the trainer. Raises DemoFailed."""
        more = int(self._player.fresh_status('trainer')['received']) - self._received
        if more:
            raise DemoFailed(f'{more} labelled samples of the part to score reached the trainer')
        self.results.curves = self._player.feedback.curves
        self._view.phase = 'done'
        self._panel.show(self._view, last=True)


def check_labels(taught: set[int], scored: set[int], split: str, label: str) -> None:
    """Raise BinclfError where there is nothing to learn from, or nothing to score.

    `taught` and `scored` are the labels on both sides of the split.
    """
    if taught != {0, 1}:
        found = f'only samples labelled {taught.copy().pop()}' if taught else 'no labelled samples'
        raise BinclfError(
            f'before {split} there are {found}, and both 0 and 1 are needed to learn: '
            f'choose another split, or another label than {label}'
        )
    if not scored:
        raise BinclfError(f'from {split} on no sample has a label to score it by')
