# SPDX-License-Identifier: Apache-2.0
"""Replays point clouds: the trainer learns from their field `label`, the predictor never sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import PointCloud2

from ..core.arrays import Array
from ..core.clouds.layout import fields_of, n_points_of, view
from ..core.clouds.reader import CloudReader
from ..core.errors import BinclfError, SampleError
from ..core.features.clouds import LABEL
from ..recordings.feed import Feed, Message
from ..ros.cloud_writer import PROBABILITY
from ..ros.qos import CLOUDS_OUT
from ..ros.types import message_class
from .course import NS, Clock, Course, Pace, check_labels
from .panel import Panel
from .processes import Processes

TYPE = 'sensor_msgs/msg/PointCloud2'
LABELED_POINTS, POINTS, CLASSIFIED_POINTS = '/labeled_points', '/points', '/classified_points'
MAX_AHEAD = 20
"""Clouds that may be on their way: fewer than the depth of the queue to the trainer."""
AHEAD_SEC = 5.0
ANSWER_SEC = 10.0
MAX_FLOAT32 = 1.0 - 2.0**-25
"""What is above is rounded to 1, as the probability of a point is a FLOAT32."""


@dataclass(frozen=True)
class CloudStep:
    """One cloud: how many points can be learnt from, what the trainer will count, and the labels."""

    time_ns: int
    known: int
    received: int
    labels: frozenset[int]


class CloudReplay(Course):
    """Plays the clouds of one topic; `steps` is what was found in them."""

    def __init__(
        self, feed: Feed, topic: str, steps: Sequence[CloudStep], pace: Pace, nodes: Processes, panel: Panel
    ) -> None:
        kinds = {LABELED_POINTS: PointCloud2, POINTS: PointCloud2}
        super().__init__(feed.title, kinds, pace, nodes, panel)
        self.results.is_cloud = True
        self._feed, self._topic = feed, topic
        self._teaching = [step for step in steps if step.time_ns < feed.split_ns]
        self._testing = steps[len(self._teaching) :]
        self._messages: Iterator[Message] = iter(feed.messages([topic]))
        self._answer: PointCloud2 | None = None
        self._answered_at = 0.0
        self._player.subscribe(PointCloud2, CLASSIFIED_POINTS, self._on_answer, CLOUDS_OUT)

    def _is_ready(self) -> bool:
        return self._player.has_publishers(CLASSIFIED_POINTS)

    def _planned_samples(self) -> int:
        return sum(step.known for step in self._teaching)

    def _teach(self) -> None:
        clock, feedback = Clock(self._pace.rate, self._pace.teach_hz), self._player.feedback
        sent: list[int] = []
        for number, (step, message) in enumerate(zip(self._teaching, self._messages)):
            self._wait_until_due(clock, step.time_ns)
            if number >= MAX_AHEAD:
                self._player.wait_for(partial(self._has_received, sent[number - MAX_AHEAD]), AHEAD_SEC)
            self._player.publish(LABELED_POINTS, message.data)
            feedback.labeled += step.received
            sent.append(feedback.labeled)
            self._view.progress = (number + 1) / len(self._teaching)

    def _has_received(self, points: int) -> bool:
        return int(self._player.feedback.status['trainer']['received']) >= points

    def _withhold_label(self) -> None:
        """Do nothing: the clouds to score go elsewhere, and without their label."""

    def _test(self) -> None:
        clock = Clock(self._pace.rate, self._pace.test_hz)
        for number, (step, message) in enumerate(zip(self._testing, self._messages)):
            self._wait_until_due(clock, step.time_ns)
            self._view.progress = (number + 1) / len(self._testing)
            cloud = deserialize_message(message.data, PointCloud2)
            y = column(cloud, LABEL)
            remove(cloud, LABEL)
            probability = self._ask(cloud)
            if probability is not None:
                scored = ((y == 0.0) | (y == 1.0)) & np.isfinite(probability)
                seconds = (step.time_ns - self._feed.split_ns) * NS
                for p, label in zip(probability[scored].tolist(), y[scored].tolist()):
                    self.results.add(seconds, min(p, MAX_FLOAT32), int(label))

    def _ask(self, cloud: PointCloud2) -> Array | None:
        """Publish one cloud; return the probability of each point, (M,), or None for a lost one."""
        self._answer = None
        sent_at = time.perf_counter()
        self._player.publish(POINTS, cloud)
        answered = self._player.wait_for(lambda: is_answer(self._answer, cloud), ANSWER_SEC)
        self._note(answered)
        if not answered or self._answer is None:
            return None
        self.results.latencies_sec.append(self._answered_at - sent_at)
        probability = column(self._answer, PROBABILITY)
        self._player.feedback.probability = float(probability[-1]) if len(probability) else None
        return probability

    def _on_answer(self, message: PointCloud2) -> None:
        self._answered_at, self._answer = time.perf_counter(), message


def column(cloud: PointCloud2, name: str) -> Array:
    """Return one field of a cloud, (M,). Raises SampleError."""
    return CloudReader.of_model([name]).read(cloud).X[:, 0]


def remove(cloud: PointCloud2, name: str) -> None:
    """Take a field out of a cloud: its bytes stay, as zeros that belong to no field."""
    field = fields_of(cloud)[name]
    view(cloud, field.dtype, field.offset)[...] = 0
    cloud.fields = [each for each in cloud.fields if each.name != name]


def is_answer(answer: PointCloud2 | None, cloud: PointCloud2) -> bool:
    """Return whether this is the answer to this cloud: its header and every byte of its points."""
    if answer is None or answer.header != cloud.header or n_points_of(answer) != n_points_of(cloud):
        return False
    bytes_of_point = np.dtype((np.void, cloud.point_step))
    came_back, sent = (np.ascontiguousarray(view(each, bytes_of_point)) for each in (answer, cloud))
    return came_back.tobytes() == sent.tobytes()


def cloud_feed(feed: Feed, topic: str, teach: int | None) -> Feed:
    """Return a feed of one topic of clouds, of which the first `teach` are taught, where that is given.

    Raises BinclfError where there is no such topic, or not so many clouds.
    """
    if feed.types.get(topic) != TYPE:
        there = ', '.join(sorted(name for name, kind in feed.types.items() if kind == TYPE)) or 'none'
        raise BinclfError(f'no topic {topic} with point clouds; those with some are {there}')
    message_class(TYPE)
    if teach is None:
        return feed
    times = [each.time_ns for each in feed.messages([topic])]
    if not 0 < teach < len(times):
        raise BinclfError(
            f'--train-clouds is {teach}, but there are {len(times)}: '
            'some have to teach, and some to be left for scoring'
        )
    return replace(feed, split_ns=times[teach])


def plan(feed: Feed, topic: str, point_features: Sequence[str]) -> list[CloudStep]:
    """Look into every cloud as the trainer will. Raises BinclfError for one that it would refuse.

    One without a labelled point is none of these: there is nothing to learn from it, nor to score.
    """
    reader, steps = CloudReader(point_features), []
    for number, message in enumerate(feed.messages([topic])):
        cloud = deserialize_message(message.data, PointCloud2)
        try:
            labeled = reader.read_labeled(cloud)
        except SampleError as error:
            if error.reason == 'empty':  # the trainer counts it as one
                steps.append(CloudStep(message.time_ns, 0, 1, frozenset()))
                continue
            raise BinclfError(f'cloud {number + 1} of {topic} cannot be learnt from: {error}') from error
        labels = frozenset(int(each) for each in np.unique(labeled.y))
        steps.append(CloudStep(message.time_ns, len(labeled.y), n_points_of(cloud), labels))
    return steps


def check_steps(feed: Feed, steps: Sequence[CloudStep], topic: str) -> None:
    """Raise BinclfError where there is nothing to learn from, or nothing to score."""
    taught = {label for step in steps if step.time_ns < feed.split_ns for label in step.labels}
    scored = {label for step in steps if step.time_ns >= feed.split_ns for label in step.labels}
    split = f'{(feed.split_ns - feed.start_ns) * NS:.2f} s'
    check_labels(taught, scored, split, f'the field {LABEL} of {topic}')
