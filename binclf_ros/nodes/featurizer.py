"""The featurizer: any sensor and a label in, features and labelled features out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.subscription import Subscription
from std_msgs.msg import Float64MultiArray

from ..core.errors import BinclfError
from ..core.sampling import Sampler
from ..ros.messages import FeaturesMessage
from ..ros.node import OK, WARN, BinclfNode, run
from ..ros.parameters import FeaturizerParameters
from ..ros.qos import LABELED, LIVE, OUT
from ..ros.types import check_fields, has_header, message_class

LOOK_FOR_TOPICS_SEC = 0.2


class Featurizer(BinclfNode[FeaturizerParameters]):
    """Publishes every sample on `features`, and the labelled ones on `labeled_features`."""

    def __init__(self) -> None:
        self._sampler: Sampler | None = None
        self._heard: list[Subscription[Any]] = []
        self._waiting_for = ''
        super().__init__('featurizer', FeaturizerParameters, counted=('sampled', 'labeled'))
        self._features_out = self.tell(Float64MultiArray, 'features', OUT)
        self._labeled_out = self.tell(Float64MultiArray, 'labeled_features', LABELED)
        self.every(LOOK_FOR_TOPICS_SEC, self._look_for_topics)

    def on_parameters(self, new: FeaturizerParameters) -> None:
        """Sample by other parameters from now on; refuse them where they do not fit the topics."""
        try:
            self._bind(new)
        except LookupError as error:
            self._unbind(str(error))

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
        if self._sampler is None and self.parameters.features:
            try:
                self._bind(self.parameters)
            except (LookupError, BinclfError) as error:
                self._unbind(str(error))

    def _bind(self, parameters: FeaturizerParameters) -> None:
        """Find the topics on the graph and sample from them.

        Raises LookupError while one is missing, BinclfError where an expression does not fit.
        """
        options, namespace = parameters.sampling(), self.get_namespace()
        if not options.features:
            self._unbind('')
            return
        graph = _Graph(dict(self.get_topic_names_and_types()))
        for each in (*options.expressions(), *options.label_paths().values()):
            topic, fields = each.split(graph, namespace)
            check_fields(each, fields, graph.kind(topic))
        sampler = Sampler(options, graph, namespace, self.counts)
        self._unbind('')
        self._sampler = sampler
        self._features = FeaturesMessage(sampler.features, labeled=False)
        self._labeled = FeaturesMessage(sampler.features, labeled=True)
        for topic in sampler.topics:
            callback = self._on_message(topic)
            self._heard.append(self.hear(graph.kind(topic), topic, callback, LIVE, 'dropped'))
        self.get_logger().info(f'sampling {len(sampler.features)} features at each of {sampler.trigger}')

    def _unbind(self, waiting_for: str) -> None:
        if waiting_for and waiting_for != self._waiting_for:
            self.get_logger().info(waiting_for)
        self._waiting_for = waiting_for
        self._sampler = None
        for each in self._heard:
            self.destroy_subscription(each)
        self._heard.clear()

    def _on_message(self, topic: str) -> Callable[[Any], None]:
        def on_message(message: Any) -> None:
            if self._sampler is None:
                return
            sample, labeled = self._sampler.push(topic, message, self._now_ns())
            if sample is not None:
                self._features_out.publish(self._features.fill(sample.x))
            for each in labeled:
                self._labeled_out.publish(self._labeled.fill(each.x, each.label))

        return on_message

    def _now_ns(self) -> int:
        """Return the time of arrival (ns): simulated time where that is used, else the steady clock."""
        clock = self.get_clock()
        simulated = getattr(clock, 'ros_time_is_active', False)
        return int((clock if simulated else self.steady).now().nanoseconds)


class _Graph(dict[str, bool]):
    """Topic → whether its type has a header; looked up only for the topics that are asked for."""

    def __init__(self, types: dict[str, list[str]]) -> None:
        super().__init__(dict.fromkeys(types, False))
        self._types = types

    def kind(self, topic: str) -> Any:
        """Return the message class of a topic. Raises BinclfError where it can not be imported."""
        return message_class(self._types[topic][0])

    def __getitem__(self, topic: str) -> bool:
        return has_header(self.kind(topic))


def main(arguments: list[str] | None = None) -> int:
    """Run the featurizer to its end; return the exit code."""
    return run(Featurizer, FeaturizerParameters, arguments)
