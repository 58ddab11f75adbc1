# SPDX-License-Identifier: Apache-2.0
"""What the server asks of a robot: the node has it, and so have the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .painting import Stroke
from .protocol import Call, Set

Answer = Callable[[bool, str], None]
"""Takes success and a text; called once, by any thread."""


class Robot(Protocol):
    """The way from the page to the robot; the way back is `scene.Scene`. Nothing here waits."""

    def publish_label(self, label: int) -> None:
        """Publish 1, 0, or −1 for no label."""

    def ask(self, request: Call | Set, answer: Answer) -> None:
        """Call a service or set parameters."""

    def look(self, listed: bool, topics: frozenset[str]) -> None:
        """Keep the list of topics and the values of some up to date from now on, and of no others."""

    def watch(self, live: bool, stills: frozenset[int]) -> None:
        """Show the newest picture from now on, if `live`, and keep those that stand still answered."""

    def label_picture(self, picture: int, strokes: Sequence[Stroke], answer: Answer) -> None:
        """Publish the mask of all strokes on a picture."""
