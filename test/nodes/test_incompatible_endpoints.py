# SPDX-License-Identifier: Apache-2.0
"""Another type, or a quality of service that does not fit: named on both sides, until it goes."""

from __future__ import annotations

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_harness import blobs
from std_msgs.msg import Float64, Float64MultiArray, String

# rclpy itself logs by a method that it has deprecated
pytestmark = pytest.mark.filterwarnings('ignore:Deprecated in favor:DeprecationWarning')
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_a_stranger_is_named_until_it_goes(ground):
    ground.start('predictor')
    ground.wait_for_nodes('predictor')
    fits = ground.node.create_subscription(Float64, 'probability', print, 10)
    wrong = [
        (ground.node.create_publisher(String, 'features', 10), 'features', 'std_msgs/msg/String'),
        (ground.node.create_publisher(String, 'model', 10), 'model', 'volatile'),
    ]
    deaf = [
        (ground.node.create_subscription(String, 'decision', print, 10), 'decision', 'std_msgs/msg/UInt8'),
        (
            ground.node.create_subscription(Float64, 'probability', print, LATCHED),
            'probability',
            'volatile',
        ),
    ]

    def named():
        text = ground.text['predictor'].lower()
        said = (
            f'/client publishes std_msgs/msg/string on /{wrong[0][1]}',
            '/client publishes /model in vain',
        )
        heard = (
            '/client expects std_msgs/msg/string on /decision',
            '/client receives nothing on /probability',
        )
        return all(each in text for each in (*said, *heard, *(each[2].lower() for each in wrong + deaf)))

    ground.wait_until(named, 'four incompatible endpoints')
    assert ground.shown('predictor', 'incompatible_endpoints') == '4'
    assert ground.severity['predictor'] == 1
    if hasattr(fits, 'get_publisher_count'):  # not on Humble
        assert fits.get_publisher_count() == 1
    for publisher, *_ in wrong:
        ground.node.destroy_publisher(publisher)
    for subscription, *_ in deaf:
        ground.node.destroy_subscription(subscription)
    ground.wait_until(lambda: 'client' not in ground.text['predictor'], 'an end of them')
    assert not ground.shown('predictor', 'incompatible_endpoints')


def test_a_teacher_that_is_not_reliable_is_told_of_to_the_trainer(ground):
    ground.start('trainer')
    ground.wait_for_nodes('trainer')
    teacher = ground.node.create_publisher(Float64MultiArray, 'labeled_features', BEST_EFFORT)
    ground.wait_until(lambda: '/client publishes /labeled_features in vain' in ground.text['trainer'])
    assert 'qos_overrides./labeled_features.subscription' in ground.text['trainer']
    ground.node.destroy_publisher(teacher)
    ground.wait_until(lambda: 'in vain' not in ground.text['trainer'])
    ground.teach(*blobs(20))
    ground.wait_until_shown('trainer', 'accepted', 20)
