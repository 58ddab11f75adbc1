# SPDX-License-Identifier: Apache-2.0
"""How samples go out: as vectors, or as clouds of one point with the header of the sensor."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float64MultiArray, Header

from ..core.arrays import Array
from ..core.cdr import LITTLE_ENDIAN
from ..core.features.fields import has_header
from ..core.features.sampler import Sample
from .cloud_writer import one_point_cloud
from .messages import FeaturesMessage, message_from_bytes
from .node import BinclfNode
from .qos import LABELED, LABELED_POINTS, OUT

Take = Callable[[tuple[str, ...], Array, Header | None], None]
"""Gets names and values (N,) of a sample, and the header of the sensor where it is wanted."""
ENCODING = bytes(4)
"""What stands before the first field."""
FRONT_OF_HEADER = struct.Struct('<iII')
"""Seconds, nanoseconds, and the length of the frame with its NUL."""


class VectorOutput:
    """Samples as vectors, on `features` and `labeled_features`."""

    def __init__(self, node: BinclfNode[Any]) -> None:
        self._features_out = node.advertise(Float64MultiArray, 'features', OUT)
        self._labeled_out = node.advertise(Float64MultiArray, 'labeled_features', LABELED)

    def begin(self, names: tuple[str, ...]) -> None:
        """Publish samples of these features from now on."""
        self._names = names
        self._features = FeaturesMessage(names, labeled=False)
        self._labeled = FeaturesMessage(names, labeled=True)

    def keep(self, data: bytes, kind: type[Any]) -> Any:
        """Keep nothing of a trigger: a vector has no stamp."""
        return None

    def publish(self, sample: Sample) -> None:
        """Publish a sample."""
        self._features_out.publish(self._features.fill(sample.x))

    def publish_labeled(self, sample: Sample) -> None:
        """Publish a labelled sample."""
        self._labeled_out.publish(self._labeled.fill(sample.x, sample.label))


class DirectOutput(VectorOutput):
    """Samples to `take` of a predictor in this process, and on `features` while somebody else listens.

    The predictor subscribes to `features` itself, for what others say: `echoes` gets what it will receive
    there a second time. `with_header`: the predictor wants the header of the sensor as well.
    """

    def __init__(
        self, node: BinclfNode[Any], take: Take, echoes: deque[bytes], with_header: bool = False
    ) -> None:
        super().__init__(node)
        self._take, self._echoes, self._with_header = take, echoes, with_header

    def keep(self, data: bytes, kind: type[Any]) -> Header | None:
        """Return the header of a message of a kind where it is wanted and there is one."""
        return header_of(data, kind) if self._with_header else None

    def publish(self, sample: Sample) -> None:
        """Hand a sample over, then publish it, if there is a subscriber beside that predictor."""
        self._take(self._names, sample.x, sample.trigger)
        if self._features_out.get_subscription_count() > 1:
            data = self._features.fill(sample.x)
            self._echoes.append(data)
            self._features_out.publish(data)


class StampedOutput:
    """Samples as clouds of one point with the sensor's header, on `points` and `labeled_points`."""

    def __init__(self, node: BinclfNode[Any]) -> None:
        self._node = node
        self._points_out = node.advertise(PointCloud2, 'points', OUT)
        self._labeled_out = node.advertise(PointCloud2, 'labeled_points', LABELED_POINTS)

    def begin(self, names: tuple[str, ...]) -> None:
        """Publish samples of these features from now on."""
        self._names = names

    def keep(self, data: bytes, kind: type[Any]) -> Header:
        """Return the header of a message of a kind; a new one where that has none."""
        header = header_of(data, kind)
        return Header(stamp=self._node.get_clock().now().to_msg()) if header is None else header

    def publish(self, sample: Sample) -> None:
        """Publish a sample."""
        self._points_out.publish(one_point_cloud(sample.trigger, self._names, sample.x))

    def publish_labeled(self, sample: Sample) -> None:
        """Publish a labelled sample."""
        cloud = one_point_cloud(sample.trigger, self._names, sample.x, sample.label)
        self._labeled_out.publish(cloud)


def header_of(data: bytes, kind: type[Any]) -> Header | None:
    """Return the header of a message from its bytes, without the rest; None where the type has none.

    Raises SampleError: `unreadable`.
    """
    fields = kind.get_fields_and_field_types()
    if not has_header(fields):
        return None
    if next(iter(fields)) != 'header' or not data.startswith(LITTLE_ENDIAN):
        header: Header = message_from_bytes(data, kind).header
        return header
    sec, nanosec, length = FRONT_OF_HEADER.unpack_from(data, len(ENCODING))
    start = len(ENCODING) + FRONT_OF_HEADER.size
    frame = data[start : start + max(0, length - 1)].decode(errors='replace')
    header = Header(frame_id=frame)
    header.stamp.sec, header.stamp.nanosec = sec, nanosec
    return header
