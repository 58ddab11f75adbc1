# SPDX-License-Identifier: Apache-2.0
"""The exercises of the lecture, and what is wrong with an answer."""

from __future__ import annotations

import math
from collections.abc import Callable

Hint = tuple[Callable[[object], bool], str]


def _near(value: float, digits: int = 3) -> Callable[[object], bool]:
    return lambda given: isinstance(given, (int, float)) and abs(given - value) < 0.6 * 10.0**-digits


EXERCISES: dict[str, tuple[Callable[[object], bool], list[Hint]]] = {
    'shape of ∂L/∂w for X of shape (50, 3)': (
        lambda given: given == (1, 3),
        [
            (lambda given: given == (3, 1), 'that is its transpose: w is (1, N)'),
            (lambda given: given == (50, 3), 'that is the shape of X: the samples are summed over'),
            (lambda given: given == (3,), 'nearly: w is (1, N), with two dimensions'),
        ],
    ),
    'L of a model that always says ½': (
        _near(math.log(2.0)),
        [
            (_near(0.5), 'L is not ŷ: it is −ln of the probability of the right answer'),
            (_near(1.0), 'that is −log₂ ½: the lecture has the natural logarithm'),
            (_near(-math.log(2.0)), 'a logarithm of ½ is below 0; the loss has a minus in front'),
        ],
    ),
    'ŷ for z = 0': (
        _near(0.5),
        [(_near(0.0), 'σ(0) is not 0: e⁰ is 1'), (_near(1.0), 'σ(z) reaches 1 for large z only')],
    ),
    '∂L/∂b where every ŷ is 0.8 and half of the labels are 1': (
        _near(0.3),
        [
            (_near(-0.3), 'the other way round: ŷ − y, so that b falls where ŷ is too large'),
            (_near(0.8), 'the labels count, too: mean(ŷ − y)'),
            (_near(0.5), 'mean(ŷ − y), with the sign: half are 0.8 too high, half 0.2 too low'),
        ],
    ),
    'the largest α that is sure to descend, if the largest eigenvalue of X̃ᵀ·X̃/M is 2': (
        _near(2.0),
        [
            (_near(0.5), 'the sigmoid is at most ¼ steep: L is 2/4, and α is 1/L'),
            (_near(4.0), '2/L is where it may begin to climb; 1/L descends from everywhere'),
        ],
    ),
    'w after one step from 1.0 with α = 0.5 and ∂L/∂w = 0.4': (
        _near(0.8),
        [
            (_near(1.2), 'that goes up: w := w − α ∂L/∂w'),
            (_near(0.6), 'that is a step of ∂L/∂w: α is missing'),
        ],
    ),
}


def check(question: str, given: object) -> str:
    """Return what to say to an answer."""
    right, hints = EXERCISES[question]
    if given is None:
        return 'not answered yet'
    if right(given):
        return 'right'
    known = next((hint for wrong, hint in hints if wrong(given)), 'not yet: look at the equation again')
    return f'{given}? {known}'
