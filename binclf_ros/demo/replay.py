# SPDX-License-Identifier: Apache-2.0
"""Replays messages of sensors: the featurizer makes samples of them, and the label comes as a topic."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import takewhile

from ..recordings.feed import Feed, Message, Step, Topics, in_order
from ..ros.types import message_class
from .course import NS, SETTLE_SEC, Clock, Course, Pace, check_labels
from .panel import Panel
from .processes import Processes

TURN_SEC = 0.03
APART_SEC = 0.003
MAX_AHEAD = 50
"""Labelled samples that may be on their way: fewer than the depth of the queue to the featurizer."""
LABELS = ('label', 'label_positive', 'label_negative')


class Replay(Course):
    """Plays a feed to the featurizer; `steps` is what was planned for it."""

    def __init__(
        self, feed: Feed, topics: Topics, steps: Sequence[Step], pace: Pace, nodes: Processes, panel: Panel
    ) -> None:
        kinds = {topic: message_class(kind) for topic, kind in topics.kinds.items()}
        super().__init__(feed.title, kinds, pace, nodes, panel)
        self._feed, self._topics, self._steps = feed, topics, steps
        self._messages = zip(in_order(feed, topics), steps)
        self._expected = self._unseen = 0

    def _is_ready(self) -> bool:
        shown = self._player.feedback.status['featurizer']
        return any(key.startswith('topic/') for key in shown)  # it has found its topics

    def _planned_samples(self) -> int:
        return sum(step.label is not None for step in self._teaching_steps())

    def _teach(self) -> None:
        clock = Clock(self._pace.rate, self._pace.teach_hz)
        total = sum(1 for _ in self._teaching_steps())
        for number, (message, step) in zip(range(total), self._messages):
            self._wait_until_due(clock, step.time_ns)
            self._publish_taught(message, step)
            self._view.progress = (number + 1) / total

    def _teaching_steps(self) -> Iterator[Step]:
        return takewhile(lambda step: step.time_ns < self._feed.split_ns, self._steps)

    def _publish_taught(self, message: Message, step: Step) -> None:
        """Publish one message, not too far ahead of the featurizer, be there labelled samples or not.

        A label that changes is kept apart from the samples before and after it: labels without a
        header are joined by arrival, and DDS keeps no order between topics. So is a trigger that is
        joined with other topics.
        """
        apart = self._keep_apart(step)
        self._keep_up(0 if step.turns or apart else MAX_AHEAD)
        self._player.publish(message.topic, message.data)
        self._expected += step.label is not None
        self._unseen = self._unseen + 1 if step.label is None else 0
        if step.turns or self._unseen >= MAX_AHEAD:
            self._player.wait(TURN_SEC)
            self._unseen = 0
        elif apart and step.label is None:
            self._player.wait(APART_SEC)
        elif apart:
            self._keep_up(0)

    def _keep_apart(self, step: Step) -> bool:
        """Return whether this is a trigger to be kept apart; if so, let what it is joined with arrive."""
        apart = self._topics.several and step.topic == self._topics.trigger
        if apart:
            self._player.wait(APART_SEC)
        return apart

    def _keep_up(self, ahead: int) -> None:
        feedback = self._player.feedback
        if not self._player.wait_for(
            lambda: self._expected - feedback.labeled <= ahead, self._pace.patience_sec
        ):
            self._expected = feedback.labeled  # those will not come any more

    def _withhold_label(self) -> None:
        self._keep_up(0)
        self._player.set_texts('featurizer', dict.fromkeys(LABELS, ''))
        self._player.wait(SETTLE_SEC)

    def _test(self) -> None:
        clock = Clock(self._pace.rate, self._pace.test_hz)
        total = sum(step.time_ns >= self._feed.split_ns for step in self._steps)
        for number, (message, step) in enumerate(self._messages):
            if message.topic in self._topics.withheld:
                continue
            self._wait_until_due(clock, step.time_ns)
            self._view.progress, self._view.truth = (number + 1) / total, step.label
            self._keep_apart(step)
            self._ask(message, step)

    def _ask(self, message: Message, step: Step) -> None:
        """Publish one message and wait for its answer, if it should get one; count one lost."""
        feedback = self._player.feedback
        feedback.probability = feedback.decision = None
        sent_at = time.perf_counter()
        self._player.publish(message.topic, message.data)
        if not step.samples:
            return
        answered = self._player.wait_for(
            lambda: feedback.probability is not None and feedback.decision is not None,
            self._pace.answer_sec,
        )
        self._note(answered)
        if not answered:
            return
        self.results.latencies_sec.append(feedback.decided_at - sent_at)
        if step.label is not None and feedback.probability is not None:
            seconds = (step.time_ns - self._feed.split_ns) * NS
            self.results.add(seconds, feedback.probability, step.label)


def check_steps(feed: Feed, steps: Sequence[Step], topics: Topics) -> None:
    """Raise BinclfError where there is nothing to learn from, or nothing to score."""
    labeled = [(step.time_ns < feed.split_ns, step.label) for step in steps if step.label is not None]
    taught = {label for teaches, label in labeled if teaches}
    scored = {label for teaches, label in labeled if not teaches}
    split = f'{(feed.split_ns - feed.start_ns) * NS:.2f} s'
    check_labels(taught, scored, split, ' and '.join(topics.labels))
