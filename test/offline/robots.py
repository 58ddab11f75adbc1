# SPDX-License-Identifier: Apache-2.0
"""Recordings of a robot whose Imu shakes more where the label is 1, and the commands in this process."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

TYPES = get_typestore(Stores.LATEST)
START_NS = 1_700_000_000_000_000_000
FEATURES = ('std(/imu/data/linear_acceleration/x, 0.5)', 'mean(/imu/data/linear_acceleration/x, 0.5)')
ARGUMENTS = ['--set', f'features=[{", ".join(FEATURES)}]', '--set', 'label=/label/data', '--quiet']


def imu(time_ns: int, x: float) -> Any:
    """Return an Imu message."""
    of = TYPES.types
    stamp = of['builtin_interfaces/msg/Time'](sec=time_ns // 10**9, nanosec=time_ns % 10**9)
    vector, nine = of['geometry_msgs/msg/Vector3'], np.zeros(9)
    return of['sensor_msgs/msg/Imu'](
        header=of['std_msgs/msg/Header'](stamp=stamp, frame_id='imu'),
        orientation=of['geometry_msgs/msg/Quaternion'](x=0.0, y=0.0, z=0.0, w=1.0),
        orientation_covariance=nine,
        angular_velocity=vector(x=0.0, y=0.0, z=0.0),
        angular_velocity_covariance=nine,
        linear_acceleration=vector(x=x, y=0.0, z=9.8),
        linear_acceleration_covariance=nine,
    )


def write_bag(
    path: Path,
    seed: int,
    *,
    seconds: float = 8.0,
    labels: bool = True,
    topic: str = '/imu/data',
    storage: StoragePlugin = StoragePlugin.MCAP,
    clouds: bool = False,
) -> Path:
    """Write a recording: 50 Hz of Imu, 10 Hz of labels that turn every 2 s."""
    generator = np.random.default_rng(seed)
    writer = Writer(path, version=9, storage_plugin=storage)
    with writer:
        of_imu = writer.add_connection(topic, 'sensor_msgs/msg/Imu', typestore=TYPES)
        of_label = writer.add_connection('/label', 'std_msgs/msg/Bool', typestore=TYPES) if labels else None
        scale = 1.0 + 0.3 * generator.normal()
        for i in range(round(50 * seconds)):
            time_ns = START_NS + seed * 10**12 + i * 20_000_000
            label = (i // 100) % 2
            if of_label is not None and i % 5 == 0:
                message = TYPES.types['std_msgs/msg/Bool'](data=bool(label))
                writer.write(of_label, time_ns, TYPES.serialize_cdr(message, 'std_msgs/msg/Bool'))
            x = generator.normal() * scale * (2.0 if label else 0.7)
            writer.write(of_imu, time_ns, TYPES.serialize_cdr(imu(time_ns, x), 'sensor_msgs/msg/Imu'))
    return path


def cut(path: Path, share: float = 0.6) -> Path:
    """Cut the file of a recording, as a power loss does, and remove its metadata."""
    (path / 'metadata.yaml').unlink()
    for file in path.glob('*.mcap'):
        data = file.read_bytes()
        file.write_bytes(data[: int(share * len(data))])
    return path


def fleet(folder: Path, count: int = 12) -> list[Path]:
    """Write a folder of recordings: the second is cut, the third has no label, the fourth lacks the Imu."""
    paths = []
    for n in range(count):
        path = folder / f'run_{n:02d}'
        write_bag(path, n, labels=n != 2, topic='/imu/raw' if n == 3 else '/imu/data')
        paths.append(cut(path) if n == 1 else path)
    return paths


def copied(path: Path, to: Path) -> Path:
    """Return a copy of a recording that may be written to."""
    shutil.copytree(path, to)
    for each in to.iterdir():
        each.chmod(0o644)
    return to


def run(program: str, arguments: Sequence[object]) -> int:
    """Run one of the commands in this process; return its exit code."""
    from importlib import import_module

    code: int = import_module(f'binclf_ros.offline.{program}').main([str(each) for each in arguments])
    return code
