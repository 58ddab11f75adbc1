# SPDX-License-Identifier: Apache-2.0
"""What is read of a message: its stamp, and the numbers that paths of fields stand for."""

from __future__ import annotations

import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SampleError
from .paths import NAME_LISTS, Key, Segment, elements_of

Fields = tuple[Segment, ...]
Values = Sequence[float] | NDArray[Any]
Read = Callable[[Any], 'tuple[int | None, list[Values], dict[int, SampleError]]']
"""What reads a message: its header's stamp (ns), if there is one, the numbers of each path, and by the
number of the path why it has none. It raises SampleError where there is no message to be read."""
LONG = 64
"""Numbers that follow one another and are more than these stay an array."""


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


Reader = Callable[[Any], Values]


def reader(fields: Sequence[Segment]) -> Reader:
    """Return what takes from a message the numbers that a path of fields stands for, in order.

    An element that a key names and that the message has not gives no number. It raises SampleError
    where a message has no such field or element, or where that is no number.
    """

    def read(message: Any) -> Values:
        found = list(_walk(message, fields))
        if len(found) == 1 and isinstance(found[0], np.ndarray):
            return found[0]
        return [_number(value, fields[-1]) for value in found]

    if any(segment.index is not None for segment in fields):
        return read
    get = attrgetter('.'.join(segment.name for segment in fields))

    def read_one(message: Any) -> Values:
        try:
            value = get(message)
        except AttributeError:
            return read(message)
        return [value] if type(value) is float else read(message)

    return read_one


def indexed(message: Any, fields: Fields) -> tuple[Fields, bool] | None:
    """Return a path with what keys name in a message by its number, and whether there were any keys.

    None where an element is not there. Raises LookupError where a key is looked up in what is no text, or
    after a slice.
    """
    found: list[Segment] = []
    value = message
    for number, segment in enumerate(fields):
        owner, value, index = value, getattr(value, segment.name), segment.index
        if isinstance(index, Key):
            if not all(isinstance(each, str) for each in _said(owner, value, index)):
                raise LookupError('not a text')
            index = _place(owner, value, index)
            if index is None:
                return None
        found.append(replace(segment, index=index))
        if isinstance(index, int):
            value = value[index]
        elif any(isinstance(each.index, Key) for each in fields[number + 1 :]) and index is not None:
            raise LookupError('a key after a slice')
    return tuple(found), any(isinstance(segment.index, Key) for segment in fields)


def _walk(value: Any, fields: Sequence[Segment]) -> Iterator[Any]:
    """Yield what the fields stand for in a message; many numbers that follow one another as one array."""
    if not fields:
        if isinstance(value, (str, bytes)) or not hasattr(value, '__len__'):
            yield value
        elif len(value) > LONG and isinstance(value, (array.array, np.ndarray)):
            yield np.asarray(value)
        else:
            yield from value
        return
    head, rest = fields[0], fields[1:]
    owner = value
    try:
        value = getattr(value, head.name)
        if isinstance(head.index, int):
            value = value[head.index]
        elif isinstance(head.index, slice):
            value = _slice(value, head)
    except AttributeError as error:
        raise SampleError('field', f'no field {head.name} in a {type(value).__name__}') from error
    except (IndexError, TypeError) as error:
        raise SampleError('element', f'no element {head} in this message') from error
    if isinstance(head.index, Key):
        place = _place(owner, value, head.index)
        if place is not None:
            yield from _walk(value[place], rest)
    elif isinstance(head.index, slice) and rest:
        for element in value:
            yield from _walk(element, rest)
    else:
        yield from _walk(value, rest)


def _slice(value: Any, segment: Segment) -> Any:
    """Return the elements of a slice; those that are there, inside a statistic."""
    if isinstance(value, (str, bytes)):
        raise TypeError
    which = elements_of(segment, len(value))
    if which and which[-1] >= len(value):
        raise IndexError
    return value[which.start : which.stop : which.step]


def _place(owner: Any, entries: Any, key: Key) -> int | None:
    """Return where in a list the element of a key is; None where it is not there."""
    said = _said(owner, entries, key)
    found = next((i for i, value in enumerate(said) if key.is_said_by(value)), None)
    return found if found is not None and found < len(entries) else None


def _said(owner: Any, entries: Any, key: Key) -> list[Any]:
    """Return what a key is looked up in: the names beside a list, or a field of each of its entries."""
    if key.fields:
        return [_field(entry, key.fields) for entry in entries]
    lists = (getattr(owner, name, None) for name in NAME_LISTS)
    return next((list(each) for each in lists if each is not None and not isinstance(each, str)), [])


def _field(entry: Any, names: Sequence[str]) -> Any:
    for name in names:
        entry = getattr(entry, name, None)
    return entry


def _number(value: Any, segment: Segment) -> float:
    if isinstance(value, str):
        try:
            return float(value)  # as diagnostics have them
        except ValueError:
            pass
    elif isinstance(value, (bool, int, float, np.number, np.bool_)):
        return float(value)
    elif isinstance(value, bytes) and len(value) == 1:  # a `byte`, such as the level of diagnostics
        return float(value[0])
    raise SampleError('type', f'{segment} is a {type(value).__name__}, not a number')
