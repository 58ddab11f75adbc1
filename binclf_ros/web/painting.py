# SPDX-License-Identifier: Apache-2.0
"""What is painted on pictures: strokes of a brush, whose they are, and how many there may be."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

from ..core.errors import RequestError

Point = tuple[float, float]
"""Column and row as shares of width and height."""

MAX_STROKES = 100
MAX_POINTS = 5000
"""Of one picture; more is no painting."""
MAX_PICTURES = 4
"""Pictures whose strokes are kept, and may still be added to or taken back."""


class Stroke(NamedTuple):
    """A way of a round brush: `radius` is a share of the picture's width, `label` 1 or 0."""

    label: int
    radius: float
    points: tuple[Point, ...]


class Strokes:
    """The strokes on the last few pictures, by the picture's number; each has an owner.

    >>> strokes = Strokes()
    >>> strokes.add(7, 'phone', 0, Stroke(1, 0.1, ((0.5, 0.5),)))
    >>> len(strokes.of(7)), strokes.undo(7, 'phone'), strokes.of(7)
    (1, True, ())
    """

    def __init__(self) -> None:
        self._pictures: OrderedDict[int, dict[tuple[Hashable, int], Stroke]] = OrderedDict()

    def of(self, picture: int) -> tuple[Stroke, ...]:
        """Return the strokes on a picture, the newest last."""
        return tuple(self._pictures.get(picture, {}).values())

    def add(self, picture: int, owner: Hashable, number: int, part: Stroke) -> None:
        """Add a stroke, or go on with the one that has this number. Raises RequestError, `too_much`."""
        drawn = self._pictures.setdefault(picture, {})
        self._pictures.move_to_end(picture)
        while len(self._pictures) > MAX_PICTURES:
            self._pictures.popitem(last=False)
        before = drawn.get((owner, number))
        n_points = sum(len(each.points) for each in drawn.values()) + len(part.points)
        if n_points > MAX_POINTS or (before is None and len(drawn) >= MAX_STROKES):
            raise RequestError('too_much', 'this picture is full of strokes: go on with the next one')
        points = (before.points if before else ()) + part.points
        drawn[owner, number] = Stroke(part.label, part.radius, points)

    def undo(self, picture: int, owner: Hashable) -> bool:
        """Take the owner's last stroke on a picture back; return whether there was one."""
        drawn = self._pictures.get(picture, {})
        last = next((key for key in reversed(drawn) if key[0] == owner), None)
        if last is not None:
            del drawn[last]
        return last is not None
