# SPDX-License-Identifier: Apache-2.0
"""What the arguments BAGS name: recordings, each with a name of its own, or the samples of some."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import BinclfError, StorageError
from ..recordings.bags import Recording, find_recordings
from .store import stored_in

MAX_NAME_PARTS = 8


@dataclass(frozen=True)
class Source:
    """One recording: its name, which no other has, where it is, and its files; a worker can have it."""

    name: str
    path: Path
    files: tuple[Path, ...]

    def open(self) -> Recording:
        """Return the recording."""
        return Recording(self.path, self.files)

    @property
    def n_bytes(self) -> int:
        """How large its files are."""
        return sum(each.stat().st_size for each in self.files if each.exists())

    def is_called(self, text: str) -> bool:
        """Return whether a file of labels means this one: by its name, or by the end of its path."""
        given, own = Path(text).parts, self.path.resolve().parts
        stem = (*own[:-1], self.path.stem)
        return text == self.name or (bool(given) and given in (own[-len(given) :], stem[-len(given) :]))


Inputs = tuple[list[Source], list[Path]]
"""Recordings, or folders of samples."""


def find_sources(texts: Sequence[str]) -> Inputs:
    """Return the recordings that arguments name, and folders of samples that `extract` has made.

    Raises StorageError where one of them is neither, BinclfError where both kinds are given.
    """
    stores, found = [], []
    for path in _expanded(texts):
        inside = stored_in(path)
        stores += inside
        if not inside:
            found += find_recordings(path)
    if stores and found:
        raise BinclfError(
            f'{stores[0]} holds samples and {found[0].path} is a recording: give one kind, or extract both'
        )
    return _named(found), stores


def _expanded(texts: Iterable[str]) -> list[Path]:
    """Return the paths of arguments, those of a pattern in order, each once."""
    paths: list[Path] = []
    for text in texts:
        fits = [text] if Path(text).exists() else sorted(glob.glob(text, recursive=True))
        if not fits:
            raise StorageError(f'nothing is called {text}: expected recordings of rosbag2, or a pattern')
        paths += [Path(each) for each in fits]
    return list(dict.fromkeys(paths))


def _named(recordings: Sequence[Recording]) -> list[Source]:
    """Return sources whose names are the last parts of their paths, as many as tell them apart."""
    unique = {each.files[0].resolve(): each for each in recordings}
    paths = {key: _parts(each.path) for key, each in unique.items()}
    for count in range(1, MAX_NAME_PARTS + 1):
        names = ['/'.join(parts[-count:]) for parts in paths.values()]
        if len(set(names)) == len(names):
            break
    else:
        names = [str(each.path) for each in unique.values()]
    return [
        Source(name, each.path.resolve(), tuple(file.resolve() for file in each.files))
        for name, each in zip(names, unique.values())
    ]


def _parts(path: Path) -> tuple[str, ...]:
    resolved = path.resolve()
    last = resolved.name.split('.')[0] if path.is_file() else resolved.name
    return (*resolved.parts[1:-1], last)
