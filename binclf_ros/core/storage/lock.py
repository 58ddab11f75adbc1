# SPDX-License-Identifier: Apache-2.0
"""One process a file: a lock that ends with the process, however that ends."""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path

from .files import make_folder, target

ATTEMPTS = 10


class FileLock:
    """Locks a file by `flock` on a descriptor that is kept, of .NAME.lock beside it.

    The kernel drops the lock when the process is gone, so that one of a killed process goes with
    it. It is beside the file, and not the file itself, as that is replaced by another whenever it is
    written whole. The lock file holds the number and the machine of the process that has it.
    """

    def __init__(self, path: Path) -> None:
        self.path, file = path, target(path)
        self._lock = file.parent / f'.{file.name}.lock'
        self._descriptor: int | None = None

    def acquire(self) -> str:
        """Take the lock; return a sentence about who has it, or '' where nobody else has.

        Where there can be no lock (a folder that cannot be written, a file system without locks, a
        device), nobody has it.
        """
        file = target(self.path)
        if self._descriptor is not None or (file.exists() and not file.is_file()):
            return ''
        for _ in range(ATTEMPTS):
            try:
                descriptor = self._open()
            except OSError:
                return ''
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_the_one(descriptor):
                    self._sign(descriptor)
                    self._descriptor = descriptor
                    return ''
            except BlockingIOError:
                said = f'{self.path} is in use by {_owner(descriptor)}'
                os.close(descriptor)
                return f'{said}: each trainer needs a dataset_file of its own'
            except OSError:
                os.close(descriptor)
                return ''
            os.close(descriptor)
        return ''

    def release(self) -> None:
        """Give the lock up, and take its file away while nobody else can have it."""
        if self._descriptor is not None:
            with suppress(OSError):
                if self._is_the_one(self._descriptor):
                    os.unlink(self._lock)
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        """Open the lock file; that of another user may be one that only can be read. Raises OSError."""
        flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        make_folder(self._lock.parent)
        try:
            return os.open(self._lock, os.O_RDWR | os.O_CREAT | flags, 0o644)
        except PermissionError:
            return os.open(self._lock, os.O_RDONLY | flags)

    def _is_the_one(self, descriptor: int) -> bool:
        """Whether what is open is the lock file still, and not one that was taken away meanwhile."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._lock, follow_symlinks=False))
        except FileNotFoundError:
            return False

    @staticmethod
    def _sign(descriptor: int) -> None:
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f'{os.getpid()} {socket.gethostname()}\n'.encode(), 0)


def _owner(descriptor: int) -> str:
    """Return who has signed, in words."""
    with suppress(OSError, ValueError):
        number, _, machine = os.pread(descriptor, 300, 0).decode('ascii', 'replace').strip().partition(' ')
        return f'process {int(number)} of {machine!r}'
    return 'another process'
