# SPDX-License-Identifier: Apache-2.0
"""Labelled clouds and images of a recording to samples: the rows that the trainer gets of them live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from ..core.clouds.labeled import LabeledClouds
from ..core.clouds.reader import CloudReader, LabeledPoints
from ..core.errors import BinclfError, ExpressionError, SampleError
from ..core.features.expressions import parse
from ..core.features.images import parse_pixel_features
from ..core.features.options import PointOptions
from ..recordings.bags import Recording
from ..recordings.parts import Message
from ..vision.frames import frame_of, frame_of_compressed, opencv
from ..vision.labeled import Decoders, LabeledFrames, Lesson
from ..vision.options import PixelOptions
from . import store
from .job import Job, Progress, Taught
from .labeled_topics import CLOUD_KIND, COMPRESSED_KIND, IMAGE_KIND, LabeledTopics, find_labeled
from .labeled_topics import MASKS as MASKS_TOPIC
from .labeled_topics import POINTS as POINTS_TOPIC
from .spool import Spool
from .store import PIXELS, POINTS, Meta

NOTE_EVERY = 20
"""Messages between two words about how far it is."""
Names = tuple[str, ...]


class _Sampling(Protocol):
    """Takes messages in, and puts labelled rows into a spool."""

    kind: ClassVar[str]
    what: ClassVar[str]
    topics: frozenset[str]
    counts: Counter[str]

    @property
    def options(self) -> PointOptions | PixelOptions:
        """What is set of it."""

    @property
    def names(self) -> Names:
        """The features, as far as there was a sample."""

    def push(self, message: Message) -> None:
        """Take a message in. Raises SampleError for one that is refused."""

    def end(self) -> Iterator[SampleError]:
        """Yield what is refused because nothing comes any more."""


class _Names:
    """The features of the first labelled message, which those of the others have to be."""

    def __init__(self) -> None:
        self.names: Names = ()

    def check(self, names: Names) -> None:
        """Raise SampleError for others."""
        if self.names and names != self.names:
            reason = 'names' if len(names) == len(self.names) else 'length'
            before, now = (', '.join(each)[:80] for each in (self.names, names))
            raise SampleError(reason, f'the features are {now}, before they were {before}: name them')
        self.names = names


class _Clouds:
    """Labelled points of clouds."""

    kind: ClassVar[str] = POINTS
    what: ClassVar[str] = 'labelled clouds'

    def __init__(self, recording: Recording, topics: LabeledTopics, taught: Taught, spool: Spool) -> None:
        self.options, self.topics = taught.points, frozenset({topics.labeled})
        self.counts: Counter[str] = Counter()
        self._names, self._spool, self._time_ns = _Names(), spool, 0
        named = taught.points.point_features or not taught.model
        reader = CloudReader(taught.points.point_features) if named else CloudReader.of_model(taught.model)
        decode = recording.known.decoder(CLOUD_KIND)
        self._labeled = LabeledClouds(reader, decode, self.counts, self._names.check, self._learn)

    def _learn(self, cloud: LabeledPoints) -> None:
        self._spool.add(cloud.X, cloud.y, self._time_ns)

    @property
    def names(self) -> Names:
        """The features, as far as there was a cloud."""
        return self._names.names

    def push(self, message: Message) -> None:
        """Take a cloud in. Raises SampleError for one that is refused."""
        self._time_ns = message.time_ns
        self._labeled.add(message.data)

    def end(self) -> Iterator[SampleError]:
        """Yield nothing: no cloud waits for another message."""
        yield from ()


class _Masks:
    """Pixels of images that masks label; the time of a row is that of its image."""

    kind: ClassVar[str] = PIXELS
    what: ClassVar[str] = 'masks'

    def __init__(self, recording: Recording, topics: LabeledTopics, taught: Taught, spool: Spool) -> None:
        opencv()
        self.options, self.topics = _pixel_options(taught), frozenset({topics.labeled, topics.images})
        self.counts: Counter[str] = Counter()
        self._masks_topic, self._spool, self._names = topics.labeled, spool, _Names()
        self._rows: dict[int, slice] = {}
        self._times: dict[int, int] = {}
        kind, known = recording.types[topics.images], recording.known
        self._decoders = Decoders(
            known.decoder(kind),
            frame_of_compressed if kind == COMPRESSED_KIND else frame_of,
            known.decoder(IMAGE_KIND),
        )
        self._labeled = LabeledFrames(
            lambda: self.options, self._decoders, self.counts, self._names.check, self._learn, self._forget
        )

    @property
    def names(self) -> Names:
        """The features, as far as there was a mask with its frame."""
        return self._names.names

    def push(self, message: Message) -> None:
        """Take an image or a mask in. Raises SampleError for one that is refused."""
        if message.topic == self._masks_topic:
            self._labeled.add_mask(message.data)
        else:
            with suppress(SampleError):  # add_frame raises it again
                self._times[self._decoders.stamp(message.data)] = message.time_ns
            self._labeled.add_frame(message.data)

    def end(self) -> Iterator[SampleError]:
        """Yield that masks still wait for their frames."""
        while True:
            try:
                self._labeled.end()
            except SampleError as error:
                yield error
            else:
                return

    def _learn(self, lesson: Lesson) -> None:
        self._rows[lesson.stamp] = self._spool.add(lesson.X, lesson.y, self._times[lesson.stamp])

    def _forget(self, lesson: Lesson) -> None:
        self._spool.drop(self._rows.pop(lesson.stamp))


def labeled_topics(job: Job, recording: Recording) -> LabeledTopics | None:
    """Return the labelled clouds or images to take; None where samples are of features of topics.

    Raises BinclfError where it cannot be told, and where there is nothing to sample at all.
    """
    taught = job.taught
    if taught is None or (taught.model and _binds(taught.model, recording, job.namespace)):
        return None
    found = find_labeled(recording, taught, job.namespace, lambda: _is_of_pixels(taught.model))
    if found is None and not job.options.features:
        raise BinclfError(
            'no features: give --params FILE with features, or --set features=EXPR; nor are there labelled '
            f'clouds or masks: --remap {POINTS_TOPIC}:=TOPIC, {MASKS_TOPIC}:=TOPIC names them; it has '
            f'{", ".join(sorted(recording.types)) or "no topics"}'
        )
    if found is not None and job.labels is not None:
        raise BinclfError(
            f'--labels is of samples of features, but these are points or pixels of {found.labeled}, which '
            'has labels of its own: leave --labels out, or name features'
        )
    return found


def _binds(names: Names, recording: Recording, namespace: str) -> bool:
    """Return whether all features are of topics that a recording has."""
    try:
        for name in names:
            parse(name).bind(recording.types, namespace)
    except (BinclfError, LookupError):
        return False
    return True


def _is_of_pixels(names: Names) -> bool:
    try:
        parse_pixel_features(names)
    except ExpressionError:
        return False
    return True


def _pixel_options(taught: Taught) -> PixelOptions:
    """Return the options of images, with the model's columns where no others are named."""
    if 'pixel_features' in taught.given or not taught.model:
        return taught.pixels
    if not _is_of_pixels(taught.model):
        raise BinclfError(
            f'the model has other features than pixels have, {", ".join(taught.model)[:80]}: is it that of '
            'these recordings?'
        )
    return replace(taught.pixels, pixel_features=taught.model)


def extract_labeled(
    job: Job, recording: Recording, topics: LabeledTopics, folder: Path, key: str, progress: Progress
) -> Meta:
    """Write the labelled rows of a recording. Raises BinclfError where there are none, OfflineFailed."""
    assert job.taught is not None
    made: Callable[..., _Sampling] = _Masks if topics.images else _Clouds
    with Spool(job.store) as spool:
        sampling: _Sampling = made(recording, topics, job.taught, spool)
        refused = _sample(recording, sampling, progress)
        X, y, times_ns = spool.arrays()
        notes = [*recording.notes, *topics.notes, *_notes(sampling, refused)]
        if not len(y):
            raise BinclfError(f'no sample of {topics.labeled}: {"; ".join(notes) or "no message came"}')
        meta = Meta(
            name=job.source.name,
            kind=sampling.kind,
            features=sampling.names,
            key=key,
            samples=len(y),
            labeled=len(y),
            positives=int(np.sum(y)),
            start_sec=recording.start_ns / 1e9,
            duration_sec=(recording.end_ns - recording.start_ns) / 1e9,
            window_sec=0.0,
            notes=tuple(f'{job.source.name}: {each}' for each in notes),
            counts=dict(sampling.counts),
            options=asdict(sampling.options),
        )
        store.write(folder, X, y, np.asarray((times_ns - recording.start_ns) / 1e9, dtype=float), meta)
    return meta


def _sample(recording: Recording, sampling: _Sampling, progress: Progress) -> dict[str, list[str]]:
    """Take all messages in; return what was refused, by reason."""
    start_ns, span = recording.start_ns, max(1, recording.end_ns - recording.start_ns)
    refused: dict[str, list[str]] = {}

    def note(error: SampleError) -> None:
        sampling.counts[f'rejected/{error.reason}'] += 1
        refused.setdefault(error.reason, []).append(str(error))

    for number, message in enumerate(recording.messages(sampling.topics)):
        try:
            sampling.push(message)
        except SampleError as error:
            note(error)
        if number % NOTE_EVERY == 0:
            progress((message.time_ns - start_ns) / span)
    for each in sampling.end():
        note(each)
    return refused


def _notes(sampling: _Sampling, refused: dict[str, list[str]]) -> Iterator[str]:
    """Yield sentences about what could not be used."""
    for reason, texts in refused.items():
        first = f'the first: {texts[0]}' if len(texts) > 1 else texts[0]
        yield f'{len(texts)} of the {sampling.what} taught nothing ({reason}); {first}'
    for name, count in sampling.counts.items():
        reason = name.rpartition('/')[2]
        left_out = count - len(refused.get(reason, ()))
        if name != reason and left_out and reason != 'unlabeled':
            yield f'{left_out} labelled {sampling.kind} left out: {reason}'
