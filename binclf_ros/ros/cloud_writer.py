# SPDX-License-Identifier: Apache-2.0
"""Clouds that go out: classified ones, as they came in with two fields more, and those of one point."""

from __future__ import annotations

import array
import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from ..core.arrays import Array, Floats
from ..core.clouds.layout import fields_of, n_points_of, view
from ..core.errors import SampleError
from ..core.features.clouds import LABEL
from .cloud_bytes import SIZES, Cloud, fields_bytes

PROBABILITY, DECISION = 'probability', 'decision'
ANSWER_BYTES = 5


class CloudWriter:
    """Makes classified clouds: what came in, and `probability` FLOAT32 and `decision` UINT8 after it.

    The bytes of one outgoing message are filled again and again, where nobody else holds them any more.
    """

    def __init__(self) -> None:
        self._known: object = None
        self._fields = b''
        self._out = io.BytesIO()
        self._n_bytes = 0

    def write(self, cloud: Cloud, probability: Floats, threshold: float) -> bytes:
        """Return the message of the cloud with ŷ (M,), and the decision ŷ ≥ threshold; for NaN that is 0.

        Raises SampleError as a reader does, and `names` where the two fields are taken.
        """
        if cloud.layout is not self._known:
            self._fields, self._known = self._extended(cloud), cloud.layout
        n_points = n_points_of(cloud)
        if probability.shape != (n_points,):
            raise ValueError(f'{probability.shape} probabilities for {n_points} points')
        step = cloud.point_step + ANSWER_BYTES
        if step * cloud.width >= 2**32:
            raise SampleError('layout', f'rows of {cloud.width} points leave no room for the answer')
        front = cloud.front + self._fields + SIZES.pack(step * cloud.width, step * n_points)
        n_bytes = len(front) + step * n_points + 1
        if n_bytes != self._n_bytes:
            self._out, self._n_bytes = io.BytesIO(bytes(n_bytes)), n_bytes
        with self._out.getbuffer() as out:
            out[: len(front)] = front
            out[-1] = cloud.is_dense
            self._fill(out[len(front) : -1], cloud, probability, threshold)
        return self._out.getvalue()  # no copy; the next getbuffer makes one if need be

    @staticmethod
    def _fill(out: memoryview, cloud: Cloud, probability: Floats, threshold: float) -> None:
        """Write the points of a cloud, and the answer after each."""
        came = view(cloud, np.dtype((np.void, cloud.point_step)))
        step, order = cloud.point_step + ANSWER_BYTES, '>' if cloud.is_bigendian else '<'

        def column(dtype: Any, offset: int) -> NDArray[Any]:
            found: NDArray[Any] = np.ndarray((len(probability),), dtype, out, offset, (step,))
            return found

        if len(probability):
            column(came.dtype, 0).reshape(came.shape)[...] = came
            with np.errstate(all='ignore'):
                column(order + 'f4', cloud.point_step)[...] = probability
                column('?', step - 1)[...] = probability >= threshold

    @staticmethod
    def _extended(cloud: Cloud) -> bytes:
        taken = [name for name in fields_of(cloud) if name in (PROBABILITY, DECISION)]
        if taken:
            raise SampleError('names', f'the cloud has a field {taken[0]!r} already: rename it')
        end = cloud.point_step
        answer = (
            PointField(name=PROBABILITY, offset=end, datatype=PointField.FLOAT32, count=1),
            PointField(name=DECISION, offset=end + 4, datatype=PointField.UINT8, count=1),
        )
        return fields_bytes((*cloud.fields, *answer), cloud.layout, end + ANSWER_BYTES)


@lru_cache(maxsize=8)
def _float64_fields(names: tuple[str, ...]) -> tuple[PointField, ...]:
    if not all(names) or len(set(names)) != len(names):
        raise SampleError('names', f'the names are not all different: {names!r:.80}')
    return tuple(
        PointField(name=name, offset=8 * i, datatype=PointField.FLOAT64, count=1)
        for i, name in enumerate(names)
    )


def one_point_cloud(
    header: Header, names: tuple[str, ...], values: Array, label: float | None = None
) -> PointCloud2:
    """Return one sample x (N,) as a cloud of one point: FLOAT64 fields `names` (N,), and `label`.

    Raises SampleError: `names` where they are not N different ones.
    """
    fields = _float64_fields(names if label is None else (*names, LABEL))
    numbers = values.tolist() if label is None else [*values.tolist(), float(label)]
    if len(numbers) != len(fields):
        raise SampleError('names', f'{len(names)} names for {len(values)} values')
    data = np.array(numbers, dtype='<f8')
    cloud = PointCloud2(header=header, height=1, width=1, is_dense=bool(np.isfinite(data).all()))
    cloud.fields, cloud.point_step, cloud.row_step = list(fields), data.nbytes, data.nbytes
    cloud.data = array.array('B', data.tobytes())
    return cloud
