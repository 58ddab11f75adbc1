# SPDX-License-Identifier: Apache-2.0
"""What a statistic is taken of: readings of one message, as they are or computed from several paths."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .expressions import Call
from .paths import Path
from .programs import Program
from .readings import Values
from .statistics import OF_NONE, Statistic, Times

Slot = Callable[[Path], int]
"""Gives the place of a path's readings among those of a message."""
Take = Callable[[Sequence[Values]], Values]
"""Makes readings from those of all paths of a message."""


def operand(call: Call, slot: Slot) -> Take:
    """Return what makes the readings that a statistic is of from those of a message.

    Several readings go side by side, as far as all paths have some; a path that has one goes with each.
    """
    program = Program(call.steps, lambda leaf: (leaf.start, leaf.end))
    takes = [_take(leaf, slot) for leaf in program.inputs]
    if call.steps == (program.inputs[0],):
        return takes[0]

    def compute(readings: Sequence[Values]) -> Values:
        values = [take(readings) for take in takes]
        lengths = set(map(len, values))
        if lengths == {1}:
            return (program.scalar([float(each[0]) for each in values]),)
        if 0 in lengths:
            return ()
        count = min(lengths - {1})
        result: Values = program.arrays(
            [np.asarray(each, dtype=float)[:count] if len(each) > 1 else float(each[0]) for each in values]
        )
        return result

    return compute


def _take(leaf: Path | Call, slot: Slot) -> Take:
    if isinstance(leaf, Call):
        return of_message(leaf, slot)
    number = slot(leaf)
    return lambda readings: readings[number]


def of_message(call: Call, slot: Slot) -> Take:
    """Return what makes the value of a statistic of one message, as one reading; NaN where none is left."""
    take, statistic, of_none = operand(call, slot), call.statistic, OF_NONE.get(call.name, math.nan)

    def reduce(readings: Sequence[Values]) -> Values:
        return (reduced(statistic, take(readings), of_none),)

    return reduce


def reduced(statistic: Statistic, values: Values, of_none: float) -> float:
    """Return a statistic of the finite ones of some readings, one second apart from one to the next."""
    v: NDArray[Any] = np.asarray(values)
    if v.dtype.kind not in 'iub':
        finite = np.isfinite(v)
        v = v if finite.all() else v[finite]
    if not len(v):
        return of_none
    return float(statistic(np.asarray(v, dtype=float)[None], _seconds(len(v)))[0])


@lru_cache(maxsize=8)
def _seconds(count: int) -> Times:
    times: Times = np.arange(count, dtype=np.int64) * 1_000_000_000
    times.flags.writeable = False
    return times
