# SPDX-License-Identifier: Apache-2.0
"""Accepted samples in a file that is appended to, and is whole up to a record at any moment."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..arrays import Array
from ..errors import StorageError
from ..learning.buffer import Buffer
from .dataset_format import DatasetReader, Names, Refused, header, records, records_in_order
from .files import quarantine_path, replace_file, sweep, why, write_all

LEEWAY_BYTES = 4096
"""What a file may hold besides twice the samples of the buffer."""
RETRY_SEC = 1.0
"""Between two attempts where the disk refuses."""


class Dataset:
    """The file of a trainer's samples, for one thread.

    `acknowledged` counts the samples that are durable, over the life of the dataset. Where the disk
    refuses, `failure` is a sentence, which `report` gets ('' once all is well); the samples stay in
    the buffer, and the file is written again from there as soon as that is possible. `note` gets what
    happened to a file that was there.

    >>> import tempfile
    >>> import numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> path, buffer = Path(folder.name) / 'samples', Buffer(n_features=1, capacity=100)
    >>> dataset = Dataset(path, report=print, note=print)
    >>> X, y = np.array([[1.0], [2.0]]), np.array([0.0, 1.0])
    >>> buffer.extend(X, y)
    >>> dataset.append(('x',), X, y, buffer)
    >>> dataset.acknowledged
    2
    >>> reader = DatasetReader(path)
    >>> [(X.tolist(), y.tolist()) for X, y in reader.batches()], reader.names
    ([([[1.0], [2.0]], [0.0, 1.0])], ('x',))
    >>> folder.cleanup()
    """

    def __init__(self, path: Path, report: Callable[[str], None], note: Callable[[str], None]) -> None:
        self.path = path
        self.acknowledged = 0
        self.failure = ''
        self._report, self._note = report, note
        self._taken = 0
        self._names: Names = ()
        self._identity = (0, 0)
        self._aside = ''
        self._retry_at = 0.0
        sweep(path)

    @property
    def failing(self) -> bool:
        """Whether there are samples that the disk has refused."""
        return bool(self.failure)

    def adopt(self, reader: DatasetReader, buffer: Buffer | None) -> None:
        """Go on with the file that a reader has read into a buffer; one that is not whole is mended."""
        self._names, self._identity = reader.names, reader.identity
        self._taken = self.acknowledged = reader.before + reader.rows
        self._aside = reader.word if self.path.is_file() else ''
        self._set_failing('')
        if reader.torn:
            self._note(f'the last record of {self.path} is not whole: cut off after {reader.rows} samples')
        if reader.problem:
            self._note(f'{self.path} {reader.problem}; samples that are used: {reader.rows}')
        if reader.torn or reader.problem or not self._identity[1]:
            self._try_to_rewrite(reader.names, buffer)

    def append(self, names: Names, X: Array, y: Array, buffer: Buffer) -> None:
        """Make samples durable which the buffer has just taken in. Never raises.

        A record is appended, as long as the file stays below twice what the buffer holds; then it is
        written whole from the buffer, without the samples that have left it. So as many samples come
        between two such writings as one of them takes: each is written twice, on average.
        """
        self._taken += len(y)
        if self.failing:
            self.retry(names, buffer)
            return
        data = b''.join(records(X, y))
        fixed = len(header(names, self._taken))
        most = 2 * (fixed + buffer.size * (8 * len(names) + 1)) + LEEWAY_BYTES
        if names != self._names or self._identity[1] + len(data) > most:
            self._try_to_rewrite(names, buffer)
            return
        try:
            self._append(data)
        except FileNotFoundError:
            self._try_to_rewrite(names, buffer)
        except Refused as refused:
            self._aside = refused.word
            self._note(f'{self.path} {refused}')
            self._try_to_rewrite(names, buffer)
        except OSError as error:
            self._set_failing(f'{self.path} could not be written: {why(error)}')

    def retry(self, names: Names, buffer: Buffer | None, at_once: bool = False) -> None:
        """Write all again where the disk refused before; at most once a second, unless `at_once`."""
        if self.failing and (at_once or time.monotonic() >= self._retry_at):
            self._try_to_rewrite(names, buffer)

    def save(self, names: Names, buffer: Buffer | None) -> int:
        """Rewrite the file from the buffer and read it back; return its samples. Raises StorageError."""
        self._try_to_rewrite(names, buffer)
        if self.failing:
            raise StorageError(self.failure)
        reader = DatasetReader(self.path)
        for _ in reader.batches():
            pass
        held = _held(buffer)
        if reader.problem or reader.torn or (reader.names, reader.rows) != (names, held):
            self._aside = 'damaged'
            self._set_failing(f'{self.path} {reader.problem or "is not what was written"}')
            raise StorageError(self.failure)
        return held

    def rewrite(self, names: Names, buffer: Buffer | None) -> None:
        """Write the file again from the buffer, which has let samples go. Never raises."""
        self._try_to_rewrite(names, buffer)

    def take_over(self, held: int) -> None:
        """Have what is in the file, which is another's, set aside before it is written."""
        self._aside = 'other' if self.path.is_file() else ''
        self._taken = held

    def clear(self) -> None:
        """Begin again with no samples."""
        self._taken = self.acknowledged = 0
        self._try_to_rewrite((), None)

    def _append(self, data: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if (status.st_ino, status.st_size) != self._identity:
                raise Refused('other', 'was changed by somebody else')
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._identity = (status.st_ino, status.st_size + len(data))
        self.acknowledged = self._taken

    def _try_to_rewrite(self, names: Names, buffer: Buffer | None) -> None:
        def chunks() -> Iterator[bytes]:
            yield header(names, max(0, self._taken - _held(buffer)))
            if buffer is not None:
                yield from records_in_order(buffer)

        kept = quarantine_path(self.path, self._aside) if self._aside else None
        try:
            replace_file(self.path, chunks(), kept)
            status = os.stat(self.path)
        except StorageError as error:
            self._set_failing(str(error))
        except OSError as error:
            self._set_failing(f'{self.path} could not be read: {why(error)}')
        else:
            self._names, self._identity, self._aside = names, (status.st_ino, status.st_size), ''
            self.acknowledged = self._taken
            self._set_failing('')
            if kept is not None:
                self._note(f'{self.path} as it was is set aside as {kept}')

    def _set_failing(self, failure: str) -> None:
        self._retry_at = time.monotonic() + RETRY_SEC
        if failure or self.failing:
            self._report(f'{failure}; new samples are in memory alone' if failure else '')
        self.failure = failure


def _held(buffer: Buffer | None) -> int:
    return 0 if buffer is None else buffer.size
