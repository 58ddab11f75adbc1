# SPDX-License-Identifier: Apache-2.0
"""What labelled clouds teach: the same live and of recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from .reader import CloudLike, CloudReader, LabeledPoints


class LabeledClouds:
    """Hands the usable labelled points of clouds to who learns.

    `read(data)` makes a cloud of its bytes; `check(names)` raises SampleError for other features than those
    before. `counts` gets `received`, and `rejected/<reason>` of points that are left out; a cloud that is
    refused counts 1 received.
    """

    def __init__(
        self,
        reader: CloudReader,
        read: Callable[[bytes], CloudLike],
        counts: Counter[str],
        check: Callable[[tuple[str, ...]], None],
        learn: Callable[[LabeledPoints], None],
    ) -> None:
        self._reader, self._read, self._counts = reader, read, counts
        self._check, self._learn = check, learn

    def add(self, data: bytes) -> None:
        """Take a cloud in. Raises SampleError, by the reasons of reader.py."""
        count = 1
        try:
            cloud = self._reader.read_labeled(self._read(data))
            self._check(cloud.names)
            count = len(cloud.y) + sum(cloud.left_out.values())
        finally:
            self._counts['received'] += count
        for reason, left_out in cloud.left_out.items():
            self._counts[f'rejected/{reason}'] += left_out
        self._learn(cloud)
