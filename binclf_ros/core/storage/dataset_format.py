# SPDX-License-Identifier: Apache-2.0
"""What a file of samples looks like, and how it is read without trusting it.

It is a row of records, little-endian:

====== ==== ===================================================================
bytes  type what
====== ==== ===================================================================
4      text kind: ``BCDS``, the header, once and first; ``ROWS``, samples
4      u32  L, bytes of the payload
4      u32  CRC-32 of the payload
4      u32  CRC-32 of the twelve bytes before
L           header: a JSON object with `format`, `version`, `features` and
            `acknowledged_before`; samples: M rows of N float64, then M labels of a byte
====== ==== ===================================================================
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..arrays import Array
from ..learning.buffer import Buffer
from .files import open_regular, why

FORMAT = 'binclf_ros/dataset'
VERSION = 1
HEADER, ROWS = b'BCDS', b'ROWS'
HEAD = struct.Struct('<4sIII')
BLOCK_BYTES = 2**20
"""About how much one record of samples holds at most."""

Names = tuple[str, ...]


class _Torn(Exception):
    """The last record was never written to its end."""


class Refused(Exception):
    """The file goes on with something that is not for us; `word` is what it is set aside as."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word


class DatasetReader:
    """Reads a dataset file as far as it is whole, a record at a time.

    After the last of `batches`: `names`, `before` (samples acknowledged before the first one here)
    and `rows` tell what there was; `missing`, `torn`, or `problem` and `word`, why there was no more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: Names = ()
        self.before = self.rows = 0
        self.identity = (0, 0)
        self.missing = self.torn = False
        self.word = self.problem = ''

    def batches(self) -> Iterator[tuple[Array, Array]]:
        """Yield X (m, N) and y (m,), in the order of the file; never raises."""
        try:
            with open(self.path, 'rb', opener=open_regular) as file:
                status = os.fstat(file.fileno())
                self.identity = (status.st_ino, status.st_size)
                left = status.st_size
                if left:
                    left -= self._read_header(file, left)
                while left:
                    payload = _read_record(file, ROWS, left)
                    left -= HEAD.size + len(payload)
                    X, y = self._samples(payload)
                    self.rows += len(y)
                    yield X, y
        except FileNotFoundError:
            self.missing = True
        except _Torn:
            self.torn = True
        except Refused as refused:
            self.word, self.problem = refused.word, str(refused)
        except (OSError, ValueError) as error:
            self.word, self.problem = 'damaged', f'cannot be read: {why(error)}'

    def _read_header(self, file: BinaryIO, left: int) -> int:
        if left >= len(HEADER) and os.pread(file.fileno(), len(HEADER), 0) != HEADER:
            raise Refused('other', 'is of another format than binclf_ros/dataset')
        payload = _read_record(file, HEADER, left)
        try:
            fields = json.loads(payload)
            kind, version = fields['format'], fields['version']
            if (kind, version) != (FORMAT, VERSION):
                raise Refused(
                    'other', f'is {kind!r:.60} {version!r:.20}, this release reads {FORMAT} {VERSION}'
                )
            names, before = fields['features'], fields['acknowledged_before']
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Refused('damaged', f'has a header that cannot be read: {error!r:.100}') from error
        texts = isinstance(names, list) and all(isinstance(name, str) and name for name in names)
        if not texts or len(set(names)) != len(names) or type(before) is not int or before < 0:
            raise Refused('damaged', 'has a header that makes no sense')
        self.names, self.before = tuple(names), before
        return HEAD.size + len(payload)

    def _samples(self, payload: bytes) -> tuple[Array, Array]:
        n_features = len(self.names)
        count, rest = divmod(len(payload), 8 * n_features + 1)
        if not n_features or not count or rest:
            raise Refused('damaged', f'has a record of {len(payload)} bytes for {n_features} features')
        X = np.frombuffer(payload, '<f8', count * n_features).reshape(count, n_features)
        labels = np.frombuffer(payload, np.uint8, count, 8 * count * n_features)
        if labels.max() > 1 or not np.isfinite(X).all():
            raise Refused('damaged', 'has a sample that is none')
        return X.astype(float, copy=False), labels.astype(float)


def _read_record(file: BinaryIO, kind: bytes, left: int) -> bytes:
    """Read a record out of the `left` bytes of the file; nothing longer than those is asked for."""
    if left < HEAD.size:
        raise _Torn
    head = file.read(HEAD.size)
    if len(head) < HEAD.size or zlib.crc32(head[:-4]) != HEAD.unpack(head)[3]:
        raise Refused('damaged', f'is damaged at byte {file.tell() - len(head)}')
    found, length, checksum, _ = HEAD.unpack(head)
    if length > left - HEAD.size:
        raise _Torn
    payload = file.read(length)
    if found != kind or len(payload) < length or zlib.crc32(payload) != checksum:
        raise Refused('damaged', f'is damaged before byte {file.tell()}')
    return payload


def _record(kind: bytes, payload: bytes) -> bytes:
    start = struct.pack('<4sII', kind, len(payload), zlib.crc32(payload))
    return start + struct.pack('<I', zlib.crc32(start)) + payload


def header(names: Names, before: int) -> bytes:
    """Return the first record; `before` samples were acknowledged before the next one."""
    fields = {'format': FORMAT, 'version': VERSION, 'features': names, 'acknowledged_before': before}
    return _record(HEADER, json.dumps(fields).encode())


def records(X: Array, y: Array) -> Iterator[bytes]:
    """Yield the records of samples; X is (m, N), y is (m,)."""
    step = max(1, BLOCK_BYTES // (8 * X.shape[1] + 1))
    for start in range(0, len(y), step):
        rows = slice(start, start + step)
        yield _record(ROWS, X[rows].astype('<f8').tobytes() + y[rows].astype(np.uint8).tobytes())


def records_in_order(buffer: Buffer) -> Iterator[bytes]:
    """Yield the records of all that a buffer holds, the oldest first."""
    order = buffer.by_age
    step = max(1, BLOCK_BYTES // (8 * buffer.X.shape[1] + 1))
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        yield from records(buffer.X[rows], buffer.y[rows])
