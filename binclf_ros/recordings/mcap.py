# SPDX-License-Identifier: Apache-2.0
"""MCAP files, whole, cut or damaged: read by the message index, and only the chunks that are needed.

A file is a row of records: a byte that says which kind, eight bytes of length, and the content
(https://mcap.dev/spec). The records are gone through by their lengths alone, which costs a few bytes a
chunk and finds the place of any damage. Behind each chunk stands, for each topic, when and where in it the
messages are: so an Imu costs little in a file of clouds.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import BinclfError, StorageError
from .parts import MAX_BYTES, Channel, Content, Message, unpack, unpack_cut, unpacked

MAGIC = b'\x89MCAP0\r\n'
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, DATA_END = 1, 2, 3, 4, 5, 6, 7, 15
HEAD = struct.Struct('<BQ')
OF_MESSAGE = struct.Struct('<HIQQ')
OF_CHUNK = struct.Struct('<QQQII')
OF_INDEX = struct.Struct('<HI')
ENTRY = struct.Struct('<QQ')
MAX_RUN = 1000
"""At most this many messages outside chunks are read together."""
MAX_SMALL = 2**24
"""Bytes of a record that is read for what it says."""


@dataclass
class _Part:
    """A chunk, or a run of messages outside of chunks: where it is, when, and what is known of it."""

    at: int
    n_bytes: int
    start_ns: int
    end_ns: int
    size: int = -1
    """Bytes unpacked; −1 for a run."""
    crc: int = 0
    method: str = ''
    index: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Channel → where its message index is, and how many entries that has."""
    n_messages: int = 0
    whole: bool = True


class McapFile:
    """One file; `content` is what it holds. Raises StorageError where it is no MCAP file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = Content()
        self._schemas: dict[int, tuple[str, str, str]] = {}
        self._channels: dict[int, Channel] = {}
        self._counts: dict[int, int] = {}
        self._parts: list[_Part] = []
        self._run: _Part | None = None
        self._announced = 0
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageError(f'{path} cannot be opened: {error.strerror}') from error
        self._size = os.fstat(self._file).st_size
        if os.pread(self._file, len(MAGIC), 0) != MAGIC:
            raise StorageError(f'{path} is no MCAP file, or an empty one')
        self._end = self._scan()
        self._learn_channels()
        self._sum_up()

    def __del__(self) -> None:
        if hasattr(self, '_file'):
            os.close(self._file)

    @property
    def damage(self) -> str:
        """A sentence where the file is cut or damaged, as far as it was read; '' where it is whole."""
        lost = sum(not part.whole for part in self._parts)
        if self._end == max(self._size, self._announced) and not lost:
            return ''
        what = f'damaged: {lost} of its {len(self._parts)} chunks are lost' if lost else 'cut or damaged'
        share = self._end / max(self._size, self._announced)
        return (
            f'{self.path} is {what}; {share:.0%} read, '
            f'{sum(self.content.counts.values()):,} messages: `mcap recover {self.path.name}` mends it'
        )

    def messages(self, topics: Collection[str]) -> Iterator[Message]:
        """Yield the messages of some topics by time; chunks that have none are not read."""
        wanted = {number: each.topic for number, each in self._channels.items() if each.topic in topics}
        parts = [part for part in self._parts if not part.index or wanted.keys() & part.index.keys()]
        parts.sort(key=lambda part: part.start_ns)
        pending: list[Message] = []
        for i, part in enumerate(parts):
            pending += self._load(part, wanted)
            pending.sort(key=lambda message: message.time_ns)
            limit = parts[i + 1].start_ns if i + 1 < len(parts) else None
            kept = len(pending)
            if limit is not None:
                kept = next((n for n, each in enumerate(pending) if each.time_ns >= limit), kept)
            yield from pending[:kept]
            pending = pending[kept:]

    def _scan(self) -> int:
        """Go through the records; return where that ended, which is the size where all is well."""
        at, last = len(MAGIC), 0
        while at + HEAD.size <= self._size:
            kind, length = HEAD.unpack(os.pread(self._file, HEAD.size, at))
            body, end = at + HEAD.size, at + HEAD.size + length
            if kind == CHUNK and self._size < end <= at + MAX_BYTES:
                self._note(kind, body, self._size - body)
                self._announced = end
                return self._size
            if end > self._size or kind == 0:
                break
            if kind == FOOTER:
                return self._size if os.pread(self._file, len(MAGIC), end) == MAGIC else at
            self._note(kind, body, length)
            at, last = end, kind
        if last in (CHUNK, MESSAGE_INDEX):  # there may have been more of the index
            self._parts[-1].index.clear()
            self._parts[-1].n_messages = 0
        return at

    def _note(self, kind: int, body: int, length: int) -> None:
        if kind != MESSAGE:
            self._run = None
        if kind == CHUNK:
            front = os.pread(self._file, OF_CHUNK.size + 64, body)[:length]
            if len(front) < OF_CHUNK.size:
                return
            start, last, size, crc, n_method = OF_CHUNK.unpack_from(front)
            method = front[OF_CHUNK.size : OF_CHUNK.size + min(n_method, 32)].decode(errors='replace')
            before = OF_CHUNK.size + n_method + 8
            self._parts.append(_Part(body + before, length - before, start, last, size, crc, method))
        elif kind == MESSAGE_INDEX and self._parts and length >= OF_INDEX.size:
            channel, n_bytes = OF_INDEX.unpack(os.pread(self._file, OF_INDEX.size, body))
            entries = min(n_bytes, length - OF_INDEX.size) // ENTRY.size
            if entries:
                self._parts[-1].index[channel] = (body + OF_INDEX.size, entries)
                self._parts[-1].n_messages += entries
        elif kind in (SCHEMA, CHANNEL) and length <= MAX_SMALL:
            self._define(kind, os.pread(self._file, length, body))
        elif kind == MESSAGE:
            self._note_message(body, length)

    def _note_message(self, body: int, length: int) -> None:
        _, _, time_ns, _ = OF_MESSAGE.unpack(os.pread(self._file, OF_MESSAGE.size, body))
        run = self._run
        if run is None or run.n_messages >= MAX_RUN:
            run = self._run = _Part(body - HEAD.size, 0, time_ns, time_ns)
            self._parts.append(run)
        run.start_ns, run.end_ns = min(run.start_ns, time_ns), max(run.end_ns, time_ns)
        run.n_bytes = body + length - run.at
        run.n_messages += 1

    def _define(self, kind: int, body: bytes) -> None:
        """Take a schema or a channel in; one that cannot be read is left out."""
        try:
            (number,) = struct.unpack_from('<H', body)
            if kind == SCHEMA:
                name, at = _text(body, 2)
                encoding, at = _text(body, at)
                self._schemas[number] = name, encoding, _text(body, at)[0]
            else:
                (schema,) = struct.unpack_from('<H', body, 2)
                topic, at = _text(body, 4)
                if _text(body, at)[0] == 'cdr' and schema in self._schemas:
                    self._channels[number] = Channel(topic, *self._schemas[schema])
        except (struct.error, UnicodeDecodeError):
            pass

    def _learn_channels(self) -> None:
        """Look into chunks of which the index names channels that no record has defined so far."""
        seen: set[int] = set()
        for part in self._parts:
            known = part.index and part.index.keys() <= self._channels.keys() | seen
            if not known:
                seen |= part.index.keys()
                self._look_into(part)
            for channel, (_, entries) in part.index.items():
                self._counts[channel] = self._counts.get(channel, 0) + entries

    def _look_into(self, part: _Part) -> None:
        """Read the definitions of a part, and count its messages where it has no index."""
        for kind, body in self._records(part):
            if kind in (SCHEMA, CHANNEL):
                self._define(kind, body)
            elif kind == MESSAGE and not part.index:
                (channel,) = struct.unpack_from('<H', body)
                self._counts[channel] = self._counts.get(channel, 0) + 1
                part.n_messages += part.size >= 0

    def _sum_up(self) -> None:
        content = self.content
        content.channels = list(self._channels.values())
        for number, count in self._counts.items():
            if number in self._channels:
                topic = self._channels[number].topic
                content.counts[topic] = content.counts.get(topic, 0) + count
        for part in self._parts:
            if part.n_messages:
                content.saw(part.start_ns)
                content.saw(part.end_ns)

    def _load(self, part: _Part, wanted: dict[int, str]) -> list[Message]:
        """Return the messages of a part's wanted channels, in the order of the file."""
        if not part.index:
            return [
                Message(OF_MESSAGE.unpack_from(body)[2], topic, unpacked(body[OF_MESSAGE.size :]))
                for kind, body in self._records(part)
                if kind == MESSAGE and (topic := wanted.get(body[0] | body[1] << 8))
            ]
        data, places = self._data(part), []
        for channel, (at, entries) in part.index.items():
            if channel in wanted and data:
                index = os.pread(self._file, entries * ENTRY.size, at)
                places += [(place, time_ns, wanted[channel]) for time_ns, place in ENTRY.iter_unpack(index)]
        found = []
        for place, time_ns, topic in sorted(places):
            if place + HEAD.size + OF_MESSAGE.size <= len(data):
                end = place + HEAD.size + HEAD.unpack_from(data, place)[1]
                start = place + HEAD.size + OF_MESSAGE.size
                found.append(Message(time_ns, topic, unpacked(data[start:end])))
        return found

    def _records(self, part: _Part) -> Iterator[tuple[int, bytes]]:
        data, at = self._data(part), 0
        while at + HEAD.size <= len(data):
            kind, length = HEAD.unpack_from(data, at)
            at += HEAD.size
            if at + length > len(data):
                return
            if kind != MESSAGE or length >= OF_MESSAGE.size:
                yield kind, data[at : at + length]
            at += length

    def _data(self, part: _Part) -> bytes:
        """Return the unpacked bytes of a part; none where it is damaged."""
        data = os.pread(self._file, part.n_bytes, part.at)
        if part.size < 0:
            return data
        if self._announced and part is self._parts[-1]:
            return unpack_cut(data, part.method)
        try:
            data = unpack(data, part.method, part.size)
            if part.crc and zlib.crc32(data) != part.crc:
                raise ValueError('the checksum does not fit')
        except BinclfError:
            raise
        except ValueError:
            part.whole = False
        return data if part.whole else b''


def _text(body: bytes, at: int) -> tuple[str, int]:
    """Return the text that has its length in front, and where what follows begins."""
    (length,) = struct.unpack_from('<I', body, at)
    end = at + 4 + length
    if end > len(body):
        raise struct.error
    return body[at + 4 : end].decode(), end
