# SPDX-License-Identifier: Apache-2.0
"""The featurizer's own sampler over the topics of a recording, and what is read of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from ..core.cdr import SerializedReadings
from ..core.errors import BinclfError
from ..core.features.expressions import Expression
from ..core.features.fields import check_fields, has_header
from ..core.features.options import SamplingOptions
from ..core.features.paths import Path
from ..core.features.readings import Fields, Read
from ..core.features.stretches import StretchSampler
from ..recordings.bags import Recording
from ..recordings.parts import Message
from ..vision.frames import opencv
from ..vision.regions import reading_of

MAX_STRETCH, MAX_STRETCH_BYTES = 4096, 2**24
"""Messages that are looked at at once, and their bytes."""
ROLES = {'label': 'label', 'positive': 'label_positive', 'negative': 'label_negative'}


@dataclass(frozen=True)
class Bound:
    """A sampler of a recording, the topics that label, and what could not be found."""

    sampler: StretchSampler
    readers: Mapping[str, SerializedReadings]
    """Topic → what reads its messages, where that can be asked for many at once."""
    label_topics: frozenset[str]
    window_sec: float
    """The longest window of a feature."""
    notes: tuple[str, ...]
    counts: Counter[str]


class _Topics(dict[str, bool]):
    """Topic → whether its type has a header; looked up only for the topics that are asked for."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(dict.fromkeys(recording.types, False))
        self._recording = recording

    def __getitem__(self, topic: str) -> bool:
        return has_header(self._recording.known.fields(self._recording.types[topic]))


def bind(recording: Recording, options: SamplingOptions, namespace: str, labels: bool) -> Bound:
    """Return the sampler of a recording; `labels`: by its topics.

    A label's topic that is missing is said, and the samples stay without labels. Raises BinclfError where
    the topic of a feature is missing, has two types, an unknown one, or does not fit.
    """
    known = recording.known
    roles, notes = _labels_there(recording, options, namespace) if labels else ({}, [])
    dropped: dict[str, Any] = {name: '' for role, name in ROLES.items() if role not in roles}
    options = replace(options, **dropped)
    features = options.expressions()
    if not features:
        raise BinclfError('no features: give --params FILE with features, or --set features=EXPR')
    _check((*features, *roles.values()), recording, namespace)

    readers: dict[str, SerializedReadings] = {}

    def reading(topic: str, paths: Sequence[Fields]) -> Read:
        kind = recording.types[topic]
        read = reading_of(kind, paths, known.fields, known.decoder(kind))
        reader = getattr(read, '__self__', None)
        if isinstance(reader, SerializedReadings):  # and not one of images
            readers[topic] = reader
        return read

    counts: Counter[str] = Counter()
    try:
        sampler = StretchSampler(options, _Topics(recording), namespace, counts, reading, recording.types)
    except LookupError as error:
        raise BinclfError(f'{error}: {_there(recording)}') from error
    window = max((each.window_ns or 0 for each in features), default=0) * 1e-9
    of_labels = frozenset(sampler.label_topics)
    return Bound(sampler, readers, of_labels, window, tuple(notes), counts)


def _labels_there(
    recording: Recording, options: SamplingOptions, namespace: str
) -> tuple[dict[str, Expression], list[str]]:
    """Return the labels whose topics are there, by their roles, and a sentence about each other one."""
    roles, notes = options.label_paths(), []
    for role, each in list(roles.items()):
        try:
            each.bind(recording.types, namespace)
        except LookupError:
            notes.append(
                f'no sample has a label, as no topic is there for {each.text}: {_there(recording)}'
            )
            del roles[role]
    return roles, notes


def _check(expressions: Sequence[Expression], recording: Recording, namespace: str) -> None:
    """Raise BinclfError where the topic of an expression is missing, has two types, or does not fit."""
    wanted = [(each, *found) for each in expressions for found in _found(each, recording, namespace)]
    recording.check_types({topic for _, _, topic, _ in wanted})
    for each, path, topic, fields in wanted:
        check_fields(each.text, path, fields, recording.types[topic], recording.known.fields)
        if path.region is not None:
            opencv()


def _found(each: Expression, recording: Recording, namespace: str) -> list[tuple[Path, str, Fields]]:
    try:
        return each.bind(recording.types, namespace)
    except LookupError as error:
        raise BinclfError(f'no topic for {each.text}: {_there(recording)}') from error


def _there(recording: Recording) -> str:
    return f'it has {", ".join(sorted(recording.types)) or "no topics"}'


def in_order(recording: Recording, bound: Bound) -> Iterator[Message]:
    """Yield the messages that a sampler wants, by time; at the same time, the label before the others."""
    topics = frozenset(bound.sampler.topics)
    messages = recording.messages(topics)
    if not bound.label_topics:
        yield from messages
        return
    for _, together in groupby(messages, key=lambda each: each.time_ns):
        yield from sorted(together, key=lambda each: each.topic not in bound.label_topics)


def in_stretches(recording: Recording, bound: Bound) -> Iterator[list[Message]]:
    """Yield the same messages in lists that a little memory holds, what is of one time in one of them."""
    stretch: list[Message] = []
    n_bytes = last_ns = 0
    for message in recording.messages(frozenset(bound.sampler.topics)):
        time_ns, _, data = message
        if (len(stretch) >= MAX_STRETCH or n_bytes >= MAX_STRETCH_BYTES) and time_ns > last_ns:
            yield _labels_first(stretch, bound.label_topics)
            stretch, n_bytes = [], 0
        stretch.append(message)
        n_bytes += len(data)
        last_ns = time_ns
    if stretch:
        yield _labels_first(stretch, bound.label_topics)


def _labels_first(stretch: list[Message], of_labels: Container[str]) -> list[Message]:
    return sorted(stretch, key=lambda each: (each.time_ns, each.topic not in of_labels))
