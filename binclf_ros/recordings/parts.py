# SPDX-License-Identifier: Apache-2.0
"""What the readers of files share: messages, topics, compression, and what is said of damage."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from ..core.errors import BinclfError, StorageError

ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
"""How bytes begin that are compressed by zstd; no message in CDR begins so."""
MAX_BYTES = 2**31
"""What one piece may unpack to at most."""


class Message(NamedTuple):
    """One recorded message: its time (ns), its topic, and its raw CDR bytes."""

    time_ns: int
    topic: str
    data: bytes


@dataclass(frozen=True)
class Channel:
    """A topic of a file: its type by name, and how the file defines that type, if it does."""

    topic: str
    kind: str
    encoding: str = ''
    """`ros2msg` or `ros2idl`."""
    definition: str = ''


@dataclass
class Content:
    """What a file holds, as far as it can be read."""

    channels: list[Channel] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Topic → messages."""
    start_ns: int | None = None
    """Of the first message."""
    end_ns: int | None = None
    """Of the last message."""

    def saw(self, time_ns: int) -> None:
        """Widen the span of time by one message's."""
        self.start_ns = time_ns if self.start_ns is None else min(self.start_ns, time_ns)
        self.end_ns = time_ns if self.end_ns is None else max(self.end_ns, time_ns)


class BagFile(Protocol):
    """One file of a recording."""

    content: Content

    @property
    def damage(self) -> str:
        """A sentence where the file is cut or damaged, as far as it was read; '' where it is whole."""

    def messages(self, topics: Collection[str]) -> Iterator[Message]:
        """Yield the messages of some topics by time."""


def unpack(data: bytes, method: str = 'zstd', size: int = -1) -> bytes:
    """Return what was compressed by `zstd` or `lz4`, or not at all (''); `size` is expected, if ≥ 0.

    Raises BinclfError where a package is missing, ValueError where the bytes are damaged.
    """
    if size > MAX_BYTES:
        raise ValueError(f'a piece that claims to unpack to {size} bytes')
    try:
        found = _UNPACK[method](data) if method else data
    except KeyError:
        raise ValueError(f'the compression {method!r:.20}, which is not known') from None
    except BinclfError:
        raise
    except Exception as error:  # each library has its own
        raise ValueError(f'damaged {method} data: {error}') from error
    if 0 <= size != len(found):
        raise ValueError(f'{len(found)} bytes where {size} were announced')
    return found


def unpack_cut(data: bytes, method: str) -> bytes:
    """Return what the beginning of compressed bytes holds; nothing where that cannot be told."""
    if not method:
        return data
    if method != 'zstd':
        return b''
    found = b''
    try:
        with _open_zstd(io.BytesIO(data)) as file:
            while chunk := file.read1(2**16):  # type: ignore[attr-defined]
                found += chunk
    except BinclfError:
        raise
    except Exception:  # where the bytes end; each library has its own
        pass
    return found


def _unpack_zstd(data: bytes) -> bytes:
    for name in ('compression.zstd', 'backports.zstd'):
        try:
            unpacked: bytes = import_module(name).decompress(data)
        except ImportError:
            continue
        return unpacked
    try:
        zstandard = import_module('zstandard')
    except ImportError as error:
        raise BinclfError('this recording is compressed by zstd: pip install zstandard') from error
    found: bytes = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return found


def _unpack_lz4(data: bytes) -> bytes:
    try:
        unpacked: bytes = import_module('lz4.frame').decompress(data)
    except ImportError as error:
        raise BinclfError('this recording is compressed by lz4: pip install lz4') from error
    return unpacked


_UNPACK: dict[str, Callable[[bytes], bytes]] = {'zstd': _unpack_zstd, 'lz4': _unpack_lz4}


def unpack_file(path: Path, out: IO[bytes]) -> None:
    """Write what a file compressed as a whole holds. Raises StorageError where it is cut or damaged."""
    try:
        with _open_zstd(path) as file:
            while chunk := file.read(2**20):
                out.write(chunk)
    except BinclfError:
        raise
    except Exception as error:
        raise StorageError(
            f'{path} is compressed as a whole and is cut or damaged ({error}): nothing of it can be '
            f'used; get the file again from the robot, or save a part by `zstd -dc {path.name}`'
        ) from error


def _open_zstd(path: Path | IO[bytes]) -> IO[bytes]:
    for name in ('compression.zstd', 'backports.zstd'):
        try:
            opened: IO[bytes] = import_module(name).open(path, 'rb')
        except ImportError:
            continue
        return opened
    try:
        zstandard = import_module('zstandard')
    except ImportError as error:
        raise BinclfError(f'{path} is compressed by zstd: pip install zstandard') from error
    stream: IO[bytes] = zstandard.open(path, 'rb')
    return stream


def unpacked(data: bytes) -> bytes:
    """Return a message, which may be compressed on its own; nothing of one that is damaged."""
    if not data.startswith(ZSTD_MAGIC):
        return data
    try:
        return unpack(data)
    except BinclfError:
        raise
    except ValueError:
        return b''
