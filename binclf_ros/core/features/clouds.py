# SPDX-License-Identifier: Apache-2.0
"""Features of the points of a cloud: the string that defines a feature is its name.

::

    sum     = product { ("+" | "-") product }
    product = unary { ("*" | "/") unary }
    unary   = "-" unary | power
    power   = atom [ "**" unary ]
    atom    = number | field | function "(" sum { "," sum } ")" | "(" sum ")"

A field is a scalar field of the cloud: `z`, `intensity`. The operators bind as in Python, −x**2 is
−(x²). Everything is computed in 64-bit floats, for all points at once; where a result is no number
(√−1, 0/0) it is NaN, where it is too large inf, and nothing is raised. Adding a function is one
entry in `FUNCTIONS`. What a text may ask for is bounded by `MAX_CHARACTERS` and `MAX_DEPTH`, and no
part of it ever reaches Python's own evaluator.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ExpressionError
from .scanner import NUMBER, Scanner

LABEL = 'label'
"""The field of a labelled cloud that is learnt, and therefore no feature."""
MAX_CHARACTERS = 500
"""Characters of one expression."""
MAX_DEPTH = 32
"""Parentheses, calls, signs and exponents inside one another."""
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


def _power(base: Array, exponent: Array) -> Array:
    # a square is what most expressions ask for, and a product is faster
    result: Array = base * base if np.ndim(exponent) == 0 and exponent == 2.0 else np.power(base, exponent)
    return result


@dataclass(frozen=True)
class Function:
    """What takes `arity` operands off the stack and puts its result there.

    `apply` is called with the operands, each (M,) or a scalar, and then with the columns of `fields`.
    With `sized` the last operand has to be written as a number above 0: it is a size, not a value.
    """

    arity: int
    apply: Callable[..., Any]
    fields: tuple[str, ...] = ()
    sized: bool = False


FUNCTIONS: dict[str, Function] = {
    'sqrt': Function(1, np.sqrt),
    'abs': Function(1, np.abs),
    'log': Function(1, np.log),
    'exp': Function(1, np.exp),
    'min': Function(2, np.minimum),
    'max': Function(2, np.maximum),
    'hypot': Function(2, np.hypot),
    'min_cell': Function(2, _min_cell, fields=('x', 'y'), sized=True),
}
"""By name. min and max are of two values at one point; min_cell(z, 5.0) is the lowest z among the
points of the cloud in the same cell of 5.0 m of the x-y grid."""
SUMS = {'+': Function(2, np.add), '-': Function(2, np.subtract)}
PRODUCTS = {'*': Function(2, np.multiply), '/': Function(2, np.divide)}
NEGATIVE = Function(1, np.negative)
POWER = Function(2, _power)

Step = str | np.float64 | Function
# One step of a program: a field's column or a number onto the stack, or a function upon it.


@dataclass(frozen=True)
class PointExpression:
    """A parsed expression over the fields of a point; `str` of it is the text that was parsed."""

    text: str
    program: tuple[Step, ...]
    """In reverse Polish order, so that it is evaluated without recursion."""
    fields: frozenset[str]
    """The fields that it needs, those of its functions included."""

    def __str__(self) -> str:
        return self.text

    @property
    def field(self) -> str | None:
        """The field that the feature is, unchanged; None where it is computed."""
        first = self.program[0]
        return first if len(self.program) == 1 and isinstance(first, str) else None

    def evaluate(self, columns: Mapping[str, Array]) -> Array:
        """Return the feature of all points, (M,), from the columns (M,) of its `fields`.

        A field alone is returned as it is, not copied. Raises KeyError for a column that is not there.
        """
        stack: list[Any] = []
        with np.errstate(all='ignore'):
            for step in self.program:
                if isinstance(step, str):
                    stack.append(columns[step])
                elif isinstance(step, Function):
                    operands = stack[-step.arity :]
                    stack[-step.arity :] = [step.apply(*operands, *(columns[f] for f in step.fields))]
                else:
                    stack.append(step)
        result: Array = stack[0]
        return result


def parse_point_expression(text: str) -> PointExpression:
    """Parse one feature of a point. Raises ExpressionError, which points at the place."""
    return _Parser(text).expression()


_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')


class _Parser(Scanner):
    """Every method takes what it reads off the front of the text, or raises."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise ExpressionError(str(text)[:MAX_CHARACTERS], 0, 'a feature is a text such as z or abs(z)')
        super().__init__(text)
        self.depth = 0
        self.program: list[Step] = []
        if len(self.text) > MAX_CHARACTERS:
            self.text = self.text[:MAX_CHARACTERS]
            raise self.fail(f'an expression has {MAX_CHARACTERS} characters at most', MAX_CHARACTERS)

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """Take what fits off the front, and the spaces behind it."""
        taken = super().take(pattern)
        if taken is not None:
            self.space()
        return taken

    def skip(self, *symbols: str) -> str:
        """Take one of the symbols, and the spaces behind it; '' where none is there."""
        taken = super().skip(*symbols)
        if taken:
            self.space()
        return taken

    def expression(self) -> PointExpression:
        if not self.text:
            raise self.fail('an empty feature: write a field such as z')
        self.sum()
        if self.position < len(self.text):
            raise self.fail('expected + - * / ** or the end here')
        fields = {step for step in self.program if isinstance(step, str)}
        fields.update(*(step.fields for step in self.program if isinstance(step, Function)))
        if not fields:
            raise self.fail('no field is in it, so it would be the same for every point', 0)
        return PointExpression(self.text, tuple(self.program), frozenset(fields))

    def sum(self) -> None:
        self.product()
        while symbol := self.skip(*SUMS):
            self.product()
            self.program.append(SUMS[symbol])

    def product(self) -> None:
        self.unary()
        while symbol := self.skip(*PRODUCTS):
            self.unary()
            self.program.append(PRODUCTS[symbol])

    def unary(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f'more than {MAX_DEPTH} levels inside one another')
        if self.skip('-'):
            self.unary()
            self.program.append(NEGATIVE)
        else:
            self.atom()
            if self.skip('**'):
                self.unary()
                self.program.append(POWER)
        self.depth -= 1

    def atom(self) -> None:
        start = self.position
        if self.skip('('):
            self.sum()
            if not self.skip(')'):
                raise self.fail('expected ) here')
        elif number := self.take(NUMBER):
            if math.isinf(float(number)):
                raise self.fail('this number is beyond what 64 bits hold', start)
            self.program.append(np.float64(number))
        elif name := self.take(_NAME):
            if self.skip('('):
                self.call(name, start)
            elif name == LABEL:
                raise self.fail(f'{LABEL} is what is to be learnt, not a feature', start)
            else:
                self.program.append(name)
        else:
            raise self.fail('expected a field, a number, a function or ( here')

    def call(self, name: str, start: int) -> None:
        function = FUNCTIONS.get(name)
        if function is None:
            raise self.fail(f'{name} is no function; there are {", ".join(FUNCTIONS)}', start)
        for i in range(function.arity):
            if i and not self.skip(','):
                raise self.fail(f'expected , here: {name} takes {function.arity} values')
            first, argument = len(self.program), self.position
            self.sum()
        size = self.program[first]
        literal = len(self.program) == first + 1 and isinstance(size, np.float64)
        if function.sized and not (literal and size > np.float64(0.0)):
            raise self.fail(f'the last value of {name} is a number above 0, such as 5.0', argument)
        if not self.skip(')'):
            raise self.fail(f'expected ) here: {name} takes {function.arity}')
        self.program.append(function)
