# SPDX-License-Identifier: Apache-2.0
"""Point clouds from the bytes of their messages, of which the points stay where they are.

In CDR a `sensor_msgs/PointCloud2` is: encoding and stamp, the frame, height and width, the fields with
byte order and `point_step`, `row_step` and the length of the data, the data, `is_dense`. Frame and fields
hardly ever change: as long as they stay the same, byte by byte, so does where everything is.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from rclpy.serialization import serialize_message
from sensor_msgs.msg import PointCloud2, PointField

from ..core.cdr import LITTLE_ENDIAN, NoShapeError, Walk
from ..core.errors import SampleError
from ..core.features.paths import Segment
from .messages import MAX_PADDING, message_from_bytes
from .types import field_types

SIZES = struct.Struct('<II')
FRAME_AT = 12
"""Behind the encoding and the stamp."""


@dataclass(frozen=True)
class _Layout:
    """What clouds of one frame and with the same fields share: the message without points, and its bytes.

    The sizes, height and width, are at `sizes_at`; `row_step` and the length of the data at `steps_at`.
    """

    message: PointCloud2
    frame: bytes
    fields: bytes
    sizes_at: int
    steps_at: int

    def fits(self, data: bytes) -> bool:
        """Return whether a message has this frame and these fields."""
        return (
            data.startswith(LITTLE_ENDIAN)
            and data[FRAME_AT : self.sizes_at] == self.frame
            and data[self.sizes_at + SIZES.size : self.steps_at] == self.fields
        )


class Cloud:
    """A cloud with the attributes of a `PointCloud2`; `data` is a view of the bytes that came."""

    def __init__(self, layout: _Layout, data: bytes) -> None:
        """Read the sizes. Raises SampleError: `unreadable` where they do not fit the bytes."""
        self.layout, self._bytes = layout, data
        start = layout.steps_at + SIZES.size
        try:
            self.height, self.width = SIZES.unpack_from(data, layout.sizes_at)
            self.row_step, length = SIZES.unpack_from(data, layout.steps_at)
        except struct.error as error:
            raise SampleError('unreadable', f'{len(data)} bytes, which end before the points') from error
        if not 0 < len(data) - start - length <= 1 + MAX_PADDING:
            raise SampleError('unreadable', f'{len(data)} bytes do not hold {length} bytes of points')
        self.fields: Sequence[PointField] = layout.message.fields
        self.point_step: int = layout.message.point_step
        self.is_bigendian: bool = layout.message.is_bigendian
        self.data = memoryview(data)[start : start + length]
        self.is_dense = data[start + length] != 0

    @property
    def front(self) -> bytes:
        """The bytes up to the fields: encoding, stamp, frame, height and width."""
        return self._bytes[: self.layout.sizes_at + SIZES.size]


class SerializedClouds:
    """Reads clouds from the bytes of their messages."""

    def __init__(self) -> None:
        self._layout: _Layout | None = None

    def read(self, data: bytes) -> Cloud:
        """Return the cloud of a message; its data is not checked yet. Raises SampleError: `unreadable`."""
        if self._layout is None or not self._layout.fits(data):
            try:
                self._layout = layout_of(data)
            except SampleError:  # big-endian, say; or what the middleware will refuse, too
                data = serialize_message(message_from_bytes(data, PointCloud2))
                self._layout = layout_of(data)
        return Cloud(self._layout, data)


def layout_of(data: bytes) -> _Layout:
    """Find frame and fields of a message. Raises SampleError: `unreadable`."""
    walk = Walk(data, 2, field_types)
    try:
        walk.message('sensor_msgs/PointCloud2', [(0, (Segment('height'),)), (1, (Segment('row_step'),))])
    except (NoShapeError, struct.error) as error:
        raise SampleError('unreadable', f'{len(data)} bytes with too many fields, or cut off') from error
    if not data.startswith(LITTLE_ENDIAN) or walk.at > len(data):
        raise SampleError('unreadable', f'{len(data)} bytes in another byte order, or cut off')
    (sizes_at,), (steps_at,) = walk.places
    message = message_from_bytes(data[:steps_at] + bytes(SIZES.size + 1), PointCloud2)
    frame, fields = data[FRAME_AT:sizes_at], data[sizes_at + SIZES.size : steps_at]
    return _Layout(message, frame, fields, sizes_at, steps_at)


def fields_bytes(fields: Sequence[PointField], layout: _Layout, point_step: int) -> bytes:
    """Return what stands between the sizes in a message with other fields than a layout's."""
    before = layout.message
    message = PointCloud2(header=before.header, is_bigendian=before.is_bigendian, point_step=point_step)
    message.fields = list(fields)
    return layout_of(serialize_message(message)).fields
