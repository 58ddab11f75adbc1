# SPDX-License-Identifier: Apache-2.0
"""The one grammar of expressions, for vectors, clouds and images.

::

    either     = both { "or" both }
    both       = negation { "and" negation }
    negation   = "not" negation | comparison
    comparison = sum [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum ]
    sum        = product { ( "+" | "-" ) product }
    product    = unary { ( "*" | "/" ) unary }
    unary      = "-" unary | atom [ "**" unary ]
    atom       = number | leaf | function "(" either { "," either } ")" | "(" either ")"

The operators bind as in Python, −x**2 is −(x²). What a leaf is, a kind of data says in a class of its own:
a path (expressions.py), a field of a cloud (clouds.py), a channel of an image. What a text may ask for is
bounded by `MAX_CHARACTERS` and `MAX_DEPTH`, and no part of it ever reaches Python's own evaluator.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import ClassVar

from ..errors import ExpressionError
from .functions import (
    AND,
    COMPARISONS,
    FUNCTIONS,
    NEGATIVE,
    NOT,
    OR,
    POWER,
    PRODUCTS,
    SUMS,
    Function,
)
from .programs import Step
from .scanner import MAX_CHARACTERS, NAME, NUMBER, Scanner, nearest

MAX_DEPTH = 32
"""Parentheses, calls, signs and exponents inside one another."""
WORD_ENDS = r'(?![A-Za-z0-9_/\[])'
WORDS = {word: re.compile(word + WORD_ENDS) for word in ('and', 'or', 'not')}


class Grammar(Scanner):
    """Reads one text into `program`; every method takes what it reads off the front, or raises.

    A kind of data is a subclass, with its `functions`, what an `example` looks like, and `leaf`.
    """

    functions: ClassVar[Mapping[str, Function]] = FUNCTIONS
    example: ClassVar[str] = 'x'
    operand: ClassVar[str] = 'a leaf'
    """What can be written where a value is expected."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise ExpressionError(
                str(text)[:MAX_CHARACTERS], 0, f'a feature is a text such as {self.example}'
            )
        super().__init__(text)
        self.depth = 0
        self.program: list[Step] = []
        if len(self.text) > MAX_CHARACTERS:
            self.text = self.text[:MAX_CHARACTERS]
            raise self.fail(f'an expression has at most {MAX_CHARACTERS} characters', MAX_CHARACTERS)

    def leaf(self) -> None:
        """Read a leaf into the program; the next symbol is none of a number, a call or a parenthesis."""
        raise NotImplementedError

    def call(self, name: str, start: int) -> None:
        """Read the arguments of a function; its name and the parenthesis after it are read."""
        function = self.functions.get(name)
        if function is None:
            raise self.fail(self.unknown(name), start)
        self.arguments(name, function)

    def unknown(self, name: str) -> str:
        """Return what is wrong with a call of this name."""
        return f'{name} is no function; there are {nearest(name, self.functions)}'

    def whole(self) -> None:
        """Read the whole text."""
        if not self.text:
            raise self.fail(f'an empty feature: write {self.example}')
        self.either()
        if self.position < len(self.text):
            raise self.fail(
                'expected the end of the feature or an operator (+ - * / ** < > == and or) here'
            )

    def token(self, *symbols: str) -> str:
        """Take one of the symbols, and the spaces after it; '' where none is there."""
        taken = self.skip(*symbols)
        if taken:
            self.space()
        return taken

    def word(self, word: str) -> bool:
        """Take one of the words of the language, and the spaces after it."""
        taken = self.take(WORDS[word]) is not None
        self.space()
        return taken

    def either(self) -> None:
        """Read operands of `or`."""
        self._chain(self.both, lambda: OR if self.word('or') else None)

    def both(self) -> None:
        """Read operands of `and`."""
        self._chain(self.negation, lambda: AND if self.word('and') else None)

    def _chain(self, operand: Callable[[], None], operator: Callable[[], Function | None]) -> None:
        operand()
        while function := operator():
            operand()
            self.program.append(function)

    def negation(self) -> None:
        """Read `not`, and what it is of."""
        if not self.word('not'):
            self.comparison()
            return
        self._deeper()
        self.negation()
        self.program.append(NOT)
        self.depth -= 1

    def comparison(self) -> None:
        """Read a sum, or the comparison of two."""
        self.sum()
        symbol = self.token(*COMPARISONS)
        if symbol:
            self.sum()
            self.program.append(COMPARISONS[symbol])
            if self.skip(*COMPARISONS):
                raise self.fail('one comparison at a time: write a < b and b < c', self.position - 1)

    def sum(self) -> None:
        """Read products that are added."""
        self._chain(self.product, lambda: SUMS.get(self.token(*SUMS)))

    def product(self) -> None:
        """Read operands of * and /."""
        self._chain(self.unary, self.times)

    def times(self) -> Function | None:
        """Take * or / if it is here."""
        if self.text.startswith('**', self.position):
            return None
        return PRODUCTS.get(self.token(*PRODUCTS))

    def unary(self) -> None:
        """Read a sign, or an atom and its exponent."""
        self._deeper()
        if self.token('-'):
            self.unary()
            self.program.append(NEGATIVE)
        else:
            self.atom()
            self.space()
            if self.token('**'):
                self.unary()
                self.program.append(POWER)
        self.depth -= 1

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f'more than {MAX_DEPTH} levels inside one another')

    def atom(self) -> None:
        """Read a number, a call, a leaf, or an expression in parentheses."""
        start = self.position
        if self.token('('):
            self.either()
            if not self.skip(')'):
                raise self.fail('expected ) here')
        elif number := self.take(NUMBER):
            if math.isinf(float(number)):
                raise self.fail('this number is beyond what 64 bits hold', start)
            self.program.append(float(number))
        elif name := self._called():
            self.call(name, start)
        else:
            self.leaf()

    def _called(self) -> str | None:
        """Take a name and the parenthesis after it; nothing where one of them is not here."""
        start = self.position
        name = self.take(NAME)
        self.space()
        if name is None or not self.token('('):
            self.position = start
            return None
        return name

    def arguments(self, name: str, function: Function) -> None:
        """Read the arguments of a function and the parenthesis after them."""
        for i in range(function.arity):
            if i and not self.token(','):
                raise self.fail(f'expected , here: {name} takes {function.arity} values')
            first, argument = len(self.program), self.position
            self.either()
        size = self.program[first]
        literal = len(self.program) == first + 1 and isinstance(size, float)
        if function.sized and not (literal and size > 0.0):
            raise self.fail(f'the last value of {name} is a number above 0, such as 5.0', argument)
        if not self.skip(')'):
            raise self.fail(f'expected ) here: {name} takes {function.arity}')
        self.program.append(function)
