# SPDX-License-Identifier: Apache-2.0
"""The topics that there are, by their publishers: types, durability, and whether expressions fit them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSReliabilityPolicy

from ..core.features.expressions import Expression
from ..core.features.fields import check_fields, has_header
from ..core.features.readings import Fields, Read
from ..core.features.regions import KINDS
from ..vision.frames import opencv
from ..vision.regions import reading_of
from .types import decoder, field_types, message_class


class Sensors(Mapping[str, bool]):
    """Topic → whether its type has a header; looked up only for the topics that are asked for.

    The type of a topic is that of its publishers, of most of them where they differ; a topic that is
    only subscribed to is not there. `types` are those that were looked up.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._names: set[str] = set()
        self.types: dict[str, str] = {}

    def look(self) -> None:
        """Look at the graph again."""
        self._names = {name for name, _ in self._node.get_topic_names_and_types()}
        self.types.clear()

    def type_of(self, topic: str) -> str:
        """Return the name of the type of a topic, such as sensor_msgs/msg/Imu. Raises KeyError."""
        if topic not in self.types:
            found = Counter(each.topic_type for each in self._node.get_publishers_info_by_topic(topic))
            if not found:
                raise KeyError(topic)
            self.types[topic] = found.most_common(1)[0][0]
        return self.types[topic]

    def kind(self, topic: str) -> Any:
        """Return the message class of a topic. Raises BinclfError where it cannot be imported."""
        return message_class(self.type_of(topic))

    def reading(self, topic: str, paths: Sequence[Fields]) -> Read:
        """Return what reads paths of fields from the bytes of a topic's messages."""
        kind = self.type_of(topic)
        return reading_of(kind, paths, field_types, decoder(kind))

    def is_image(self, topic: str) -> bool:
        """Return whether the messages of a topic are images."""
        try:
            return self.type_of(topic) in KINDS
        except KeyError:
            return False

    def check(self, expression: Expression, namespace: str) -> None:
        """Check that an expression fits the types of its topics.

        Raises LookupError while one is missing, BinclfError where it does not fit.
        """
        for path, topic, fields in expression.bind(self, namespace):
            check_fields(expression.text, path, fields, self.type_of(topic), field_types)
            if path.region is not None:
                opencv()

    def is_latched(self, topic: str) -> bool | None:
        """Return whether all publishers of a topic keep what they said for late subscribers; None: none."""
        profiles = [each.qos_profile for each in self._node.get_publishers_info_by_topic(topic)]
        if not profiles:
            return None
        return all(
            each.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
            and each.reliability == QoSReliabilityPolicy.RELIABLE
            for each in profiles
        )

    def __contains__(self, topic: object) -> bool:
        if topic not in self._names:
            return False
        try:
            return bool(self.type_of(str(topic)))
        except KeyError:
            return False

    def __getitem__(self, topic: str) -> bool:
        return has_header(field_types(self.type_of(topic)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
