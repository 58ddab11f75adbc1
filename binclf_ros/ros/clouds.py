"""Point clouds ↔ numpy: any scalar fields of a `sensor_msgs/PointCloud2` in, two more fields out.

What a cloud has to be, and the reasons to refuse one, are in cloud_layout.py; here come to it

============  ======================================================================
`field`       a field that a feature needs is missing, or there is none at all
`label`       a labelled cloud without a field `label`
`empty`       a labelled cloud of which no point is left
`names`       also where a field `probability` or `decision` is there already
============  ======================================================================
"""

from __future__ import annotations

import array
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from ..core.errors import ExpressionError, SampleError
from ..core.logistic import Array
from ..core.model import Model
from ..core.points import LABEL, PointExpression, parse_point_expression
from .cloud_layout import Field, fields_of, fill, layout_key, n_points_of, single, view
from .messages import LARGEST_SQUARE

PROBABILITY, DECISION = 'probability', 'decision'
ANSWER_BYTES = 5
BLOCK_POINTS = 8192
LARGEST_VALUE = math.sqrt(LARGEST_SQUARE)


@dataclass(frozen=True)
class Points:
    """The points of a cloud as samples: `names` (N,), `X` (M, N), its columns contiguous.

    `usable` (M,) is False where a feature is not finite, or beyond 1e100.
    """

    names: tuple[str, ...]
    X: Array
    usable: NDArray[np.bool_]

    def predict_proba(self, model: Model) -> Array:
        """Return ŷ = σ(X·wᵀ + b), (M,); NaN for a point that is not usable."""
        with np.errstate(all='ignore'):
            probability = model.predict_proba(self.X)
        probability[~self.usable] = math.nan
        return probability


@dataclass(frozen=True)
class LabeledPoints:
    """The labelled points of a cloud: `names` (N,), `X` (M, N), all usable, `y` (M,) of 0.0 and 1.0.

    `left_out` counts the other points: `unlabeled` (the label is NaN), `label` (it is another number),
    `not_finite` and `too_large` (a feature is).
    """

    names: tuple[str, ...]
    X: Array
    y: Array
    left_out: dict[str, int]


class _Plan:
    """How to get the features out of clouds of one layout."""

    def __init__(
        self, fields: dict[str, Field], features: Sequence[str], expressions: dict[str, PointExpression]
    ) -> None:
        self.label = fields.get(LABEL)
        self.names = tuple(features) or tuple(name for name in fields if name != LABEL)
        if not self.names:
            raise SampleError('field', 'the cloud has no field that could be a feature')
        self.plain: list[tuple[int, Field]] = []
        self.derived: list[tuple[int, PointExpression]] = []
        self.helpers: dict[str, Field] = {}
        for i, name in enumerate(self.names):
            expression = expressions.get(name)
            if name in fields or expression is None:
                self.plain.append((i, self._needed(fields, name, name)))
            else:
                self.derived.append((i, expression))
                for each in sorted(expression.fields):
                    self.helpers[each] = self._needed(fields, each, name)
        integers = {i for i, field in self.plain if field.dtype.kind != 'f'}
        self.has_doubles = any(field.dtype.itemsize == 8 for _, field in self.plain)
        self.doubtful = [i for i in range(len(self.names)) if i not in integers]

    @staticmethod
    def _needed(fields: dict[str, Field], name: str, feature: str) -> Field:
        field = fields.get(name)
        if field is None:
            there = ', '.join(fields) or 'none'
            raise SampleError('field', f'no field {name!r:.80} for {feature!r:.80}; there are {there:.300}')
        return single(field)


class CloudReader:
    """Reads clouds by a list of point features; an empty one stands for all fields but `label`.

    A feature is the field of exactly this name where the cloud has it, else the expression. The fields
    are looked at once as long as they stay the same.
    """

    def __init__(self, point_features: Sequence[str] = ()) -> None:
        """Parse the features. Raises ExpressionError, also for one that is there twice."""
        parsed = [parse_point_expression(text) for text in point_features]
        self._prepare([each.text for each in parsed], {each.text: each for each in parsed})
        for i, each in enumerate(parsed):
            if each.text in self._features[:i]:
                raise ExpressionError(each.text, 0, 'this feature is there twice')

    @classmethod
    def of_model(cls, features: Sequence[str]) -> CloudReader:
        """Return a reader of a model's features: one that is no expression is the name of a field."""
        parsed = {}
        for name in features:
            try:
                parsed[name] = parse_point_expression(name)
            except ExpressionError:
                continue
        reader = cls()
        reader._prepare(features, parsed)
        return reader

    def _prepare(self, features: Sequence[str], expressions: dict[str, PointExpression]) -> None:
        self._features, self._expressions = tuple(features), expressions
        self._known: tuple[object, ...] = ()
        self._last: _Plan | None = None
        self._answer = np.empty(0)

    def read(self, message: PointCloud2) -> Points:
        """Return all points of a cloud, in its order. Raises SampleError, reasons above."""
        return self._read(message, self._plan(message))

    def predict_proba(self, message: PointCloud2, model: Model) -> Array:
        """Return ŷ (M,) of all points, NaN for one that is not usable. Raises SampleError.

        The array is valid until the next call. Fields are taken in blocks that stay in the processor's
        cache; columns that are computed need all points at once, and padded rows are rare.
        """
        plan, n_points = self._plan(message), n_points_of(message)
        if plan.derived or message.row_step != message.width * message.point_step:
            return self._read(message, plan).predict_proba(model)
        if len(self._answer) != n_points:
            self._answer = np.empty(n_points)
        columns = [view(message, field.dtype, field.offset) for _, field in plan.plain]
        weights = np.array(model.weights)
        block = np.empty((len(columns), min(n_points, BLOCK_POINTS)))
        with np.errstate(all='ignore'):
            for start in range(0, n_points, BLOCK_POINTS):
                z = self._answer[start : start + BLOCK_POINTS]
                X = block[:, : len(z)]
                for i, column in enumerate(columns):
                    X[i] = column[start : start + BLOCK_POINTS]
                np.dot(weights, X, out=z)
                z += model.bias
                # of an X that is not finite, z is not; and only doubles reach the limit
                all_usable = (
                    X.max() < LARGEST_VALUE and X.min() > -LARGEST_VALUE
                    if plan.has_doubles
                    else np.isfinite(z).all()
                )
                np.exp(np.negative(z, out=z), out=z)
                z += 1.0
                np.reciprocal(z, out=z)
                if not all_usable:
                    z[~((X < LARGEST_VALUE) & (X > -LARGEST_VALUE)).all(axis=0)] = math.nan
        return self._answer

    def read_labeled(self, message: PointCloud2) -> LabeledPoints:
        """Return the usable labelled points of a cloud, in its order. Raises SampleError."""
        plan = self._plan(message)
        if plan.label is None:
            raise SampleError('label', f'a labelled cloud has a field {LABEL!r}; this one has not')
        points = self._read(message, plan)
        y = np.empty(len(points.X))
        with np.errstate(all='ignore'):
            fill(y, message, single(plan.label))
        known = (y == 0.0) | (y == 1.0)
        keep = known & points.usable
        if not len(y):
            raise SampleError('empty', 'a labelled cloud without points')
        if keep.all():
            return LabeledPoints(points.names, points.X, y, {})
        n_unlabeled, n_known = int(np.isnan(y).sum()), int(known.sum())
        n_large = int(np.isfinite(points.X[known & ~points.usable]).all(axis=1).sum())
        n_kept = int(keep.sum())
        counts = {
            'unlabeled': n_unlabeled,
            'label': len(y) - n_known - n_unlabeled,
            'not_finite': n_known - n_kept - n_large,
            'too_large': n_large,
        }
        left_out = {reason: count for reason, count in counts.items() if count}
        if not n_kept:
            raise SampleError('empty', f'none of {len(y)} labelled points can be used: {left_out}')
        return LabeledPoints(points.names, points.X[keep], y[keep], left_out)

    def _plan(self, message: PointCloud2) -> _Plan:
        key = layout_key(message)
        if self._last is None or key != self._known:
            self._last = _Plan(fields_of(message), self._features, self._expressions)
            self._known = key
        return self._last

    @staticmethod
    def _read(message: PointCloud2, plan: _Plan) -> Points:
        n_points = n_points_of(message)
        columns = np.empty((len(plan.names), n_points))
        usable = np.ones(n_points, dtype=np.bool_)
        values: dict[str, Array] = {}
        with np.errstate(all='ignore'):
            for i, field in plan.plain:
                fill(columns[i], message, field)
                values[field.name] = columns[i]
            for name, field in plan.helpers.items():
                if name not in values:
                    values[name] = np.empty(n_points)
                    fill(values[name], message, field)
            for i, expression in plan.derived:
                columns[i] = expression.evaluate(values)
            for i in plan.doubtful:
                usable &= (columns[i] < LARGEST_VALUE) & (columns[i] > -LARGEST_VALUE)
        return Points(plan.names, columns.T, usable)


class CloudWriter:
    """Makes classified clouds: what came in, and `probability` FLOAT32 and `decision` UINT8 behind it.

    One outgoing message is filled again and again: it is valid until the next call.
    """

    def __init__(self) -> None:
        self._known: tuple[object, ...] = ()
        self._fields: list[PointField] = []
        self.message = PointCloud2()

    def write(self, message: PointCloud2, probability: Array, threshold: float) -> PointCloud2:
        """Return the cloud with ŷ (M,), and the decision ŷ ≥ threshold; for NaN that is 0.

        Raises SampleError as a reader does, and `names` where the two fields are taken.
        """
        key = layout_key(message)
        if key != self._known:
            self._fields, self._known = self._extended(message), key
        n_points = n_points_of(message)
        if probability.shape != (n_points,):
            raise ValueError(f'{probability.shape} probabilities for {n_points} points')
        step = message.point_step + ANSWER_BYTES
        if step * message.width >= 2**32:
            raise SampleError('layout', f'rows of {message.width} points leave no room for the answer')
        out = self.message
        out.header, out.height, out.width = message.header, message.height, message.width
        out.is_bigendian, out.is_dense = message.is_bigendian, message.is_dense
        out.fields, out.point_step, out.row_step = self._fields, step, step * message.width
        if len(out.data) != step * n_points:
            out.data = array.array('B', bytes(step * n_points))
        came = view(message, np.dtype((np.void, message.point_step)))
        view(out, came.dtype).reshape(came.shape)[...] = came
        order = '>' if message.is_bigendian else '<'
        with np.errstate(all='ignore'):
            view(out, np.dtype(order + 'f4'), step - ANSWER_BYTES)[...] = probability
            view(out, np.dtype('u1'), step - 1)[...] = probability >= threshold
        return out

    @staticmethod
    def _extended(message: PointCloud2) -> list[PointField]:
        taken = [name for name in fields_of(message) if name in (PROBABILITY, DECISION)]
        if taken:
            raise SampleError('names', f'the cloud has a field {taken[0]!r} already: rename it')
        end = message.point_step
        return [
            *message.fields,
            PointField(name=PROBABILITY, offset=end, datatype=PointField.FLOAT32, count=1),
            PointField(name=DECISION, offset=end + 4, datatype=PointField.UINT8, count=1),
        ]


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
