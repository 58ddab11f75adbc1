"""The course of the demo: teach, withhold the label, converge, then score what was never taught."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from ..core.errors import BinclfError
from .errors import DemoFailed
from .feed import Feed, Message, Step, Topics, in_order
from .panel import Panel, View
from .player import Player
from .processes import Processes
from .report import Results

READY_SEC = 30.0
SETTLE_SEC = 0.5
TURN_SEC = 0.03
MOST_AHEAD = 50
"""Labelled samples that may be on their way: fewer than the depth of the queue to the featurizer."""
AHEAD_SEC = 0.5
HOLD_SEC = 10.0
LEAST_TAUGHT = 0.9
"""Share of the planned samples without which a result would say nothing about the recording."""
ANSWER_SEC = 2.0
MOST_LOST_IN_A_ROW = 5
NS = 1e-9


@dataclass(frozen=True)
class Pace:
    """How fast messages are published: `rate` times real time, or 0: so many a second at the most."""

    rate: float = 0.0
    teach_hz: float = 350.0
    test_hz: float = 200.0


@dataclass
class _Clock:
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


class Replay:
    """Plays a feed to the nodes and gathers the results; `steps` is what was planned for it."""

    def __init__(
        self, feed: Feed, topics: Topics, steps: Sequence[Step], pace: Pace, nodes: Processes, panel: Panel
    ) -> None:
        self._feed, self._topics, self._steps, self._pace = feed, topics, steps, pace
        self._nodes, self._panel = nodes, panel
        self._view = View()
        self._player = Player(topics.kinds, self._watch)
        self._messages = zip(in_order(feed, topics), steps)
        self._expected = 0
        self.results = Results(feed.title)

    def close(self) -> None:
        """Take the demo's own node down."""
        self._player.close()

    def run(self) -> Results:
        """Play it all; return the results. Raises DemoFailed."""
        self._get_ready()
        self._teach()
        self._withhold_label()
        self._converge()
        self._test()
        self._check_nothing_was_taught()
        return self.results

    def _watch(self) -> None:
        """Look after the nodes and the panel; called all the time."""
        if self._panel.is_due():
            self._nodes.check()
            self._view.take(self._player.heard)
            self._panel.show(self._view)

    def _get_ready(self) -> None:
        """Wait until the featurizer has found its topics and every node has said something."""
        self._view.phase = 'starting'
        player, heard = self._player, self._player.heard
        featurizer = 'featurizer'

        def is_ready() -> bool:
            known = all(name in heard.status for name in self._nodes.pids())
            return known and heard.levels[featurizer] == 0 and all(map(player.is_heard, self._topics.kinds))

        if not player.wait_for(is_ready, READY_SEC):
            said = '; '.join(f'{name}: {heard.words.get(name, "silent")}' for name in self._nodes.pids())
            raise DemoFailed(f'the nodes were not ready within {READY_SEC:g} s ({said})')
        player.wait(SETTLE_SEC)

    def _teach(self) -> None:
        """Publish everything before the split, labels included."""
        self._view.phase = 'teaching'
        self.results.began = time.monotonic()
        clock = _Clock(self._pace.rate, self._pace.teach_hz)
        total = sum(1 for _ in self._teaching_steps())
        for number, (message, step) in zip(range(total), self._messages):
            self._player.wait(max(0.0, clock.wait_sec(step.time_ns)))
            self._player.hear_waiting()
            self._watch()
            self._publish_taught(message, step)
            self._view.progress = (number + 1) / total

    def _teaching_steps(self) -> Iterator[Step]:
        return takewhile(lambda step: step.time_ns < self._feed.split_ns, self._steps)

    def _publish_taught(self, message: Message, step: Step) -> None:
        """Publish one message, not too far ahead of the featurizer.

        A label that changes is kept apart from the samples before and behind it: labels without a
        header are joined by arrival, and DDS keeps no order between topics.
        """
        self._keep_up(0 if step.turns else MOST_AHEAD)
        self._player.publish(message.topic, message.data)
        self._expected += step.label is not None
        if step.turns:
            self._player.wait(TURN_SEC)

    def _keep_up(self, ahead: int) -> None:
        heard = self._player.heard
        if not self._player.wait_for(lambda: self._expected - heard.labeled <= ahead, AHEAD_SEC):
            self._expected = heard.labeled  # those will not come any more

    def _withhold_label(self) -> None:
        """Switch the label off, and see every labelled sample arrive at the trainer."""
        self._view.phase = 'label off'
        player = self._player
        self._keep_up(0)
        player.set_text('featurizer', 'label', '')
        player.wait(SETTLE_SEC)
        deadline = time.monotonic() + HOLD_SEC
        while int(player.fresh_status('trainer')['received']) < player.heard.labeled:
            if time.monotonic() > deadline:
                raise DemoFailed('the trainer did not receive all labelled samples')
        self.results.label_off = time.monotonic()
        self._received = int(player.heard.status['trainer']['received'])
        self._check_taught()

    def _check_taught(self) -> None:
        """See that what was to be taught has been accepted. Raises DemoFailed with the counts."""
        heard, results = self._player.heard, self.results
        results.train_samples = int(heard.status['trainer']['accepted'])
        results.planned_samples = sum(step.label is not None for step in self._teaching_steps())
        if results.train_samples < LEAST_TAUGHT * results.planned_samples:
            why = [
                f'{name} {key}: {count}'
                for name in ('featurizer', 'trainer')
                for key, count in heard.status.get(name, {}).items()
                if '/' in key
            ]
            raise DemoFailed(
                f'only {results.train_samples} of {results.planned_samples} samples could be taught '
                f'({", ".join(why) or "the others were lost on the way"})'
            )

    def _converge(self) -> None:
        """Train to convergence, and see the predictor hold the model that came of it."""
        self._view.phase = 'converging'
        player = self._player
        success, text = player.trigger('/trainer/train')
        if not success:
            raise DemoFailed(f'the trainer could not learn from this: {text}')
        step = int(player.fresh_status('trainer')['step'])
        status = player.heard.status

        def is_held() -> bool:
            return 'predictor' in status and int(status['predictor']['model_step'] or -1) >= step

        if not player.wait_for(is_held, HOLD_SEC):
            raise DemoFailed(f'the predictor did not take over the model of step {step}')

    def _test(self) -> None:
        """Publish everything from the split on, one message at a time, the label withheld."""
        self._view.phase = 'scoring'
        clock = _Clock(self._pace.rate, self._pace.test_hz)
        total = sum(step.time_ns >= self._feed.split_ns for step in self._steps)
        self._view.progress, lost_in_a_row = 0.0, 0
        for number, (message, step) in enumerate(self._messages):
            if message.topic in self._topics.withheld:
                continue
            self._player.wait(max(0.0, clock.wait_sec(step.time_ns)))
            self._player.hear_waiting()
            self._watch()
            self._view.progress, self._view.truth = (number + 1) / total, step.label
            answered = self._ask(message, step)
            lost_in_a_row = 0 if answered else lost_in_a_row + 1
            if lost_in_a_row > MOST_LOST_IN_A_ROW:
                raise DemoFailed(f'{lost_in_a_row} messages in a row got no decision in {ANSWER_SEC:g} s')

    def _ask(self, message: Message, step: Step) -> bool:
        """Publish one message and wait for its answer, if it should get one; count one lost."""
        heard = self._player.heard
        heard.probability = heard.decision = None
        sent_at = time.perf_counter()
        self._player.publish(message.topic, message.data)
        if not step.samples:
            return True
        if not self._player.wait_for(
            lambda: heard.probability is not None and heard.decision is not None, ANSWER_SEC
        ):
            self.results.lost += 1
            return False
        self.results.latencies_sec.append(heard.decided_at - sent_at)
        if step.label is not None and heard.probability is not None:
            seconds = (step.time_ns - self._feed.split_ns) * NS
            self.results.add(seconds, heard.probability, step.label)
        return True

    def _check_nothing_was_taught(self) -> None:
        """See that no labelled sample of the scored part reached the trainer. Raises DemoFailed."""
        more = int(self._player.fresh_status('trainer')['received']) - self._received
        if more:
            raise DemoFailed(f'{more} labelled samples of the part to score reached the trainer')
        heard = self._player.heard
        self.results.losses, self.results.log_losses = heard.losses, heard.log_losses
        self._view.phase = 'done'
        self._panel.finish(self._view)


def check_labels(feed: Feed, steps: Sequence[Step], topics: Topics) -> None:
    """Raise BinclfError where there is nothing to learn from, or nothing to score."""
    for part, chosen in (
        ('before', [step for step in steps if step.time_ns < feed.split_ns]),
        ('from', [step for step in steps if step.time_ns >= feed.split_ns]),
    ):
        labels = {step.label for step in chosen} - {None}
        seconds = (feed.split_ns - feed.start_ns) * NS
        if part == 'before' and labels != {0, 1}:
            found = f'only samples labelled {labels.pop()}' if labels else 'no labelled samples'
            raise BinclfError(
                f'{part} {seconds:.2f} s there are {found}, and both 0 and 1 are needed to learn: '
                f'choose another --train-until, or another --label than one of {topics.label}'
            )
        if not labels:
            raise BinclfError(f'{part} {seconds:.2f} s on no sample has a label to score it by')
