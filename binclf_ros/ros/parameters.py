# SPDX-License-Identifier: Apache-2.0
"""The ROS side of what can be set: it is declared, described, converted and refused here.

What can be set is declared in `options` and in the rooms that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, replace
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from ..core.errors import ParameterError
from ..core.options import allowed, checked, named, typed
from .options import NodeOptions

P = TypeVar('P', bound=NodeOptions)


TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
    tuple: Parameter.Type.STRING_ARRAY,
    list: Parameter.Type.STRING_ARRAY,
}


class DeclaredParameters(Generic[P]):
    """The parameters of a node as one immutable value, `current`, that changes whole or not at all.

    `accept` is called with a new value before it becomes the current one, and may refuse it by a
    BinclfError, whose text becomes the reason.
    """

    def __init__(self, node: Node, kind: type[P], accept: Callable[[P], None]) -> None:
        self._fields = named(kind)
        self._accept = accept
        self.current = kind(**{name: _declare(node, each) for name, each in self._fields.items()})
        self.current.check()
        node.add_on_set_parameters_callback(self._on_set)

    def in_declared_types(self, changes: Sequence[Parameter[Any]]) -> list[Parameter[Any]]:
        """Return the changes, whole numbers as floats and empty lists as those of texts where declared.

        Raises ParameterError for another type, which rclpy itself would refuse in numbers for types.
        """
        return [
            _in_declared_type(self._fields[each.name], each) if each.name in self._fields else each
            for each in changes
        ]

    def _on_set(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        try:
            new = replace(self.current, **self._checked(changes))
            new.check()
            if new != self.current:
                self._accept(new)
                self.current = new
        except Exception as error:  # an exception here would end the node: rclpy lets it through
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _checked(self, changes: list[Parameter[Any]]) -> dict[str, Any]:
        """Return the values of those that are declared here. Raises ParameterError."""
        values = {p.name: checked(self._fields[p.name], p.value) for p in changes if p.name in self._fields}
        for name, value in values.items():
            now = getattr(self.current, name)
            if self._fields[name].metadata['set_once'] and now and value != now:
                raise ParameterError(
                    f'{name} is {now!r}, and read-only since it was set: start the node again'
                )
        return values


def _declare(node: Node, each: Field[Any]) -> Any:
    """Declare one parameter with what it was started with, whole numbers included; return its value."""
    open_minded = ParameterDescriptor(dynamic_typing=True)
    given = node.declare_parameter(each.name, None, open_minded).value
    node.undeclare_parameter(each.name)
    value = checked(each, each.default if given is None else given)
    stored = list(value) if isinstance(value, tuple) else value
    descriptor = _descriptor(each)
    if stored == []:  # an empty list would be taken for one of bytes
        node.declare_parameter(each.name, Parameter.Type.STRING_ARRAY, ignore_override=True)
        node.set_parameters([Parameter(each.name, Parameter.Type.STRING_ARRAY, stored)])
        descriptor.type = Parameter.Type.STRING_ARRAY.value
        node.set_descriptor(each.name, descriptor)
    else:
        node.declare_parameter(each.name, stored, descriptor, ignore_override=True)
    return value


def _descriptor(each: Field[Any]) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=each.metadata['description'], read_only=each.metadata['read_only']
    )
    bounds = each.metadata['range']
    if bounds and isinstance(each.default, float):
        span = FloatingPointRange(from_value=float(bounds[0]), to_value=float(bounds[1]))
        descriptor.floating_point_range = [span]
    elif bounds:
        descriptor.integer_range = [
            IntegerRange(from_value=int(bounds[0]), to_value=int(bounds[1]), step=1)
        ]
    if each.metadata['choices']:
        descriptor.additional_constraints = f'one of: {allowed(each)}'
    return descriptor


def _in_declared_type(each: Field[Any], given: Parameter[Any]) -> Parameter[Any]:
    if given.type_ == Parameter.Type.NOT_SET:
        return given
    kind = type(each.default)
    is_list = given.type_.value >= Parameter.Type.BYTE_ARRAY.value  # an empty one may be of any type
    value = typed(each, [] if kind is tuple and is_list and not given.value else given.value)
    return Parameter(given.name, TYPES[kind], list(value) if kind is tuple else value)
