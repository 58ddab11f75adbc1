# SPDX-License-Identifier: Apache-2.0
"""How much a sampler may be asked to do, computed from the texts alone, before anything is made of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from ..errors import ParameterError
from ..text import MAX_NAME, is_name, shown

MAX_EXPRESSIONS = 2_500
MAX_FEATURES = 10_000
"""In one sample, the elements of slices that stand alone included."""
MAX_ELEMENTS = 1_000_000
"""Of slices in all, those inside a statistic included."""
MAX_SEGMENTS = 32
"""Of a path; the deepest of the standard messages have eight."""
MAX_DIGITS = 9
_SLICE = re.compile(r'\[([0-9]*):([0-9]+)(?::([0-9]+))?\]')
_AROUND = re.compile(r'\s*([\[\]:])\s*')
_TOKEN = re.compile(r'[()]|[^\s(),]+')


def check_expressions(texts: Iterable[str], features: Iterable[str]) -> None:
    """Check all texts, of which some are of features. Raises ParameterError: what is too much."""
    for text in texts:
        if text and not is_name(text):
            raise ParameterError(
                f'{shown(text)} is no expression: as the name of a feature it has at most {MAX_NAME} '
                f'characters, all printable; this has {len(text)}'
            )
        _check_segments(text)
    n_features = n_elements = n_expressions = 0
    for text in features:
        alone, inside = size_of(text)
        n_expressions, n_features, n_elements = (
            n_expressions + 1,
            n_features + alone,
            n_elements + alone + inside,
        )
    for count, most, what in (
        (n_expressions, MAX_EXPRESSIONS, 'expressions'),
        (n_features, MAX_FEATURES, 'features, elements of slices included'),
        (n_elements, MAX_ELEMENTS, 'elements of slices'),
    ):
        if count > most:
            raise ParameterError(f'{count} {what}, expected at most {most}: shorten a slice, or use a step')


def size_of(text: str) -> tuple[int, int]:
    """Return how many features an expression stands for at most, and elements of slices in parentheses.

    >>> size_of('/scan/ranges[0:90:10]'), size_of('min(/scan/ranges[0:90]) - /a/b')
    ((9, 0), (1, 90))
    """
    alone, inside, depth = 1, 0, 0
    for token in _TOKEN.findall(_AROUND.sub(r'\1', text)):
        depth += (token == '(') - (token == ')')
        slices = _SLICE.findall(token)
        elements = math.prod(map(_n_elements, slices)) if slices else 0
        if depth > 0:
            inside += elements
        elif elements:
            alone *= elements
    return alone, inside


def _n_elements(found: tuple[str, str, str]) -> int:
    if max(map(len, found)) > MAX_DIGITS:
        return MAX_ELEMENTS + 1
    start, stop, step = (int(each) if each else None for each in found)
    return len(range(start or 0, stop or 0, step or 1))


def _check_segments(text: str) -> None:
    for token in _TOKEN.findall(text):
        if token.count('/') > MAX_SEGMENTS and len(token) > 1:
            raise ParameterError(
                f'{shown(token)} has {token.count("/")} segments, expected at most {MAX_SEGMENTS}'
            )
