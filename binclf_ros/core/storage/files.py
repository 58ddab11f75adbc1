# SPDX-License-Identifier: Apache-2.0
"""Files that survive a crash, a power loss or a full disk: always whole, the old or the new."""

from __future__ import annotations

import errno
import glob
import os
import stat
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import StorageError

MAX_ASIDE = 20
"""Files that are set aside beside one; the last name is used again, so that no disk fills with them."""


def replace_file(path: Path, chunks: Iterable[bytes], keep: Path | None = None) -> None:
    """Put what the chunks hold at `path`; a reader or a crash finds the old or the new, whole.

    `keep` is the name under which the old file goes on. Raises StorageError; the old file then is
    as it was.
    """
    temporary = _beside(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():
            raise ValueError('it is no regular file')
        _make_folder(path.parent)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            for chunk in chunks:
                write_all(descriptor, chunk)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if keep is not None:
            _keep_as(path, keep)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            os.unlink(temporary)
        raise StorageError(f'{path} could not be written: {why(error)}') from error


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it; a disk that is nearly full takes a part. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def open_regular(path: str, flags: int) -> int:
    """Open a file for `open(…, opener=open_regular)`, but nothing that would wait or never end.

    Raises OSError, ValueError.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for a writer
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise ValueError('it is no regular file')


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def quarantine_path(path: Path, word: str) -> Path:
    """Return a name beside `path` to set a file aside under, such as NAME.damaged-1."""
    names = [path.parent / f'{path.name}.{word}-{n}' for n in range(1, MAX_ASIDE + 1)]
    return next((name for name in names if not name.exists()), names[-1])


def quarantine(path: Path, word: str) -> Path:
    """Give a file another name, and return it. Raises StorageError."""
    other = quarantine_path(path, word)
    try:
        os.replace(path, other)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f'{path} could not be set aside as {other.name}: {why(error)}') from error
    return other


def sweep(path: Path) -> None:
    """Remove what writers of this file left beside it when they were killed."""
    with suppress(OSError, ValueError):
        for each in path.parent.glob(f'.{glob.escape(path.name)}.*.tmp'):
            process = each.name[len(path.name) + 2 :].split('.')[0]
            if process.isdigit() and not _is_another(int(process)):
                os.unlink(each)


def why(error: OSError | ValueError) -> str:
    """Return the reason in words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _beside(path: Path, kind: str = '') -> Path:
    return path.parent / f'.{path.name}.{os.getpid()}.{threading.get_ident()}{kind}.tmp'


def _keep_as(path: Path, other: Path) -> None:
    """Have what is at `path` under another name as well, in the place of what had that name."""
    second = _beside(path, '.kept')
    try:
        os.link(path, second)
    except FileNotFoundError:
        return
    except OSError:  # no links on this file system: for a moment there is nothing at `path`
        with suppress(FileNotFoundError):
            os.replace(path, other)
        return
    try:
        os.replace(second, other)
    finally:
        with suppress(OSError):
            os.unlink(second)  # still there where that failed, or both were the same file before


def _make_folder(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        sync_folder(each.parent)


def _is_another(process: int) -> bool:
    """Whether this is the number of a living process other than this one."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True
