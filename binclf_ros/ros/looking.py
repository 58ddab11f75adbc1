# SPDX-License-Identifier: Apache-2.0
"""The topics that there are, and what some of them say, while somebody looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from rclpy.subscription import Subscription

from ..core.errors import BinclfError
from ..core.features.fields import number_paths
from .messages import message_from_bytes
from .polling import PollingNode
from .qos import LIVE
from .types import field_types, message_class

LIST_SEC = 1.0
MAX_TOPICS = 300
MAX_ELEMENTS = 8
RATE_SEC = 2.0
HIDDEN = ('/rosout', '/parameter_events', '/diagnostics', '/clock')
STAMP = 'header/'

Take = Callable[[list[dict[str, Any]], dict[str, dict[str, Any]]], None]


class Looking:
    """Lists topics and reads the numbers of those that are looked into; each `turn` hands them to `take`.

    Only what is looked into is subscribed to. Of an array the first eight elements are read. What nobody
    publishes, and what is `hidden`, by its name or its folder (`trainer/`), is not listed.
    """

    def __init__(self, node: PollingNode[Any], take: Take, hidden: Iterable[str]) -> None:
        self._node, self._take = node, take
        ours = {each: node.resolve_topic_name(each.rstrip('/')) for each in hidden}
        self._hidden = {*HIDDEN, *(name for each, name in ours.items() if not each.endswith('/'))}
        self._folders = tuple(f'{name}/' for each, name in ours.items() if each.endswith('/'))
        self._wanted: tuple[bool, frozenset[str]] = (False, frozenset())
        self._open: dict[str, _Opened] = {}
        self._topics: list[dict[str, Any]] = []
        self._listed = -LIST_SEC

    def want(self, listed: bool, topics: frozenset[str]) -> None:
        """Look at this from the next turn on; may be called by any thread."""
        self._wanted = listed, topics

    def turn(self) -> None:
        """Subscribe to what is wanted and to nothing else, and hand over what is known."""
        listed, topics = self._wanted
        self._close_all_but(topics if listed else frozenset())
        if not listed:
            return
        if time.monotonic() - self._listed >= LIST_SEC:
            self._list()
        for topic in topics - self._open.keys():
            self._look_into(topic)
        self._take(self._topics, {topic: each.values() for topic, each in self._open.items()})

    def _close_all_but(self, topics: frozenset[str]) -> None:
        for topic in list(self._open.keys() - topics):
            subscription = self._open.pop(topic).subscription
            if subscription is not None:
                self._node.unsubscribe(subscription)

    def _list(self) -> None:
        self._listed = time.monotonic()
        found = sorted(self._node.get_topic_names_and_types())
        self._topics = [
            {'name': name, 'type': types[0]}
            for name, types in found
            if name not in self._hidden
            and not name.startswith(self._folders)
            and types
            and self._node.count_publishers(name)
        ][:MAX_TOPICS]

    def _look_into(self, topic: str) -> None:
        """Subscribe to one topic of the list; one that cannot be read says why."""
        kind = next((each['type'] for each in self._topics if each['name'] == topic), None)
        if kind is None:
            return
        try:
            paths = [each for each in number_paths(kind, field_types) if not each[0].startswith(STAMP)]
            opened = _Opened(message_class(kind), paths)
            opened.subscription = self._node.poll(opened.kind, topic, opened.on_message, LIVE)
        except BinclfError as error:
            opened = _Opened(None, [], str(error))
        self._open[topic] = opened


class _Opened:
    """One topic that is looked into."""

    def __init__(self, kind: Any, paths: list[tuple[str, bool]], problem: str = '') -> None:
        self.kind = kind
        self.subscription: Subscription[Any] | None = None
        self._paths, self._problem = paths, problem
        self._newest: bytes | None = None
        self._shown: list[Any] = [None] * len(paths)
        self._arrivals = 0
        self._since = time.monotonic()
        self._hz: float | None = None

    def on_message(self, data: bytes) -> None:
        """Count a message, and keep it: only the newest is read, and only when it is shown."""
        self._newest = data
        self._arrivals += 1

    def values(self) -> dict[str, Any]:
        """Return the rate (Hz), each path with its newest value, and what is wrong."""
        self._measure()
        if self._newest is not None:
            message, self._newest = message_from_bytes(self._newest, self.kind), None
            self._shown = [_value(message, path) for path, _ in self._paths]
        fields = [[path, is_array, value] for (path, is_array), value in zip(self._paths, self._shown)]
        return {'hz': self._hz, 'fields': fields, 'problem': self._problem}

    def _measure(self) -> None:
        passed = time.monotonic() - self._since
        if passed >= RATE_SEC:
            self._hz = round(self._arrivals / passed, 1)
            self._arrivals, self._since = 0, time.monotonic()


def _value(message: Any, path: str) -> Any:
    """Return a number, or the first eight of an array, as JSON may hold them; None where there is none."""
    for part in path.split('/'):
        name, _, first = part.partition('[')
        message = getattr(message, name)
        if first:
            if not len(message):
                return None
            message = message[0]
    if isinstance(message, (bool, int, float)):
        return _finite(message)
    if isinstance(message, bytes):
        return list(message[:MAX_ELEMENTS])
    return [_finite(each) for each in list(message[:MAX_ELEMENTS])]


def _finite(value: Any) -> float | int | None:
    number = float(value)
    if number - number != 0.0:  # NaN or infinite
        return None
    return int(value) if isinstance(value, (bool, int)) else float(f'{number:.6g}')
