# SPDX-License-Identifier: Apache-2.0
"""Texts from outside, before a terminal, a log or another node sees them: the one place that escapes.

A name may hold escape sequences of a terminal, a newline and a forged line of a log after it, or half of a
surrogate pair, which is no UTF-8 and at which a logger raises.
"""

from __future__ import annotations

from .errors import BinclfError

MAX_LINE = 1000
"""Characters of a line that is shown."""
MAX_RUN, MAX_NAME = 100, 500
"""Characters of a run, and of the name of a feature."""


def printable(text: object, most: int = MAX_LINE) -> str:
    r"""Return `text` as one line of at most `most` printable characters and an ellipsis; never raises.

    >>> printable('a\x1b[31m\n[ERROR]\ud800')
    'a\\x1b[31m\\n[ERROR]\\ud800'
    """
    try:
        line = str(text)
    except Exception:  # what is asked for is a line to log, whatever it is of
        line = f'<{type(text).__name__}>'
    cut = line if len(line) <= most else line[:most] + '…'
    return cut if cut.isprintable() else ''.join(map(_escaped, cut))


def printable_lines(text: object) -> str:
    """Return `text` with its own newlines, each line `printable`: for texts that this package lays out."""
    try:
        lines = str(text).split('\n')
    except Exception:
        lines = [printable(text)]
    return '\n'.join(map(printable, lines))


def shown(value: object, most: int = 80) -> str:
    """Return what `repr` shows of a value, cut before it is made: a long text or list costs nothing.

    >>> shown([0.0] * 1_000_000, most=10)
    '[0.0, 0.0,…'
    """
    if isinstance(value, (str, bytes, list, tuple)) and len(value) > most:
        value = value[:most]
        return printable(repr(value)[:most] + '…', most + 1)
    try:
        return printable(repr(value), most)
    except Exception:  # such as a whole number of too many digits
        return f'<{type(value).__name__}>'


def is_name(text: str, most: int = MAX_NAME) -> bool:
    r"""Return whether a text may be a name: 1 to `most` printable characters, which makes it UTF-8.

    >>> is_name('/imu/x'), is_name(''), is_name('a\n'), is_name('\ud800')
    (True, False, False, False)
    """
    return 0 < len(text) <= most and text.isprintable()


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode('unicode_escape').decode('ascii')


def difference(names: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """Return where the names of features are others than those of a model, in words."""
    if len(names) != len(wanted):
        return f'{len(names)} features, the model has {len(wanted)}'
    i = next(i for i, (a, b) in enumerate(zip(names, wanted)) if a != b)
    return f'feature {i} is {shown(names[i])}, the model has {shown(wanted[i])}'


def described(error: Exception) -> str:
    """Return an error in words: its own sentence where it was raised on purpose.

    >>> described(BinclfError('no model')), described(KeyError('x'))
    ('no model', "internal error: KeyError('x')")
    """
    if isinstance(error, BinclfError):
        return str(error)
    return f'internal error: {shown(error, MAX_LINE)}'
