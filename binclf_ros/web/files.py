# SPDX-License-Identifier: Apache-2.0
"""The files of the page, read once: nothing else can be asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
}
INDEX = 'index.html'


@dataclass(frozen=True)
class File:
    """What is served under one name."""

    content: bytes
    kind: str
    etag: str


def load() -> dict[str, File]:
    """Return every file of the page by its name."""
    found = {}
    for each in files(__package__).joinpath('static').iterdir():
        kind = TYPES.get(each.name[each.name.rfind('.') :])
        if kind is not None:
            content = each.read_bytes()
            found[each.name] = File(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found
