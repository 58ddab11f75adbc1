# SPDX-License-Identifier: Apache-2.0
"""examples/road.yaml on the recorded drive: 24 frames teach, 16 are scored, all through the real nodes."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')

ROOT = Path(__file__).resolve().parents[2]
BAG = ROOT.parent / 'shared' / 'data' / 'road_camera' / 'bag'
N_TAUGHT = 24


def recorded():
    """Frames and masks of the drive in order: (bytes of the frame, bytes of the mask)."""
    from rosbags.highlevel import AnyReader

    with AnyReader([BAG]) as reader:
        by_topic = {'/camera/image_raw/compressed': [], '/labeled_image': []}
        for connection, _, raw in reader.messages():
            by_topic[connection.topic].append(bytes(raw))
    return list(zip(*by_topic.values()))


@pytest.mark.skipif(not BAG.exists(), reason='the recordings of ../shared/data are not there')
def test_the_road_of_a_real_drive_is_seen(ground, record_property):
    from rclpy.serialization import deserialize_message

    parameters = ('--params-file', str(ROOT / 'examples' / 'road.yaml'))
    ground.start('trainer', *parameters)
    ground.start('predictor', *parameters)
    models, answers = ground.hear_models(), ground.subscribe(Image, 'classified_image', 30)
    frames = ground.publisher(CompressedImage, 'image/compressed', 30, subscribers=2)
    masks = ground.publisher(Image, 'labeled_image')
    drive = recorded()
    for _, mask in drive[:N_TAUGHT]:
        masks.publish(mask)
    again = cycle(drive[:N_TAUGHT])  # a frame that is heard twice finds no second mask
    ground.wait_until(
        lambda: models and models[-1]['samples'] == N_TAUGHT * 1000 and models[-1]['converged'],
        'a model of all that is taught',
        meanwhile=lambda: frames.publish(next(again)[0]),
        every_sec=0.05,
    )

    ground.drain()
    hits = misses = right = n = 0
    log_loss = 0.0
    for frame, mask in drive[N_TAUGHT:]:
        truth = deserialize_message(mask, Image)
        seen = len(answers)
        ground.wait_until(
            lambda seen=seen, truth=truth: any(a.header == truth.header for a in answers[seen:]),
            'a mask',
            meanwhile=lambda frame=frame: frames.publish(frame),
            every_sec=1.0,
        )
        answer = next(a for a in answers[seen:] if a.header == truth.header)
        y = np.frombuffer(truth.data, np.uint8)
        p = np.frombuffer(answer.data, np.uint8)[y < 2] / 255.0
        y = y[y < 2]
        decided = p >= 0.5
        hits, misses = hits + (decided & (y == 1)).sum(), misses + (decided != (y == 1)).sum()
        right, n = right + (decided == y).sum(), n + len(y)
        log_loss -= np.log(np.clip(np.where(y == 1, p, 1.0 - p), 0.5 / 255.0, 1.0)).sum()
    accuracy, iou, log_loss = right / n, hits / (hits + misses), log_loss / n
    record_property('road: accuracy, IoU, log loss', f'{accuracy:.3f} {iou:.3f} {log_loss:.3f}')
    assert accuracy >= 0.93 and iou >= 0.82 and log_loss <= 0.145
