# SPDX-License-Identifier: Apache-2.0
"""Where OpenCV is missing, an image is refused by the sentence that says what to install."""

from __future__ import annotations

import json
import subprocess
import sys

from ros_harness import REPOSITORY, environment

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
    done = subprocess.run(
        [sys.executable, '-c', TEACH],
        env=environment(shared_ground.domain),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    counts, said = json.loads(done.stdout.splitlines()[-1])
    assert counts['rejected/internal_error'] == counts['received'] == 1
    assert said['internal_error'].startswith('images need OpenCV, which is not installed: install ')
    assert 'internal error' not in done.stderr and 'Traceback' not in done.stderr
