# SPDX-License-Identifier: Apache-2.0
"""Services that answer when their work is done, in whatever thread, on any executor.

rclpy calls back with a request, and hands what comes back to `send_response`. Coroutines would let it wait,
but the events executor of Jazzy does not await them, and Humble's shutdown waits for one for ever. So an
`Answer` comes back at once, and the last to come sends it: rclpy with the header or the work with a result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from ..core.text import printable

MAX_MESSAGE = 1_000_000
"""Characters of the message of an answer."""
Result = tuple[bool, str]
"""Success and a message."""


class Answer:
    """One answer on its way; `send` gets the response and the header of the request, once."""

    def __init__(self, response: Any, send: Callable[[Any, Any], None]) -> None:
        self._response, self._send = response, send
        self._lock = threading.Lock()
        self._header: Any = None
        self._done = self._sent = False

    def give(self, success: bool, message: str) -> None:
        """Have it say this; of two results the first stands."""
        with self._lock:
            if not self._done:
                self._response.success, self._response.message = success, printable(message, MAX_MESSAGE)
                self._done = True
        self._send_if_ready()

    def address(self, header: Any) -> None:
        """Address it to a request."""
        with self._lock:
            self._header = header
        self._send_if_ready()

    def _send_if_ready(self) -> None:
        with self._lock:
            if self._sent or not self._done or self._header is None:
                return
            self._sent = True
        self._send(self._response, self._header)


def create_service(
    node: Node, kind: type[Any], name: str, on_request: Callable[[Any, Answer], None], guard: Any
) -> None:
    """Offer a service; `on_request` gets a request and the `Answer` to give now or later.

    `guard` makes a callback that never raises: where ROS is shut down meanwhile, nothing can be sent.
    """

    def on_call(request: Any, response: Any) -> Any:
        answer = Answer(response, send)
        on_request(request, answer)
        return answer

    service: Any = node.create_service(kind, name, on_call)
    send = guard(service.send_response)
    service.send_response = lambda answer, header: answer.address(header)


def answering(
    work: Callable[[], Result], answer: Answer, failed: Callable[[Exception], Result]
) -> Callable[[], None]:
    """Return the command that does the work and gives its result, or what `failed` makes of an error."""

    def command() -> None:
        try:
            result = work()
        except Exception as error:
            result = failed(error)
        answer.give(*result)

    return command
