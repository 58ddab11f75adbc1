# SPDX-License-Identifier: Apache-2.0
"""Features of the pixels of an image: the string that defines a feature is its name.

The grammar is that of grammar.py; its leaves are channels, such as `lab_a`, and channels as they are around
a pixel: `blur(lab_a, 25)`, `std(gray, 7)`, `edge(gray, 3)`, the window in pixels of the frame. What a
channel is, and how a plane of it is computed, is in vision/planes.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from ..errors import ExpressionError
from .grammar import Grammar
from .programs import Program, Step
from .scanner import NAME, NUMBER, nearest

CHANNELS = (
    'red', 'green', 'blue', 'gray', 'hue', 'saturation', 'value', 'lab_l', 'lab_a', 'lab_b',
    'depth', 'row', 'col',
)  # fmt: skip
AROUND = ('blur', 'std', 'edge')
"""What is computed of a window around each pixel."""
MAX_WINDOW_PX = 1000.0
MAX_FEATURES = 200
"""Columns that a pixel may have: each is a plane of the size of the frame."""


@dataclass(frozen=True)
class Around:
    """A leaf: `name`, of `AROUND`, of an expression over a window of `px` × `px` pixels of the frame."""

    name: str
    of: PixelExpression
    px: float


@dataclass(frozen=True)
class PixelExpression:
    """A parsed expression over the channels of a pixel; `str` of it is the text that was parsed."""

    text: str
    steps: tuple[Step, ...]
    """In reverse Polish order; the leaves are names of channels, and `Around`."""

    def __str__(self) -> str:
        return self.text

    @cached_property
    def program(self) -> Program:
        """What computes it; its inputs are planes."""
        return Program(self.steps)

    @property
    def leaf(self) -> str | Around | None:
        """The plane that the feature is, unchanged; None where it is computed of planes."""
        first = self.steps[0]
        return first if len(self.steps) == 1 and isinstance(first, (str, Around)) else None

    def channels(self) -> Iterator[str]:
        """Yield the channels that it needs, those inside windows included."""
        for leaf in self.program.inputs:
            if isinstance(leaf, str):
                yield leaf
            else:
                yield from leaf.of.channels()


def parse_pixel_expression(text: str) -> PixelExpression:
    """Parse one feature of a pixel. Raises ExpressionError, which points at the place."""
    return _Pixels(text).expression()


def parse_pixel_features(texts: Sequence[str]) -> tuple[PixelExpression, ...]:
    """Parse the features of a pixel.

    Raises ExpressionError, also for one that is there twice, and for more than `MAX_FEATURES`.
    """
    parsed = tuple(map(parse_pixel_expression, texts))
    for i, each in enumerate(parsed):
        if i == MAX_FEATURES:
            raise ExpressionError(each.text, 0, f'a pixel has {MAX_FEATURES} features at most')
        if each in parsed[:i]:
            raise ExpressionError(each.text, 0, 'this feature is there twice')
    return parsed


class _Pixels(Grammar):
    """The grammar whose leaves are channels, and channels around a pixel."""

    example: ClassVar[str] = 'lab_a or blur(gray, 7)'

    def expression(self) -> PixelExpression:
        """Read the whole text."""
        self.whole()
        expression = PixelExpression(self.text, tuple(self.program))
        if not any(expression.channels()):
            raise self.fail('no channel is in it, so it would be the same for every pixel', 0)
        return expression

    def leaf(self) -> None:
        """Read a channel."""
        start = self.position
        name = self.take(NAME)
        if name is None:
            raise self.fail('expected a channel, a number, a function or ( here')
        if name not in CHANNELS:
            raise self.fail(f'{name} is no channel; there are {nearest(name, CHANNELS)}', start)
        self.program.append(name)

    def call(self, name: str, start: int) -> None:
        """Read the arguments of a function, or what is to be computed around a pixel."""
        if name not in AROUND:
            super().call(name, start)
            return
        outside, self.program = self.program, []
        begin = self.position
        self.either()
        of = PixelExpression(self.text[begin : self.position].strip(), tuple(self.program))
        self.program = outside
        if not any(of.channels()):
            raise self.fail('no channel is in it, so it would be the same for every pixel', begin)
        self.program.append(Around(name, of, self._window(name)))

    def unknown(self, name: str) -> str:
        """Return what is wrong with a call of this name."""
        return f'{name} is no function of pixels; there are {nearest(name, (*AROUND, *self.functions))}'

    def _window(self, name: str) -> float:
        """Read a comma, the side of a window in pixels, and the parenthesis after it."""
        if not self.token(','):
            raise self.fail(f'expected , and the side of a window in pixels here, such as {name}(gray, 7)')
        start = self.position
        number = self.take(NUMBER)
        if number is None or not 1.0 <= float(number) <= MAX_WINDOW_PX:
            raise self.fail(f'the side of a window is 1 to {MAX_WINDOW_PX:g} pixels', start)
        self.space()
        if not self.skip(')'):
            raise self.fail('expected ) here')
        return float(number)
