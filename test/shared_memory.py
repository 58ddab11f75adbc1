# SPDX-License-Identifier: Apache-2.0
"""What processes leave in /dev/shm, where Fast DDS keeps what it sends on one machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

FOLDER = Path('/dev/shm')


def names():
    """Return what is there."""
    return set(os.listdir(FOLDER)) if FOLDER.is_dir() else set()


def names_of(pid):
    """Return the names in /dev/shm that a process has open or mapped."""
    found = set()
    try:
        with open(f'/proc/{pid}/maps') as maps:
            found = {line.split('/dev/shm/', 1)[1].split()[0] for line in maps if '/dev/shm/' in line}
        for each in os.listdir(f'/proc/{pid}/fd'):
            target = os.readlink(f'/proc/{pid}/fd/{each}')
            if target.startswith('/dev/shm/'):
                found.add(target.removeprefix('/dev/shm/').split()[0])
    except OSError:
        pass  # gone, or not ours
    return found


def sweep(theirs, ours=frozenset()):
    """Remove what processes that have ended had open, `theirs`, and this one, unless others use it.

    What this process still has mapped of theirs, Fast DDS lets go when it likes. Not so the ports, which
    are shared by all domains.
    """
    segments = {name for name in theirs if 'port' not in name}
    left = set(theirs).union(ours)
    for name in list(left):
        left |= {f'{name}_el', f'sem.{name}_mutex'}
    others = [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) != os.getpid()]
    used = set().union(*map(names_of, others), names_of(os.getpid()) - segments)
    for name in left - used:
        with suppress(PermissionError):  # another user's, whose processes we cannot look into
            (FOLDER / name).unlink(missing_ok=True)
