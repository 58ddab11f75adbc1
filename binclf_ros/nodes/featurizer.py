# SPDX-License-Identifier: Apache-2.0
"""The featurizer: any sensor and a label in, features and labelled features out."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rclpy.subscription import Subscription

from ..core.errors import BinclfError, ExpressionError
from ..core.features.sampler import Sampler
from ..core.features.status import SamplerStatus
from ..core.health.findings import OK, WARN, Finding, near_topic
from ..core.health.sampling import facts
from ..core.health.watch import SamplingWatch
from ..core.text import printable
from ..ros.node import BinclfNode
from ..ros.options import FeaturizerParameters
from ..ros.outputs import StampedOutput, VectorOutput
from ..ros.process import run
from ..ros.qos import IMAGES, LATCHED, LIVE
from ..ros.sensors import Sensors

LOOK_FOR_TOPICS_SEC = 0.2
LOOK_AT_LABELS_SEC = 2.0


class Featurizer(BinclfNode[FeaturizerParameters]):
    """Publishes every sample on `features`, and the labelled ones on `labeled_features`."""

    def __init__(self, vectors: Callable[[BinclfNode[Any]], VectorOutput] = VectorOutput) -> None:
        self._sampler: Sampler | None = None
        self._graph = Sensors(self)
        self._sensors: dict[str, tuple[Subscription[Any], bool]] = {}
        self._watch = SamplingWatch()
        self._waiting_for = ''
        self._misnamed: list[Finding] = []
        self._unfit: list[Finding] = []
        self._simulated = False
        super().__init__('featurizer', FeaturizerParameters, counted=('sampled', 'labeled'))
        self._out = (StampedOutput if self.parameters.stamped else vectors)(self)
        self.every(LOOK_FOR_TOPICS_SEC, self._look_for_topics)
        self.every(LOOK_AT_LABELS_SEC, self._look_at_labels)

    def on_parameters(self, new: FeaturizerParameters) -> None:
        """Sample by other parameters from now on; refuse them where they do not fit the topics."""
        try:
            self._bind(new)
        except LookupError as error:
            self._unbind(self._missing(error))

    def status(self) -> tuple[int, str]:
        """Return whether it samples."""
        if not self.parameters.features:
            return WARN, 'no features yet: set the parameter features to a list of expressions'
        if self._sampler is None:
            return WARN, self._waiting_for or 'looking for topics'
        return OK, '; '.join(['sampling', *self._watch.notes])

    @property
    def has_its_topics(self) -> bool:
        """Whether all topics of features and labels are there."""
        return self._sampler is not None and not self._sampler.missing_labels

    def find(self, now: float) -> list[Finding]:
        """Return what is wrong with the sampling lately."""
        status = self.sampling()
        return [] if status is None else [*self._watch.look(now, status), *self._misnamed, *self._unfit]

    def values(self) -> dict[str, object]:
        """Return what `ros2 topic hz` would say of the topics, and the features that had no reading."""
        status = self.sampling()
        if status is None:
            return {}
        return {**facts(status.topics), **{f'no_reading/{k}': n for k, n in status.no_reading.items()}}

    def sampling(self) -> SamplerStatus | None:
        """Return what is known of the sampling; None as long as there is none."""
        return None if self._sampler is None else self._sampler.status(self._now_ns())

    def _look_for_topics(self) -> None:
        self._simulated = self._is_simulated()  # to ask at each message would cost as much as a window
        if not self.parameters.features:
            return
        try:
            if self._sampler is None:
                self._begin()
            elif self._unfit and not self._sampler.missing_labels:
                self._graph.look()
                self._check_labels(self.parameters)
                self._bind(self.parameters)
            elif self._sampler.missing_labels:
                self._take_up_labels(self._sampler)
        except (LookupError, BinclfError) as error:
            if isinstance(error, LookupError):
                self._unbind(self._missing(error))
            elif self._sampler is None:
                self._unbind(_line(error))
            else:
                self._unfit = [Finding('label', f'samples go out unlabelled: {_line(error)}')]

    def _begin(self) -> None:
        """Sample as it is set, and without a label where that does not fit its topic. Raises as `_bind`."""
        try:
            self._bind(self.parameters)
        except BinclfError as error:
            self._bind(replace(self.parameters, label='', label_positive='', label_negative=''))
            self._unfit = [Finding('label', f'samples go out unlabelled: {_line(error)}')]

    def _bind(self, parameters: FeaturizerParameters) -> None:
        """Find the topics on the graph and sample from them; a label's may come later.

        Raises LookupError while one is missing, BinclfError where an expression does not fit.
        """
        if not parameters.features:
            self._unbind('')
            return
        self._graph.look()
        self._check(parameters)
        graph = self._graph
        sampler = Sampler(
            parameters, graph, self.get_namespace(), self.counts, graph.reading, graph.types, self._keep
        )
        self._unbind('')
        self._sampler, self._simulated = sampler, self._is_simulated()
        self._watch = SamplingWatch(parameters.label, parameters.clock_tolerance_sec)
        self._trigger = graph.kind(sampler.trigger)
        self._out.begin(sampler.features)
        self._subscribe_all(sampler)
        self.log(f'sampling {len(sampler.features)} features at each of {sampler.trigger}')
        for each in sampler.missing_labels:
            self.log(f'no label yet: waiting for the topic of {each}')

    def _check(self, parameters: FeaturizerParameters) -> None:
        """Check that features and labels fit the types of their topics. Raises as `_bind`."""
        for each in parameters.expressions():
            self._graph.check(each, self.get_namespace())
        self._check_labels(parameters)

    def _check_labels(self, parameters: FeaturizerParameters) -> None:
        """Check that labels fit the types of their topics, those that are there. Raises BinclfError."""
        for each in parameters.label_paths().values():
            with suppress(LookupError):
                self._graph.check(each, self.get_namespace())

    def _take_up_labels(self, sampler: Sampler) -> None:
        """Label from now on where the topics of labels have come."""
        self._graph.look()
        self._check_labels(self.parameters)
        self._unfit = []
        if sampler.take_up_labels(self._graph):
            self._subscribe_all(sampler)
            self.log(f'labels come from {", ".join(sampler.label_topics)}')

    def _subscribe_all(self, sampler: Sampler) -> None:
        """Subscribe to what is wanted and not subscribed to in this way yet."""
        for topic in sampler.topics:
            known = self._sensors.get(topic)
            latched = self._graph.is_latched(topic) if topic in sampler.label_topics else False
            if known is not None and latched in (known[1], None):
                continue
            kind = self._graph.kind(topic) if known is None else known[0].msg_type
            if known is not None:
                self.unsubscribe(known[0])
            usual = IMAGES if self._graph.is_image(topic) else LIVE
            qos, callback = LATCHED if latched else usual, self._on_message(topic)
            subscription = self.subscribe(kind, topic, callback, qos, 'dropped', raw=True)
            self._sensors[topic] = subscription, bool(latched)

    def _look_at_labels(self) -> None:
        """Subscribe to labels as their publishers, which come and go, keep them; find wrong names."""
        self._misnamed = []
        if self._sampler is not None:
            self._subscribe_all(self._sampler)
            self._watch.published = tuple(filter(self.count_publishers, self._sampler.label_topics))
            self._misnamed = self._labels_that_are_misnamed(self._sampler)

    def _labels_that_are_misnamed(self, sampler: Sampler) -> list[Finding]:
        """Return the topics of labels that nobody publishes, where another one may have been meant."""
        wanted = [
            each for each in self.parameters.label_paths().values() if each.text in sampler.missing_labels
        ]
        if not wanted:
            return []
        names = [name for name, _ in self.get_topic_names_and_types() if self.count_publishers(name)]
        found = []
        for each in wanted:
            for topic in each.missing_topics(self._graph, self.get_namespace()):
                if meant := near_topic(topic, names):
                    text = f'no label: nobody publishes {topic}{meant} Samples go out unlabelled meanwhile'
                    found.append(Finding(f'label{topic}', printable(text)))
        return found

    def _missing(self, error: LookupError) -> str:
        """Return which topic is missing, and which may have been meant."""
        text = str(error)
        topics = [name for name, _ in self.get_topic_names_and_types()]
        return printable(text + near_topic(text.rsplit(' ', 1)[-1], topics))

    def _unbind(self, waiting_for: str) -> None:
        self._waiting_for = waiting_for
        self._sampler = None
        self._misnamed, self._unfit = [], []
        for each, _ in self._sensors.values():
            self.unsubscribe(each)
        self._sensors.clear()

    def _keep(self, data: bytes) -> Any:
        """Return what a sample keeps of the message that triggered it."""
        return self._out.keep(data, self._trigger)

    def _on_message(self, topic: str) -> Callable[[bytes], None]:
        def on_message(data: bytes) -> None:
            if self._sampler is None:
                return
            sample, labeled = self._sampler.push(topic, data, self._now_ns())
            if sample is not None:
                self._watch.on_sample(sample.x)
                self._out.publish(sample)
            for each in labeled:
                self._watch.on_labeled(each.label)
                self._out.publish_labeled(each)

        return on_message

    def _is_simulated(self) -> bool:
        return bool(getattr(self.get_clock(), 'ros_time_is_active', False))

    def _now_ns(self) -> int:
        """Return the time of arrival (ns): simulated time where that is used, else the steady clock."""
        return int(self.get_clock().now().nanoseconds) if self._simulated else time.monotonic_ns()


def _line(error: BinclfError) -> str:
    return printable(error.line if isinstance(error, ExpressionError) else error)


def main(arguments: list[str] | None = None) -> int:
    """Run the featurizer to its end; return the exit code."""
    return run(Featurizer, FeaturizerParameters, arguments)
