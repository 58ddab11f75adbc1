# SPDX-License-Identifier: Apache-2.0
"""Message types, found by name, and whether a path of fields fits one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ..core.errors import BinclfError, ExpressionError
from ..core.features.expressions import Expression, Segment, elements

ARRAY = re.compile(r'sequence<(?P<of>[^,>]+)(, \d+)?>$|(?P<item>[^\[]+)\[(?P<length>\d+)\]$')
_NUMBERS = frozenset(
    ['boolean', 'float', 'double', 'long double', 'uint8', 'int8']
    + [f'{sign}int{bits}' for sign in ('', 'u') for bits in (16, 32, 64)]
)


def message_class(name: str) -> Any:
    """Return the class of a type such as `sensor_msgs/msg/Imu`.

    Raises BinclfError where its package cannot be imported.
    """
    package, *_, kind = name.split('/')
    try:
        return getattr(import_module(f'{package}.msg'), kind)
    except (ImportError, AttributeError) as error:
        raise BinclfError(f'the message type {name} cannot be imported: install {package}') from error


def has_header(kind: Any) -> bool:
    """Return whether messages of this class have a header, and so a stamp."""
    return bool(kind.get_fields_and_field_types().get('header') == 'std_msgs/Header')


def check_fields(expression: Expression, fields: Sequence[Segment], kind: Any) -> None:
    """Check that fields of this class are there and are numbers.

    Raises ExpressionError, which points at the one that does not fit and says what would.
    """
    for segment in fields:
        types = kind.get_fields_and_field_types() if kind is not None else {}
        if segment.name not in types:
            fit = f'it has {", ".join(types)}' if kind is not None else 'it is a number'
            owner = kind.__name__ if kind is not None else 'what is before'
            raise ExpressionError(
                expression.text, segment.position, f'{owner} has no field {segment.name}; {fit}'
            )
        item = _item_type(expression, segment, types[segment.name], segment is fields[-1])
        kind = message_class(item) if '/' in item else None
        last = item
    if last not in _NUMBERS:
        fit = ', '.join(kind.get_fields_and_field_types()) if kind is not None else ''
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
