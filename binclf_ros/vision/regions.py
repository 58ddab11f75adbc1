# SPDX-License-Identifier: Apache-2.0
"""Regions of images as readings: the pixels of a channel, for statistics of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.cdr import Decode, SerializedReadings
from ..core.errors import SampleError
from ..core.features.fields import FieldTypes
from ..core.features.readings import Fields, Read, Readings, Values
from ..core.features.regions import KINDS, Region
from .frames import frame_of, frame_of_compressed, opencv
from .planes import Planes

MAX_PIXELS = 2**22
"""Pixels of a region: 2048 × 2048."""


def reading_of(kind: str, paths: Sequence[Fields], types: FieldTypes, decode: Decode) -> Read:
    """Return what reads paths, regions of images among them, from the bytes of a topic's messages.

    Raises BinclfError where there are regions and OpenCV is missing.
    """
    if not any(isinstance(fields[-1].index, Region) for fields in paths):
        return SerializedReadings(kind, paths, types, decode).read
    opencv()
    return ImageReadings(kind, paths, decode).read


class ImageReadings:
    """Reads the messages of one topic of images: the pixels of regions, and fields as ever."""

    def __init__(self, kind: str, paths: Sequence[Fields], decode: Decode) -> None:
        self._frame_of = frame_of if kind == KINDS[0] else frame_of_compressed
        self._decode = decode
        self._regions = {
            slot: fields[-1].index
            for slot, fields in enumerate(paths)
            if isinstance(fields[-1].index, Region)
        }
        self._others = [slot for slot in range(len(paths)) if slot not in self._regions]
        self._fields = Readings([paths[slot] for slot in self._others], has_header=True)

    def read(self, data: bytes) -> tuple[int | None, list[Values], dict[int, SampleError]]:
        """Return stamp, numbers of each path, and what cannot be read: see `core.readings.Read`.

        Raises SampleError: `unreadable`, and what frames.py refuses an image for.
        """
        message: Any = self._decode(data)
        stamp, others, problems = self._fields.read(message)
        planes = Planes(self._frame_of(message))
        values: list[Values] = [()] * (len(others) + len(self._regions))
        unread = {self._others[i]: error for i, error in problems.items()}
        for slot, value in zip(self._others, others):
            values[slot] = value
        for slot, region in self._regions.items():
            try:
                values[slot] = _pixels(planes, region)
            except SampleError as error:
                unread[slot] = error
        return stamp, values, unread


def _pixels(planes: Planes, region: Region) -> Values:
    """Return the pixels of a region, row by row. Raises SampleError: `channel`, `region`."""
    plane = planes.channel(region.channel)
    height, width = planes.shape
    pixels = plane[region.rows.of(height), region.cols.of(width)]
    if not 0 < pixels.size <= MAX_PIXELS:
        problem = f'{pixels.size} of {width} × {height} pixels, expected 1 to {MAX_PIXELS}'
        raise SampleError('region', f'[{region}] is {problem}: name another region')
    return pixels.astype(np.float64).reshape(-1)
