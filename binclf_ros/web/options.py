# SPDX-License-Identifier: Apache-2.0
"""What can be set of the page."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import ParameterError
from ..core.options import Options, option


@dataclass(frozen=True)
class WebOptions(Options):
    """Where the page is served, to whom, and how fast."""

    address: str = option(
        '127.0.0.1',
        'The page is served on this address; 0.0.0.0 opens it to the network.',
        read_only=True,
    )
    port: int = option(
        8080,
        'The page is served on this port; 0 takes any free one.',
        minimum=0,
        maximum=65535,
        read_only=True,
    )
    hosts: tuple[str, ...] = option(
        (),
        'These further names may stand in the address bar, such as robot.local; others are refused.',
        read_only=True,
        example=('robot.local',),
    )
    token_file: str = option(
        '',
        'The token is kept in this file (mode 0600) over restarts; empty makes a new one at each start.',
        read_only=True,
    )
    teach: bool = option(
        True, 'The page may label, call and set; false makes a page that only looks.', read_only=True
    )
    certificate: str = option(
        '', 'The page is encrypted by this certificate (a PEM file); empty leaves it plain.', read_only=True
    )
    key: str = option('', 'This is the private key of the certificate (a PEM file).', read_only=True)
    rate_hz: float = option(
        10.0, 'The page is told the state at this rate (Hz).', minimum=1.0, maximum=20.0, read_only=True
    )
    hold_sec: float = option(
        0.4,
        'A button that is held labels for this long after the last message of its page (s).',
        minimum=0.1,
        maximum=2.0,
        read_only=True,
    )
    max_clients: int = option(
        8, 'At most this many pages are served at a time.', minimum=1, maximum=64, read_only=True
    )

    def check(self) -> None:
        """Check what no single value shows. Raises ParameterError."""
        super().check()
        if bool(self.certificate) != bool(self.key):
            raise ParameterError('certificate and key belong together: give both, or neither')
