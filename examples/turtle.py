# SPDX-License-Identifier: Apache-2.0
"""A stand-in for turtlesim: a turtle that wanders over a pond, where turtlesim is not installed.

    python3 examples/turtle.py

It publishes `/turtle1/pose` (x and y in metres) and `/turtle1/color_sensor` (r, g, b from 0 to 255): blue
on the left half of the field, sand on the right. `/turtle1/cmd_vel` drives it; while none comes, it wanders
by itself. It prints where it is, and tells the page to teach from. The real thing is
`ros2 run turtlesim turtlesim_node`; the same `turtle.yaml` fits both.
"""

from __future__ import annotations

import math
import sys

import rclpy
from geometry_msgs.msg import Point, Twist
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, String

RATE_HZ = 60.0
SIDE_M = 11.0
BLUE, SAND = (69.0, 86.0, 255.0), (214.0, 186.0, 140.0)
WANDER_SEC = 1.0
"""It wanders again this long after the last command."""
WANDER_M_PER_SEC, ROUND_M = 2.0, 3.5
SAY_EVERY = int(RATE_HZ)


class Turtle(Node):
    """Moves, and says where it is and what colour it is on."""

    def __init__(self) -> None:
        super().__init__('turtlesim')
        self.x = self.y = SIDE_M / 2.0
        self.theta = 0.0
        self._command, self._commanded_sec, self._now_sec = Twist(), -math.inf, 0.0
        self._pose = self.create_publisher(pose_type(), 'turtle1/pose', 10)
        self._color = self.create_publisher(color_type(), 'turtle1/color_sensor', 10)
        self._activity = self.create_publisher(String, 'demo/activity', 10)
        self._was_blue, self._moves = False, 0
        self.create_subscription(Twist, 'turtle1/cmd_vel', self._on_command, 10)
        self.create_timer(1.0 / RATE_HZ, self._move)

    def _on_command(self, command: Twist) -> None:
        self._command, self._commanded_sec = command, self._now_sec

    def _move(self) -> None:
        self._now_sec += 1.0 / RATE_HZ
        if self._now_sec - self._commanded_sec < WANDER_SEC:
            speed, turn = self._command.linear.x, self._command.angular.z
        else:
            speed, turn = WANDER_M_PER_SEC, self._turn_to_the_round()
        self.theta = math.remainder(self.theta + turn / RATE_HZ, math.tau)
        self.x = min(max(self.x + speed * math.cos(self.theta) / RATE_HZ, 0.0), SIDE_M)
        self.y = min(max(self.y + speed * math.sin(self.theta) / RATE_HZ, 0.0), SIDE_M)
        is_blue = self.x < SIDE_M / 2.0
        self._publish(*(BLUE if is_blue else SAND))
        self._say(is_blue)

    def _turn_to_the_round(self) -> float:
        """Return the turn (rad/s) towards a point that goes round the field, over both halves of it."""
        angle = self._now_sec * WANDER_M_PER_SEC / ROUND_M
        x, y = (SIDE_M / 2.0 + ROUND_M * each for each in (math.cos(angle), math.sin(angle)))
        return 2.0 * math.remainder(math.atan2(y - self.y, x - self.x) - self.theta, math.tau)

    def _say(self, is_blue: bool) -> None:
        """Print where it is now when that changes, and tell the page once a second as well."""
        where = 'on the blue' if is_blue else 'on the sand'
        if is_blue != self._was_blue:
            print(f'the turtle is {where}', flush=True)
        if is_blue != self._was_blue or self._moves % SAY_EVERY == 0:
            hold = 'YES' if is_blue else 'NO'
            self._activity.publish(String(data=f'The turtle is {where}. Hold {hold}.'))
        self._was_blue, self._moves = is_blue, self._moves + 1

    def _publish(self, r: float, g: float, b: float) -> None:
        pose, color = pose_type()(), color_type()()
        pose.x, pose.y = self.x, self.y
        if hasattr(pose, 'theta'):
            pose.theta = self.theta
        kind = type(color.r)  # turtlesim's are whole numbers
        color.r, color.g, color.b = kind(r), kind(g), kind(b)
        self._pose.publish(pose)
        self._color.publish(color)


def pose_type() -> type:
    """Return turtlesim's type of a pose where it is installed, else one with x and y."""
    try:
        from turtlesim.msg import Pose
    except ImportError:
        return Point
    return Pose


def color_type() -> type:
    """Return turtlesim's type of a colour where it is installed, else one with r, g and b."""
    try:
        from turtlesim.msg import Color
    except ImportError:
        return ColorRGBA
    return Color


def main() -> int:
    """Run until Ctrl-C; return the exit code."""
    rclpy.init()
    try:
        rclpy.spin(Turtle())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
