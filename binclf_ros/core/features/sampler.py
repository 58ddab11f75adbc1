# SPDX-License-Identifier: Apache-2.0
"""From messages to samples: windows, joins by time, and labels. The same code live and offline.

Times are integer nanoseconds: of the header's stamp where both topics of a join have headers, of
arrival on both sides where one of them has none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import BinclfError, SampleError
from .labels import Labels
from .options import SamplingOptions
from .readings import Fields, Read, Readings, Values
from .topics import Reduce, Topic, reduction
from .windows import LAG_NS


@dataclass(frozen=True)
class Sample:
    """One sample: features x (N,), the message that triggered it, and the label if there is one."""

    x: Array
    trigger: Any
    label: int | None = None


class Sampler:
    """Takes messages of its `topics` and gives samples of its `features`.

    `topics` maps every topic that there is, fully qualified, to whether its type has a header.
    `reading` makes what reads the messages of a topic, where these are not the messages themselves.
    `counts` gets `sampled`, `labeled`, `dropped/<reason>` and `unlabeled/<reason>`.
    Raises LookupError where the topic of an expression is not there (yet), and BinclfError where
    the options contradict each other.
    """

    def __init__(
        self,
        options: SamplingOptions,
        topics: Mapping[str, bool],
        namespace: str = '/',
        counts: Counter[str] | None = None,
        reading: Callable[[str, Sequence[Fields]], Read] | None = None,
    ) -> None:
        expressions = options.expressions()
        if not expressions:
            raise BinclfError('no features yet: set the parameter features to a list of expressions')
        bound = [(each, *each.split(topics, namespace)) for each in expressions]
        self.counts: Counter[str] = Counter() if counts is None else counts
        self.features = tuple(name for each in expressions for name in each.names())
        self.trigger = _trigger(options.trigger, topics, namespace) or bound[0][1]
        self._has_header = topics
        self._topics: dict[str, Topic] = {}
        self._topic(self.trigger)
        place = 0
        for expression, name, fields in bound:
            n_features = len(expression.names())
            self._topic(name).add(expression, fields, range(place, place + n_features))
            place += n_features
        self._others = {name: topic for name, topic in self._topics.items() if name != self.trigger}
        self._bind_labels(options, namespace)
        for topic in self._topics.values():
            topic.begin()
        reading = reading or (lambda name, paths: Readings(paths, topics[name]).read)
        self._read = {name: reading(name, topic.paths) for name, topic in self._topics.items()}
        self._period_ns = round(1e9 / options.max_rate_hz) if options.max_rate_hz else 0
        self._max_age_ns = round(options.max_age_sec * 1e9)
        self._last_ns: int | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics whose messages it wants."""
        return tuple(self._topics)

    def push(self, name: str, message: Any, arrival_ns: int) -> tuple[Sample | None, list[Sample]]:
        """Take one message of one topic; return the sample it triggered, and those now labelled.

        A message that cannot be read, and a trigger without a whole sample, are counted by reason.
        """
        sample = None
        try:
            header_ns, readings, unread = self._read[name](message)
            stamp_ns = arrival_ns if header_ns is None else header_ns
            label_ns = stamp_ns if self._labels_by_stamp else arrival_ns
            self._say_labels(name, readings, label_ns)
            topic = self._topics[name]
            topic.push(stamp_ns if topic.by_stamp else arrival_ns, readings, unread)
            if name == self.trigger and self._is_due(stamp_ns):
                sample = Sample(self._take(stamp_ns, arrival_ns), message)
                self._last_ns = stamp_ns
                self.counts['sampled'] += 1
                self._labels.join(label_ns, sample)
        except SampleError as error:
            kind = 'dropped/' if name == self.trigger else f'unread{name}/'
            self.counts[f'{kind}{error.reason}'] += 1
        return sample, self._labeled()

    def _say_labels(self, name: str, readings: Sequence[Values], time_ns: int) -> None:
        """Say what a message says of labels: nan, where it cannot be read."""
        for role, slot, reduce in self._said_by.get(name, ()):
            try:
                (value,) = reduce(readings[slot])
            except SampleError:
                value = math.nan
            self._labels.say(role, time_ns, value)

    def _is_due(self, stamp_ns: int) -> bool:
        if self._last_ns is not None and 0 <= stamp_ns - self._last_ns < self._period_ns:
            self.counts['dropped/max_rate'] += 1
            return False
        return True

    def _take(self, stamp_ns: int, arrival_ns: int) -> Array:
        for name, topic in self._others.items():
            self._check_age(name, topic, stamp_ns if topic.by_stamp else arrival_ns)
        x = np.empty(len(self.features))
        for topic in (self._topics[self.trigger], *self._others.values()):
            topic.fill(x, stamp_ns if topic.by_stamp else arrival_ns)
        if not math.isfinite(x.dot(x)) and not np.isfinite(x).all():
            raise SampleError('not_finite', 'a feature is not finite')
        return x

    def _check_age(self, name: str, topic: Topic, time_ns: int) -> None:
        newest_ns = topic.newest_ns(time_ns)
        if newest_ns is None:
            raise SampleError(f'missing{name}', f'nothing from {name} yet')
        if self._max_age_ns and time_ns - newest_ns > self._max_age_ns:
            raise SampleError(f'max_age{name}', f'the newest of {name} is older than max_age_sec')

    def _labeled(self) -> list[Sample]:
        labeled = []
        for sample, label in self._labels.settled():
            if isinstance(label, str):
                self.counts[f'unlabeled/{label}'] += 1
            else:
                self.counts['labeled'] += 1
                labeled.append(replace(sample, label=label))
        return labeled

    def _topic(self, name: str) -> Topic:
        if name not in self._topics:
            by_stamp = self._has_header[name] and self._has_header[self.trigger]
            self._topics[name] = Topic(by_stamp, 0 if name == self.trigger else LAG_NS)
        return self._topics[name]

    def _bind_labels(self, options: SamplingOptions, namespace: str) -> None:
        paths = options.label_paths()
        bound = {role: (each, *each.split(self._has_header, namespace)) for role, each in paths.items()}
        stamped = all(self._has_header[name] for _, name, _ in bound.values())
        self._labels_by_stamp = stamped and self._has_header[self.trigger]
        self._labels: Labels[Sample] = Labels(
            tuple(bound), round(options.label_timeout_sec * 1e9), round(options.label_delay_sec * 1e9)
        )
        self._said_by: dict[str, list[tuple[str, int, Reduce]]] = {}
        for role, (expression, name, fields) in bound.items():
            said = role, self._topic(name).slot(fields), reduction(expression)
            self._said_by.setdefault(name, []).append(said)


def _trigger(text: str, topics: Mapping[str, bool], namespace: str) -> str:
    """Return the topic that the option `trigger` names, '' for none."""
    if not text:
        return ''
    name = text if text.startswith('/') else f'{namespace.rstrip("/")}/{text}'
    if name not in topics:
        raise LookupError(f'waiting for the topic {name}')
    return name
