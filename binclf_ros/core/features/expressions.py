# SPDX-License-Identifier: Apache-2.0
"""Feature expressions: the string that defines a feature is its name.

::

    expression = path | statistic "(" path [ "," seconds ] ")"
    path       = [ "/" ] segment { "/" segment }
    segment    = name [ "[" index "]" | "[" [start] ":" end [ ":" step ] "]" ]

A path is a topic and then fields of its messages, as rqt_plot and PlotJuggler write them; which part
is the topic is decided by the topics that there are: the longest that fits. A slice stands for its
elements: one feature each where it stands alone, pooled inside a statistic.

A statistic takes the readings of one message, or those of the last `seconds`. Adding one is one
entry in `STATISTICS`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import ExpressionError
from .scanner import NUMBER, Scanner

Times = NDArray[np.int64]
Statistic = Callable[[Array, Times], Array]
# A statistic is a function of readings V (P, k), k ≥ 1, all finite, a row a path, and of their times t (k,)
# (ns); it returns (P,).
STATISTICS: dict[str, Statistic] = {
    'mean': lambda V, t: _mean(V),
    'std': lambda V, t: _std(V),
    'min': lambda V, t: V.min(axis=-1),
    'max': lambda V, t: V.max(axis=-1),
    'median': lambda V, t: np.median(V, axis=-1),
    'rms': lambda V, t: np.sqrt(_mean(V * V)),
    'ptp': lambda V, t: V.max(axis=-1) - V.min(axis=-1),
    'slope': lambda V, t: _slope(V, t),
    'last': lambda V, t: V[:, -1],
}
"""Name → f(V, t): std is the population's, ptp is max − min, slope is per second (per element
within one message) by least squares, nan where all readings share one time."""


def _mean(V: Array) -> Array:
    mean: Array = np.add.reduce(V, axis=-1) / V.shape[-1]  # half the time of V.mean(axis=-1)
    return mean


def _std(V: Array) -> Array:
    centred = V - _mean(V)[:, None]
    return np.sqrt(_mean(np.multiply(centred, centred, out=centred)))


def _slope(V: Array, t: Times) -> Array:
    seconds = (t - t[0]) * 1e-9
    centred = seconds - seconds.mean()
    square = float(centred @ centred)
    return V @ centred / square if square > 0.0 else np.full(len(V), math.nan)


@dataclass(frozen=True)
class Segment:
    """One step of a path: a name and, for an array, which elements: an index, a slice or all."""

    name: str
    index: int | slice | None = None
    position: int = 0

    def __str__(self) -> str:
        return f'{self.name}{_brackets(self.index)}'


@dataclass(frozen=True)
class Expression:
    """A parsed feature expression; `str` of it is the text that was parsed."""

    text: str
    absolute: bool
    segments: tuple[Segment, ...]
    statistic: str | None = None
    window_sec: float | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def window_ns(self) -> int | None:
        """The window in integer nanoseconds; None where the statistic is of one message."""
        return None if self.window_sec is None else round(self.window_sec * 1e9)

    def split(self, topics: Iterable[str], namespace: str = '/') -> tuple[str, tuple[Segment, ...]]:
        """Return the topic and the fields: the longest of `topics` (fully qualified) that fits.

        Raises LookupError where none does (yet).
        """
        prefix = '' if self.absolute else namespace.rstrip('/')
        known = set(topics)
        for count in range(len(self.segments) - 1, 0, -1):
            head = self.segments[:count]
            topic = prefix + '/' + '/'.join(segment.name for segment in head)
            if topic in known and all(segment.index is None for segment in head):
                return topic, self.segments[count:]
        raise LookupError(
            f'waiting for the topic of {prefix}{self.path if self.absolute else "/" + self.path}'
        )

    @property
    def path(self) -> str:
        """The path alone, as it is written in the text."""
        return ('/' if self.absolute else '') + '/'.join(str(segment) for segment in self.segments)

    def names(self) -> tuple[str, ...]:
        """Return the names of the features that this stands for: the text, or one an element."""
        if self.statistic or not any(isinstance(s.index, slice) for s in self.segments):
            return (self.text,)
        choices = [
            [f'{s.name}[{i}]' for i in elements(s.index)] if isinstance(s.index, slice) else [str(s)]
            for s in self.segments
        ]
        return tuple(('/' if self.absolute else '') + '/'.join(each) for each in product(*choices))


def elements(index: slice) -> range:
    """Return the element numbers that a slice of an expression stands for."""
    return range(index.start or 0, index.stop, index.step or 1)


_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
_INTEGER = re.compile(r'[0-9]{1,9}')
MAX_WINDOW_SEC = 86_400.0
MAX_ELEMENTS = 100_000


def parse(text: str) -> Expression:
    """Parse one feature expression. Raises ExpressionError, which points at the place."""
    return _Parser(text).expression()


class _Parser(Scanner):
    """Every method takes what it reads off the front of the text, or raises."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise ExpressionError(
                str(text), 0, 'a feature is a text such as /imu/data/linear_acceleration/z'
            )
        super().__init__(text)

    def expression(self) -> Expression:
        if not self.text:
            raise self.fail('an empty feature: write a path such as /imu/data/linear_acceleration/z')
        name = self.take(_NAME)
        if name is not None and self.skip('('):
            expression = self.call(name)
        else:
            self.position = 0
            absolute, segments = self.path()
            expression = Expression(self.text, absolute, segments)
        if self.position < len(self.text):
            raise self.fail('expected the end of the feature here')
        return expression

    def call(self, statistic: str) -> Expression:
        if statistic not in STATISTICS:
            raise self.fail(f'{statistic} is no statistic; there are {", ".join(STATISTICS)}', 0)
        self.space()
        absolute, segments = self.path()
        self.space()
        window = self.window() if self.skip(',') else None
        self.space()
        if not self.skip(')'):
            raise self.fail('expected ) here' if window else 'expected ) or , and a window in seconds here')
        return Expression(self.text, absolute, segments, statistic, window)

    def window(self) -> float:
        self.space()
        start = self.position
        number = self.take(NUMBER)
        if number is None:
            raise self.fail('expected a window in seconds, such as 1.0')
        window = float(number)
        if not 1e-9 <= window <= MAX_WINDOW_SEC:
            raise self.fail(f'a window is above 0 and at most {MAX_WINDOW_SEC:g} seconds', start)
        return window

    def path(self) -> tuple[bool, tuple[Segment, ...]]:
        absolute = bool(self.skip('/'))
        segments = [self.segment()]
        while self.skip('/'):
            segments.append(self.segment())
        if len(segments) < 2:
            raise self.fail('a path is a topic and at least one field, such as /label/data')
        size = math.prod(len(elements(s.index)) for s in segments if isinstance(s.index, slice))
        if size > MAX_ELEMENTS:
            raise self.fail(f'{size} elements; a path may stand for {MAX_ELEMENTS} at most')
        return absolute, tuple(segments)

    def segment(self) -> Segment:
        start = self.position
        name = self.take(_NAME)
        if name is None:
            raise self.fail('expected a name here: letters, digits and _, not a digit first')
        index = self.index() if self.skip('[') else None
        return Segment(name, index, start)

    def index(self) -> int | slice:
        start = self.position
        first = self.take(_INTEGER)
        if first is not None and self.skip(']'):
            return int(first)
        if not self.skip(':'):
            raise self.fail('expected an element [3] or a slice [0:90] or [0:90:10] here')
        stop = self.take(_INTEGER)
        if stop is None:
            raise self.fail('a slice needs its end, such as [0:90]: names have to be known beforehand')
        step = None
        if self.skip(':'):
            step = self.take(_INTEGER)
            if step is None or int(step) == 0:
                raise self.fail('expected a step of 1 or more here')
        if not self.skip(']'):
            raise self.fail('expected ] here')
        found = slice(None if first is None else int(first), int(stop), step and int(step))
        if not elements(found):
            raise self.fail('this slice has no elements: its end has to be above its start', start)
        return found


def _brackets(index: int | slice | None) -> str:
    if index is None:
        return ''
    if isinstance(index, int):
        return f'[{index}]'
    start = '' if index.start is None else index.start
    step = '' if index.step is None else f':{index.step}'
    return f'[{start}:{index.stop}{step}]'
