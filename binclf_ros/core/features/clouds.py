# SPDX-License-Identifier: Apache-2.0
"""Features of the points of a cloud: the string that defines a feature is its name.

The grammar is that of grammar.py; its leaves are the scalar fields of the cloud: `z`, `intensity`.
Everything is computed in 64-bit floats, for all points at once. Here is only what clouds alone have:
min and max of two values, and `min_cell`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..arrays import Array
from . import functions
from .functions import Function
from .grammar import MAX_DEPTH, Grammar
from .programs import Program, Step
from .scanner import MAX_CHARACTERS, NAME

__all__ = ['FUNCTIONS', 'LABEL', 'MAX_CHARACTERS', 'MAX_DEPTH', 'PointExpression', 'parse_point_expression']
LABEL = 'label'
"""The field of a labelled cloud that is learned, and therefore is not a feature."""
MAX_CELLS = 2**20
"""Cells of a grid that `min_cell` lays out in memory; a sparser cloud is sorted instead."""


def _min_cell(values: Array, size: Array, x: Array, y: Array) -> Array:
    """Return for each point the lowest finite value in its cell ⌊x/size⌋, ⌊y/size⌋; (M,).

    `size`, and the fields x and y, are in metres. NaN for a point that is in no cell, because its x or
    y is not finite, and in a cell without a finite value.
    """
    columns, rows = x / size, y / size
    np.floor(columns, out=columns)
    np.floor(rows, out=rows)
    values = np.where(np.isfinite(values), values, math.inf)
    values = np.broadcast_to(values, x.shape)
    inside = np.isfinite(columns) & np.isfinite(rows)
    if inside.all():
        return _min_of_cells(values, columns, rows)
    lowest = np.full(x.shape, math.nan)
    lowest[inside] = _min_of_cells(values[inside], columns[inside], rows[inside])
    return lowest


def _min_of_cells(values: Array, columns: Array, rows: Array) -> Array:
    """Return the lowest value of each point's cell, all (M,), inf standing for none; in place."""
    if not len(values):
        return values
    left, bottom = columns.min(), rows.min()
    n_rows = rows.max() - bottom + 1.0
    n_cells = (columns.max() - left + 1.0) * n_rows
    if n_cells <= MAX_CELLS:
        # so close together, the differences of whole numbers are exact at any size
        columns -= left
        rows -= bottom
        columns *= n_rows
        columns += rows
        cell = columns.astype(np.intp)
    else:
        column = np.unique(columns, return_inverse=True)[1]
        row = np.unique(rows, return_inverse=True)[1]
        cell = np.unique(column * len(rows) + row, return_inverse=True)[1]
        n_cells = len(rows)
    grid = np.full(int(n_cells), math.inf)
    np.minimum.at(grid, cell, values)
    grid[grid == math.inf] = math.nan
    return grid.take(cell, out=columns, mode='clip')


FUNCTIONS: dict[str, Function] = {
    **functions.FUNCTIONS,
    'min': functions.of_arrays(2, np.minimum),
    'max': functions.of_arrays(2, np.maximum),
    'min_cell': Function(2, lambda *_: math.nan, _min_cell, fields=('x', 'y'), sized=True),
}
"""By name. min and max are of two values at one point; min_cell(z, 5.0) is the lowest z among the
points of the cloud in the same cell of 5.0 m of the x-y grid."""


@dataclass(frozen=True)
class PointExpression:
    """A parsed expression over the fields of a point; `str` of it is the text that was parsed."""

    text: str
    steps: tuple[Step, ...]
    """In reverse Polish order; the leaves are names of fields."""

    def __str__(self) -> str:
        return self.text

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that it needs, those of its functions included."""
        found = {step for step in self.steps if isinstance(step, str)}
        return frozenset(found.union(*(step.fields for step in self.steps if isinstance(step, Function))))

    @cached_property
    def program(self) -> Program:
        """What computes it; its inputs are fields."""
        return Program(self.steps)

    @property
    def field(self) -> str | None:
        """The field that the feature is, unchanged; None where it is computed."""
        first = self.steps[0]
        return first if len(self.steps) == 1 and isinstance(first, str) else None

    def evaluate(self, columns: Mapping[str, Array]) -> Array:
        """Return the feature of all points, (M,), from the columns (M,) of its `fields`.

        A field alone is returned as it is, not copied. Raises KeyError for a column that is not there.
        """
        result: Array = self.program.arrays([columns[name] for name in self.program.inputs], columns)
        return result


def parse_point_expression(text: str) -> PointExpression:
    """Parse one feature of a point. Raises ExpressionError, which points at the place."""
    return _Fields(text).expression()


class _Fields(Grammar):
    """The grammar whose leaves are the fields of a cloud."""

    functions: ClassVar[dict[str, Function]] = FUNCTIONS
    example = 'z or abs(z)'

    def expression(self) -> PointExpression:
        """Read the whole text."""
        self.whole()
        expression = PointExpression(self.text, tuple(self.program))
        if not expression.fields:
            raise self.fail('no field is in it, so it would be the same for every point', 0)
        return expression

    def leaf(self) -> None:
        """Read a field."""
        start = self.position
        name = self.take(NAME)
        if name is None:
            raise self.fail('expected a field, a number, a function or ( here')
        if name == LABEL:
            raise self.fail(f'{LABEL} is what is to be learnt, not a feature', start)
        self.program.append(name)
