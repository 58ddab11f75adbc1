# SPDX-License-Identifier: Apache-2.0
"""Recordings of rosbag2: MCAP or SQLite, whole, split, compressed or cut, without ROS."""

from __future__ import annotations

import heapq
import re
import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ..core.errors import BinclfError, StorageError
from .feed import Feed
from .mcap import McapFile
from .parts import BagFile, Channel, Message, unpack_file
from .sqlite import SqliteFile
from .types import Types, types_of

TEACH_SHARE = 0.7
SUFFIXES = ('.mcap', '.db3', '.mcap.zstd', '.db3.zstd')
METADATA = 'metadata.yaml'
MAX_METADATA = 2**24
_SPLIT = re.compile(r'(.*)_\d+')
_LISTED = re.compile(
    r'^\s*(?:- |path: )\s*["\']?([^"\'\s]+\.(?:mcap|db3)(?:\.zstd)?)["\']?\s*$', re.MULTILINE
)


class Recording:
    """One recording: a folder, or files that belong together; a handle, opened where it is first used.

    Raises StorageError where nothing of it can be read. `notes` are sentences about what is not whole.
    """

    def __init__(self, path: Path, files: Sequence[Path] = ()) -> None:
        self.path = path
        self.files = list(files) or bag_files(path)
        if not self.files:
            raise StorageError(f'{path} is no recording: expected a folder with .mcap or .db3 files')

    @cached_property
    def _opened(self) -> list[BagFile]:
        found, problems = [], []
        for path in self.files:
            try:
                found.append(_open(self._unpacked(path) if path.suffix == '.zstd' else path))
            except StorageError as error:
                problems.append(str(error))
        if not found:
            raise StorageError(problems[0])
        self._problems = problems
        return found

    def _unpacked(self, path: Path) -> Path:
        """Return what a file compressed as a whole holds, as a file that lives as long as this object."""
        folder = tempfile.mkdtemp(prefix='binclf_ros-')
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        found = Path(folder, path.stem)
        try:
            with open(found, 'wb') as out:
                unpack_file(path, out)
        except OSError as error:
            raise StorageError(f'{path} cannot be unpacked in {folder}: {error.strerror}') from error
        return found

    @property
    def notes(self) -> list[str]:
        """Sentences about what is missing, cut or damaged, as far as it was read."""
        damages = [each.damage for each in self._opened]
        notes = [*self._problems, *(each for each in damages if each)]
        if self.path.is_dir() and not notes and not (self.path / METADATA).exists():
            notes.append(f'{self.path} has no {METADATA}: its files are read without it')
        missing = [each for each in _listed(self.path) if not (self.path / each).exists()]
        return notes + [f'{self.path / each} is missing, but {METADATA} names it' for each in missing]

    @cached_property
    def channels(self) -> list[Channel]:
        """All topics of all files."""
        return [channel for each in self._opened for channel in each.content.channels]

    @cached_property
    def types(self) -> dict[str, str]:
        """Topic → the name of its type; of one that has two, the first."""
        found: dict[str, str] = {}
        for each in self.channels:
            found.setdefault(each.topic, each.kind)
        return found

    @cached_property
    def known(self) -> Types:
        """Its message types."""
        return types_of(self.channels)

    def check_types(self, topics: Iterable[str]) -> None:
        """Raise StorageError where one of these topics has two types."""
        for topic in topics:
            kinds = sorted({each.kind for each in self.channels if each.topic == topic})
            if len(kinds) > 1:
                raise StorageError(
                    f'{self.path}: {topic} has two types, {" and ".join(kinds)}; expected one: '
                    'record the two under names of their own'
                )

    @property
    def start_ns(self) -> int:
        """When the first message was recorded. Raises StorageError where there is none."""
        return min(self._times(0))

    @property
    def end_ns(self) -> int:
        """When the last message was recorded. Raises StorageError where there is none."""
        return max(self._times(1))

    @cached_property
    def counts(self) -> dict[str, int]:
        """Topic → messages, as far as it can be read."""
        found: dict[str, int] = {}
        for each in self._opened:
            for topic, count in each.content.counts.items():
                found[topic] = found.get(topic, 0) + count
        return found

    def _times(self, which: int) -> list[int]:
        spans = [(each.content.start_ns, each.content.end_ns) for each in self._opened]
        times = [span[which] for span in spans]
        known = [each for each in times if each is not None]
        if not known:
            raise StorageError(' '.join([f'the bag {self.path} is empty', *self.notes]))
        return known

    def messages(self, topics: Collection[str]) -> Iterator[Message]:
        """Yield the messages of some topics by time, of all files together."""
        streams = [each.messages(topics) for each in self._opened]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams, key=lambda message: message.time_ns)


def bag_files(path: Path) -> list[Path]:
    """Return the files of a recording: of a folder, or that one file; nothing where it is none."""
    if path.is_file():
        return [path] if path.name.endswith(SUFFIXES) else []
    if not path.is_dir():
        return []
    return sorted(each for each in path.iterdir() if each.name.endswith(SUFFIXES) and each.is_file())


def find_recordings(path: Path) -> list[Recording]:
    """Return the recordings at a path: a bag, files that are none of one bag, or those of a folder.

    Files of a folder without metadata belong together where their names differ by a number alone, as
    rosbag2 splits them. Raises StorageError where there is none.
    """
    if path.is_dir() and not (path / METADATA).exists():
        groups: dict[str, list[Path]] = {}
        for each in bag_files(path):
            stem = each.name.split('.')[0]
            split = _SPLIT.fullmatch(stem)
            groups.setdefault(split[1] if split else stem, []).append(each)
        if len(groups) > 1:
            return [Recording(files[0], files) for files in groups.values()]
        if not groups:
            below = [each for each in sorted(path.iterdir()) if each.is_dir() and bag_files(each)]
            if below:
                return [found for each in below for found in find_recordings(each)]
    if not path.exists():
        raise StorageError(f'there is no {path}: expected a recording of rosbag2')
    return [Recording(path)]


def _open(path: Path) -> BagFile:
    return SqliteFile(path) if path.name.endswith('.db3') else McapFile(path)


def _listed(path: Path) -> list[str]:
    """Return the files that the metadata of a folder name."""
    try:
        with open(path / METADATA, encoding='utf-8', errors='replace') as file:
            text = file.read(MAX_METADATA)
    except OSError:
        return []
    return sorted({Path(each).name for each in _LISTED.findall(text)})


def feed(path: Path, train_until_sec: float | None = None) -> Feed:
    """Return a bag as messages; what comes before `train_until_sec` teaches (default: 70 %).

    Raises BinclfError where what reads types is missing, StorageError where the bag cannot be read.
    """
    recording = Recording(path)
    if not recording.types:
        raise StorageError(f'the bag {path} is empty')
    start_ns, end_ns = recording.start_ns, recording.end_ns + 1
    until_ns = round(train_until_sec * 1e9) if train_until_sec is not None else None
    split_ns = start_ns + (int(TEACH_SHARE * (end_ns - start_ns)) if until_ns is None else until_ns)
    if not start_ns < split_ns < end_ns:
        raise BinclfError(
            f'--train-until is {(split_ns - start_ns) / 1e9:g} s, but the bag lasts '
            f'{(end_ns - start_ns) / 1e9:.2f} s: some of it has to teach, and some to be left for scoring'
        )
    return Feed(
        f'the bag {path}',
        recording.types,
        lambda topics: recording.messages(set(topics)),
        start_ns,
        split_ns,
        tuple(recording.notes),
    )
