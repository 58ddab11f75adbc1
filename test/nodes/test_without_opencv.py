# SPDX-License-Identifier: Apache-2.0
"""Where OpenCV is missing, an image is refused by the sentence that says what to install."""

from __future__ import annotations

from ros_harness import run_program

TEACH = """
import json
import sys

sys.modules['cv2'] = None
import rclpy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from binclf_ros.nodes.trainer import Trainer

rclpy.init()
node = Trainer()
callbacks = {each.topic_name: each.callback for each in node.subscriptions}
image = Image(height=2, width=2, encoding='bgr8', step=6, data=bytes(12))
mask = Image(height=2, width=2, encoding='mono8', step=2, data=bytes(4))
for topic, message in (('/image', image), ('/labeled_image', mask)):
    callbacks[topic](serialize_message(message))
print(json.dumps([node.counts, node.said]))
node.close()
rclpy.try_shutdown()
"""


def test_an_image_is_refused_with_what_to_install(shared_ground):
    (counts, said), stderr = run_program(TEACH, shared_ground.domain)
    assert counts['rejected/internal_error'] == counts['received'] == 1
    assert said['internal_error'].startswith('images need OpenCV, which is not installed: install ')
    assert 'internal error' not in stderr and 'Traceback' not in stderr
