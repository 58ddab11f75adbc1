# SPDX-License-Identifier: Apache-2.0
"""The topics as they come: what is read of each message, and by which clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import SampleError
from .clocks import TopicClock
from .paths import Path
from .readings import Fields, Read, Values
from .validity import Rule, rule_of

Reading = Callable[[str, Sequence[Fields]], Read]
"""Makes what reads the messages of a topic, given the paths of fields that are wanted of them."""


class Source:
    """One topic: the paths that are read of its messages, each once, and its clock.

    `kind` is the name of its type, by which some readings are known to be none.
    """

    def __init__(self, name: str, kind: str, has_header: bool) -> None:
        self.name, self.kind, self.has_header = name, kind, has_header
        self.clock = TopicClock(has_header)
        self.unread = 0
        self.paths: list[Fields] = []
        self._slots: dict[object, int] = {}
        self._fields: dict[str, Fields] = {}
        self._rules: list[tuple[Rule, list[int], list[int]]] = []

    def slot(self, fields: Fields, pooled: bool = False) -> int:
        """Return where the readings of a path are among those of a message."""
        key = '/'.join(map(str, fields)), pooled
        if key in self._slots:
            return self._slots[key]
        self._slots[key] = number = len(self.paths)
        self.paths.append(fields)
        rule = rule_of(self.kind, fields)
        if rule is not None:
            self._keep_rule(rule, number)
        return number

    def _keep_rule(self, rule: Rule, number: int) -> None:
        """Apply a rule to one more path; what it depends on is looked at once for all."""
        fields = [self.slot(each) for each in rule.fields]
        for known, its_fields, numbers in self._rules:
            if known.apply is rule.apply and its_fields == fields:
                numbers.append(number)
                return
        self._rules.append((rule, fields, [number]))

    def know(self, path: Path, fields: Fields) -> None:
        """Take in the fields of a path after the name of this topic."""
        self._fields[str(path)] = fields

    def slot_of(self, path: Path) -> int:
        """Return where the readings of a known path are among those of a message."""
        return self.slot(self._fields[str(path)], path.pooled)

    def begin(self, reading: Reading) -> None:
        """Make what reads, once all paths are there."""
        self._read = reading(self.name, self.paths)

    def read(self, message: Any) -> tuple[int | None, list[Values], dict[int, SampleError]]:
        """Return stamp, readings of each path, NaN for those that are none, and what cannot be read."""
        stamp_ns, readings, unread = self._read(message)
        for rule, fields, numbers in self._rules:
            if rule.holds(*[readings[each] for each in fields]):
                for number in numbers:
                    readings[number] = rule.apply(readings[number], *[readings[each] for each in fields])
        return stamp_ns, readings, unread

    def judge(self, columns: list[Array]) -> bool:
        """Apply its rules to the numbers of many messages, (M,) a path, as `read` does to those of one.

        Return False where what a rule depends on differs from message to message.
        """
        for rule, fields, numbers in self._rules:
            said = [columns[each] for each in fields]
            if not all((each == each[0]).all() for each in said):
                return False
            first = [each[:1] for each in said]
            if rule.holds(*first):
                for number in numbers:
                    columns[number] = np.asarray(rule.apply(columns[number], *first), dtype=float)
        return True
