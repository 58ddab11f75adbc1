# SPDX-License-Identifier: Apache-2.0
"""A disk that keeps nothing but what was synced, and one that refuses: shims over the functions of os."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

WRITING = ('write', 'fsync', 'replace', 'link')


class RefusingDisk:
    """From the n-th call of a kind on, calls fail; `heal` ends it."""

    def __init__(self, patch: pytest.MonkeyPatch, code: int, after: int, most: int = 10**9) -> None:
        self.code, self.left, self.most = code, after, most
        self.refused = 0
        for name in WRITING:
            patch.setattr(os, name, self._guarded(getattr(os, name)))
        patch.setattr(os, 'open', self._guarded(os.open, self._creates))

    def heal(self) -> None:
        self.most = 0

    @staticmethod
    def _creates(path: object, flags: int, *_: object, **__: object) -> bool:
        return bool(flags & (os.O_WRONLY | os.O_RDWR))

    def _guarded(self, call, counts=lambda *_, **__: True):
        def guarded(*arguments, **named):
            if counts(*arguments, **named):
                self.left -= 1
                if self.left < 0 and self.refused < self.most:
                    self.refused += 1
                    if call.__name__ == 'write' and len(arguments[1]) > 1:  # a full disk takes a part
                        call(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                    raise OSError(self.code, os.strerror(self.code))
            return call(*arguments, **named)

        return guarded


class ForgetfulDisk:
    """Keeps a journal of what is done to files, of which `states_after_power_loss` replays a part.

    What was written is there for certain once its file was synced, a name once its folder was. What
    was not may be there or not, or half of it: all of that is tried.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.journal: list[tuple] = []
        self.marks: list[tuple[int, object]] = []
        self._opened: dict[int, object] = {}
        self._inode_of: dict[str, int] = {}
        self._real = {name: getattr(os, name) for name in ('open', *WRITING, 'unlink')}
        for name in self._real:
            patch.setattr(os, name, getattr(self, f'_on_{name}'))

    def mark(self, what: object) -> None:
        """Remember what has been promised by now."""
        self.marks.append((len(self.journal), what))

    def states_after_power_loss(self, folder: Path) -> Iterator[tuple[object, str]]:
        """Put files into a folder as they may be after each moment; yield the last mark before it."""
        for end in range(len(self.journal) + 1):
            promised = [what for at, what in self.marks if at <= end]
            for data, names in (
                ('synced', 'synced'),
                ('synced', 'all'),
                ('all', 'synced'),
                ('half', 'all'),
            ):
                self._replay(folder, self.journal[:end], data, names)
                yield promised[-1] if promised else None, f'{end}: data {data}, names {names}'

    def _replay(self, folder: Path, done: list[tuple], data: str, names: str) -> None:
        for each in list(folder.iterdir()):
            self._real['unlink'](each)
        last_sync = {what: i for i, (kind, what, *_) in enumerate(done) if kind == 'fsync'}
        contents: dict[object, bytes] = {}
        there: dict[str, object] = {}
        for i, (kind, *what) in enumerate(done):
            if kind == 'write':
                inode, written = what
                share = {'all': len(written), 'half': len(written) // 2, 'synced': 0}[data]
                kept = written if i < last_sync.get(inode, -1) else written[:share]
                contents[inode] = contents.get(inode, b'') + kept
            elif kind != 'fsync' and (names == 'all' or i < last_sync.get('folder', -1)):
                self._rename(there, kind, *what)
        for name, inode in there.items():
            with open(folder / os.path.basename(name), 'wb') as file:
                file.write(contents.get(inode, b''))

    @staticmethod
    def _rename(there: dict[str, object], kind: str, *what: object) -> None:
        if kind == 'create':
            there[what[0]] = what[1]
        elif kind == 'unlink':
            there.pop(what[0], None)
        elif what[0] in there:
            there[what[1]] = there[what[0]] if kind == 'link' else there.pop(what[0])

    def _on_open(self, path, flags, *arguments, **named):
        descriptor = self._real['open'](path, flags, *arguments, **named)
        inode = 'folder' if os.path.isdir(path) else os.fstat(descriptor).st_ino
        if flags & os.O_CREAT:
            inode = (inode, len(self.journal))  # numbers of files that are gone are given again
            self._inode_of[str(path)] = inode
            self.journal.append(('create', str(path), inode))
        self._opened[descriptor] = inode if inode == 'folder' else self._inode_of.get(str(path), inode)
        return descriptor

    def _on_write(self, descriptor, data):
        self.journal.append(('write', self._opened[descriptor], bytes(data)))
        return self._real['write'](descriptor, data)

    def _on_fsync(self, descriptor):
        self._real['fsync'](descriptor)
        self.journal.append(('fsync', self._opened[descriptor]))

    def _on_replace(self, old, new):
        self._real['replace'](old, new)
        self._inode_of[str(new)] = self._inode_of.pop(str(old))
        self.journal.append(('replace', str(old), str(new)))

    def _on_link(self, old, new):
        self._real['link'](old, new)
        self._inode_of[str(new)] = self._inode_of[str(old)]
        self.journal.append(('link', str(old), str(new)))

    def _on_unlink(self, path):
        self._real['unlink'](path)
        self.journal.append(('unlink', str(path)))
