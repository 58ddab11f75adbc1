# SPDX-License-Identifier: Apache-2.0
"""What the bytes of a point cloud mean, checked before anybody reads them.

A point is `point_step` bytes, a row `row_step` bytes with `width` points at its front, a cloud `height`
rows. A cloud whose numbers contradict one another is refused whole: sizes are compared as Python
integers, so nothing wraps round. The reasons:

============  ============================================================================
`layout`      steps, sizes, offsets or the length of the data contradict one another
`size`        more than `MAX_POINTS` points
`names`       a field has no name, or two have the same
`datatype`    a datatype that PointField does not define
`overlap`     two fields share bytes
`count`       a field that is needed holds several values, or none
============  ============================================================================

A message here is whatever has the attributes of a `sensor_msgs/PointCloud2`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from ..core.errors import SampleError

DATATYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 8: 'f8'}
"""INT8 to FLOAT64 of `sensor_msgs/PointField`, as numpy names them."""
MAX_POINTS = 2**24
MAX_STEP = 2**20
"""Bytes of one point that are believed."""


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


def fields_of(message: Any) -> dict[str, Field]:
    """Check all fields of a cloud against one another; return them by name, in the cloud's order.

    Raises SampleError: `layout`, `names`, `datatype`, `overlap`.
    """
    step = int(message.point_step)
    if not 0 < step <= MAX_STEP:
        raise SampleError('layout', f'point_step is {step}; a point has 1 to {MAX_STEP} bytes')
    order = '>' if message.is_bigendian else '<'
    found: dict[str, Field] = {}
    for each in message.fields:
        name, offset, datatype, count = each.name, int(each.offset), int(each.datatype), int(each.count)
        if not name or name in found:
            raise SampleError(
                'names', f'two fields are named {name!r:.60}' if name else 'a field has no name'
            )
        if datatype not in DATATYPES:
            raise SampleError('datatype', f'field {name!r:.60} has the datatype {datatype}, which is none')
        found[name] = field = Field(name, offset, np.dtype(order + DATATYPES[datatype]), count)
        if offset + count * field.dtype.itemsize > step:
            raise SampleError('layout', f'field {name!r:.60} at {offset} leaves the point of {step} bytes')
    end, before = 0, ''
    for field in sorted((f for f in found.values() if f.count), key=lambda f: f.offset):
        if field.offset < end:
            raise SampleError('overlap', f'fields {before!r:.60} and {field.name!r:.60} share bytes')
        end, before = field.offset + field.count * field.dtype.itemsize, field.name
    return found


def n_points_of(message: Any) -> int:
    """Check the sizes of a cloud against its data; return M. Raises SampleError: `layout`, `size`."""
    height, width, row_step = int(message.height), int(message.width), int(message.row_step)
    needed, length = width * int(message.point_step), len(message.data)
    if row_step < needed:
        raise SampleError('layout', f'row_step is {row_step}, but {width} points have {needed} bytes')
    if row_step * height != length:
        raise SampleError('layout', f'{height} rows of {row_step} bytes, but {length} bytes of data')
    if height * width > MAX_POINTS:
        raise SampleError('size', f'{height * width} points; {MAX_POINTS} are taken at most')
    return height * width


def view(message: Any, dtype: np.dtype[Any], offset: int = 0) -> NDArray[Any]:
    """Return one column of checked data, without a copy: (M,), or (height, width) of padded rows."""
    height, width, step, row_step = message.height, message.width, message.point_step, message.row_step
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
