# SPDX-License-Identifier: Apache-2.0
"""Samples of a whole stretch of messages at once: the same bits, by the same statistics, many times faster.

It goes where the features of the trigger do not depend on the order of things: its stamps rise, each is
one number of a message or a statistic over a window of such, and the labels go by arrival. What other
topics give is taken at each of its messages, from what has arrived by then, as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import SampleError
from .sampler import Sampler
from .statistics import Times


class StretchSampler(Sampler):
    """A sampler that takes stretches of its trigger's messages as well, where it `goes_by_stretches`.

    Each is given to `compute`, and then its messages, in order, to `is_sample`, those with a sample to
    `join`; those of other topics are pushed in between. A recording goes one way or the other, from its
    start to its end.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self._by_stretches = False
        self._whole: list[bool] = []
        self._filled: list[bool] = []
        self._stamps: list[int] = []
        self._U = np.empty((0, 0))
        self._labeled_rows: list[tuple[int, int]] = []
        self._past: tuple[Times, list[Array]] | None = None
        super().__init__(*arguments, **more)

    @property
    def goes_by_stretches(self) -> bool:
        """Whether stretches may be taken, as far as it depends on the options."""
        labels_by_arrival = not any(self._sources[name].has_header for name in self._roles)
        has_stamps = self._trigger.source.has_header
        plain = self._trigger.goes_by_columns and not self._period_ns
        return labels_by_arrival and self.trigger not in self._roles and has_stamps and plain

    def compute(self, stamps: Times, readings: list[Array]) -> Array | None:
        """Return X (M, N) at the stamps (M,) of messages; `is_sample` says of each row whether it holds.

        `readings` are one (M,) a path. None where these have to be gone through one by one, and all of
        the recording with them.
        """
        if self._past is None:
            self._past = stamps[:0], [each[:0] for each in readings]
        n_new, past = len(stamps), self._past
        if not self._trigger.source.judge(readings):
            return None
        t = np.concatenate([past[0], stamps])
        readings = [np.concatenate(each) for each in zip(past[1], readings)]
        if t[0] <= 0 or not (np.diff(t) > 0).all():
            return None
        U = np.empty((n_new, self._columns.size))
        try:
            filled = self._trigger.fill_many(U, t, readings)
        except ValueError:
            return None
        self._by_stretches = True
        kept = slice(int(t.searchsorted(t[-1] - self._trigger.window_ns, 'right')), None)
        self._past = t[kept], [each[kept] for each in readings]
        X = U[:, : self._columns.n_features]
        if self._others:
            self._U, self._stamps, self._filled = U, stamps.tolist(), filled.tolist()
            return X
        for i in np.flatnonzero(filled).tolist():
            self._columns.compute(U[i])
        self._whole = self._whole_rows(X, filled).tolist()
        return X

    def _whole_rows(self, X: Array, filled: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which rows are samples; count the others by reason."""
        whole = filled & np.isfinite(X).all(axis=1)
        if not filled.all():
            self.counts['dropped/window'] += int(np.count_nonzero(~filled))
        for i in np.flatnonzero(filled & ~whole).tolist():
            self.counts[f'dropped/{self._why_not_finite(X[i], {}).reason}'] += 1
        return whole

    def is_sample(self, i: int, arrival_ns: int) -> bool:
        """Return whether row i of a stretch is a sample, now that its message arrives; count why not."""
        if not self._others:
            return self._whole[i]
        stamp_ns = self._stamps[i]
        self._joins.note(self._trigger.source, stamp_ns, arrival_ns)
        try:
            self._check_age(stamp_ns, arrival_ns)
            self._finish(self._U[i], self._filled[i], stamp_ns, arrival_ns)
        except SampleError as error:
            self.counts[f'dropped/{error.reason}'] += 1
            return False
        return True

    def _finish(self, u: Array, is_filled: bool, stamp_ns: int, arrival_ns: int) -> None:
        """Fill the places of other topics, and compute x. Raises SampleError as `_take` does."""
        for topic in self._columns.topics:
            if topic is not self._trigger:
                topic.fill(u, stamp_ns if topic.by_stamp else arrival_ns)
            elif not is_filled:
                raise SampleError('window', 'the window is not filled yet')
        self._check_finite(self._columns.compute(u), {})

    def join(self, row: int, arrival_ns: int) -> None:
        """Take in that a message, which arrived now, has given a sample, by the number of its row."""
        self.counts['sampled'] += 1
        self._labels.join(arrival_ns, row)  # type: ignore[arg-type]

    def labeled_rows(
        self,
    ) -> Sequence[tuple[int, int]]:
        """Return, once, the rows that have been labelled, and how."""
        self._labeled()
        labeled, self._labeled_rows = self._labeled_rows, []
        return labeled

    def _labeled(self) -> list[Any]:
        if not self._by_stretches:
            return super()._labeled()
        for row, label in self._labels.settled():
            self.counts['labeled' if not isinstance(label, str) else f'unlabeled/{label}'] += 1
            if not isinstance(label, str):
                self._labeled_rows.append((row, label))  # type: ignore[arg-type]
        return []
