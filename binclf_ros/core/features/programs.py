# SPDX-License-Identifier: Apache-2.0
"""Parsed expressions as programs in reverse Polish order, and their evaluation: no recursion, no `eval`.

A step of a program is a number onto the stack, a leaf (whatever the grammar has: a path, a statistic, a
field) onto the stack, or a `Function` upon it. `Program` replaces each leaf by the number of its input.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from .functions import Function

Step = Any
"""A float, a leaf, or a Function."""
CONSTANT, INPUT, FIELDS = -1, 0, 9


class Program:
    """A program over numbered inputs: `inputs` are its leaves, each once, by what `key` gives of them."""

    def __init__(self, steps: Iterable[Step], key: Callable[[Any], Hashable] = lambda leaf: leaf) -> None:
        self.inputs: list[Any] = []
        numbers: dict[Hashable, int] = {}
        self._scalar: list[tuple[int, Any]] = []
        self._array: list[tuple[int, Any]] = []
        self._warns = False
        for step in steps:
            if isinstance(step, Function):
                self._warns |= step.warns
                self._scalar.append((step.arity, step.scalar))
                self._array.append((FIELDS, step) if step.fields else (step.arity, step.array))
                continue
            if isinstance(step, float):
                entry = (CONSTANT, step)
            else:
                number = numbers.setdefault(key(step), len(numbers))
                if number == len(self.inputs):
                    self.inputs.append(step)
                entry = (INPUT, number)
            self._scalar.append(entry)
            self._array.append(entry)

    def scalar(self, values: Sequence[float]) -> float:
        """Return the result for one number an input."""
        if not self._warns:
            return float(_run(self._scalar, values, {}))
        with np.errstate(all='ignore'):
            return float(_run(self._scalar, values, {}))

    def arrays(self, values: Sequence[Any], fields: Mapping[str, Array] | None = None) -> Any:
        """Return the result for many at once: each input an array (M,) or a number.

        `fields` are the columns that functions such as min_cell look at beside their operands.
        """
        with np.errstate(all='ignore'):
            return _run(self._array, values, fields or {})


def _run(steps: Sequence[tuple[int, Any]], values: Sequence[Any], fields: Mapping[str, Array]) -> Any:
    stack: list[Any] = []
    for kind, what in steps:
        if kind == INPUT:
            stack.append(values[what])
        elif kind == 2:
            last = stack.pop()
            stack[-1] = what(stack[-1], last)
        elif kind == CONSTANT:
            stack.append(what)
        elif kind == 1:
            stack[-1] = what(stack[-1])
        elif kind == FIELDS:
            operands = stack[-what.arity :]
            stack[-what.arity :] = [what.array(*operands, *(fields[name] for name in what.fields))]
        else:
            stack[-kind:] = [what(*stack[-kind:])]
    return stack[0]
