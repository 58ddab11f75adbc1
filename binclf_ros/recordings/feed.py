# SPDX-License-Identifier: Apache-2.0
"""What is played to the nodes: messages in order, and, worked out beforehand, what each should cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from ..core.cdr import Decode
from ..core.errors import BinclfError, SampleError
from ..core.features.expressions import Expression
from ..core.features.fields import FieldTypes, check_fields, has_header
from ..core.features.options import SamplingOptions
from ..core.features.paths import Path
from ..core.features.readings import Fields, Readings, Values
from ..core.features.sampler import Sampler
from ..core.features.scanner import nearest
from ..core.health.sampling import Labelling, find
from .parts import Message

__all__ = ['Feed', 'Message', 'Step', 'Topics', 'find_topics', 'in_order', 'look_through', 'plan']


@dataclass(frozen=True)
class Feed:
    """A recording to learn from before `split_ns`, and to be scored on from there.

    `types` maps every topic to the name of its type; `messages` reads those of some topics, by time.
    """

    title: str
    types: Mapping[str, str]
    messages: Callable[[Iterable[str]], Iterable[Message]]
    start_ns: int
    split_ns: int
    notes: tuple[str, ...] = ()
    """Sentences about what of it is not whole."""


@dataclass
class Step:
    """One message and what it should cause: a sample, and its label if it gets one.

    `turns`: it carries a label that is another than the one before.
    """

    time_ns: int
    topic: str
    samples: bool = False
    label: int | None = None
    turns: bool = False


@dataclass(frozen=True)
class Topics:
    """The topics that a feed and the sampling options ask for, and how they hang together."""

    kinds: Mapping[str, str]
    """Topic → name of its type."""
    headers: Mapping[str, bool]
    """Topic → whether it has a header."""
    trigger: str
    labels: Mapping[str, tuple[Fields, ...]]
    """Topic that says a label, or a part of it → the fields that do."""
    withheld: frozenset[str]
    """Topics that carry nothing but the label."""
    by_arrival: str
    """An expression whose window can only go by the time of arrival; '' where there is none."""

    @property
    def several(self) -> bool:
        """Whether samples are joined from several topics."""
        return len(self.kinds) - len(self.withheld) > 1


def find_topics(feed: Feed, options: SamplingOptions, types: FieldTypes) -> Topics:
    """Find what the options ask for. Raises BinclfError where it is not there or does not fit."""
    features, labels = options.expressions(), options.label_paths().values()
    if not features or not labels:
        raise BinclfError('the demo needs features and a label: set features and label')
    bound = [(each, *path) for each in (*features, *labels) for path in _bind(each, feed.types)]
    trigger = options.trigger or bound[0][2]
    if trigger not in feed.types:
        raise BinclfError(f'no topic {trigger}, the trigger; there are {", ".join(sorted(feed.types))}')
    kinds = {topic: feed.types[topic] for topic in (trigger, *(b[2] for b in bound))}
    headers = {topic: has_header(types(kind)) for topic, kind in kinds.items()}
    for each, path, topic, fields in bound:
        check_fields(each.text, path, fields, kinds[topic], types)
    said: dict[str, tuple[Fields, ...]] = {}
    for each, _, topic, fields in bound:
        if each in labels:
            said[topic] = (*said.get(topic, ()), fields)
    wanted = {trigger, *(topic for each, _, topic, _ in bound if each not in labels)}
    arrival = [
        each.text
        for each, _, topic, _ in bound
        if each not in labels and each.window_ns is not None and not (headers[topic] and headers[trigger])
    ]
    return Topics(kinds, headers, trigger, said, frozenset(said.keys() - wanted), (*arrival, '')[0])


def _bind(each: Expression, types: Mapping[str, str]) -> list[tuple[Path, str, Fields]]:
    try:
        return each.bind(types)
    except LookupError as error:
        missing = str(error).removeprefix('waiting for the topic of ')
        raise BinclfError(f'no topic for {missing}; the topics are {nearest(missing, types)}') from error


def plan(
    feed: Feed, topics: Topics, options: SamplingOptions, decoder: Callable[[str], Decode]
) -> list[Step]:
    """Work out what each message should cause, by the featurizer's own code on the recorded times.

    `decoder` gives, for the name of a type, what makes its messages from bytes.

    The featurizer starts again where its parameter `label` changes, and so does this at the split.
    """
    return look_through(feed, topics, options, decoder)[0]


def look_through(
    feed: Feed, topics: Topics, options: SamplingOptions, decoder: Callable[[str], Decode]
) -> tuple[list[Step], list[str], str]:
    """Return the steps of `plan`, sentences about what is wrong, and a topic that goes by arrival.

    That is one whose stamps do not tell the time, though its type has some; '' where there is none.
    """
    steps: list[Step] = []
    said: dict[str, list[Values]] = {}
    read = {topic: Readings(paths, topics.headers[topic]).read for topic, paths in topics.labels.items()}
    taught = sampler = Sampler(options, topics.headers, kinds=topics.kinds)
    triggers: dict[int, Step] = {}
    unread: Counter[str] = Counter()
    decode = {topic: decoder(kind) for topic, kind in topics.kinds.items()}
    for each in in_order(feed, topics):
        if sampler is taught and each.time_ns >= feed.split_ns:
            sampler = Sampler(options, topics.headers, kinds=topics.kinds)
            triggers = {}
        step = Step(each.time_ns, each.topic)
        steps.append(step)
        try:
            message = decode[each.topic](each.data)
        except SampleError:  # the featurizer counts it, and goes on
            unread[each.topic] += 1
            continue
        sample, labeled = sampler.push(each.topic, message, each.time_ns)
        if sample is not None:
            step.samples = True
            triggers[id(message)] = step  # the sampler keeps it alive while its label is not settled
        for ready in labeled:
            triggers[id(ready.trigger)].label = ready.label
        if each.topic in topics.withheld:
            now = read[each.topic](message)[1]
            step.turns, said[each.topic] = now != said.get(each.topic), now
    return steps, [*_unread(unread), *_wrong(feed, options, topics, taught)], _by_arrival(taught, feed)


def _unread(unread: Counter[str]) -> Iterator[str]:
    for topic, n in unread.items():
        yield f'{n} message{"s" * (n > 1)} of {topic} could not be read, and left out'


def _wrong(feed: Feed, options: SamplingOptions, topics: Topics, taught: Sampler) -> list[str]:
    """Return what the featurizer would say is wrong, of all that teaches."""
    then = Sampler(options, topics.headers, kinds=topics.kinds).status(feed.start_ns)
    seconds = (feed.split_ns - feed.start_ns) * 1e-9
    label = options.label or f'{options.label_positive} and {options.label_negative}'
    known = Labelling(label, clock_tolerance_sec=options.clock_tolerance_sec)
    found = find(taught.status(feed.split_ns), then, seconds, seconds, known)
    return [each.text for each in found if not each.kind.startswith('silent')]


def _by_arrival(taught: Sampler, feed: Feed) -> str:
    status = taught.status(feed.split_ns)
    return next((each.name for each in status.topics if each.join and each.clock in ('zero', 'still')), '')


def in_order(feed: Feed, topics: Topics) -> Iterator[Message]:
    """Read what is asked for by time; at the same time, labels in front of the others."""
    for _, together in groupby(feed.messages(topics.kinds), key=lambda each: each.time_ns):
        yield from sorted(together, key=lambda each: each.topic not in topics.labels)
