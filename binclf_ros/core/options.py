# SPDX-License-Identifier: Apache-2.0
"""What can be set, declared once: a frozen dataclass of options in the room that uses them.

Everything else is made from it: the ROS parameters and their descriptors, `--help`, the arguments of the
commands, doc/reference/parameters.md and config/binclf.yaml. To add an option, add one field:

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class WalkingOptions(Options):
...     speed_hz: float = option(1.0, 'Steps are taken at this rate (Hz).', minimum=0.1, maximum=10.0)
...     gait: str = option('trot', 'The legs move in this order.', choices=('trot', 'walk'))
>>> WalkingOptions(gait='walk').speed_hz
1.0
>>> checked(named(WalkingOptions)['speed_hz'], 2)
2.0
>>> checked(named(WalkingOptions)['gait'], 'fly')
Traceback (most recent call last):
binclf_ros.core.errors.ParameterError: gait is 'fly', expected one of trot, walk
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

from .errors import ParameterError
from .text import shown

MAX_SEC = 86_400.0
"""The longest time that an option may ask for: a day."""
_WORDS = {
    bool: 'true or false',
    int: 'a whole number',
    float: 'a number',
    str: 'a text',
    tuple: 'a list of texts',
}


def option(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Iterable[str] = (),
    read_only: bool = False,
    set_once: bool = False,
    example: object = None,
) -> Any:
    """Return a dataclass field that is an option; its type is that of the default.

    `description` is a sentence that stands alone, with the unit in parentheses. A number has a range
    (inclusive), `choices` are all that a text may be. `read_only`: it is given at the start alone;
    `set_once`: it may also be set later, as long as it is empty. `example` is shown in the YAML file.
    """
    metadata = {
        'description': description,
        'range': None if minimum is None else (minimum, maximum),
        'choices': tuple(choices),
        'read_only': read_only,
        'set_once': set_once,
        'example': example,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Options:
    """Base of all that can be set."""

    def check(self) -> None:
        """Check the values against each other; overrides call `super().check()`. Raises BinclfError."""


O = TypeVar('O', bound=Options)  # noqa: E741


def named(kind: type[Options]) -> dict[str, Field[Any]]:
    """Return the fields of a kind of options by their names, in order."""
    return {each.name: each for each in fields(kind)}


def pick(kind: type[O], options: Options) -> O:
    """Return the options of one kind out of those of a kind that includes it."""
    return kind(**{name: getattr(options, name) for name in named(kind)})


def checked(each: Field[Any], value: Any, name: str = '') -> Any:
    """Return a value in an option's type and range; a whole number becomes a float where one is wanted.

    Raises ParameterError, which calls the option `name`, or by its own name.
    """
    given, value, name = value, typed(each, value, name), name or each.name
    choices, bounds = each.metadata['choices'], each.metadata['range']
    if choices and value not in choices:
        raise ParameterError(f'{name} is {shown(value)}, expected one of {allowed(each)}')
    if bounds and not bounds[0] <= value <= bounds[1]:
        raise ParameterError(f'{name} is {shown(given)}, expected {allowed(each)}')
    return value


def typed(each: Field[Any], value: Any, name: str = '') -> Any:
    """Return a value in an option's type. Raises ParameterError: what came, and what is expected."""
    kind = type(each.default)
    if kind is float and type(value) is int:
        value = float(value)
    if kind is tuple and isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        value = tuple(value)
    if type(value) is not kind:
        raise ParameterError(f'{name or each.name} is {shown(value)}, expected {_WORDS[kind]}')
    return value


def allowed(each: Field[Any]) -> str:
    """Return what an option may be, such as `0 to 1`; '' where its type says it all."""
    bounds, choices = each.metadata['range'], each.metadata['choices']
    return f'{bounds[0]:g} to {bounds[1]:g}' if bounds else ', '.join(choices)


def meaning(each: Field[Any]) -> str:
    """Return the description of an option, with what it may be and its default, if these say anything."""
    default = f'default {as_yaml(each.default)}' if each.default or allowed(each) else ''
    facts = '; '.join(filter(None, (allowed(each), default)))
    return f'{each.metadata["description"]} [{facts}]'.removesuffix(' []')


def as_yaml(value: Any) -> str:
    """Return the value of an option as a YAML file, and `-p NAME:=VALUE`, say it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        text = repr(value)
        return text if '.' in text else text.replace('e', '.0e')  # which YAML 1.1 needs to see a number
    if isinstance(value, tuple):
        return f'[{", ".join(map(as_yaml, value))}]'
    return value if isinstance(value, str) and re.fullmatch(r'[A-Za-z]\w*', value) else repr(value)
