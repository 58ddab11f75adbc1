# SPDX-License-Identifier: Apache-2.0
"""The fields of a JSON object that came from outside, each in its type or refused by a reason."""

from __future__ import annotations

import json
import math
from typing import Any

from .. import text as texts
from ..errors import ModelError

MAX_JSON = 16 * 2**20
"""Characters of JSON that are looked at; a longer text is refused unread."""
MAX_DIGITS = 400
"""Of a whole number; the largest float has 309."""


def read_object(said: str) -> dict[str, Any]:
    """Return a text as an object, no longer than `MAX_JSON`. Raises ModelError."""

    def refuse(constant: str) -> float:
        raise ModelError('not_finite', f'{constant} is no number that a model may have')

    def whole(digits: str) -> int:
        if len(digits) > MAX_DIGITS:  # reading them takes the square of their number
            raise ModelError('not_finite', f'a whole number of {len(digits)} digits is beyond any float')
        return int(digits)

    if len(said) > MAX_JSON:
        raise ModelError('json', f'{len(said)} characters are more than a model may have')
    try:
        fields = json.loads(said, parse_constant=refuse, parse_int=whole)
    except ModelError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelError('json', f'not JSON: {texts.printable(error, 200)}') from error
    if not isinstance(fields, dict):
        raise ModelError('json', f'a model is one JSON object, this is a {type(fields).__name__}')
    return fields


def one(fields: dict[str, Any], key: str, kind: type | tuple[type, ...], wanted: str) -> Any:
    """Return a value of this type."""
    value = fields.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ModelError('shape', f'{key} is {texts.shown(value)}, not {wanted}')
    return value


def list_of(fields: dict[str, Any], key: str, kind: type | tuple[type, ...], wanted: str) -> list[Any]:
    """Return a list of values of this type."""
    values = one(fields, key, list, f'a list of {wanted}')
    for value in values:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ModelError('shape', f'{key} holds {texts.shown(value)}; it is a list of {wanted}')
    return list(values)


def count(fields: dict[str, Any], key: str) -> int:
    """Return a whole number from 0 on."""
    value = int(one(fields, key, int, 'a whole number'))
    if not 0 <= value < 2**63:
        raise ModelError('shape', f'{key} is {texts.shown(value)}; a count is 0 or more')
    return value


def number(fields: dict[str, Any], key: str) -> float:
    """Return a finite number."""
    return to_float(one(fields, key, (int, float), 'a number'), key)


def to_float(value: float, key: str) -> float:
    """Return a number as a float, if it is finite as one."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ModelError('not_finite', f'{key} is not finite')
    return number


def floats(fields: dict[str, Any], key: str, length: int) -> tuple[float, ...]:
    """Return a list of this many finite numbers."""
    values = list_of(fields, key, (int, float), 'numbers')
    if len(values) != length:
        raise ModelError('shape', f'{key} has {len(values)} values for {length} features')
    return tuple(to_float(value, key) for value in values)
