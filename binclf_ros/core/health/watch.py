# SPDX-License-Identifier: Apache-2.0
"""Watches a sampler over time: what is wrong with its work, and what is worth a word."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..features.status import SamplerStatus
from .findings import LOOK_SEC, Finding, Recent
from .sampling import CONSTANT_SEC, Labelling, find, notes, window_sec


class SamplingWatch:
    """Is told of samples and labels, looks at the status now and then, and finds what is wrong.

    `label` is the text of the label's expression. Times are of the steady clock (s).
    """

    def __init__(self, label: str = '', clock_tolerance_sec: float = 0.5) -> None:
        self._label, self._tolerance = label, clock_tolerance_sec
        self.published: tuple[str, ...] = ()
        """The topics of labels that have a publisher, as far as the owner knows."""
        self._labeled = [0, 0]
        self._recent: Recent[SamplerStatus] = Recent()
        self._began: float | None = None
        self._first: Array | None = None
        self._newest: Array | None = None
        self._last: Array | None = None
        self._changed: Array | None = None
        self.constant: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()

    def on_sample(self, x: Array) -> None:
        """Take a sample x (N,) in; this is called for each one, and so only keeps it."""
        if self._first is None:
            self._first = x
        self._newest = x

    def on_labeled(self, label: int | None) -> None:
        """Count a labelled sample."""
        if label is not None:
            self._labeled[label] += 1

    def look(self, now: float, status: SamplerStatus) -> list[Finding]:
        """Return what is wrong at a time."""
        self._began = now if self._began is None else self._began
        self._look_for_constants(now, status.features)
        self.notes = tuple(notes(status, self.constant))
        self._recent.add(now, status)
        then = self._recent.before(now, window_sec(status))
        seconds, before = then if then is not None else (0.0, status)
        negatives, positives = self._labeled
        label = Labelling(self._label, (negatives, positives), self._tolerance, self.published)
        return find(status, before, seconds, now - self._began, label)

    def _look_for_constants(self, now: float, names: tuple[str, ...]) -> None:
        """Find the features that were the same at each look of the last ten seconds."""
        first, newest, self._first = self._first, self._newest, None
        if first is None or newest is None:
            return  # no sample, no news
        if self._last is None or self._changed is None:
            self._last, self._changed = newest, np.full(len(newest), now)
            return
        moved = (newest != self._last) | (first != self._last)
        self._last = newest
        self._changed[moved] = now
        still = np.flatnonzero(now - self._changed >= CONSTANT_SEC - LOOK_SEC / 2)
        self.constant = tuple(names[place] for place in still.tolist())
