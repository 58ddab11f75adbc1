# SPDX-License-Identifier: Apache-2.0
"""The featurizer: any sensor and a label in, features and labelled features out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.subscription import Subscription
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float64MultiArray, Header

from ..core.cdr import SerializedReadings
from ..core.errors import BinclfError
from ..core.features.fields import check_fields, has_header
from ..core.features.readings import Fields, Read
from ..core.features.sampler import Sample, Sampler
from ..core.health.findings import OK, WARN, near_topic
from ..core.text import printable
from ..ros.clouds import one_point_cloud
from ..ros.messages import FeaturesMessage, message_from_bytes
from ..ros.node import BinclfNode
from ..ros.options import FeaturizerParameters
from ..ros.process import run
from ..ros.qos import LABELED, LABELED_POINTS, LIVE, OUT
from ..ros.types import decoder, field_types, message_class

LOOK_FOR_TOPICS_SEC = 0.2


class Featurizer(BinclfNode[FeaturizerParameters]):
    """Publishes every sample on `features`, and the labelled ones on `labeled_features`."""

    def __init__(self) -> None:
        self._sampler: Sampler | None = None
        self._sensors: list[Subscription[Any]] = []
        self._waiting_for = ''
        self._simulated = False
        super().__init__('featurizer', FeaturizerParameters, counted=('sampled', 'labeled'))
        self._out = (StampedOutput if self.parameters.stamped else VectorOutput)(self)
        self.every(LOOK_FOR_TOPICS_SEC, self._look_for_topics)

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
        return OK, 'sampling'

    def values(self) -> dict[str, object]:
        """Return nothing beside the counts."""
        return {}

    def _look_for_topics(self) -> None:
        self._simulated = self._is_simulated()  # asking at each message would cost as much as a window
        if self._sampler is None and self.parameters.features:
            try:
                self._bind(self.parameters)
            except LookupError as error:
                self._unbind(self._missing(error))
            except BinclfError as error:
                self._unbind(printable(error))

    def _bind(self, parameters: FeaturizerParameters) -> None:
        """Find the topics on the graph and sample from them.

        Raises LookupError while one is missing, BinclfError where an expression does not fit.
        """
        options, namespace = parameters, self.get_namespace()
        if not options.features:
            self._unbind('')
            return
        graph = _Graph(dict(self.get_topic_names_and_types()))
        for each in (*options.expressions(), *options.label_paths().values()):
            for path, topic, fields in each.bind(graph, namespace):
                check_fields(each.text, path, fields, graph.type_of(topic), field_types)
        sampler = Sampler(options, graph, namespace, self.counts, graph.reading)
        self._unbind('')
        self._sampler, self._simulated = sampler, self._is_simulated()
        self._out.begin(sampler.features, graph.kind(sampler.trigger))
        for topic in sampler.topics:
            callback = self._on_message(topic)
            self._sensors.append(
                self.subscribe(graph.kind(topic), topic, callback, LIVE, 'dropped', raw=True)
            )
        self.log(f'sampling {len(sampler.features)} features at each of {sampler.trigger}')

    def _missing(self, error: LookupError) -> str:
        """Return which topic is missing, and which may have been meant."""
        text = str(error)
        topics = [name for name, _ in self.get_topic_names_and_types()]
        return printable(text + near_topic(text.rsplit(' ', 1)[-1], topics))

    def _unbind(self, waiting_for: str) -> None:
        self._waiting_for = waiting_for
        self._sampler = None
        for each in self._sensors:
            self.unsubscribe(each)
        self._sensors.clear()

    def _on_message(self, topic: str) -> Callable[[bytes], None]:
        def on_message(data: bytes) -> None:
            if self._sampler is None:
                return
            sample, labeled = self._sampler.push(topic, data, self._now_ns())
            if sample is not None:
                self._out.say(sample)
            for each in labeled:
                self._out.say_labeled(each)

        return on_message

    def _is_simulated(self) -> bool:
        return bool(getattr(self.get_clock(), 'ros_time_is_active', False))

    def _now_ns(self) -> int:
        """Return the time of arrival (ns): simulated time where that is used, else the steady clock."""
        return int(self.get_clock().now().nanoseconds) if self._simulated else time.monotonic_ns()


class VectorOutput:
    """Samples as vectors, on `features` and `labeled_features`."""

    def __init__(self, node: BinclfNode[Any]) -> None:
        self._features_out = node.advertise(Float64MultiArray, 'features', OUT)
        self._labeled_out = node.advertise(Float64MultiArray, 'labeled_features', LABELED)

    def begin(self, names: tuple[str, ...], trigger: type[Any]) -> None:
        """Say samples of these features, at each message of this type, from now on."""
        self._features = FeaturesMessage(names, labeled=False)
        self._labeled = FeaturesMessage(names, labeled=True)

    def say(self, sample: Sample) -> None:
        """Publish a sample."""
        self._features_out.publish(self._features.fill(sample.x))

    def say_labeled(self, sample: Sample) -> None:
        """Publish a labelled sample."""
        self._labeled_out.publish(self._labeled.fill(sample.x, sample.label))


class StampedOutput:
    """Samples as clouds of one point with the sensor's header, on `points` and `labeled_points`."""

    def __init__(self, node: BinclfNode[Any]) -> None:
        self._node = node
        self._points_out = node.advertise(PointCloud2, 'points', OUT)
        self._labeled_out = node.advertise(PointCloud2, 'labeled_points', LABELED_POINTS)

    def begin(self, names: tuple[str, ...], trigger: type[Any]) -> None:
        """Say samples of these features, at each message of this type, from now on."""
        self._names, self._trigger = names, trigger

    def say(self, sample: Sample) -> None:
        """Publish a sample."""
        self._points_out.publish(one_point_cloud(self._header(sample), self._names, sample.x))

    def say_labeled(self, sample: Sample) -> None:
        """Publish a labelled sample."""
        cloud = one_point_cloud(self._header(sample), self._names, sample.x, sample.label)
        self._labeled_out.publish(cloud)

    def _header(self, sample: Sample) -> Any:
        """Return the header of the message that triggered it; a new one where that has none."""
        if has_header(self._trigger.get_fields_and_field_types()):
            return message_from_bytes(sample.trigger, self._trigger).header
        return Header(stamp=self._node.get_clock().now().to_msg())


class _Graph(dict[str, bool]):
    """Topic → whether its type has a header; looked up only for the topics that are asked for."""

    def __init__(self, types: dict[str, list[str]]) -> None:
        super().__init__(dict.fromkeys(types, False))
        self._types = types

    def type_of(self, topic: str) -> str:
        """Return the name of the type of a topic."""
        return self._types[topic][0]

    def kind(self, topic: str) -> Any:
        """Return the message class of a topic. Raises BinclfError where it cannot be imported."""
        return message_class(self.type_of(topic))

    def reading(self, topic: str, paths: Sequence[Fields]) -> Read:
        """Return what reads paths of fields from the bytes of a topic's messages."""
        kind = self.type_of(topic)
        return SerializedReadings(kind, paths, field_types, decoder(kind)).read

    def __getitem__(self, topic: str) -> bool:
        return has_header(field_types(self.type_of(topic)))


def main(arguments: list[str] | None = None) -> int:
    """Run the featurizer to its end; return the exit code."""
    return run(Featurizer, FeaturizerParameters, arguments)
