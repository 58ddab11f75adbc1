# SPDX-License-Identifier: Apache-2.0
"""What the bytes of a point cloud mean, checked before anybody reads them.

A point is `point_step` bytes, a row `row_step` bytes with `width` points at its front, a cloud `height`
rows. A cloud whose numbers contradict one another is refused whole: sizes are compared as Python
integers, so nothing wraps round. The reasons:

============  ============================================================================
`layout`      steps, sizes, offsets or the length of the data contradict one another
`size`        more than `MAX_POINTS` points
`names`       a field is needed whose name two have
`datatype`    a datatype that PointField does not define
`overlap`     two fields share bytes
`count`       a field that is needed holds several values, or none
============  ============================================================================

A message here is whatever has the attributes of a `sensor_msgs/PointCloud2`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import SampleError

DATATYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 8: 'f8'}
"""INT8 to FLOAT64 of `sensor_msgs/PointField`, as numpy names them."""
MAX_POINTS = 2**24
MAX_STEP = 2**20
"""Bytes of one point that are believed."""
CLOCKS = ('t', 'time', 'timestamp', 'offset_time')
PACKED = ('rgb', 'rgba')
CHANNELS = {'b': 0, 'g': 1, 'r': 2}
"""Their bytes in packed colours, from the least significant one on."""
PADDING = '_'


@dataclass(frozen=True)
class Field:
    """Where in a point a field is; `dtype` has the byte order of the cloud."""

    name: str
    offset: int
    dtype: np.dtype[Any]
    count: int


def layout_key(message: Any) -> tuple[object, ...]:
    """Return what the place and the type of every field depend on."""
    fields = tuple([(f.name, f.offset, f.datatype, f.count) for f in message.fields])
    return message.point_step, message.is_bigendian, fields


class Fields(dict[str, Field]):
    """The fields of a cloud by name, in its order; `ambiguous` are the names that several have."""

    def __init__(self) -> None:
        super().__init__()
        self.ambiguous: set[str] = set()


def fields_of(message: Any) -> Fields:
    """Check all fields of a cloud against one another; return those that have a name.

    Names that several have (as padding often has) matter only where one is needed: see `needed`.

    Raises SampleError: `layout`, `datatype`, `overlap`.
    """
    step = int(message.point_step)
    if not 0 < step <= MAX_STEP:
        raise SampleError('layout', f'point_step is {step}; a point has 1 to {MAX_STEP} bytes')
    order = '>' if message.is_bigendian else '<'
    found, places = Fields(), []
    for each in message.fields:
        name, offset, datatype, count = each.name, int(each.offset), int(each.datatype), int(each.count)
        if datatype not in DATATYPES:
            raise SampleError('datatype', f'field {name!r:.60} has the datatype {datatype}, which is none')
        field = Field(name, offset, np.dtype(order + DATATYPES[datatype]), count)
        if offset + count * field.dtype.itemsize > step:
            raise SampleError('layout', f'field {name!r:.60} at {offset} leaves the point of {step} bytes')
        places.append(field)
        if name in found:
            found.ambiguous.add(name)
        elif name:
            found[name] = field
    _check_overlap(places)
    return found


def _check_overlap(places: Iterable[Field]) -> None:
    end, before = 0, ''
    for field in sorted((f for f in places if f.count), key=lambda f: f.offset):
        if field.offset < end:
            raise SampleError('overlap', f'fields {before!r:.60} and {field.name!r:.60} share bytes')
        end, before = field.offset + field.count * field.dtype.itemsize, field.name


def needed(fields: Fields, name: str) -> Field | None:
    """Return a field, or a channel of packed colours: r, g and b of `rgb` or `rgba`; None for neither.

    Raises SampleError: `names` where several are called that.
    """
    if name in fields.ambiguous:
        raise SampleError('names', f'two fields are named {name!r:.60}')
    if name in fields or name not in CHANNELS:
        return fields.get(name)
    for packed in PACKED:
        field = fields.get(packed)
        if field is not None and field.count == 1 and field.dtype.itemsize == 4:
            place = CHANNELS[name] if field.dtype.byteorder != '>' else 3 - CHANNELS[name]
            return Field(name, field.offset + place, np.dtype('u1'), 1)
    return None


def default_features(fields: Fields, label: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the fields that are features where none were named, and those left out, with the reason.

    The values of clocks rise from cloud to cloud, so that what was learned of them is wrong ten minutes
    later; packed colours are no numbers.
    """
    reasons = {
        **dict.fromkeys(CLOCKS, 'a clock'),
        **dict.fromkeys(PACKED, 'packed colours: name r, g, b'),
    }
    left_out = {name: reasons[name] for name in fields if name in reasons}
    names = tuple(name for name in fields if name not in left_out and name not in (label, PADDING))
    return names, left_out


def row_step_of(message: Any) -> int:
    """Return how many bytes there are from row to row.

    A `row_step` that is 0 or was not brought up to date, as some drivers and filters publish it, is none
    where the data is as long as the points without gaps. Raises SampleError: `layout`.
    """
    height, width, row_step = int(message.height), int(message.width), int(message.row_step)
    points, length = width * int(message.point_step), len(message.data)
    if row_step >= points and row_step * height == length:
        return row_step
    if points * height == length:
        return points
    if row_step < points:
        raise SampleError('layout', f'row_step is {row_step}, but {width} points have {points} bytes')
    raise SampleError('layout', f'{height} rows of {row_step} bytes, but {length} bytes of data')


def is_padded(message: Any) -> bool:
    """Return whether there is a gap after each row of checked data."""
    return row_step_of(message) != int(message.width) * int(message.point_step)


def n_points_of(message: Any) -> int:
    """Check the sizes of a cloud against its data; return M. Raises SampleError: `layout`, `size`."""
    row_step_of(message)
    n_points = int(message.height) * int(message.width)
    if n_points > MAX_POINTS:
        raise SampleError('size', f'{n_points} points; {MAX_POINTS} are taken at most')
    return n_points


def view(message: Any, dtype: np.dtype[Any], offset: int = 0) -> NDArray[Any]:
    """Return one column of checked data, without a copy: (M,), or (height, width) of padded rows."""
    height, width, step, row_step = message.height, message.width, message.point_step, row_step_of(message)
    if not height * width:
        return np.empty(0, dtype)
    padded = row_step != width * step
    shape, strides = ((height, width), (row_step, step)) if padded else ((height * width,), (step,))
    column: NDArray[Any] = np.ndarray(shape, dtype, message.data, offset, strides)
    return column


def fill(column: Array, message: Any, field: Field) -> None:
    """Fill a column (M,) with a field of checked data."""
    values = view(message, field.dtype, field.offset)
    column.reshape(values.shape)[...] = values


def single(field: Field) -> Field:
    """Return the field if it holds one value at each point. Raises SampleError: `count`."""
    if field.count != 1:
        raise SampleError('count', f'field {field.name!r:.60} has a count of {field.count}, expected 1')
    return field
