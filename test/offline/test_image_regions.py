# SPDX-License-Identifier: Apache-2.0
"""Regions of the images of a recording: the same numbers as live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from robots import START_NS, TYPES
from rosbags.rosbag2 import StoragePlugin, Writer

from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.offline import extraction, store
from binclf_ros.offline.inputs import find_sources

pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')

TOPIC = '/camera/image_raw'
FEATURES = (f'mean({TOPIC}[red, 0.5:1.0, :])', f'max({TOPIC}[blue, :, 2:4])')


def write_pictures(path: Path, pictures: np.ndarray) -> Path:
    """Write a recording of one picture each 100 ms; pictures are (M, H, W, 3), BGR."""
    of = TYPES.types
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(TOPIC, 'sensor_msgs/msg/Image', typestore=TYPES)
        for i, pixels in enumerate(pictures):
            time_ns = START_NS + i * 100_000_000
            stamp = of['builtin_interfaces/msg/Time'](sec=time_ns // 10**9, nanosec=time_ns % 10**9)
            message = of['sensor_msgs/msg/Image'](
                header=of['std_msgs/msg/Header'](stamp=stamp, frame_id='camera'),
                height=pixels.shape[0],
                width=pixels.shape[1],
                encoding='bgr8',
                is_bigendian=0,
                step=3 * pixels.shape[1],
                data=pixels.reshape(-1),
            )
            writer.write(connection, time_ns, TYPES.serialize_cdr(message, 'sensor_msgs/msg/Image'))
    return path


def test_regions_of_recorded_images_are_features(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (5, 8, 12, 3)).astype(np.uint8)
    (source,), _ = find_sources([str(write_pictures(tmp_path / 'bag', pictures))])
    job = extraction.Job(source, SamplingOptions(features=FEATURES, label=''), '/', tmp_path / 'out')
    outcome = extraction.run(job)
    assert outcome.meta is not None, outcome.problem
    assert outcome.meta.samples == 5 and outcome.meta.features == FEATURES
    X, _, _ = store.arrays(outcome.folder)
    wanted = [(each[4:, :, 2].mean(), each[:, 2:4, 0].max()) for each in pictures.astype(float)]
    assert np.allclose(X, wanted, rtol=1e-12)
