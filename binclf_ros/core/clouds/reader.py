# SPDX-License-Identifier: Apache-2.0
"""Point clouds ↔ numpy: any scalar fields of a `sensor_msgs/PointCloud2` as features of its points.

What a cloud has to be, and the reasons to refuse one, are in layout.py; here come to it

============  ======================================================================
`field`       a field that a feature needs is missing, or there is none at all
`label`       a labelled cloud without a field `label`
`empty`       a labelled cloud of which no point is left
============  ======================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import MAX_SQUARE, Array, Floats
from ..errors import ExpressionError, SampleError
from ..features.clouds import LABEL, PointExpression, parse_point_expression
from ..learning.losses import sigmoid
from ..learning.model import Model
from ..learning.taught import Taught
from ..text import printable
from .layout import (
    fields_of,
    fill,
    is_padded,
    layout_key,
    n_points_of,
    single,
    view,
)
from .plan import Parsed, Plan

CloudLike: TypeAlias = Any
"""A `sensor_msgs/PointCloud2`, of rclpy or of a recording, or a view of the bytes of one."""
Block: TypeAlias = 'tuple[int, Floats, NDArray[np.bool_] | None]'
"""The first point, z (m,), and which points are usable where not all are."""
BLOCK_POINTS = 16_384
MAX_VALUE = math.sqrt(MAX_SQUARE)


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
            probability: Array = model.predict_proba(self.X)
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


def _parsed(name: str) -> PointExpression | None:
    try:
        return parse_point_expression(name)
    except ExpressionError:
        return None


class CloudReader:
    """Reads clouds by a list of point features; an empty one stands for all fields that are numbers.

    These are all but `label`, clocks (t, time, timestamp, offset_time), packed colours (rgb, rgba) and
    padding (_). A feature is the field of exactly this name where the cloud has it, or r, g or b of its
    packed colours, else the expression. The fields are looked at once as long as they stay the same.
    `is_stale`: the last cloud had a `row_step` that was passed over.
    """

    def __init__(self, point_features: Sequence[str] = ()) -> None:
        """Parse the features. Raises ExpressionError, also for one that is there twice."""
        parsed = [parse_point_expression(text) for text in point_features]
        self._prepare([each.text for each in parsed], {each.text: each for each in parsed}.get)
        for i, each in enumerate(parsed):
            if each.text in self._features[:i]:
                raise ExpressionError(each.text, 0, 'this feature is there twice')

    @classmethod
    def of_model(cls, features: Sequence[str]) -> CloudReader:
        """Return a reader of a model's features: one that is no expression is the name of a field."""
        reader = cls()
        reader._prepare(features, _parsed)  # when a cloud comes: a model may have a million names
        return reader

    def _prepare(self, features: Sequence[str], expressions: Parsed) -> None:
        self._features, self._expressions = tuple(features), expressions
        self._known: tuple[object, ...] = ()
        self._last: Plan | None = None
        self._answer = np.empty(0, dtype=np.float32)
        self._block = np.empty((0, BLOCK_POINTS))
        self.n_unusable = 0
        self.is_stale = False

    def read(self, cloud: CloudLike) -> Points:
        """Return all points of a cloud, in its order. Raises SampleError, reasons above."""
        return self._read(cloud, self._plan(cloud))

    def predict_proba(self, cloud: CloudLike, model: Model) -> Floats:
        """Return ŷ = σ(X·wᵀ + b), (M,), in single precision, NaN for a point that is not usable.

        Where all features are FLOAT32 fields, z is computed in single precision, too: that is z of a cloud
        whose values differ from these by less than N + 2 of their own roundings. Else in double precision.

        Raises SampleError. The array is valid until the next call; `n_unusable` counts its NaN.
        """
        plan, n_points = self._plan(cloud), n_points_of(cloud)
        if len(self._answer) != n_points:
            self._answer = np.empty(n_points, dtype=np.float32)
        self.n_unusable = 0
        padded = is_padded(cloud)
        single = plan.runs and model.forward.additive
        blocks = self._whole if plan.derived or padded else self._singles if single else self._doubles
        with np.errstate(all='ignore'):
            for start, z, usable in blocks(cloud, plan, model):
                p = self._answer[start : start + len(z)]
                p[...] = sigmoid(z, z)
                if usable is not None:
                    p[~usable] = math.nan
                    self.n_unusable += len(p) - int(np.count_nonzero(usable))
        return self._answer

    def outside(self, cloud: CloudLike, taught: Taught, stride: int = 1) -> NDArray[np.bool_]:
        """Return which of the points, or of one in `stride`, have a feature outside of what was taught."""
        plan = self._plan(cloud)
        if plan.derived or is_padded(cloud):
            columns = list(self._read(cloud, plan).X[::stride].T)
        else:
            columns = [view(cloud, field.dtype, field.offset)[::stride] for _, field in plan.plain]
        found = np.zeros(len(columns[0]), dtype=np.bool_)
        for column, least, most in zip(columns, taught.least.tolist(), taught.most.tolist()):
            found |= column < least
            found |= column > most
        return found

    def _whole(self, cloud: CloudLike, plan: Plan, model: Model) -> Iterator[Block]:
        """Yield all points at once, as columns that are computed need them; padded rows are rare."""
        points = self._read(cloud, plan)
        yield 0, model.decision_function(points.X), None if points.usable.all() else points.usable

    @staticmethod
    def _singles(cloud: CloudLike, plan: Plan, model: Model) -> Iterator[Block]:
        """Yield blocks that stay in the cache, straight from the bytes of the cloud."""
        n_points, step, forward = n_points_of(cloud), cloud.point_step, model.forward_single
        if not n_points:
            return
        runs = [
            (np.ndarray((n_points, len(which)), np.float32, cloud.data, offset, (step, 4)), which)
            for offset, which in plan.runs
        ]
        for start in range(0, n_points, BLOCK_POINTS):
            block = slice(start, start + BLOCK_POINTS)
            z = np.full(min(BLOCK_POINTS, n_points - start), forward.bias, dtype=np.float32)
            for x, which in runs:
                forward.add(z, x[block], which)
            doubtful = forward.bounded or not math.isfinite(z.dot(z))
            usable = None
            if doubtful:  # of an x that is not finite, the z of a line is not, and a curve does not tell
                usable = np.isfinite(np.concatenate([x[block] for x, _ in runs], axis=1)).all(axis=1)
            yield start, z, usable

    def _doubles(self, cloud: CloudLike, plan: Plan, model: Model) -> Iterator[Block]:
        """Yield blocks that stay in the cache, their columns in double precision."""
        columns = [view(cloud, field.dtype, field.offset) for _, field in plan.plain]
        if len(self._block) != len(columns):
            self._block = np.empty((len(columns), BLOCK_POINTS))
        for start in range(0, len(columns[0]), BLOCK_POINTS):
            X = self._block[:, : len(columns[0]) - start]
            for i, column in enumerate(columns):
                X[i] = column[start : start + BLOCK_POINTS]
            z = model.decision_function(X.T)
            usable = None
            if not (X.max() < MAX_VALUE and X.min() > -MAX_VALUE):
                usable = np.logical_and.reduce((X < MAX_VALUE) & (X > -MAX_VALUE))
            yield start, z, usable

    def read_labeled(self, cloud: CloudLike) -> LabeledPoints:
        """Return the usable labelled points of a cloud, in its order. Raises SampleError."""
        plan = self._plan(cloud)
        if plan.label_is_ambiguous:
            raise SampleError('names', f'two fields are named {LABEL!r}')
        if plan.label is None:
            raise SampleError('label', f'a labelled cloud has a field {LABEL!r}; this one has none')
        points = self._read(cloud, plan)
        y = np.empty(len(points.X))
        with np.errstate(all='ignore'):
            fill(y, cloud, single(plan.label))
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

    def _plan(self, cloud: CloudLike) -> Plan:
        key = layout_key(cloud)
        if self._last is None or key != self._known:
            self._last = Plan(fields_of(cloud), self._features, self._expressions)
            self._known = key
        self.is_stale = cloud.row_step != cloud.width * cloud.point_step and not is_padded(cloud)
        return self._last

    def remarks(self) -> list[str]:
        """Return sentences about the last cloud, for people: what of it was passed over."""
        found = []
        if self.is_stale:
            found.append(
                'row_step of a cloud is not that of its rows: it is taken as packed, by its length'
            )
        if self._last is not None and self._last.left_out:
            which = ', '.join(f'{printable(name)} ({why})' for name, why in self._last.left_out.items())
            found.append(f'fields that are no features unless point_features names them: {which}')
        return found

    @staticmethod
    def _read(cloud: CloudLike, plan: Plan) -> Points:
        n_points = n_points_of(cloud)
        columns = np.empty((len(plan.names), n_points))
        usable = np.ones(n_points, dtype=np.bool_)
        values: dict[str, Array] = {}
        with np.errstate(all='ignore'):
            for i, field in plan.plain:
                fill(columns[i], cloud, field)
                values[field.name] = columns[i]
            for name, field in plan.helpers.items():
                if name not in values:
                    values[name] = np.empty(n_points)
                    fill(values[name], cloud, field)
            for i, expression in plan.derived:
                columns[i] = expression.evaluate(values)
            for i in plan.doubtful:
                usable &= (columns[i] < MAX_VALUE) & (columns[i] > -MAX_VALUE)
        return Points(plan.names, columns.T, usable)
