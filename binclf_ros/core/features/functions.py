# SPDX-License-Identifier: Apache-2.0
"""Operators and functions of expressions, each for one number and for many at once, with the same bits.

To add a function: an entry in `FUNCTIONS`; vectors, clouds and images have it then. Where a result is no
number (√−1, 0/0) it is NaN, where it is too large inf, and nothing is raised. What is not finite is no
reading, so no comparison of it is true or false: it is NaN.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array

NAN = math.nan
isfinite = math.isfinite


@dataclass(frozen=True)
class Function:
    """What takes `arity` operands off the stack and puts its result there.

    `scalar` is called with floats, `array` with arrays (M,) or floats, and then with the columns of
    `fields`. With `sized` the last operand has to be written as a number above 0: it is a size, no value.
    """

    arity: int
    scalar: Callable[..., float]
    array: Callable[..., Any]
    fields: tuple[str, ...] = ()
    sized: bool = False
    warns: bool = False
    """Whether `scalar` is numpy's, which may warn."""


def of_arrays(arity: int, array: Callable[..., Any]) -> Function:
    """Return a function whose scalar form is that of arrays: other code might round another way."""
    return Function(arity, lambda *values: float(array(*values)), array, warns=True)


def _divide(a: float, b: float) -> float:
    if b:
        return a / b
    if a == 0.0 or a != a or b != b:
        return NAN
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _sqrt(a: float) -> float:
    return math.sqrt(a) if a >= 0.0 else NAN


def _power(base: Any, exponent: Any) -> Any:
    # a square is what most expressions ask for, and a product is faster
    return base * base if np.ndim(exponent) == 0 and exponent == 2.0 else np.power(base, exponent)


def _clip(a: float, low: float, high: float) -> float:
    if a != a or low != low or high != high:
        return NAN
    return min(max(a, low), high)


def _default(a: Any, other: Any) -> Any:
    return np.where(np.isfinite(a), a, other)


def _comparison(compare: Callable[[Any, Any], Any]) -> Function:
    def scalar(a: float, b: float) -> float:
        return (1.0 if compare(a, b) else 0.0) if isfinite(a) and isfinite(b) else NAN

    def array(a: Any, b: Any) -> Array:
        return np.where(np.isfinite(a) & np.isfinite(b), compare(a, b), NAN)

    return Function(2, scalar, array)


def _both(a: Any, b: Any) -> Any:
    return (a != 0.0) & (b != 0.0)


def _either(a: Any, b: Any) -> Any:
    return (a != 0.0) | (b != 0.0)


def _not(a: float) -> float:
    return (0.0 if a else 1.0) if isfinite(a) else NAN


COMPARISONS = {
    '<=': _comparison(operator.le),
    '<': _comparison(operator.lt),
    '>=': _comparison(operator.ge),
    '>': _comparison(operator.gt),
    '==': _comparison(operator.eq),
    '!=': _comparison(operator.ne),
}
"""Longer signs first."""
SUMS = {'+': Function(2, operator.add, np.add), '-': Function(2, operator.sub, np.subtract)}
PRODUCTS = {'*': Function(2, operator.mul, np.multiply), '/': Function(2, _divide, np.divide)}
NEGATIVE = Function(1, operator.neg, np.negative)
POWER = of_arrays(2, _power)
AND, OR = _comparison(_both), _comparison(_either)
NOT = Function(1, _not, lambda a: np.where(np.isfinite(a), np.equal(a, 0.0), NAN))
FUNCTIONS: dict[str, Function] = {
    'abs': Function(1, abs, np.abs),
    'sqrt': Function(1, _sqrt, np.sqrt),
    'exp': of_arrays(1, np.exp),
    'log': of_arrays(1, np.log),
    'hypot': of_arrays(2, np.hypot),
    'atan2': of_arrays(2, np.arctan2),
    'sin': of_arrays(1, np.sin),
    'cos': of_arrays(1, np.cos),
    'clip': Function(3, _clip, lambda a, low, high: np.minimum(np.maximum(a, low), high)),
    'default': Function(2, lambda a, other: a if isfinite(a) else other, _default),
}
"""By name. clip(x, low, high); default(x, y) is y where x is no reading."""
