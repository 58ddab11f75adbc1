# SPDX-License-Identifier: Apache-2.0
"""What the graph decides of sampling: who publishes, how it is kept, when it comes, and what is said."""

from __future__ import annotations

import pytest
from builtin_interfaces.msg import Time
from rclpy.context import Context
from rclpy.node import Node
from ros_harness import LATCHED
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import Bool, Float64MultiArray, String

X = '/imu/data/angular_velocity/x'
STEP_NS = 20_000_000


class Robot:
    """A featurizer, an IMU that goes on, and what is heard of it."""

    def __init__(self, ground):
        self.ground, self.turn = ground, 0
        self.features = ground.subscribe(Float64MultiArray, 'features', 1000)
        self.labeled = ground.subscribe(Float64MultiArray, 'labeled_features', 1000)

    def start(self, features=f'["{X}"]', **parameters):
        self.ground.publisher(Imu, '/imu/data', subscribers=0)
        self.ground.start('featurizer', features=features, **parameters)
        self.ground.wait_for_nodes('featurizer')

    def go_on(self):
        self.turn += 1
        message = Imu()
        ns = self.turn * STEP_NS
        message.header.stamp = Time(sec=ns // 10**9, nanosec=ns % 10**9)
        message.angular_velocity.x = float(self.turn)
        self.ground.publisher(Imu, '/imu/data', subscribers=0).publish(message)

    def until(self, condition, what=''):
        self.ground.wait_until(condition, what, meanwhile=self.go_on)

    @property
    def text(self):
        return self.ground.text.get('featurizer', '')


@pytest.fixture
def robot(ground):
    return Robot(ground)


def test_samples_go_out_while_nobody_labels_and_the_label_is_taken_up(robot):
    robot.start(label='/label/data', label_timeout_sec='0.0')
    robot.until(lambda: len(robot.features) > 20)
    robot.until(lambda: 'no label from /label/data' in robot.text)
    assert robot.ground.severity['featurizer'] == 0 and not robot.labeled
    label = robot.ground.publisher(Bool, '/label', subscribers=0)

    def both():
        label.publish(Bool(data=True))
        robot.go_on()

    robot.ground.wait_until(lambda: robot.labeled, 'a labelled sample', meanwhile=both)
    assert robot.labeled[-1].data[-1] == 1.0


def test_a_latched_label_is_heard_latched(robot):
    robot.ground.node.create_publisher(Bool, '/label', LATCHED).publish(Bool(data=True))
    robot.start(label='/label/data', label_timeout_sec='0.0')
    robot.until(lambda: robot.labeled, 'a sample with the label of before')
    assert robot.labeled[-1].data[-1] == 1.0


def test_a_subscriber_of_another_type_does_not_matter(robot):
    context = Context()
    context.init(domain_id=robot.ground.domain)
    stray = Node('stray', context=context, enable_rosout=False)
    stray.create_subscription(String, '/imu/data', lambda message: None, 10)
    try:
        robot.start()
        robot.until(lambda: robot.features, 'a sample')
    finally:
        stray.destroy_node()
        context.shutdown()


def test_a_sensor_that_falls_silent_is_named_within_seconds(robot):
    robot.start()
    robot.until(lambda: len(robot.features) > 20)
    robot.ground.wait_until(lambda: robot.ground.severity['featurizer'] == 1, 'a warning')
    assert 'nothing from /imu/data for' in robot.text and 'ros2 topic hz /imu/data' in robot.text
    assert 'nothing from /imu/data for' in robot.ground.processes[-1].stderr
    robot.until(lambda: robot.ground.severity['featurizer'] == 0, 'all well again')


def test_a_joint_goes_by_its_name_whoever_publishes_it(robot):
    ground = robot.ground
    arm, hand = (ground.node.create_publisher(JointState, '/joint_states', 100) for _ in range(2))
    robot.start('["/joint_states/position[gripper]", "/joint_states/position[arm] * 10"]')

    def both():
        arm.publish(JointState(name=['arm', 'wheel'], position=[1.0, 2.0]))
        hand.publish(JointState(name=['wheel', 'gripper'], position=[3.0, 4.0]))
        hand.publish(JointState(name=['gripper', 'wheel'], position=[4.0, 3.0]))

    ground.wait_until(lambda: len(robot.features) > 30, meanwhile=both)
    assert {tuple(each.data) for each in robot.features} == {(4.0, 10.0)}
    assert robot.features[-1].layout.dim[0].label.startswith('/joint_states/position[gripper],')


def test_the_facts_of_each_topic_are_in_diagnostics(robot):
    robot.start(label='/label/data')
    robot.until(lambda: 'Hz' in robot.ground.status['featurizer'].get('topic/imu/data', ''))
    assert 'by stamp' in robot.ground.status['featurizer']['topic/imu/data']
