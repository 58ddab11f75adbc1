# SPDX-License-Identifier: Apache-2.0
"""What the two grammars of expressions share: a place in a text, and errors that point at it."""

from __future__ import annotations

import re

from ..errors import ExpressionError

NUMBER = re.compile(r'[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?')


class Scanner:
    """A place in one text; every method takes what it reads off the front."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text.strip(), 0

    def fail(self, problem: str, position: int | None = None) -> ExpressionError:
        """Return the error that points at this place, or at another one."""
        return ExpressionError(self.text, self.position if position is None else position, problem)

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """Take what fits the pattern; None where nothing does."""
        match = pattern.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match.group()

    def skip(self, *symbols: str) -> str:
        """Take the first of these symbols that is here; '' where none is."""
        for symbol in symbols:
            if self.text.startswith(symbol, self.position):
                self.position += len(symbol)
                return symbol
        return ''

    def space(self) -> None:
        """Take spaces, if any."""
        while self.text.startswith(' ', self.position):
            self.position += 1
