# SPDX-License-Identifier: Apache-2.0
"""What is read of a message: its stamp, and the numbers that paths of fields stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from ..errors import SampleError
from .expressions import Segment, elements

Fields = tuple[Segment, ...]
Values = Sequence[float]
Read = Callable[[Any], 'tuple[int | None, list[Values], dict[int, SampleError]]']
"""What reads a message: its header's stamp (ns), if there is one, the numbers of each path, and by the
number of the path why it has none. It raises SampleError where there is no message to be read."""


class Readings:
    """Reads the messages of one topic: the numbers of each of its paths, in their order."""

    def __init__(self, paths: Sequence[Fields], has_header: bool) -> None:
        self._readers = [reader(fields) for fields in paths]
        self._has_header = has_header

    def read(self, message: Any) -> tuple[int | None, list[Values], dict[int, SampleError]]:
        """Return stamp, numbers of each path, and what cannot be read: see `Read`."""
        values: list[Values] = []
        unread: dict[int, SampleError] = {}
        for slot, read in enumerate(self._readers):
            try:
                values.append(read(message))
            except SampleError as error:
                values.append(())
                unread[slot] = error
        return stamp_of(message) if self._has_header else None, values, unread


def stamp_of(message: Any) -> int:
    """Return a message's header stamp (ns)."""
    return stamp_ns(message.header.stamp.sec, message.header.stamp.nanosec)


def stamp_ns(sec: float, nanosec: float) -> int:
    """Return the two parts of a stamp as one (ns)."""
    return int(sec) * 1_000_000_000 + int(nanosec)


Reader = Callable[[Any], 'list[float]']


def reader(fields: Sequence[Segment]) -> Reader:
    """Return what takes from a message the numbers that a path of fields stands for, in order.

    It raises SampleError where a message has no such field or element, or where that is no number.
    """

    def read(message: Any) -> list[float]:
        return [_number(value, fields[-1]) for value in _walk(message, fields)]

    if any(segment.index is not None for segment in fields):
        return read
    get = attrgetter('.'.join(segment.name for segment in fields))

    def read_one(message: Any) -> list[float]:
        try:
            value = get(message)
        except AttributeError:
            return read(message)
        return [value] if type(value) is float else read(message)

    return read_one


def _walk(value: Any, fields: Sequence[Segment]) -> Iterator[Any]:
    if not fields:
        if hasattr(value, '__len__') and not isinstance(value, (str, bytes)):
            yield from value
        else:
            yield value
        return
    head, rest = fields[0], fields[1:]
    try:
        value = getattr(value, head.name)
        if isinstance(head.index, int):
            value = value[head.index]
        elif isinstance(head.index, slice):
            chosen = elements(head.index)
            value = [value[i] for i in chosen]
    except AttributeError as error:
        raise SampleError('field', f'no field {head.name} in a {type(value).__name__}') from error
    except (IndexError, TypeError) as error:
        raise SampleError('element', f'no element {head} in this message') from error
    if isinstance(head.index, slice):
        for element in value:
            yield from _walk(element, rest)
    else:
        yield from _walk(value, rest)


def _number(value: Any, segment: Segment) -> float:
    if isinstance(value, (str, bytes)) or not isinstance(value, (bool, int, float, np.number, np.bool_)):
        raise SampleError('type', f'{segment} is a {type(value).__name__}, not a number')
    return float(value)
