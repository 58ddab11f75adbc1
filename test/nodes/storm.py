# SPDX-License-Identifier: Apache-2.0
"""Numbered vectors as fast as one process can: python storm.py TOPIC COUNT, until a signal."""

from __future__ import annotations

import array
import struct
import sys
import time
from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from std_msgs.msg import Float64MultiArray


def main(topic, count):
    rclpy.init()
    node = rclpy.create_node('storm')
    publisher = node.create_publisher(Float64MultiArray, topic, QoSProfile(depth=10_000))
    while rclpy.ok() and not publisher.get_subscription_count():
        time.sleep(0.01)
    whole = serialize_message(Float64MultiArray(data=array.array('d', [0.0, 0.0, 0.0])))
    front, values = whole[:-24], struct.Struct('<3d')
    for number in range(count):
        publisher.publish(front + values.pack(number, number % 7, number % 2))
    rclpy.spin(node)  # what was lost on the way is repaired as long as this lives


if __name__ == '__main__':
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        main(sys.argv[1], int(sys.argv[2]))
