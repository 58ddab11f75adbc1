# SPDX-License-Identifier: Apache-2.0
"""What a page may ask for, as JSON objects: checked whole before anything is done.

::

    {"type": "hold", "label": 1, "sequence": 7, "clock": 1234.5}     clock: the page's own (ms)
    {"type": "call", "id": 1, "service": "train"}
    {"type": "set", "id": 2, "node": "predictor", "values": {"threshold": 0.4}}
    {"type": "features", "id": 3, "features": ["/imu/data/angular_velocity/x"]}
    {"type": "look", "list": true, "topics": ["/imu/data"], "clock": 1234.5}
    {"type": "look", "pictures": true, "still": 12, "clock": 1234.5}    still: the one that is painted on
    {"type": "paint", "id": 4, "picture": 12, "stroke": 0, "label": 1, "radius": 0.02,
     "points": [[0.5, 0.25], [0.51, 0.25]]}       shares of width and height; the radius is one of the width
    {"type": "undo", "id": 5, "picture": 12}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import RequestError
from .holds import NO, NO_LABEL, YES, Hold
from .painting import Stroke

MAX_BYTES = 4096
MAX_FEATURES = 200
MAX_LOOKED_AT = 8
MAX_NAME = 500
MAX_RADIUS = 0.1
MAX_PART = 200
"""Points of one message; a long stroke comes in parts."""
SERVICES = ('train', 'pause', 'resume', 'reset', 'restart', 'save', 'load', 'recommend_threshold')
"""Of the trainer; resume is pause with false."""
SETTABLE = {'predictor': ('threshold', 'hysteresis')}
"""What a page may set, node by node; all are numbers."""


@dataclass(frozen=True)
class Call:
    """Call a service of the trainer."""

    id: int
    service: str


@dataclass(frozen=True)
class Set:
    """Set parameters of a node."""

    id: int
    node: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """Look at the list of topics, and into some of them, from now on."""

    list: bool
    topics: frozenset[str]
    clock_sec: float
    pictures: bool = False
    still: int | None = None
    """The picture that is to stand still, with what the model says of it; None for the newest."""


@dataclass(frozen=True)
class Paint:
    """Paint a part of a stroke on a picture."""

    id: int
    picture: int
    number: int
    part: Stroke


@dataclass(frozen=True)
class Undo:
    """Take the last stroke on a picture back."""

    id: int
    picture: int


Request = Hold | Call | Set | Look | Paint | Undo


def parse(text: str | bytes) -> Request:
    """Return what a page asks for.

    Raises RequestError: `too_long`, `json`, `unknown` (a type that there is not) or `shape`.
    """
    size = len(text if isinstance(text, bytes) else text.encode(errors='replace'))
    if size > MAX_BYTES:
        raise RequestError('too_long', f'{size} bytes, expected at most {MAX_BYTES}: name fewer features')
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError('json', 'this is no JSON') from error
    if not isinstance(fields, dict):
        raise RequestError('shape', 'expected one JSON object')
    kind = fields.get('type')
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise RequestError('unknown', f'type is {kind!r:.60}, expected one of {", ".join(_READERS)}')
    return read(fields)


def _hold(fields: dict[str, Any]) -> Hold:
    label = fields.get('label')
    if type(label) is not int or label not in (YES, NO, NO_LABEL):
        raise RequestError('shape', f'label is {label!r:.60}, expected 1, 0 or -1')
    return Hold(label, _count(fields, 'sequence'), _clock(fields))


def _call(fields: dict[str, Any]) -> Call:
    service = fields.get('service')
    if service not in SERVICES:
        raise RequestError('unknown', f'service is {service!r:.60}, expected one of {", ".join(SERVICES)}')
    return Call(_count(fields, 'id'), str(service))


def _set(fields: dict[str, Any]) -> Set:
    node, values = fields.get('node'), fields.get('values')
    if not isinstance(node, str) or node not in SETTABLE:
        raise RequestError('unknown', f'node is {node!r:.60}, expected one of {", ".join(SETTABLE)}')
    if not isinstance(values, dict) or not values or not set(values) <= set(SETTABLE[node]):
        raise RequestError('unknown', f'of the {node}, {", ".join(SETTABLE[node])} can be set')
    return Set(_count(fields, 'id'), node, {name: _number(values, name) for name in values})


def _features(fields: dict[str, Any]) -> Set:
    features = _texts(fields, 'features', MAX_FEATURES)
    return Set(_count(fields, 'id'), 'featurizer', {'features': features})


def _look(fields: dict[str, Any]) -> Look:
    listed, pictures = _flag(fields, 'list'), _flag(fields, 'pictures')
    topics = frozenset(_texts(fields, 'topics', MAX_LOOKED_AT)) if 'topics' in fields else frozenset()
    still = None if fields.get('still') is None else _count(fields, 'still')
    return Look(listed, topics, _clock(fields), pictures, still)


def _paint(fields: dict[str, Any]) -> Paint:
    label, radius, points = fields.get('label'), _number(fields, 'radius'), fields.get('points')
    if type(label) is not int or label not in (YES, NO):
        raise RequestError('shape', f'label is {label!r:.60}, expected 1 or 0')
    if not 0.0 < radius <= MAX_RADIUS:
        raise RequestError('shape', f'radius is {radius:g}, expected more than 0, at most {MAX_RADIUS:g}')
    if not isinstance(points, list) or not 0 < len(points) <= MAX_PART:
        raise RequestError('shape', f'points: expected a list of 1 to {MAX_PART} pairs of shares')
    stroke = Stroke(label, radius, tuple(map(_point, points)))
    return Paint(_count(fields, 'id'), _count(fields, 'picture'), _count(fields, 'stroke'), stroke)


def _point(pair: Any) -> tuple[float, float]:
    if isinstance(pair, list) and len(pair) == 2:
        x, y = pair
        if type(x) in (int, float) and type(y) in (int, float) and 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0:
            return float(x), float(y)
    raise RequestError('shape', f'a point is {pair!r:.60}, expected a pair of shares from 0 to 1')


def _undo(fields: dict[str, Any]) -> Undo:
    return Undo(_count(fields, 'id'), _count(fields, 'picture'))


_READERS: dict[str, Callable[[dict[str, Any]], Request]] = {
    'hold': _hold,
    'call': _call,
    'set': _set,
    'features': _features,
    'look': _look,
    'paint': _paint,
    'undo': _undo,
}


def _flag(fields: Mapping[str, Any], key: str) -> bool:
    value = fields.get(key, False)
    if not isinstance(value, bool):
        raise RequestError('shape', f'{key} is {value!r:.60}, expected true or false')
    return value


def _count(fields: Mapping[str, Any], key: str) -> int:
    value = fields.get(key)
    if type(value) is not int or not 0 <= value < 2**53:
        raise RequestError('shape', f'{key} is {value!r:.60}, expected a whole number from 0')
    return value


def _number(fields: Mapping[str, Any], key: str) -> float:
    value: Any = fields.get(key)
    if type(value) not in (int, float) or not -1e15 < value < 1e15:
        raise RequestError('shape', f'{key} is {value!r:.60}, expected a number')
    return float(value)


def _clock(fields: Mapping[str, Any]) -> float:
    return _number(fields, 'clock') / 1000.0


def _texts(fields: Mapping[str, Any], key: str, most: int) -> list[str]:
    values = fields.get(key)
    if not isinstance(values, list) or len(values) > most:
        raise RequestError('shape', f'{key}: expected a list of at most {most} texts')
    for each in values:
        if not isinstance(each, str) or not 0 < len(each) <= MAX_NAME or not each.isprintable():
            raise RequestError('shape', f'{key} holds {each!r:.60}, expected printable text')
    return values
