# SPDX-License-Identifier: Apache-2.0
"""The fields of message types, and whether a path of fields fits one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ..errors import ExpressionError
from .paths import NAME_LISTS, Key, Path, Segment, elements_of
from .regions import KINDS
from .scanner import nearest

FieldTypes = Callable[[str], Mapping[str, str]]
"""Gives the fields of a type by its name, such as `sensor_msgs/msg/Imu` or `sensor_msgs/Imu`: the name of
each and the text of its type, in order, as `get_fields_and_field_types()` of rclpy does. It raises
BinclfError for a type that is not known."""

ARRAY = re.compile(r'sequence<(?P<of>[^,>]+)(, \d+)?>$|(?P<item>[^\[]+)\[(?P<length>\d+)\]$')
_NUMBERS = frozenset(
    ['boolean', 'float', 'double', 'long double', 'octet', 'uint8', 'int8']
    + [f'{sign}int{bits}' for sign in ('', 'u') for bits in (16, 32, 64)]
)
_ADVICE = 'only numbers, bools and texts that are numbers can be features'


def has_header(fields: Mapping[str, str]) -> bool:
    """Return whether messages with these fields have a header, and so a stamp."""
    return fields.get('header') == 'std_msgs/Header'


def check_fields(text: str, path: Path, fields: Sequence[Segment], kind: str, types: FieldTypes) -> None:
    """Check that the fields of a path, after its topic, are there in a type, and are numbers.

    Raises ExpressionError, which points into the text at the one that does not fit, and says what would.
    """
    if path.region is not None and (kind not in KINDS or len(fields) > 1):
        problem = f'a region, [{path.region}], is of an image, and this is a {kind.rpartition("/")[2]}'
        raise ExpressionError(text, fields[-1].position, problem)
    if path.region is not None:
        return
    last = ''
    for segment in fields:
        there = types(kind) if kind else {}
        if segment.name not in there:
            fit = f'it has {nearest(segment.name, there)}' if kind else 'it is a number'
            owner = kind.rpartition('/')[2] or 'what is before'
            problem = f'{owner} has no field {segment.name}; {fit}'
            raise ExpressionError(text, segment.position, problem)
        try:
            last = _item_type(segment, there, path.pooled and segment is fields[-1], types)
        except ValueError as error:
            raise ExpressionError(text, segment.position, str(error)) from error
        kind = last if '/' in last else ''
    if last not in _NUMBERS and not last.startswith('string'):
        advice = f'go on with one of its fields: {", ".join(types(kind))}' if kind else _ADVICE
        raise ExpressionError(text, fields[-1].position, f'{fields[-1].name} is a {last}; {advice}')


def _item_type(segment: Segment, there: Mapping[str, str], pools: bool, types: FieldTypes) -> str:
    """Return the type of what a segment stands for: of the elements, where it names an array.

    Raises ValueError with what is wrong.
    """
    name = there[segment.name]
    match = ARRAY.match(name)
    if match is None:
        if segment.index is not None:
            raise ValueError(f'{segment.name} is a {name}, no array: leave [] out')
        return name
    if segment.index is None and not pools:
        raise ValueError(
            f'{segment.name} is an array, {name}: name an element [0], a slice [0:9], or a statistic'
        )
    item = match['of'] or match['item']
    if isinstance(segment.index, Key):
        _check_key(segment.name, segment.index, item, there, types)
    elif match['length'] is not None and segment.index is not None:
        which = elements_of(segment, int(match['length']))
        if not which or which[-1] >= int(match['length']):
            raise ValueError(f'{segment.name} has {match["length"]} elements, from 0')
    return item


def _check_key(name: str, key: Key, item: str, there: Mapping[str, str], types: FieldTypes) -> None:
    """Check that a type has what a key is looked up in. Raises ValueError."""
    if not key.fields:
        if not any(each in there for each in NAME_LISTS):
            raise ValueError(
                f'no {", ".join(NAME_LISTS)} beside {name} says which element is {key}: '
                'name an element [0], or an entry by its field, [field=value]'
            )
        return
    for field in key.fields:
        fields = types(item) if '/' in item else {}
        if field not in fields:
            raise ValueError(f'an entry of {name} has no field {field}; it has {nearest(field, fields)}')
        item = fields[field]


def number_paths(kind: str, types: FieldTypes, most: int = 200, depth: int = 6) -> list[tuple[str, bool]]:
    """Return the paths of all numbers in messages of a type, and for each whether it is an array.

    Of an array of messages the first one is gone into. At most `most` paths, at most `depth` fields each.
    """
    found: list[tuple[str, bool]] = []
    for name, text in types(kind).items():
        match = ARRAY.match(text)
        item = (match['of'] or match['item']) if match else text
        if item in _NUMBERS:
            found.append((name, match is not None))
        elif '/' in item and depth > 1:
            front = f'{name}[0]' if match else name
            inner = number_paths(item, types, most, depth - 1)
            found += [(f'{front}/{path}', is_array) for path, is_array in inner]
    return found[:most]
