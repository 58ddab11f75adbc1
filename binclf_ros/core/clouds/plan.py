# SPDX-License-Identifier: Apache-2.0
"""How to get features out of clouds of one layout: which fields they are, or are computed from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from ..errors import SampleError
from ..features.clouds import LABEL, PointExpression
from ..text import MAX_NAME, is_name, printable, shown
from .layout import Field, Fields, default_features, needed, single

Parsed: TypeAlias = 'Callable[[str], PointExpression | None]'
"""The expression that a name is; None for the mere name of a field."""


class Plan:
    """How to get the features out of clouds of one layout."""

    def __init__(self, fields: Fields, features: Sequence[str], expressions: Parsed) -> None:
        self.label = fields.get(LABEL)
        self.label_is_ambiguous = LABEL in fields.ambiguous
        self.names, self.left_out = tuple(features), dict[str, str]()
        if not features:
            self.names, self.left_out = default_features(fields, LABEL)
        if not self.names:
            raise SampleError('field', 'the cloud has no field that could be a feature')
        if not all(map(is_name, self.names)):
            bad = next(name for name in self.names if not is_name(name))
            raise SampleError(
                'field', f'a field has 1 to {MAX_NAME} printable characters, not {shown(bad)}'
            )
        self.plain: list[tuple[int, Field]] = []
        self.derived: list[tuple[int, PointExpression]] = []
        self.helpers: dict[str, Field] = {}
        for i, name in enumerate(self.names):
            expression = None if name in fields else expressions(name)
            if expression is None:
                self.plain.append((i, self._needed(fields, name, name)))
            else:
                self.derived.append((i, expression))
                for each in sorted(expression.fields):
                    self.helpers[each] = self._needed(fields, each, name)
        integers = {i for i, field in self.plain if field.dtype.kind != 'f'}
        self.runs = _runs(self.plain)
        self.doubtful = [i for i in range(len(self.names)) if i not in integers]

    @staticmethod
    def _needed(fields: Fields, name: str, feature: str) -> Field:
        field = needed(fields, name)
        if field is None:
            there = ', '.join(fields) or 'none'
            raise SampleError(
                'field', f'no field {shown(name)} for {shown(feature)}; there are {printable(there, 300)}'
            )
        return single(field)


def _runs(plain: list[tuple[int, Field]]) -> list[tuple[int, list[int]]]:
    """Return the FLOAT32 fields that lie side by side: offset of the first, and numbers of the features.

    None at all where a field is of another type.
    """
    runs: list[tuple[int, list[int]]] = []
    for i, field in sorted(plain, key=lambda each: each[1].offset):
        if field.dtype != np.float32:  # nor FLOAT32 in another byte order
            return []
        if runs and field.offset == runs[-1][0] + 4 * len(runs[-1][1]):
            runs[-1][1].append(i)
        else:
            runs.append((field.offset, [i]))
    return runs
