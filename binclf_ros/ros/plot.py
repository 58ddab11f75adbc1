# SPDX-License-Identifier: Apache-2.0
"""A picture on a topic, drawn by a thread of its own while somebody looks."""

from __future__ import annotations

import array
import threading
from collections.abc import Callable
from typing import Any

from sensor_msgs.msg import CompressedImage

from ..core.evaluation.verdict import Learning
from ..core.health.findings import WARN
from .node import BinclfNode
from .qos import PICTURE

PERIOD_SEC = 1.0
PATIENCE_SEC = 0.5
"""Time that the end of the node waits for a picture that is being drawn."""


class Plot:
    """Publishes the page as PNG, at most once a second, and only while somebody subscribes.

    It is on `topic`, and on `topic`/compressed as well: what subscribes by image_transport, such as
    rqt_image_view, finds it under such a name alone.

    `take` is called by the executor's thread, and has to be quick; what it returns is drawn by a
    thread that lives as long as one picture. `problem` is why nothing is drawn; '' for nothing.
    """

    def __init__(self, node: BinclfNode[Any], topic: str, take: Callable[[], Learning]) -> None:
        self.problem = ''
        self._node, self._take = node, take
        self._outs = [
            node.advertise(CompressedImage, name, PICTURE) for name in (topic, f'{topic}/compressed')
        ]
        self._thread: threading.Thread | None = None
        node.every(PERIOD_SEC, self._look)

    def close(self) -> None:
        """Let the picture that is being drawn come to its end."""
        if self._thread is not None:
            self._thread.join(PATIENCE_SEC)

    def _look(self) -> None:
        at_work = self._thread is not None and self._thread.is_alive()
        if at_work or self.problem or not any(out.get_subscription_count() for out in self._outs):
            return
        draw = self._node.guarded(self._draw)
        self._thread = threading.Thread(target=draw, args=(self._take(),), name='plot', daemon=True)
        self._thread.start()

    def _draw(self, learning: Learning) -> None:
        from ..plots.page import draw

        try:
            picture = draw(learning)
        except ImportError as error:
            self.problem = f'nothing is drawn, as matplotlib is missing: pip install matplotlib ({error})'
            self._node.log(self.problem, WARN)
            return
        message = CompressedImage(format='png', data=array.array('B', picture))
        message.header.stamp = self._node.get_clock().now().to_msg()
        for out in self._outs:
            if out.get_subscription_count():
                out.publish(message)
