"""From messages to samples: windows, joins by time, and labels. The same code live and offline.

Times are integer nanoseconds: of the header's stamp where both topics of a join have headers, of
arrival on both sides where one of them has none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .errors import BinclfError, ExpressionError, SampleError
from .features import STATISTICS, Expression, Reader, Segment, parse, reader
from .labels import Labels
from .logistic import Array
from .series import LAG_NS, History, Window


@dataclass(frozen=True)
class Sample:
    """One sample: features x (N,), the message that triggered it, and the label if there is one."""

    x: Array
    trigger: Any
    label: int | None = None


@dataclass(frozen=True)
class SamplingOptions:
    """What to sample and how it is labelled: names, units and meaning of the featurizer's parameters."""

    features: tuple[str, ...] = ()
    trigger: str = ''
    label: str = ''
    label_positive: str = ''
    label_negative: str = ''
    label_timeout_sec: float = 0.5
    label_delay_sec: float = 0.0
    max_rate_hz: float = 0.0
    max_age_sec: float = 0.0

    def expressions(self) -> tuple[Expression, ...]:
        """Parse the features. Raises ExpressionError; BinclfError where a name is there twice."""
        parsed = tuple(parse(text) for text in self.features)
        counts = Counter(name for each in parsed for name in each.names())
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise BinclfError(f'the feature {twice[0]} is there twice: leave one of the two out')
        return parsed

    def label_paths(self) -> dict[str, Expression]:
        """Parse the label paths, by role. Raises ExpressionError; BinclfError where they contradict."""
        texts = {'label': self.label, 'positive': self.label_positive, 'negative': self.label_negative}
        parsed = {role: parse(text) for role, text in texts.items() if text}
        if 'label' in parsed and len(parsed) > 1:
            raise BinclfError('label and label_positive or label_negative are both set: set one way')
        for each in parsed.values():
            if each.window_sec is not None or len(each.names()) > 1:
                raise ExpressionError(each.text, 0, 'a label is one value of one message')
        return parsed

    def check(self) -> None:
        """Check everything that can be checked without a topic. Raises BinclfError."""
        self.expressions()
        self.label_paths()


Values = Sequence[float]
Feed = tuple[Callable[[Any], Values], Values, Callable[[int, Values], None]]
"""What takes values from a message, what stands for them where that fails, and who wants them."""
LabelReader = Callable[[Any], float]


class _Topic:
    """One topic: by which time its messages are joined, and what each of them feeds."""

    def __init__(self, has_header: bool, by_stamp: bool) -> None:
        self.has_header, self.by_stamp = has_header, by_stamp
        self.sinks: list[Feed] = []
        self.label_sinks: list[tuple[LabelReader, Callable[[int, float], None]]] = []
        self.arrivals = History(LAG_NS)


class Sampler:
    """Takes messages of its `topics` and gives samples of its `features`.

    `topics` maps every topic that there is, fully qualified, to whether its type has a header.
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
    ) -> None:
        expressions = options.expressions()
        if not expressions:
            raise BinclfError('no features yet: set the parameter features to a list of expressions')
        bound = [(each, *each.split(topics, namespace)) for each in expressions]
        self.counts: Counter[str] = Counter() if counts is None else counts
        self.features = tuple(name for each in expressions for name in each.names())
        self.trigger = _trigger(options.trigger, topics, namespace) or bound[0][1]
        self._has_header = topics
        self._topics: dict[str, _Topic] = {}
        self._windows: dict[tuple[str, str, int], Window] = {}
        self._topic(self.trigger)
        self._features = [self._feature(*each) for each in bound]
        self._bind_labels(options, namespace)
        self._period_ns = round(1e9 / options.max_rate_hz) if options.max_rate_hz else 0
        self._max_age_ns = round(options.max_age_sec * 1e9)
        self._last_ns: int | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics whose messages it wants."""
        return tuple(self._topics)

    def push(self, name: str, message: Any, arrival_ns: int) -> tuple[Sample | None, list[Sample]]:
        """Take one message of one topic; return the sample it triggered, and those now labelled.

        A message that can not be read, and a trigger without a whole sample, are counted by reason.
        """
        topic = self._topics[name]
        stamp_ns = stamp_of(message) if topic.has_header else arrival_ns
        time_ns = stamp_ns if topic.by_stamp else arrival_ns
        sample = None
        for read_label, say in topic.label_sinks:
            say(stamp_ns if self._labels_by_stamp else arrival_ns, read_label(message))
        topic.arrivals.push(time_ns, None)
        try:
            self._read(name, topic, message, time_ns)
            if name == self.trigger and self._is_due(stamp_ns):
                sample = Sample(self._take(stamp_ns, arrival_ns), message)
                self._last_ns = stamp_ns
                self.counts['sampled'] += 1
                self._labels.join(stamp_ns if self._labels_by_stamp else arrival_ns, sample)
        except SampleError as error:
            self.counts[f'dropped/{error.reason}'] += 1
        return sample, self._labeled()

    def _read(self, name: str, topic: _Topic, message: Any, time_ns: int) -> None:
        """Feed everything that wants to know of a message; what can not be read of it is missing.

        Raises SampleError where that is in the trigger; elsewhere it is counted, and the next sample
        finds a value that is not finite.
        """
        unread = None
        for read, missing, sink in topic.sinks:
            try:
                sink(time_ns, read(message))
            except SampleError as error:
                sink(time_ns, missing)
                unread = error
        if unread is not None and name == self.trigger:
            raise unread
        if unread is not None:
            self.counts[f'unread{name}/{unread.reason}'] += 1

    def _is_due(self, stamp_ns: int) -> bool:
        if self._last_ns is not None and 0 <= stamp_ns - self._last_ns < self._period_ns:
            self.counts['dropped/max_rate'] += 1
            return False
        return True

    def _take(self, stamp_ns: int, arrival_ns: int) -> Array:
        for name, topic in self._topics.items():
            if name in self._feature_topics and name != self.trigger:
                self._check_age(name, topic, stamp_ns if topic.by_stamp else arrival_ns)
        values: list[float] = []
        for topic, at in self._features:
            values.extend(at(stamp_ns if topic.by_stamp else arrival_ns))
        x = np.array(values)
        if not np.isfinite(x).all():
            raise SampleError('not_finite', 'a feature is not finite')
        return x

    def _check_age(self, name: str, topic: _Topic, time_ns: int) -> None:
        newest = topic.arrivals.at(time_ns)
        if newest is None:
            raise SampleError(f'missing{name}', f'nothing from {name} yet')
        if self._max_age_ns and time_ns - newest[0] > self._max_age_ns:
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

    def _topic(self, name: str) -> _Topic:
        if name not in self._topics:
            has_header = self._has_header[name]
            self._topics[name] = _Topic(has_header, has_header and self._has_header[self.trigger])
        return self._topics[name]

    def _feature(
        self, expression: Expression, name: str, fields: tuple[Segment, ...]
    ) -> tuple[_Topic, Callable[[int], Sequence[float]]]:
        """Feed one expression, and return how its values are had at the trigger's time."""
        topic = self._topic(name)
        lag_ns = 0 if name == self.trigger else LAG_NS
        if expression.window_ns is None:
            history = History(lag_ns)
            read, reduce = reader(fields), _of_message(expression)
            missing = (math.nan,) * len(expression.names())
            topic.sinks.append((lambda message: reduce(read(message)), missing, history.push))
            return topic, lambda time: _newest(history, time)
        key = (name, '/'.join(map(str, fields)), expression.window_ns)
        if key not in self._windows:
            self._windows[key] = Window(expression.window_ns, lag_ns)
            topic.sinks.append((reader(fields), (), self._windows[key].push))
        window, statistic = self._windows[key], STATISTICS[str(expression.statistic)]
        return topic, lambda time: (statistic(*window.at(time)),)

    def _bind_labels(self, options: SamplingOptions, namespace: str) -> None:
        self._feature_topics = frozenset(self._topics)
        paths = options.label_paths()
        bound = {role: (each, *each.split(self._has_header, namespace)) for role, each in paths.items()}
        stamped = all(self._has_header[name] for _, name, _ in bound.values())
        self._labels_by_stamp = stamped and self._has_header[self.trigger]
        self._labels: Labels[Sample] = Labels(
            tuple(bound), round(options.label_timeout_sec * 1e9), round(options.label_delay_sec * 1e9)
        )
        for role, (expression, name, fields) in bound.items():
            read = _label_reader(reader(fields), _of_message(expression))
            self._topic(name).label_sinks.append((read, partial(self._labels.say, role)))


def _label_reader(read: Reader, reduce: Callable[[list[float]], Sequence[float]]) -> LabelReader:
    """Return what takes from a message the one value it says; nan where it says none."""

    def read_label(message: Any) -> float:
        try:
            (value,) = reduce(read(message))
        except SampleError:
            return math.nan
        return value

    return read_label


def stamp_of(message: Any) -> int:
    """Return a message's header stamp (ns)."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _trigger(text: str, topics: Mapping[str, bool], namespace: str) -> str:
    """Return the topic that the option `trigger` names, '' for none."""
    if not text:
        return ''
    name = text if text.startswith('/') else f'{namespace.rstrip("/")}/{text}'
    if name not in topics:
        raise LookupError(f'waiting for the topic {name}')
    return name


def _of_message(expression: Expression) -> Callable[[list[float]], Sequence[float]]:
    """Return what makes the values of an expression from its readings in one message."""
    if expression.statistic is None:
        expected = len(expression.names())
        return lambda values: _exactly(values, expected)
    statistic = STATISTICS[expression.statistic]

    def reduce(readings: list[float]) -> Sequence[float]:
        v = np.array(readings)
        v = v[np.isfinite(v)]
        if not len(v):
            return (math.nan,)
        return (statistic(v, np.arange(len(v)) * 1_000_000_000),)

    return reduce


def _exactly(values: list[float], expected: int) -> list[float]:
    if len(values) != expected:
        raise SampleError(
            'element', f'{len(values)} values where one was expected: name an element or a statistic'
        )
    return values


def _newest(history: History, time_ns: int) -> Sequence[float]:
    newest = history.at(time_ns)
    if newest is None:
        raise SampleError('missing', 'no reading yet')
    values: Sequence[float] = newest[1]
    return values
