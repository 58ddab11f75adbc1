# SPDX-License-Identifier: Apache-2.0
"""Files that survive a crash, a power loss or a full disk: always whole, the old or the new."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import StorageError

MAX_ASIDE = 20
"""Files that are set aside beside one; the last name is used again, so that no disk fills with them."""


def file_of(text: str) -> Path:
    """Return the absolute path that a user means: `~` and `~name` are homes.

    Raises StorageError where there is no such home.
    """
    path = os.path.expanduser(text)
    if path.startswith('~'):
        raise StorageError(f'{text}: there is no home of {path.split(os.sep)[0]}: write the whole path')
    return Path(os.path.abspath(path))


def place_of(text: str) -> str:
    """Return a sentence about where a file is to be, if that is not plain from its path; else ''.

    Raises StorageError where there is no such home.
    """
    if not text:
        return ''
    path = file_of(text)
    said = [f'is a link to {target(path)}'] if target(path) != path else []
    try:
        if not target(path).parent.exists():
            said.append(f'the folder {target(path).parent} is missing: it will be made')
    except OSError as error:
        said.append(f'cannot be looked at: {why(error)}')
    return f'{path}: {"; ".join(said)}' if said else ''


def target(path: Path) -> Path:
    """Return the file that a path leads to through links; what is written is that, and never the link."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):  # no path at all: opening it says so
        return path


def replace_file(path: Path, chunks: Iterable[bytes], keep: Path | None = None) -> None:
    """Put what the chunks hold at `path`; a reader or a crash finds the old or the new, whole.

    A link stays, and what it leads to is replaced; mode and owner stay those of the file that was there,
    as far as this process may give files away. `keep` is the name under which the old file goes on.
    Raises StorageError; the old file then is as it was.
    """
    file, temporary = target(path), None
    try:
        _check_regular(file)
        make_folder(file.parent)
        temporary = _beside(file)
        descriptor = _create(temporary)
        try:
            _make_alike(descriptor, file)
            for chunk in chunks:
                write_all(descriptor, chunk)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if keep is not None:
            _keep_as(file, keep)
        os.replace(temporary, file)
        sync_folder(file.parent)
    except (OSError, ValueError) as error:
        if temporary is not None:
            with suppress(OSError, ValueError):
                os.unlink(temporary)
        raise StorageError(f'{path} could not be written: {why(error)}') from error


def _check_regular(file: Path) -> None:
    """Raise OSError, ValueError for what is there and is no regular file."""
    if file.is_symlink():  # after all links were followed
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if file.exists() and not file.is_file():
        raise ValueError('it is no regular file')


def _create(path: Path) -> int:
    """Open a file that was not there: one that somebody put into its place, or a link, is an error."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o666)


def _make_alike(descriptor: int, file: Path) -> None:
    """Give a new file the mode and the owner of the one that it is to replace, where there is one."""
    try:
        old, new = os.stat(file), os.fstat(descriptor)
    except FileNotFoundError:
        return
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(OSError):  # only root gives files away; a group that is ours, anybody
            os.fchown(descriptor, -1, old.st_gid)
        with suppress(OSError):
            os.fchown(descriptor, old.st_uid, -1)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


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
    """Return a name beside the file to set it aside under, such as NAME.damaged-1."""
    file = target(path)
    names = [file.parent / f'{file.name}.{word}-{n}' for n in range(1, MAX_ASIDE + 1)]
    return next((name for name in names if not name.exists()), names[-1])


def quarantine(path: Path, word: str) -> Path:
    """Give a file another name, and return it. Raises StorageError."""
    other = quarantine_path(path, word)
    try:
        os.replace(target(path), other)
        sync_folder(other.parent)
    except OSError as error:
        raise StorageError(f'{path} could not be set aside as {other.name}: {why(error)}') from error
    return other


def sweep(path: Path) -> None:
    """Remove what writers of this file left beside it when they were killed."""
    file = target(path)
    with suppress(OSError, ValueError):
        for each in file.parent.glob(f'.{glob.escape(file.name)}.*.tmp'):
            process = each.name[len(file.name) + 2 :].split('.')[0]
            if process.isdigit() and not _is_another(int(process)):
                os.unlink(each)


def why(error: OSError | ValueError) -> str:
    """Return the reason in words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _beside(file: Path, kind: str = '') -> Path:
    """Return a name that nobody foresees, with the process in it, for `sweep`."""
    return file.parent / f'.{file.name}.{os.getpid()}.{secrets.token_hex(4)}{kind}.tmp'


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


def make_folder(folder: Path) -> None:
    """Make a folder and those that it is in, durably. Raises OSError."""
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
