# SPDX-License-Identifier: Apache-2.0
"""Topics that are looked at twenty times a second instead of at each message: enough for eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from .node import BinclfNode, P

POLL_SEC = 0.05
MAX_IN_A_POLL = 1000


class PollingNode(BinclfNode[P]):
    """A node that takes the messages of some topics out of their queues, without its executor.

    A callback of an executor costs ten times as much as taking one message more out of a queue: two topics
    at 1 kHz take 9 to 11 % of a core in this way, and 25 to 96 % in the other. `take_message` is not
    documented, so a test holds it; where a ROS lacks it, the executor takes the messages as usual.
    """

    def __init__(self, name: str, kind: type[P], counted: tuple[str, ...]) -> None:
        self._polled: dict[Subscription[Any], Callable[[Any], None]] = {}
        super().__init__(name, kind, counted)
        self.every(POLL_SEC, self.take_waiting)

    @property
    def subscriptions(self) -> Iterator[Subscription[Any]]:
        """What executors wait for: all but what is polled."""
        yield from (each for each in super().subscriptions if each not in self._polled)

    def poll(
        self, kind: type[Any], topic: str, callback: Callable[[Any], None], qos: QoSProfile
    ) -> Subscription[Any]:
        """Subscribe; the callback gets the bytes of each message, within 50 ms of its arrival."""
        subscription = self.subscribe(kind, topic, callback, qos, 'ignored', raw=True)
        if hasattr(subscription.handle, 'take_message'):
            self._polled[subscription] = self.guarded(callback, 'ignored')
        return subscription

    def unsubscribe(self, subscription: Subscription[Any]) -> None:
        """End a subscription."""
        self._polled.pop(subscription, None)
        super().unsubscribe(subscription)

    def activity(self) -> float:
        """Return what changes always: a node that polls does not rest."""
        return self.steady_sec()

    def take_waiting(self) -> None:
        """Take what has come on all polled topics."""
        for subscription, call in list(self._polled.items()):
            for _ in range(MAX_IN_A_POLL):
                taken = subscription.handle.take_message(subscription.msg_type, True)
                if taken is None:
                    break
                call(taken[0])
