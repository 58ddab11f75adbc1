# SPDX-License-Identifier: Apache-2.0
"""The parameter services that rclpy gives each node, made safe: no request ends it or keeps it for long.

rclpy reads a request outside of any `try`: a value of type 99 would leave `spin` by a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from rcl_interfaces.msg import ParameterType, SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from ..core.errors import ParameterError
from ..core.text import MAX_NAME, is_name, shown

MAX_AT_ONCE = 256
"""Parameters in one request; a node has some dozens."""
MAX_ELEMENTS, MAX_CHARACTERS = 10_000, 1_000_000
"""Of a value."""
_ARRAYS = ('byte', 'bool', 'integer', 'double', 'string')
BY_NAMES = (GetParameters, GetParameterTypes, DescribeParameters)
# in quotes: the Parameter of Jazzy and Humble has no subscript
Set: TypeAlias = 'Callable[[list[Parameter[Any]]], SetParametersResult]'


def secure_parameter_services(node: Node, refused: Callable[[Exception], str]) -> None:
    """Replace the callbacks of a node's own services; `refused` counts an error and makes its sentence."""
    for service in node.services:
        each: Any = service
        if each.srv_type is SetParameters:
            each.callback = _setting_each(node.set_parameters_atomically, refused)
        elif each.srv_type is SetParametersAtomically:
            each.callback = _setting_all(node.set_parameters_atomically, refused)
        else:
            each.callback = _guarded(each.callback, each.srv_type, refused)


def _setting_each(set_all: Set, refused: Callable[[Exception], str]) -> Callable[[Any, Any], Any]:
    def on_request(request: Any, response: Any) -> Any:
        given = request.parameters
        if len(given) > MAX_AT_ONCE:
            response.results = [_refusal(_too_many(len(given)), refused)] * len(given)
        else:
            response.results = [_result([each], set_all, refused) for each in given]
        return response

    return on_request


def _setting_all(set_all: Set, refused: Callable[[Exception], str]) -> Callable[[Any, Any], Any]:
    def on_request(request: Any, response: Any) -> Any:
        response.result = _result(request.parameters, set_all, refused)
        return response

    return on_request


def _guarded(
    callback: Callable[[Any, Any], Any], kind: type[Any], refused: Callable[[Exception], str]
) -> Callable[[Any, Any], Any]:
    """Return a callback that answers nothing where it would raise, or be at work for long."""

    def on_request(request: Any, response: Any) -> Any:
        try:
            if kind in BY_NAMES and len(request.names) > MAX_AT_ONCE:
                raise _too_many(len(request.names))
            return callback(request, response)
        except Exception as error:
            refused(error)
            return kind.Response()

    return on_request


def _result(given: Any, set_all: Set, refused: Callable[[Exception], str]) -> SetParametersResult:
    try:
        if len(given) > MAX_AT_ONCE:
            raise _too_many(len(given))
        result = set_all([_read(each) for each in given])
    except Exception as error:
        return _refusal(error, refused)
    return result if result.successful else _refusal(ParameterError(result.reason), refused)


def _refusal(error: Exception, refused: Callable[[Exception], str]) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=refused(error))


def _too_many(count: int) -> ParameterError:
    return ParameterError(f'{count} parameters at once, expected at most {MAX_AT_ONCE}: ask in parts')


def _read(message: Any) -> Parameter[Any]:
    """Return the parameter that a message is of. Raises ParameterError for what is none, or too long."""
    name, value = message.name, message.value
    if not is_name(name):
        raise ParameterError(
            f'{shown(name)} is no name of a parameter: 1 to {MAX_NAME} printable characters'
        )
    if not 0 <= value.type <= ParameterType.PARAMETER_STRING_ARRAY:
        raise ParameterError(f'{name} is of type {value.type}, expected 0 to 9, as rcl_interfaces has them')
    lengths = [len(getattr(value, f'{each}_array_value')) for each in _ARRAYS]
    if max(lengths) > MAX_ELEMENTS:
        raise ParameterError(f'{name} has {max(lengths)} elements, expected at most {MAX_ELEMENTS}')
    if len(value.string_value) + sum(map(len, value.string_array_value)) > MAX_CHARACTERS:
        raise ParameterError(f'{name} is longer than {MAX_CHARACTERS} characters')
    return Parameter.from_parameter_msg(message)
