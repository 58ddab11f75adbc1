# SPDX-License-Identifier: Apache-2.0
"""The message types of a recording: as its files define them, else as this machine knows them.

The package `rosbags` reads the definitions, without ROS. Where it is missing but ROS is there, the types
are those of the installed message packages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from ..core.cdr import Decode
from ..core.errors import BinclfError, SampleError
from .parts import Channel

MAX_PADDING = 7
"""Bytes that the alignments of two versions of CDR may differ by."""
_WORDS = {'float64': 'double', 'float32': 'float', 'bool': 'boolean', 'byte': 'octet', 'char': 'uint8'}


class Types(Protocol):
    """Types by name."""

    def fields(self, name: str) -> Mapping[str, str]:
        """Return the fields of a type, as `core.features.fields.FieldTypes` wants them."""

    def decoder(self, name: str) -> Decode:
        """Return what makes messages of a type from their bytes. Raises BinclfError for an unknown one."""


def types_of(channels: Iterable[Channel]) -> Types:
    """Return the types of a recording. Raises BinclfError where nothing that knows types is installed."""
    try:
        return _Defined(channels)
    except ImportError:
        pass
    try:
        import_module('rclpy.serialization')
    except ImportError as error:
        raise BinclfError('message types are read with the package rosbags: pip install rosbags') from error
    return _Installed()


class _Defined:
    """By `rosbags`: raises ImportError where that is missing."""

    def __init__(self, channels: Iterable[Channel]) -> None:
        from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

        parsers: dict[str, Callable[[Channel], Any]] = {
            'ros2msg': lambda each: get_types_from_msg(each.definition, each.kind),
            'ros2idl': lambda each: get_types_from_idl(each.definition),
        }
        self._own, self._known = get_typestore(Stores.EMPTY), get_typestore(Stores.LATEST)
        self._problems: dict[str, str] = {}
        for each in channels:
            if each.encoding in parsers and each.definition and each.kind not in self._own.fielddefs:
                try:
                    self._own.register(parsers[each.encoding](each))
                except Exception as error:  # of a file that may hold anything
                    self._problems[each.kind] = f'{error}'.partition('\n')[0]

    def fields(self, name: str) -> Mapping[str, str]:
        """Return the fields of a type. Raises BinclfError for an unknown one."""
        full = _full(name)
        return {field: _text(of) for field, of in self._store(full).fielddefs[full][1]}

    def decoder(self, name: str) -> Decode:
        """Return what makes messages of a type from their bytes. Raises BinclfError for an unknown one."""
        full = _full(name)
        deserialize = self._store(full).deserialize_cdr

        def decode(data: bytes) -> Any:
            try:
                return deserialize(data, full)
            except Exception as error:  # of bytes that may be anything
                raise SampleError('unreadable', f'{len(data)} bytes are no {full}: {error}') from error

        return decode

    def _store(self, name: str) -> Any:
        for store in (self._own, self._known):
            if name in store.fielddefs:
                return store
        why = self._problems.get(name)
        reason = f'its definition cannot be read: {why}' if why else 'the recording does not define it'
        raise BinclfError(
            f'the message type {name} is not known, and {reason}; record with MCAP, which keeps definitions'
        )


class _Installed:
    """By the message packages of an installed ROS."""

    def fields(self, name: str) -> Mapping[str, str]:
        """Return the fields of a type. Raises BinclfError for an unknown one."""
        found: Mapping[str, str] = _message_class(name).get_fields_and_field_types()
        return found

    def decoder(self, name: str) -> Decode:
        """Return what makes messages of a type from their bytes. Raises BinclfError for an unknown one."""
        return partial(_decode, kind=_message_class(name))


def _message_class(name: str) -> Any:
    package, *_, kind = name.split('/')
    try:
        return getattr(import_module(f'{package}.msg'), kind)
    except (ImportError, AttributeError) as error:
        raise BinclfError(f'the message type {name} is not known: pip install rosbags') from error


def _decode(data: bytes, kind: type[Any]) -> Any:
    serialization = import_module('rclpy.serialization')
    try:
        message = serialization.deserialize_message(data, kind)
    except Exception as error:  # whatever the middleware raises
        raise SampleError('unreadable', f'{len(data)} bytes are no {kind.__name__}: {error}') from error
    if len(data) - len(serialization.serialize_message(message)) > MAX_PADDING:
        raise SampleError('unreadable', f'{len(data)} bytes are more than a {kind.__name__} has')
    return message


def _full(name: str) -> str:
    """Return `sensor_msgs/msg/Imu`, also for `sensor_msgs/Imu`."""
    package, *_, kind = name.split('/')
    return f'{package}/msg/{kind}' if name.count('/') == 1 else name


def _text(described: Any) -> str:
    """Return the text of a type as rclpy writes it, from what `rosbags` says of it."""
    node, value = described
    kind = node.name
    if kind == 'BASE':
        name, bound = value
        return f'{_WORDS.get(name, name)}<{bound}>' if bound else _WORDS.get(name, name)
    if kind == 'NAME':
        package, *_, name = value.split('/')
        return f'{package}/{name}'
    of, length = value
    if kind == 'ARRAY':
        return f'{_text(of)}[{length}]'
    return f'sequence<{_text(of)}, {length}>' if length else f'sequence<{_text(of)}>'
