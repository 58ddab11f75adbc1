# SPDX-License-Identifier: Apache-2.0
"""The floor: the smallest rclpy nodes there are. Each answers what it hears, under rclpy.spin.

python benchmarks/echo.py vector | cloud | imu [--ros-args ...]
"""

# ruff: noqa: ANN001

import contextlib
import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Imu, PointCloud2
from std_msgs.msg import Float64, Float64MultiArray


class Echo(Node):
    def __init__(self, kind, topic, answer_kind, answer_topic, answer) -> None:
        super().__init__('echo')
        publisher = self.create_publisher(answer_kind, answer_topic, 10)
        self.create_subscription(kind, topic, lambda message: publisher.publish(answer(message)), 10)


ECHOES = {
    'vector': (Float64MultiArray, 'features', Float64, 'probability', lambda m: Float64(data=m.data[0])),
    'cloud': (PointCloud2, 'points', PointCloud2, 'classified_points', lambda m: m),
    'imu': (Imu, 'imu', Float64, 'probability', lambda m: Float64(data=m.linear_acceleration.z)),
}

if __name__ == '__main__':
    rclpy.init(args=sys.argv)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(Echo(*ECHOES[sys.argv[1]]))
