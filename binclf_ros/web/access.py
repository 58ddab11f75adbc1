# SPDX-License-Identifier: Apache-2.0
"""Who may come in: by a token, under a name that is ours; and what every answer says to the browser."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from ..core.errors import StorageError

TOKEN = re.compile(r'[A-Za-z0-9_-]{16,200}')
HOST = re.compile(r'(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?')
LOOPBACK = ('127.0.0.1', '::1', 'localhost')
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Server': 'binclf_ros',
}


class Access:
    """The checks that stand before everything else.

    >>> access = Access('a' * 24, hosts=['robot.local'])
    >>> access.knows('a' * 24), access.knows('b' * 24), access.knows(None)
    (True, False, False)
    >>> access.is_ours('robot.local:8080', local='192.168.1.5')
    True
    >>> access.is_ours('evil.example:8080', local='192.168.1.5')
    False
    """

    def __init__(self, token: str, hosts: Iterable[str] = ()) -> None:
        self.token = token
        self._hosts = {each.lower().rstrip('.') for each in hosts}

    def knows(self, token: str | None) -> bool:
        """Return whether this is the token; takes as long for one that is nearly right."""
        return hmac.compare_digest((token or '').encode(errors='replace'), self.token.encode())

    def is_ours(self, host: str, local: str) -> bool:
        """Return whether a Host header names us: the address that was reached, localhost, or a known name.

        Any other name could be that of a page elsewhere, whose address was changed to ours (DNS rebinding).
        """
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = found['name'].lower().strip('[]').rstrip('.')
        return name == local.removeprefix('::ffff:') or name in LOOPBACK or name in self._hosts

    @staticmethod
    def same_origin(origin: str, host: str) -> bool:
        """Return whether a page of this Origin was served under this Host."""
        parts = urlsplit(origin)
        return parts.scheme in ('http', 'https') and parts.netloc.lower() == host.lower()


def token_of(path: str) -> str:
    """Return the token that a file keeps, made where there is none; a new one where the path is empty.

    Raises StorageError where the file cannot be used, or others may read it.
    """
    if not path:
        return secrets.token_urlsafe(24)
    path = os.path.expanduser(path)
    try:
        if not Path(path).exists():
            _create(path, secrets.token_urlsafe(24))
        mode = Path(path).stat().st_mode & 0o777
        token = Path(path).read_text(encoding='ascii').strip()
    except (OSError, ValueError) as error:
        raise StorageError(f'token_file {path} cannot be used: {error}') from error
    if mode & 0o077:
        raise StorageError(f'token_file {path} is open to others (mode {mode:04o}): chmod 600 {path}')
    if not TOKEN.fullmatch(token):
        raise StorageError(f'token_file {path} holds no token: delete it')
    return token


def _create(path: str, token: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, 'w', encoding='ascii') as file:
        file.write(token + '\n')
