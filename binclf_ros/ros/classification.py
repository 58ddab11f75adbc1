# SPDX-License-Identifier: Apache-2.0
"""Answers as `vision_msgs/Classification`, for what reads that already; vision_msgs is an extra."""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from ..core.health.findings import Finding
from .messages import message_from_bytes
from .node import BinclfNode
from .qos import OUT

MISSING = (
    'classification is true, and vision_msgs is not installed, so probability and decision alone are '
    'published: apt install ros-$ROS_DISTRO-vision-msgs, and start again'
)


class ClassificationOutput:
    """Publishes each answer on `classification`, while somebody listens; nothing unless it is `wanted`."""

    def __init__(self, node: BinclfNode[Any], wanted: bool) -> None:
        self._node, self._out = node, None
        self.findings: list[Finding] = []
        if not wanted:
            return
        try:
            from vision_msgs.msg import Classification, ObjectHypothesis
        except ImportError:
            self.findings = [Finding('vision_msgs', MISSING, holds=False)]
            return
        self._message, self._hypothesis = Classification, ObjectHypothesis
        self._out = node.advertise(Classification, 'classification', OUT, sole=True)

    def publish(self, probability: float, header: Header | None = None) -> None:
        """Publish hypothesis `1` with the probability, `0` with the rest, the likelier one first.

        `header`: that of the sensor; without one, as vectors have none, the time of the answer.
        """
        if self._out is None or not self._out.get_subscription_count():
            return
        if header is None:
            header = Header(stamp=self._node.get_clock().now().to_msg())
        scores = {'1': probability, '0': 1.0 - probability}
        likelier_first = sorted(scores, key=lambda each: -scores[each])
        results = [self._hypothesis(class_id=each, score=scores[each]) for each in likelier_first]
        self._out.publish(self._message(header=header, results=results))

    def publish_of_cloud(self, probability: float, data: bytes) -> None:
        """Publish the answer to a cloud of one point, from the bytes of its message."""
        if self._out is not None and self._out.get_subscription_count() and probability == probability:
            self.publish(probability, message_from_bytes(data, PointCloud2).header)
