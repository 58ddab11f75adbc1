# SPDX-License-Identifier: Apache-2.0
"""Any rosbag2, MCAP or SQLite, read with the package `rosbags`, as raw messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core.errors import BinclfError, StorageError
from .feed import Feed, Message

TEACH_SHARE = 0.7


def feed(path: Path, train_until_sec: float | None = None) -> Feed:
    """Return a bag as messages; what comes before `train_until_sec` teaches (default: 70 %).

    Raises BinclfError where `rosbags` is missing, StorageError where the bag cannot be read.
    """
    try:
        from rosbags.rosbag2 import Reader, ReaderError
    except ImportError as error:
        raise BinclfError('bags are read with the package rosbags: pip install rosbags') from error
    try:
        with Reader(path) as bag:
            types = {each.topic: each.msgtype for each in bag.connections}
            start_ns, duration_ns = bag.start_time, bag.duration
    except (ReaderError, OSError) as error:
        raise StorageError(f'the bag {path} cannot be read: {error}') from error
    if not types:
        raise StorageError(f'the bag {path} is empty')
    until_ns = round(train_until_sec * 1e9) if train_until_sec is not None else None
    split_ns = start_ns + (int(TEACH_SHARE * duration_ns) if until_ns is None else until_ns)
    if not start_ns < split_ns < start_ns + duration_ns:
        raise BinclfError(
            f'--train-until is {(split_ns - start_ns) / 1e9:g} s, but the bag lasts '
            f'{duration_ns / 1e9:.2f} s: some of it has to teach, and some to be left for scoring'
        )

    def messages(topics: Iterable[str]) -> Iterator[Message]:
        wanted = set(topics)
        with Reader(path) as bag:
            connections = [each for each in bag.connections if each.topic in wanted]
            for connection, time_ns, data in bag.messages(connections):
                yield Message(time_ns, connection.topic, bytes(data))

    return Feed(f'the bag {path}', types, messages, start_ns, split_ns)
