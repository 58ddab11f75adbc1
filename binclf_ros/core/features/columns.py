# SPDX-License-Identifier: Apache-2.0
"""Expressions laid out over topics: which topic gives which place of a vector, and what is computed of it.

Of a vector u the first N places are the features x; after them come the paths and statistics that computed
features are made of. Topics fill u, and `compute` makes the computed features of it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from .expressions import Call, Expression
from .paths import Path
from .programs import Program
from .topics import Topic


class Columns:
    """Some expressions over topics; `topic` gives the topic of a name.

    Raises LookupError and ExpressionError as `Expression.bind` does.
    """

    def __init__(
        self,
        expressions: Sequence[Expression],
        topics: Container[str],
        namespace: str,
        topic: Callable[[str], Topic],
    ) -> None:
        self.expressions = tuple(expressions)
        self.n_features = sum(each.n_features for each in expressions)
        self.size = self.n_features
        self.topics: list[Topic] = []
        self._scalars: list[tuple[int, Program, slice]] = []
        self._arrays: list[tuple[slice, Program, list[Any]]] = []
        place = 0
        for expression in expressions:
            bound = {}
            for path, name, fields in expression.bind(topics, namespace):
                found = bound[path.start] = topic(name)
                found.source.know(path, fields)
            self._add(expression, bound, range(place, place + expression.n_features))
            place += expression.n_features

    def _add(self, expression: Expression, bound: dict[int, Topic], places: range) -> None:
        if expression.leaf is not None:
            self._give(expression.leaf, bound, places)
            return
        program, widths = expression.program, []
        start = self.size
        for leaf in program.inputs:
            width = leaf.n_elements if isinstance(leaf, Path) else 1
            self._give(leaf, bound, range(self.size, self.size + width))
            widths.append(slice(self.size, self.size + width) if width > 1 else self.size)
            self.size += width
        if len(places) == 1:
            self._scalars.append((places[0], program, slice(start, self.size)))
        else:
            self._arrays.append((slice(places.start, places.stop), program, widths))

    def _give(self, leaf: Path | Call, bound: dict[int, Topic], places: range) -> None:
        path = leaf if isinstance(leaf, Path) else leaf.paths[0]
        topic = bound[path.start]
        topic.add(leaf, places)
        if topic not in self.topics:
            self.topics.append(topic)

    def compute(self, u: Array) -> Array:
        """Compute the features of u, which the topics have filled; return x (N,), a view."""
        if self._scalars:
            values = u.tolist()
            for place, program, inputs in self._scalars:
                u[place] = program.scalar(values[inputs])
        for places, program, widths in self._arrays:
            u[places] = program.arrays([u[each] for each in widths])
        return u[: self.n_features]

    def empty(self) -> Array:
        """Return a vector u to be filled."""
        return np.empty(self.size)
