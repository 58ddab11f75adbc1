# SPDX-License-Identifier: Apache-2.0
"""Expressions over messages: the string that defines a feature, or a label, is its name.

The grammar is that of grammar.py; its leaves are here

::

    leaf      = path | statistic "(" either [ "," seconds ] ")"
              | "band" "(" either "," seconds "," low_hz "," high_hz ")"

A path (paths.py) is a topic and fields of its messages; / divides where blanks are around it. A slice
stands for its elements: one feature each, pooled inside a statistic. A statistic takes the readings of one
message, or those of the last `seconds`; what it takes them of may be computed. To add one, see
statistics.py; to add a function, functions.py.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

from ..errors import ExpressionError
from .functions import FUNCTIONS, PRODUCTS, Function
from .grammar import Grammar
from .paths import MAX_ELEMENTS, Path, Segment, read_path
from .programs import Program, Step
from .scanner import NUMBER, nearest
from .statistics import STATISTICS, Statistic, Times, band_rms

__all__ = ['STATISTICS', 'Call', 'Expression', 'Statistic', 'Times', 'parse']
MAX_WINDOW_SEC = 86_400.0
MAX_HZ = 1e9
BAND = 'band'


@dataclass(frozen=True)
class Call:
    """A statistic of what a program gives, over the readings of one message or of a window (s).

    `of` is what it is of, as text; `hz` are the two frequencies of a band.
    """

    name: str
    steps: tuple[Step, ...]
    of: str
    window_sec: float | None = None
    hz: tuple[float, ...] = ()
    start: int = 0
    end: int = 0

    @property
    def window_ns(self) -> int | None:
        """The window in integer nanoseconds; None where the statistic is of one message."""
        return None if self.window_sec is None else round(self.window_sec * 1e9)

    @property
    def statistic(self) -> Statistic:
        """What computes it, of readings and their times."""
        if self.name == BAND:
            return partial(band_rms, low_hz=self.hz[0], high_hz=self.hz[1])
        return STATISTICS[self.name]

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The paths that stand in it."""
        return _paths(self.steps)


def _paths(steps: tuple[Step, ...]) -> tuple[Path, ...]:
    found: list[Path] = []
    for step in steps:
        found.extend([step] if isinstance(step, Path) else step.paths if isinstance(step, Call) else ())
    return tuple(found)


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `str` of it is the text that was parsed.

    >>> speed = parse('hypot(/odom/twist/twist/linear/x, /odom/twist/twist/linear/y)')
    >>> [topic for _, topic, _ in speed.bind(['/odom'])]
    ['/odom', '/odom']
    >>> parse('/scan/ranges[0:3] * 2').names()
    ('/scan/ranges[0] * 2', '/scan/ranges[1] * 2', '/scan/ranges[2] * 2')
    """

    text: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.text

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """All paths that stand in it."""
        return _paths(self.steps)

    @cached_property
    def program(self) -> Program:
        """What computes it; its inputs are paths and calls."""
        return Program(self.steps, lambda leaf: self.text[leaf.start : leaf.end])

    @property
    def leaf(self) -> Path | Call | None:
        """The path or the call that it is; None where it is computed of such."""
        only = self.steps[0] if len(self.steps) == 1 else None
        return only if isinstance(only, (Path, Call)) else None

    @property
    def window_ns(self) -> int | None:
        """The longest of its windows in integer nanoseconds; None where it has none."""
        windows = [each.window_ns for each in self.steps if isinstance(each, Call)]
        return max((each for each in windows if each is not None), default=None)

    @cached_property
    def n_features(self) -> int:
        """How many features it stands for: one, or one an element."""
        return max((path.n_elements for path in self.free_paths), default=1)

    @property
    def n_elements(self) -> int:
        """How many elements have to be looked at for it."""
        pooled = sum(path.n_elements for path in self.paths if path.pooled)
        return (self.n_features if self.free_paths else 0) + pooled

    def names(self) -> tuple[str, ...]:
        """Return the names of the features that this stands for: the text, or one an element."""
        sliced = [path for path in self.free_paths if _sliced(path)]
        if not sliced:
            return (self.text,)
        pieces, end = [], 0
        for path in sorted(sliced, key=lambda each: each.start):
            pieces += [[self.text[end : path.start]], path.names()]
            end = path.end
        pieces.append([self.text[end:]])
        return tuple(
            ''.join(piece[i if len(piece) > 1 else 0] for piece in pieces) for i in range(self.n_features)
        )

    @property
    def free_paths(self) -> list[Path]:
        """The paths outside of statistics."""
        return [step for step in self.steps if isinstance(step, Path)]

    def bind(
        self, topics: Container[str], namespace: str = '/'
    ) -> list[tuple[Path, str, tuple[Segment, ...]]]:
        """Return its paths, each with its topic and its fields.

        Raises LookupError as `Path.split` does, ExpressionError where a statistic is of several topics.
        """
        for call in self.steps:
            if isinstance(call, Call):
                first, *others = (path.split(topics, namespace)[0] for path in call.paths)
                for other, path in zip(others, call.paths[1:]):
                    if other != first:
                        problem = f'a {call.name} is of one topic, and this is of {first} and {other}'
                        raise ExpressionError(self.text, path.start, problem)
        return [(path, *path.split(topics, namespace)) for path in self.paths]

    def missing_topics(self, topics: Container[str], namespace: str = '/') -> list[str]:
        """Return what stands before the last field of each of its paths that begins with no topic.

        >>> parse('/joy/axes[0] > /pad/axes[1]').missing_topics(['/joy'])
        ['/pad']
        """
        found = []
        for path in self.paths:
            try:
                path.split(topics, namespace)
            except LookupError:
                front = '' if path.absolute else f'{namespace.rstrip("/")}/'
                found.append(front + str(path).rpartition('/')[0])
        return found


def _sliced(path: Path) -> bool:
    return any(isinstance(segment.index, slice) for segment in path.segments)


def parse(text: str) -> Expression:
    """Parse one expression. Raises ExpressionError, which points at the place."""
    return _Paths(text).expression()


class _Paths(Grammar):
    """The grammar whose leaves are paths of messages, and statistics of them."""

    functions: ClassVar[dict[str, Function]] = FUNCTIONS
    example = '/imu/data/linear_acceleration/z'

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._inside = ''

    def expression(self) -> Expression:
        """Read the whole text."""
        self.whole()
        expression = Expression(self.text, tuple(self.program))
        if not expression.paths:
            raise self.fail('no topic is in it, so it would always be the same', 0)
        sizes = {path.n_elements for path in expression.free_paths} - {1}
        if len(sizes) > 1:
            raise self.fail(
                f'slices of {" and ".join(map(str, sorted(sizes)))} elements in one feature: '
                'they go side by side, so they have to be of one length',
                expression.free_paths[-1].start,
            )
        if expression.n_elements > MAX_ELEMENTS:
            raise self.fail(f'{expression.n_elements} elements; there may be at most {MAX_ELEMENTS}', 0)
        return expression

    def leaf(self) -> None:
        """Read a path."""
        if self.text[self.position : self.position + 1] in ('"', "'"):
            raise self.fail('a text can only stand in brackets, as in /joint_states/position["a b"]')
        self.program.append(read_path(self, bool(self._inside)))

    def times(self) -> Function | None:
        """Take * or /; a / with blanks on both sides."""
        if self.text.startswith('/', self.position):
            around = self.text[self.position - 1], self.text[self.position + 1 : self.position + 2]
            if around not in ((' ', ' '), (' ', '')):
                raise self.fail('write blanks around / where it divides: it also begins a path')
            self.token('/')
            return PRODUCTS['/']
        return super().times()

    def unknown(self, name: str) -> str:
        """Return what is wrong with a call of this name."""
        statistics = nearest(name, [*STATISTICS, BAND])
        return f'{name} is no statistic; there are {statistics}; nor a function: {nearest(name, FUNCTIONS)}'

    def call(self, name: str, start: int) -> None:
        """Read a function or a statistic, from after its parenthesis."""
        if name not in STATISTICS and name != BAND:
            super().call(name, start)
            return
        outer, first = self._inside, len(self.program)
        self._inside = name
        behind = self.position
        self.either()
        of = self.text[behind : self.position].strip()
        self._inside = outer
        steps = tuple(self.program[first:])
        del self.program[first:]
        if not _paths(steps):
            raise self.fail(f'no topic is in this {name}, so it would always be the same', start)
        window, hz = self._options(name, steps)
        region = next((path for path in _paths(steps) if path.region), None)
        if window is not None and region is not None:
            raise self.fail(f'a region of an image has no window: write {name}({region})', region.start)
        if window is not None and outer:
            raise self.fail('a window cannot be inside another statistic', start)
        if not self.skip(')'):
            raise self.fail('expected ) here' if window else 'expected ) or , and a window in seconds here')
        self.program.append(Call(name, steps, of, window, hz, start, self.position))

    def _options(self, name: str, steps: tuple[Step, ...]) -> tuple[float | None, tuple[float, ...]]:
        """Read the window, and the frequencies of a band."""
        if name != BAND:
            return (self._window() if self.token(',') else None), ()
        if any(_sliced(path) for path in _paths(steps)):
            raise self.fail('a band is of one reading a message: name an element', _paths(steps)[0].start)
        asks = 'a band takes a window in seconds and two frequencies, as in band(/imu/data/x, 1.0, 5, 20)'
        if not self.token(','):
            raise self.fail(f'expected , here: {asks}')
        window = self._window()
        hz: list[float] = []
        for _ in range(2):
            if not self.token(','):
                raise self.fail(f'expected , here: {asks}')
            start = self.position
            number = self.take(NUMBER)
            if number is None or not float(number) <= MAX_HZ or (hz and float(number) <= hz[0]):
                raise self.fail(f'expected a frequency in Hz, the lower one first: {asks}', start)
            hz.append(float(number))
            self.space()
        return window, tuple(hz)

    def _window(self) -> float:
        start = self.position
        number = self.take(NUMBER)
        if number is None:
            raise self.fail('expected a window in seconds, such as 1.0')
        window = float(number)
        if not 1e-9 <= window <= MAX_WINDOW_SEC:
            raise self.fail(f'a window is above 0 and at most {MAX_WINDOW_SEC:g} seconds', start)
        self.space()
        return window
