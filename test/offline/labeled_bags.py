# SPDX-License-Identifier: Apache-2.0
"""Recordings of labelled clouds, and of images with their masks, written without ROS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from robots import START_NS, TYPES
from rosbags.rosbag2 import StoragePlugin, Writer

CLOUD, IMAGE = 'sensor_msgs/msg/PointCloud2', 'sensor_msgs/msg/Image'
POINT = np.dtype([('x', 'f4'), ('y', 'f4'), ('z', 'f4'), ('label', 'f4')])
CODES = {'f4': 7, 'u1': 2, 'f8': 8}
HEIGHT, WIDTH = 24, 32
Said = tuple[int, str, Any]
"""When a message was recorded (ms), its topic, and the message."""


def header(ms: int) -> Any:
    """Return a header with a stamp of so many milliseconds."""
    time_ns = START_NS + ms * 1_000_000
    stamp = TYPES.types['builtin_interfaces/msg/Time'](sec=time_ns // 10**9, nanosec=time_ns % 10**9)
    return TYPES.types['std_msgs/msg/Header'](stamp=stamp, frame_id='sensor')


def cloud(ms: int, points: np.ndarray) -> Any:
    """Return a cloud of a structured array (M,)."""
    field = TYPES.types['sensor_msgs/msg/PointField']
    fields = [
        field(name=name, offset=offset, datatype=CODES[dtype.str[1:]], count=1)
        for name, (dtype, offset) in points.dtype.fields.items()
    ]
    step = points.dtype.itemsize
    return TYPES.types[CLOUD](
        header=header(ms), height=1, width=len(points), fields=fields, is_bigendian=False, point_step=step,
        row_step=step * len(points), data=np.frombuffer(points.tobytes(), np.uint8), is_dense=True,
    )  # fmt: skip


def image(ms: int, pixels: np.ndarray) -> Any:
    """Return a picture (H, W, 3) in bgr8, or a mask (H, W) in mono8."""
    height, width = pixels.shape[:2]
    return TYPES.types[IMAGE](
        header=header(ms), height=height, width=width, encoding='bgr8' if pixels.ndim == 3 else 'mono8',
        is_bigendian=0, step=pixels.nbytes // height, data=pixels.reshape(-1),
    )  # fmt: skip


def street(seed: int, n_points: int = 60) -> np.ndarray:
    """Return labelled points: 1 is what is low; of every tenth, nothing is known."""
    generator = np.random.default_rng(seed)
    points = np.zeros(n_points, POINT)
    points['x'], points['y'] = generator.uniform(-5.0, 5.0, (2, n_points))
    points['label'] = generator.random(n_points) < 0.4
    points['z'] = np.where(points['label'] == 1, 0.0, 1.5) + generator.normal(0.0, 0.6, n_points)
    points['label'][::10] = np.nan
    return points


def road(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of which the lower part is grey and the rest green, and its mask, partly known."""
    generator = np.random.default_rng(seed)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[8 + seed % 8 :] = 1
    colours = np.where(mask[:, :, None] == 1, (110, 110, 110), (80, 140, 90))
    picture = (colours + generator.integers(-60, 60, (HEIGHT, WIDTH, 3))).astype(np.uint8)
    mask[:, ::4] = 255
    return picture, mask


def write_said(path: Path, said: Iterable[Said]) -> Path:
    """Write a recording of messages, of these topics in this order."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for ms, topic, message in said:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            time_ns = START_NS + ms * 1_000_000
            writer.write(connections[topic], time_ns, TYPES.serialize_cdr(message, kind))
    return path


def clouds_bag(path: Path, seeds: Sequence[int], topic: str = '/labeled_points') -> Path:
    """Write a recording of a labelled cloud each 100 ms."""
    return write_said(
        path, [(100 * i, topic, cloud(100 * i, street(seed))) for i, seed in enumerate(seeds)]
    )


def images_bag(
    path: Path, seeds: Sequence[int], images: str = '/image', masks: str = '/labeled_image'
) -> Path:
    """Write a recording of an image each 100 ms, whose mask follows after 30 ms."""
    said: list[Said] = []
    for i, seed in enumerate(seeds):
        picture, mask = road(seed)
        said += [(100 * i, images, image(100 * i, picture)), (100 * i + 30, masks, image(100 * i, mask))]
    return write_said(path, said)
