# SPDX-License-Identifier: Apache-2.0
"""The fields of message types, and whether a path of fields fits one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ..errors import ExpressionError
from .expressions import Expression, Segment, elements

FieldTypes = Callable[[str], Mapping[str, str]]
"""Gives the fields of a type by its name, such as `sensor_msgs/msg/Imu` or `sensor_msgs/Imu`: the name of
each and the text of its type, in order, as `get_fields_and_field_types()` of rclpy does. It raises
BinclfError for a type that is not known."""

ARRAY = re.compile(r'sequence<(?P<of>[^,>]+)(, \d+)?>$|(?P<item>[^\[]+)\[(?P<length>\d+)\]$')
_NUMBERS = frozenset(
    ['boolean', 'float', 'double', 'long double', 'uint8', 'int8']
    + [f'{sign}int{bits}' for sign in ('', 'u') for bits in (16, 32, 64)]
)


def has_header(fields: Mapping[str, str]) -> bool:
    """Return whether messages with these fields have a header, and so a stamp."""
    return fields.get('header') == 'std_msgs/Header'


def check_fields(expression: Expression, fields: Sequence[Segment], kind: str, types: FieldTypes) -> None:
    """Check that fields of this type are there and are numbers.

    Raises ExpressionError, which points at the one that does not fit and says what would.
    """
    for segment in fields:
        there = types(kind) if kind else {}
        if segment.name not in there:
            fit = f'it has {", ".join(there)}' if kind else 'it is a number'
            owner = kind.rpartition('/')[2] or 'what is before'
            raise ExpressionError(
                expression.text, segment.position, f'{owner} has no field {segment.name}; {fit}'
            )
        item = _item_type(expression, segment, there[segment.name], segment is fields[-1])
        kind = item if '/' in item else ''
        last = item
    if last not in _NUMBERS:
        fit = ', '.join(types(kind)) if kind else ''
        advice = f'go on with one of its fields: {fit}' if fit else 'only numbers and bools can be features'
        raise ExpressionError(
            expression.text, fields[-1].position, f'{fields[-1].name} is a {last}; {advice}'
        )


def _item_type(expression: Expression, segment: Segment, name: str, is_last: bool) -> str:
    """Return the type of what a segment stands for: of the elements, where it names an array."""
    match = ARRAY.match(name)
    if match is None:
        if segment.index is not None:
            raise ExpressionError(
                expression.text, segment.position, f'{segment.name} is a {name}, no array: leave [] out'
            )
        return name
    if segment.index is None and not (is_last and expression.statistic):
        raise ExpressionError(
            expression.text,
            segment.position,
            f'{segment.name} is an array, {name}: name an element [0], a slice [0:9], or a statistic',
        )
    length = match['length']
    if length is not None and segment.index is not None:
        largest = segment.index if isinstance(segment.index, int) else elements(segment.index)[-1]
        if largest >= int(length):
            raise ExpressionError(
                expression.text, segment.position, f'{segment.name} has {length} elements, from 0'
            )
    return match['of'] or match['item']
