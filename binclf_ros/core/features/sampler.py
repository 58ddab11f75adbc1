# SPDX-License-Identifier: Apache-2.0
"""From messages to samples: windows, joins by time, and labels. The same code live and offline.

Times are integer nanoseconds: of the header's stamp where both topics of a join have stamps that tell the
same time, of arrival on both sides where one of them has not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import BinclfError, SampleError
from .columns import Columns
from .expressions import Call
from .joins import Joins
from .labelling import Role
from .labels import Labels
from .options import SamplingOptions, trigger_topic
from .readings import Readings
from .sources import Reading, Source
from .status import LabelStatus, SamplerStatus, TopicStatus, below
from .topics import Topic
from .windows import LAG_NS

MAX_NAMED = 100
"""Features without a reading that are counted by name."""


@dataclass(frozen=True)
class Sample:
    """One sample: features x (N,), what is kept of the message that triggered it, and the label, if any."""

    x: Array
    trigger: Any
    label: int | None = None


class Sampler:
    """Takes messages of its `topics` and gives samples of its `features`.

    `topics` maps every topic that there is, fully qualified, to whether its type has a header; `kinds` maps
    it to the name of its type, by which readings that a sensor declares to be none are known.
    `reading` makes what reads the messages of a topic, where these are not the messages themselves; `keep`
    gives what a sample keeps of its trigger. `counts` gets `sampled`, `labeled`, `dropped/<reason>`,
    `unlabeled/<reason>` and, for topics beside the trigger, `unread/<topic>/<reason>`.

    Topics of a label need not be there: what it says is taken up by `take_up_labels`. Raises LookupError
    where the topic of a feature is not there (yet), BinclfError where the options contradict each other.
    """

    def __init__(
        self,
        options: SamplingOptions,
        topics: Mapping[str, bool],
        namespace: str = '/',
        counts: Counter[str] | None = None,
        reading: Reading | None = None,
        kinds: Mapping[str, str] | None = None,
        keep: Callable[[Any], Any] = lambda message: message,
    ) -> None:
        expressions = options.expressions()
        if not expressions:
            raise BinclfError('no features yet: set the parameter features to a list of expressions')
        self.counts: Counter[str] = Counter() if counts is None else counts
        self.features = tuple(name for each in expressions for name in each.names())
        self._options, self._namespace, self._keep = options, namespace, keep
        self._has_header, self._kinds = topics, kinds or {}
        self._reading = reading or (lambda name, paths: Readings(paths, self._has_header[name]).read)
        self._sources: dict[str, Source] = {}
        self._topics: dict[str, Topic] = {}
        first = expressions[0].bind(topics, namespace)[0][1]
        self.trigger = trigger_topic(options.trigger, topics, namespace) or first
        self._trigger = self._topic(self.trigger)
        self._columns = Columns(expressions, topics, namespace, self._topic)
        self._others = [topic for name, topic in self._topics.items() if name != self.trigger]
        self._joins = Joins(self._trigger, self._others, options.label_join, options.clock_tolerance_sec)
        for topic in self._topics.values():
            topic.restart()
        self._period_ns = round(1e9 / options.max_rate_hz) if options.max_rate_hz else 0
        self._max_age_ns = round(options.max_age_sec * 1e9) if options.max_age_sec >= 0.0 else None
        self._last_ns: int | None = None
        self._no_reading: Counter[str] = Counter()
        self._began: Counter[str] = Counter(self.counts)
        self._windowed = [
            isinstance(each.leaf, Call) and each.window_ns is not None
            for each in expressions
            for _ in range(each.n_features)
        ]
        self._bind_labels()

    def _bind_labels(self) -> None:
        options = self._options
        self._timeout_ns = round(options.label_timeout_sec * 1e9)
        self._labels: Labels[Sample] = Labels((), self._timeout_ns, round(options.label_delay_sec * 1e9))
        self._not_there = options.label_paths()
        self._roles: dict[str, list[Role]] = {}
        self._begin(self._sources.values())
        self.take_up_labels(self._has_header)

    def take_up_labels(self, topics: Mapping[str, bool]) -> bool:
        """Take up labels whose topics have come; return whether there were any. Raises BinclfError."""
        if not self._not_there:
            return False
        before = set(self._not_there)
        self._has_header = topics
        sizes = {name: len(source.paths) for name, source in self._sources.items()}
        for role, expression in list(self._not_there.items()):
            topics_of_role: dict[str, Topic] = {}

            def topic(name: str, known: dict[str, Topic] = topics_of_role) -> Topic:
                return known.setdefault(name, Topic(self._source(name), 0))

            try:
                columns = Columns([expression], topics, self._namespace, topic)
            except LookupError:
                continue
            del self._not_there[role]
            self._labels.add(role)
            for each in columns.topics:
                each.restart()
                self._roles.setdefault(each.name, [])
            said = Role(role, columns, self._timeout_ns)
            for each in columns.topics:
                self._roles[each.name].append(said)
                self._joins.add_label(each.source)
        self._begin(
            source for name, source in self._sources.items() if sizes.get(name) != len(source.paths)
        )
        return set(self._not_there) != before

    def _begin(self, sources: Any) -> None:
        for source in list(sources):
            source.begin(self._reading)

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            self._sources[name] = Source(name, self._kinds.get(name, ''), self._has_header[name])
        return self._sources[name]

    def _topic(self, name: str) -> Topic:
        if name not in self._topics:
            lag_ns = 0 if not self._topics else LAG_NS  # the trigger is the first, and never asked late
            self._topics[name] = Topic(self._source(name), lag_ns)
        return self._topics[name]

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics whose messages it wants."""
        return tuple(self._sources)

    @property
    def label_topics(self) -> tuple[str, ...]:
        """Those of them that say a label."""
        return tuple(self._roles)

    @property
    def missing_labels(self) -> tuple[str, ...]:
        """The label expressions of which a topic is not there (yet)."""
        return tuple(each.text for each in self._not_there.values())

    def push(self, name: str, message: Any, arrival_ns: int) -> tuple[Sample | None, list[Sample]]:
        """Take one message of one topic; return the sample it triggered, and those now labelled.

        A message that cannot be read, and a trigger without a whole sample, are counted by reason.
        """
        sample, source = None, self._sources[name]
        try:
            header_ns, readings, unread = source.read(message)
            stamp_ns = arrival_ns if header_ns is None else header_ns
            if self._joins.note(source, header_ns, arrival_ns):
                self._labels.switch()
            for role in self._roles.get(name, ()):
                value = role.push(name, stamp_ns, arrival_ns, readings)
                if value is not None:
                    self._labels.say(role.name, *self._joins.label_times(stamp_ns, arrival_ns, value))
            topic = self._topics.get(name)
            if topic is not None:
                topic.push(stamp_ns if topic.by_stamp else arrival_ns, readings)
                if unread:
                    self._count_unread(topic, unread)
                if topic is self._trigger and self._is_due(stamp_ns):
                    sample = Sample(self._take(stamp_ns, arrival_ns, unread), self._keep(message))
                    self._last_ns = stamp_ns
                    self.counts['sampled'] += 1
                    self._labels.join(*self._joins.label_times(stamp_ns, arrival_ns, sample))
        except SampleError as error:
            source.unread += error.reason == 'unreadable'
            kind = 'dropped/' if name == self.trigger else f'unread{name}/'
            self.counts[f'{kind}{error.reason}'] += 1
        return sample, self._labeled()

    def _count_unread(self, topic: Topic, unread: Mapping[int, SampleError]) -> None:
        wrong = [error for slot, error in unread.items() if slot in topic.needed]
        topic.source.unread += bool(wrong)
        if wrong and topic is not self._trigger:
            self.counts[f'unread{topic.name}/{wrong[-1].reason}'] += 1

    def _is_due(self, stamp_ns: int) -> bool:
        if self._last_ns is not None and abs(stamp_ns - self._last_ns) < self._period_ns:
            self.counts['dropped/max_rate'] += 1
            return False
        return True

    def _take(self, stamp_ns: int, arrival_ns: int, unread: Mapping[int, SampleError]) -> Array:
        """Return x at a trigger. Raises SampleError with the reason why there is none."""
        self._check_age(stamp_ns, arrival_ns)
        u = self._columns.empty()
        for topic in self._columns.topics:
            topic.fill(u, stamp_ns if topic.by_stamp else arrival_ns)
        return self._check_finite(self._columns.compute(u), unread)

    def _check_age(self, stamp_ns: int, arrival_ns: int) -> None:
        """Raise SampleError where another topic was silent for too long."""
        for topic in self._others:
            if topic.too_old(stamp_ns if topic.by_stamp else arrival_ns, self._max_age_ns):
                raise SampleError(f'max_age{topic.name}', f'the newest of {topic.name} is too old')

    def _check_finite(self, x: Array, unread: Mapping[int, SampleError]) -> Array:
        """Return x. Raises SampleError, with the reason, where a feature has no reading."""
        if not math.isfinite(x.dot(x)) and not np.isfinite(x).all():
            raise self._why_not_finite(x, unread)
        return x

    def _why_not_finite(self, x: Array, unread: Mapping[int, SampleError]) -> SampleError:
        """Count the features that have no reading; return the error that drops the sample."""
        places = np.flatnonzero(~np.isfinite(x)).tolist()
        for place in places[:MAX_NAMED]:
            name = self.features[place]
            if name in self._no_reading or len(self._no_reading) < MAX_NAMED:
                self._no_reading[name] += 1
        wrong = [error for slot, error in unread.items() if slot in self._trigger.needed]
        if wrong:
            return wrong[-1]
        if self._trigger.is_short:
            return SampleError('element', 'expected one number: name an element or a statistic')
        reason = 'empty' if all(self._windowed[place] for place in places) else 'not_finite'
        return SampleError(reason, f'{self.features[places[0]]} has no reading')

    def _labeled(self) -> list[Sample]:
        labeled = []
        for sample, label in self._labels.settled():
            if isinstance(label, str):
                self.counts[f'unlabeled/{label}'] += 1
            else:
                self.counts['labeled'] += 1
                labeled.append(replace(sample, label=label))
        return labeled

    def status(self, now_ns: int) -> SamplerStatus:
        """Return what is known of its work at a time of arrival (ns)."""
        counts = self.counts - self._began
        return SamplerStatus(
            trigger=self.trigger,
            features=self.features,
            sampled=counts['sampled'],
            labeled=counts['labeled'],
            dropped=below(counts, 'dropped/'),
            unlabeled=below(counts, 'unlabeled/'),
            no_reading=dict(self._no_reading),
            topics=tuple(self._topic_status(source, now_ns) for source in self._sources.values()),
            label=self._label_status(),
        )

    def _topic_status(self, source: Source, now_ns: int) -> TopicStatus:
        clock, topic = source.clock, self._topics.get(source.name)
        limit_ns = None
        if topic in self._others:
            limit_ns = topic.max_age_ns if self._max_age_ns is None and topic else self._max_age_ns
        return TopicStatus(
            name=source.name,
            received=clock.received,
            unread=source.unread,
            rate_hz=clock.rate_hz,
            age_sec=(now_ns - clock.arrival_ns) * 1e-9 if clock.received else None,
            clock=clock.state,
            join='' if topic is None else 'stamp' if topic.by_stamp else 'arrival',
            difference_sec=self._joins.difference_sec(source.name),
            max_age_sec=limit_ns * 1e-9 if limit_ns else None,
        )

    def _label_status(self) -> LabelStatus:
        if not self._roles and not self._not_there:
            return LabelStatus()
        clocks = [self._sources[name].clock for name in self._roles]
        return LabelStatus(
            topics=self.label_topics,
            missing=self.missing_labels,
            join='stamp' if self._joins.label_by_stamp else 'arrival',
            timeout_sec=self._options.label_timeout_sec,
            period_sec=max(each.period_ns or 0 for each in clocks) * 1e-9 or None if clocks else None,
            other_values=dict(self._labels.other_values),
            held=self._labels.is_held,
        )
