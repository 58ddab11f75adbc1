# SPDX-License-Identifier: Apache-2.0
"""One page that is connected: what it has been told, and whether it keeps up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from .protocol import Look
from .scene import Scene

STALLED_SEC = 5.0
MAX_MESSAGES_HZ = 200
MAX_PENDING = 8
PICTURE_SEC = 0.19
"""At most five pictures a second, also where a turn comes a little early."""


class Socket(Protocol):
    """What carries text to a page, and answers a ping once everything before it was read."""

    def send(self, text: str) -> None:
        """Send a text."""

    def ask_for_pong(self) -> None:
        """Ask for a pong."""

    def close(self) -> None:
        """End the connection."""


class Client:
    """Tells one page what is new, one frame in flight: what it did not get, the next one carries.

    A frame is over when the pong after it is back. All times are in seconds.
    """

    def __init__(self, socket: Socket, now: float) -> None:
        self.looks = Look(False, frozenset(), 0.0)
        self.pending = 0
        """Requests that have no answer yet."""
        self._socket = socket
        self._bin = -1
        self._model = 0
        self._sent_topics = -1.0
        self._picture = 0
        self._sent_picture = -1.0
        self._sent: float | None = None
        self._second, self._received = now, 0

    def send_new(self, state: dict[str, Any], scene: Scene, now: float) -> None:
        """Send what is new, unless the last frame is still on its way."""
        if self._sent is not None:
            return
        bins = scene.bins(self._bin, now)
        self._bin = bins[-1][0] if bins else self._bin
        self.send({**state, 'bins': bins})
        number, model = scene.model()
        if number != self._model:
            self._model = number
            self.send({'type': 'model', 'model': model})
        self._send_topics(scene, now)
        self._send_picture(scene, now)
        self._sent = now
        self._socket.ask_for_pong()

    def _send_topics(self, scene: Scene, now: float) -> None:
        if self.looks.list and now - self._sent_topics >= 0.5:
            topics, values = scene.topics()
            looked = {topic: values[topic] for topic in self.looks.topics if topic in values}
            self.send({'type': 'topics', 'topics': topics, 'values': looked})
            self._sent_topics = now

    def _send_picture(self, scene: Scene, now: float) -> None:
        if self.looks.pictures and now - self._sent_picture >= PICTURE_SEC:
            number, picture = scene.picture(self.looks.still)
            if picture is not None and number != self._picture:
                self._picture, self._sent_picture = number, now
                self.send({'type': 'picture', **picture})

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self._socket.send(json.dumps(message, allow_nan=False, separators=(',', ':')))

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def on_pong(self) -> None:
        """Take note that the frame has arrived."""
        self._sent = None

    def is_stalled(self, now: float) -> bool:
        """Return whether a frame has been on its way for 5 s."""
        return self._sent is not None and now - self._sent > STALLED_SEC

    def sends_too_much(self, now: float) -> bool:
        """Count one message of it; return whether there were more than 200 in a second."""
        if now - self._second >= 1.0:
            self._second, self._received = now, 0
        self._received += 1
        return self._received > MAX_MESSAGES_HZ

    def answer(self, number: int) -> Callable[[bool, str], None]:
        """Return what sends the answer to a request of this number."""
        self.pending += 1

        def send(ok: bool, text: str) -> None:
            self.pending -= 1
            self.send({'type': 'answer', 'id': number, 'ok': ok, 'text': text})

        return send
