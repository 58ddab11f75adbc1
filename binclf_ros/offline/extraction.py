# SPDX-License-Identifier: Apache-2.0
"""One recording to samples, message by message, through the featurizer's own sampler."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.errors import BinclfError
from ..core.health.sampling import Labelling, find
from ..recordings.bags import Recording
from ..recordings.parts import Message
from . import store
from .binding import Bound, bind, in_order, in_stretches
from .errors import OfflineFailed
from .job import Job, Outcome, Progress
from .labeled import extract_labeled, labeled_topics
from .labels import Ranges, labels_at, ranges_of
from .store import Meta

BLOCK = 4096
NOTE_EVERY = 1000
"""Messages between two reports of how far it is."""


def run(job: Job, progress: Progress = lambda share: None) -> Outcome:
    """Extract one recording into its folder, unless that was done before. Raises OfflineFailed."""
    name, folder = job.source.name, store.folder_of(job.store, job.source.name)
    try:
        options = {
            **asdict(job.options),
            'namespace': job.namespace,
            'labels': job.labels and job.labels[1],
            **({'taught': asdict(job.taught)} if job.taught else {}),
        }
        key = store.key_of(job.source.files, options)
        made = store.is_made(folder, key)
        if made is not None:
            return Outcome(name, folder, made, reused=True)
        return Outcome(name, folder, _extract(job, folder, key, progress))
    except BinclfError as error:
        return Outcome(name, folder, problem=f'{name}: {error}')


def _extract(job: Job, folder: Path, key: str, progress: Progress) -> Meta:
    recording = job.source.open()
    topics = labeled_topics(job, recording)
    if topics is not None:
        return extract_labeled(job, recording, topics, folder, key, progress)
    start_ns, end_ns = recording.start_ns, recording.end_ns
    bound = bind(recording, job.options, job.namespace, labels=job.labels is None)
    rows = _Rows(len(bound.sampler.features))
    if not _sample_stretches(recording, bound, rows, progress):
        bound = bind(recording, job.options, job.namespace, labels=job.labels is None)
        rows = _Rows(len(bound.sampler.features))
        _sample(recording, bound, rows, progress)
    X, y, times_ns = rows.arrays()
    ranges = Ranges()
    if job.labels is not None:
        path, of_file = job.labels
        ranges = ranges_of(path, of_file, start_ns)
        y = labels_at(ranges.spans, times_ns)
    labeled = int(np.isfinite(y).sum())
    meta = Meta(
        name=job.source.name,
        features=tuple(bound.sampler.features),
        key=key,
        samples=len(y),
        labeled=labeled,
        positives=int(np.nansum(y)),
        start_sec=start_ns / 1e9,
        duration_sec=(end_ns - start_ns) / 1e9,
        window_sec=bound.window_sec,
        group=ranges.group,
        notes=tuple(_notes(job, recording, bound, len(y), labeled)),
        counts=dict(bound.counts),
        options=asdict(job.options),
    )
    store.write(folder, X, y, np.asarray((times_ns - start_ns) / 1e9, dtype=float), meta)
    return meta


class _Rows:
    """Samples as they come: x (N,), the time (ns), and the label once it is known."""

    def __init__(self, n_features: int) -> None:
        self._blocks: list[Array] = []
        self.n_features = n_features
        self._times, self._y = array('q'), array('d')

    def add(self, x: Array, time_ns: int) -> int:
        """Take a sample in; return its number."""
        number = len(self._y)
        if number % BLOCK == 0:
            self._blocks.append(np.empty((BLOCK, self.n_features)))
        self._blocks[-1][number % BLOCK] = x
        self._times.append(time_ns)
        self._y.append(math.nan)
        return number

    def extend(self, X: Array, times_ns: Sequence[int]) -> None:
        """Take samples in. Where this is used, `add` is not."""
        self._blocks.append(X)
        self._times.extend(times_ns)
        self._y.extend([math.nan] * len(X))

    @property
    def n_rows(self) -> int:
        """How many there are."""
        return len(self._y)

    def label(self, number: int, label: int) -> None:
        """Say what a sample is."""
        self._y[number] = label

    def arrays(self) -> tuple[Array, Array, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
        """Return X (M, N), y (M,) and the times in nanoseconds (M,)."""
        M = len(self._y)
        X = np.concatenate(self._blocks)[:M] if M else np.empty((0, self.n_features))
        return X, np.array(self._y, dtype=float), np.array(self._times, dtype=np.int64)


def _sample_stretches(recording: Recording, bound: Bound, rows: _Rows, progress: Progress) -> bool:
    """Sample stretch by stretch; return False where messages have to be gone through one by one."""
    sampler = bound.sampler
    if not sampler.goes_by_stretches or sampler.trigger not in bound.readers:
        return False
    start_ns, span = recording.start_ns, max(1, recording.end_ns - recording.start_ns)
    for stretch in in_stretches(recording, bound):
        triggers = [each for each in stretch if each.topic == sampler.trigger]
        X = _columns(bound, triggers) if triggers else np.empty((0, rows.n_features))
        if X is None:
            return False
        number, of_samples, times = 0, array('q'), array('q')
        for message in stretch:
            if message.topic != sampler.trigger:
                sampler.push(message.topic, message.data, message.time_ns)
                continue
            if sampler.is_sample(number, message.time_ns):
                sampler.join(rows.n_rows + len(times), message.time_ns)
                of_samples.append(number)
                times.append(message.time_ns)
            number += 1
        rows.extend(X[np.asarray(of_samples)], times)
        for row, label in sampler.labeled_rows():
            rows.label(row, label)
        progress((stretch[-1].time_ns - start_ns) / span)
    return True


def _columns(bound: Bound, triggers: Sequence[Message]) -> Array | None:
    """Return what triggers give, X (M, N); None where they are not alike."""
    found = bound.readers[bound.sampler.trigger].columns([each.data for each in triggers])
    return None if found is None else bound.sampler.compute(*found)


def _sample(recording: Recording, bound: Bound, rows: _Rows, progress: Progress) -> None:
    start_ns, span = recording.start_ns, max(1, recording.end_ns - recording.start_ns)
    waiting: dict[int, int] = {}  # which row a trigger is; the sampler keeps it alive until it is labelled
    for number, message in enumerate(in_order(recording, bound)):
        sample, labeled = bound.sampler.push(message.topic, message.data, message.time_ns)
        if sample is not None:
            waiting[id(sample.trigger)] = rows.add(sample.x, message.time_ns)
        for ready in labeled:
            assert ready.label is not None
            rows.label(waiting[id(ready.trigger)], ready.label)
        if number % NOTE_EVERY == 0:
            progress((message.time_ns - start_ns) / span)


def _notes(job: Job, recording: Recording, bound: Bound, samples: int, labeled: int) -> list[str]:
    """Return sentences about what could not be used, each with the name of the recording."""
    name, counts = job.source.name, bound.counts
    notes = [*recording.notes, *bound.notes, *_clocks(job, recording, bound)]
    unread = {reason: n for reason, n in counts.items() if reason.endswith('/unreadable')}
    if unread:
        count = sum(unread.values())
        notes.append(f'{count} message{"s" * (count > 1)} could not be read, and left out')
    if not samples:
        reason, n = _largest(counts, 'dropped/')
        notes.append(f'no samples: {n} of the trigger were dropped, most as {reason}')
    elif bound.notes or not job.wants_labels:
        pass
    elif not labeled:
        notes.append(f'none of {samples} samples has a label: {_why_unlabeled(job, recording, bound)}')
    elif labeled < samples / 2:
        notes.append(
            f'{labeled} of {samples} samples have a label: {_why_unlabeled(job, recording, bound)}'
        )
    return [f'{name}: {each}' for each in notes]


def _clocks(job: Job, recording: Recording, bound: Bound) -> list[str]:
    """Return sentences about stamps that do not tell the time, as the diagnostics of the featurizer do."""
    now = bound.sampler.status(recording.end_ns)
    known = Labelling(clock_tolerance_sec=job.options.clock_tolerance_sec)
    return [each.text for each in find(now, now, 1.0, 0.0, known) if each.kind.startswith('clock/')]


def _largest(counts: Mapping[str, int], kind: str) -> tuple[str, int]:
    found = {reason.removeprefix(kind): n for reason, n in counts.items() if reason.startswith(kind)}
    if not found:
        return 'no message came', 0
    largest = max(found, key=lambda reason: found[reason])
    return largest, found[largest]


def _why_unlabeled(job: Job, recording: Recording, bound: Bound) -> str:
    """Return the main reason in words, with the numbers."""
    if job.labels is not None:
        path, ranges = job.labels
        count = f'{len(ranges)} range{"s" * (len(ranges) != 1)}'
        return f'{path} has {count} of it' if ranges else f'{path} does not name it'
    if not bound.label_topics:
        return 'set label, or give --labels FILE'
    reason, _ = _largest(bound.counts, 'unlabeled/')
    timeout = job.options.label_timeout_sec
    if reason == 'stale':
        period = _period_sec(recording, bound.label_topics)
        every = f'the label comes every {period:.3g} s' if period else 'the label came once'
        return f'stale: {every}, label_timeout_sec is {timeout:g} (0: a label holds until the next)'
    words = {
        'no_label': 'no label came before them',
        'both': 'label_positive and label_negative were both held',
        'not_0_or_1': 'the label is neither 0 nor 1',
        'no_reading': 'label_positive or label_negative is in no message',
        'time_jump': 'time jumped back',
    }
    return f'{reason}: {words.get(reason, "see the counts in meta.json")}'


def _period_sec(recording: Recording, topics: frozenset[str]) -> float:
    """Return how long it is from one label to the next, on average (s); 0 where there is only one."""
    count = max(recording.counts.get(topic, 0) for topic in topics)
    return (recording.end_ns - recording.start_ns) * 1e-9 / (count - 1) if count > 1 else 0.0


__all__ = ['Job', 'OfflineFailed', 'Outcome', 'Progress', 'run']
