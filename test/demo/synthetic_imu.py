# SPDX-License-Identifier: Apache-2.0
"""A synthetic recording: an IMU that trembles while a label is 1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Imu
from std_msgs.msg import Bool

from binclf_ros.recordings.feed import Message

SECOND_NS = 1_000_000_000
FEATURE = 'std(/imu/data/angular_velocity/x, 0.4)'


def imu_messages(seconds: float, hz: int, hold_sec: int = 2) -> Iterator[Message]:
    """An IMU that trembles while the label is 1, which changes every `hold_sec` seconds."""
    rng = np.random.default_rng(0)
    for number in range(round(seconds * hz)):
        time_ns = SECOND_NS + number * SECOND_NS // hz
        label = number // (hold_sec * hz) % 2 == 1
        imu = Imu()
        imu.header.stamp.sec, imu.header.stamp.nanosec = divmod(time_ns, SECOND_NS)
        imu.angular_velocity.x = float(rng.normal() * (3.0 if label else 1.0))
        yield Message(time_ns, '/imu/data', serialize_message(imu))
        if number % (hz // 10) == 0:
            yield Message(time_ns, '/label', serialize_message(Bool(data=label)))


def write_bag(path: Path, seconds: float, hz: int, storage: str = 'MCAP') -> Path:
    """Write IMU and label with rosbags, as any other recorder would."""
    rosbag2 = pytest.importorskip('rosbags.rosbag2', reason='rosbags is missing')
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin[storage]) as writer:
        connections = {
            topic: writer.add_connection(topic, kind, typestore=store)
            for topic, kind in (('/imu/data', 'sensor_msgs/msg/Imu'), ('/label', 'std_msgs/msg/Bool'))
        }
        for each in imu_messages(seconds, hz):
            writer.write(connections[each.topic], each.time_ns, each.data)
    return path
