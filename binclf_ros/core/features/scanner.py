# SPDX-License-Identifier: Apache-2.0
"""What every reader of expressions begins with: a place in a text, and errors that point at it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from ..errors import ExpressionError

NUMBER = re.compile(r'[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?')
NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
MAX_CHARACTERS = 500
"""Characters of one expression."""
MAX_SHOWN = 20
"""Words that an error lists as what would fit."""


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


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return the choices as a list to read, those that are most like the word first."""
    found = list(choices)
    matcher = difflib.SequenceMatcher(b=word.lower())  # what it knows of b it computes once

    def unlike(choice: str) -> float:
        matcher.set_seq1(choice.lower())
        return -matcher.ratio()

    found.sort(key=unlike)
    more = f', … ({len(found)} in all)' if len(found) > MAX_SHOWN else ''
    return ', '.join(found[:MAX_SHOWN]) + more
