# SPDX-License-Identifier: Apache-2.0
"""Message types, found by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from ..core.cdr import Decode
from ..core.errors import BinclfError
from .messages import message_from_bytes


def message_class(name: str) -> Any:
    """Return the class of a type such as `sensor_msgs/msg/Imu`.

    Raises BinclfError where its package cannot be imported.
    """
    package, *_, kind = name.split('/')
    try:
        return getattr(import_module(f'{package}.msg'), kind)
    except (ImportError, AttributeError) as error:
        raise BinclfError(f'the message type {name} cannot be imported: install {package}') from error


def field_types(name: str) -> Mapping[str, str]:
    """Return the fields of a type and the text of the type of each. Raises as `message_class` does."""
    fields: Mapping[str, str] = message_class(name).get_fields_and_field_types()
    return fields


def decoder(name: str) -> Decode:
    """Return what makes messages of a type from their bytes. Raises as `message_class` does."""
    return partial(message_from_bytes, kind=message_class(name))
