# SPDX-License-Identifier: Apache-2.0
"""numpy ↔ messages: the only codec. Checks what came, whole, before anybody uses it."""

from __future__ import annotations

import array
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Float64, Float64MultiArray, MultiArrayDimension, String, UInt8

from ..core.arrays import MAX_SQUARE, Array
from ..core.cdr import LITTLE_ENDIAN
from ..core.errors import SampleError
from ..core.learning.model import Model
from ..core.text import MAX_NAME, is_name, printable, shown

LABELS = (0.0, 1.0)
MAX_PADDING = 7
"""Bytes that the alignments of two versions of CDR may differ by."""


def message_from_bytes(data: bytes, kind: type[Any]) -> Any:
    """Return the message of a kind that came as bytes. Raises SampleError: `unreadable`."""
    try:
        message = deserialize_message(data, kind)
    except Exception as error:  # whatever the middleware raises
        raise SampleError('unreadable', f'{len(data)} bytes are no {kind.__name__}: {error}') from error
    # Fast DDS goes on after a list that claims to be longer than the message, as if it were empty
    n_bytes = len(serialize_message(message))
    if len(data) - n_bytes > MAX_PADDING:
        raise SampleError('unreadable', f'{len(data)} bytes, of which a {kind.__name__} has {n_bytes}')
    return message


class FeaturesCodec:
    """Vectors of features, and a label after them if `labeled`, from `std_msgs/Float64MultiArray`.

    `layout.dim[0].label` is read once as long as it stays the same.
    """

    def __init__(self, labeled: bool = False) -> None:
        self.labeled = labeled
        self._label = ''
        self._names: tuple[str, ...] = ()

    def from_msg(self, message: Float64MultiArray) -> tuple[tuple[str, ...], Array]:
        """Return the names and x (N,) of one sample; if labelled, x and the label (N + 1,).

        Raises SampleError: `layout`, `empty`, `label`, `length` or `names`, `not_finite`.
        """
        values = _values(message)
        if self.labeled and len(values) < 2:
            raise SampleError('empty', 'a labelled sample is at least one feature and then the label')
        if self.labeled and values[-1] not in LABELS:
            raise SampleError('label', f'the label, the last value, is {values[-1]:g}, expected 0.0 or 1.0')
        return self._named(message, len(values) - self.labeled), values

    def _named(self, message: Float64MultiArray, n_features: int) -> tuple[str, ...]:
        dimensions = message.layout.dim
        label = dimensions[0].label if dimensions else ''
        if label == self._label and len(self._names) == n_features:
            return self._names
        if len(label) > 2 * (MAX_NAME + 1) * n_features:  # so that nobody has us split for long
            said = f'{len(label)} characters of names for {n_features} features'
            raise SampleError('names', f'{said}: a name has at most {MAX_NAME}')
        names = split_names(label) or tuple(f'x{i}' for i in range(n_features))
        if len(names) != n_features:
            raise SampleError('length', f'{n_features} features, but {len(names)} names in the layout')
        if len(set(names)) != len(names):
            raise SampleError('names', f'the names in the layout are not all different: {shown(label)}')
        if not all(map(is_name, names)):
            bad = next(name for name in names if not is_name(name))
            raise SampleError('names', f'a name is 1 to {MAX_NAME} printable characters, not {shown(bad)}')
        self._label, self._names = label, names
        return names


class SerializedFeatures:
    """Vectors from the bytes of their messages, for where microseconds count.

    What stands before the values (the layout, and how many they are) is looked at once: as long as it stays
    the same, byte by byte, and the length too, the values are where they were.
    """

    def __init__(self, labeled: bool = False) -> None:
        self._codec = FeaturesCodec(labeled)
        self._front = b''
        self._length = -1
        self._names: tuple[str, ...] = ()

    def read(self, data: bytes) -> tuple[tuple[str, ...], Array]:
        """Return the names and x (N,), or x and the label (N + 1,), as `FeaturesCodec` does.

        The names are one object as long as the layout stays the same; the values cannot be written to.

        Raises SampleError as `FeaturesCodec` does, and `unreadable`.
        """
        if len(data) == self._length and data.startswith(self._front):
            values = np.frombuffer(data[len(self._front) :])
            if values.dot(values) < MAX_SQUARE and not (self._codec.labeled and values[-1] not in LABELS):
                return self._names, values
        message = message_from_bytes(data, Float64MultiArray)
        n_dimensions = len(message.layout.dim).to_bytes(4, 'little')
        if data[:2] == LITTLE_ENDIAN and data[4:8] != n_dimensions:  # a list longer than the message
            raise SampleError('unreadable', f'{len(data)} bytes have no room for the dimensions they claim')
        self._names, values = self._codec.from_msg(message)
        end = values.tobytes()
        if data.endswith(end):  # else there is padding, or another byte order
            self._front, self._length = data[: -len(end)], len(data)
        return self._names, values


def _values(message: Float64MultiArray) -> Array:
    """Return the values of a vector, finite, as a view of the message. Raises SampleError."""
    data, layout = message.data, message.layout
    values = np.frombuffer(data) if isinstance(data, array.array) else np.array(data, dtype=float)
    if layout.data_offset:
        if layout.data_offset > len(values):
            raise SampleError('layout', f'data_offset {layout.data_offset} of {len(values)} values')
        values = values[layout.data_offset :]
    if layout.dim:
        if len(layout.dim) > 1:
            raise SampleError('layout', f'{len(layout.dim)} dimensions, expected one sample: one or none')
        if layout.dim[0].size not in (0, len(values)):
            raise SampleError('layout', f'dim[0].size {layout.dim[0].size} of {len(values)} values')
    if not len(values):
        raise SampleError('empty', 'a sample without values')
    check_values(values)
    return values


def check_values(values: Array) -> None:
    """Raise SampleError (`not_finite`, `too_large`) for values that no model can answer."""
    if not values.dot(values) < MAX_SQUARE:
        if not np.isfinite(values).all():
            raise SampleError('not_finite', 'a value is NaN or infinite')
        raise SampleError('too_large', 'a value beyond 1e100 leaves no room for its square')


def split_names(label: str) -> tuple[str, ...]:
    """Split feature names at the commas that are in no parentheses, brackets or quotes; '' gives none.

    A quote counts inside brackets alone, where keys are: there it is closed, else it is part of a name.
    """
    names, depth, start, quote = [], 0, 0, ''
    for position, symbol in enumerate(label):
        if quote or (symbol in '"\'' and label[position - 1 : position] in ('[', '=')):
            quote = '' if symbol == quote else quote or symbol
            continue
        depth += (symbol in '([') - (symbol in ')]')
        if symbol == ',' and depth <= 0:
            names.append(label[start:position].strip())
            start = position + 1
    return (*names, label[start:].strip()) if label else ()


class FeaturesMessage:
    """Outgoing vectors, as the bytes of their messages: what stands before the values is written once."""

    def __init__(self, names: Sequence[str], labeled: bool) -> None:
        size = len(names) + labeled
        message = Float64MultiArray(data=[0.0] * size)
        message.layout.dim = [MultiArrayDimension(label=','.join(names), size=size, stride=size)]
        self._front = serialize_message(message)[: -8 * size]

    def fill(self, x: Array, label: int | None = None) -> bytes:
        """Return the message with x (N,), and the label after it if one is given."""
        if label is None:
            return self._front + x.tobytes()
        return self._front + np.append(x, label).tobytes()


_FLOAT64 = struct.Struct('=d')


@lru_cache(maxsize=1)
def _before_a_float64() -> bytes:
    return serialize_message(Float64())[: -_FLOAT64.size]


def probability_to_bytes(probability: float) -> bytes:
    """Return a number as the bytes of a `std_msgs/Float64`."""
    return _before_a_float64() + _FLOAT64.pack(probability)


@lru_cache(maxsize=2)
def decision_to_bytes(decision: int) -> bytes:
    """Return 0 or 1 as the bytes of a `std_msgs/UInt8`."""
    return serialize_message(UInt8(data=decision))


def scalar_to_msg(value: float) -> Float64:
    """Return a number as `std_msgs/Float64`."""
    return Float64(data=float(value))


def model_to_msg(model: Model) -> String:
    """Return the model as JSON in a `std_msgs/String`. Raises ModelError."""
    return String(data=model.to_json())


def model_from_msg(message: String) -> Model:
    """Read a model. Raises ModelError with the reason."""
    return Model.from_json(message.data)


LEVELS = (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR)
"""By severity 0, 1, 2."""


def diagnostics_to_msg(
    name: str, severity: int, text: str, values: dict[str, object], stamp: object
) -> DiagnosticArray:
    """Return one node's status; numbers as decimal strings."""
    status = DiagnosticStatus(level=LEVELS[severity], name=name, message=printable(text), hardware_id='')
    status.values = [KeyValue(key=printable(key), value=_decimal(value)) for key, value in values.items()]
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp
    return message


def _decimal(value: object) -> str:
    if isinstance(value, bool):
        return 'true' if value else 'false'
    return repr(value) if isinstance(value, float) else printable(value)
