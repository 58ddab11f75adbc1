# SPDX-License-Identifier: Apache-2.0
"""Whether what was learned still holds: two detectors of change, and the alarm they raise.

Both look at predictions made before their label was learned from. Page and Hinkley's test sums up by how
much the loss exceeds its mean so far; ADWIN compares the older with the newer part of a window of errors
that grows as long as they agree.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..learning.losses import BCE, sigmoid
from .correlation import Correlation

MAX_LOSS = 4.0
"""The largest loss of one prediction, in nats: one surprise is not drift, however sure the model was."""
CHUNK = 256
"""Messages after which their dependence is measured again."""
MOVES = 4096
"""Messages after which the mean of z follows a model that has moved."""
WAITING = 1000
"""At most this many errors of one label wait for those of the other."""
CLOCK = 32
"""Values after which ADWIN looks again."""


class PageHinkley:
    """S := max(0, S + x − mean(x so far) − δ); an alarm at S > λ, after which it starts again.

    For a value x with a rise in its mean above δ: λ over what is above δ is how many samples it takes. A
    loss that rises by 1 nat raises it after some 220 with the defaults. (E. S. Page, Biometrika 41, 1954;
    D. V. Hinkley, Biometrika 58, 1971.)
    """

    def __init__(self, delta: float = 0.1, threshold: float = 200.0, at_least: int = 30) -> None:
        self._delta, self._threshold, self._at_least = delta, threshold, at_least
        self.reset()

    def reset(self) -> None:
        """Start again."""
        self._count, self._mean, self._sum, self._tau = 0, 0.0, 0.0, 1.0

    @property
    def level(self) -> float:
        """S/(λ·τ): how near the alarm is."""
        return min(1.0, self._sum / (self._threshold * self._tau))

    def update(self, x: float, tau: float = 1.0) -> bool:
        """Take one value in; return whether it raises the alarm. τ values count as one towards λ."""
        self._count += 1
        self._tau = tau
        self._mean += (x - self._mean) / self._count
        self._sum = max(0.0, self._sum + x - self._mean - self._delta)
        alarm = self._count >= self._at_least * tau and self._sum > self._threshold * tau
        if alarm:
            self.reset()
        return alarm


class Adwin:
    """Says when the mean of x in [0, 1] has changed, within a window of the length that suits.

    The window is cut wherever it can be into n₀ older and n₁ newer values. It has changed where their
    means differ by more than ε = √(2 m σ² ln(2 ln n/δ)) + ⅔ m ln(2 ln n/δ), n and σ² of the window,
    m = 1/(n₀ − s + 1) + 1/(n₁ − s + 1), s the shortest part. Then it starts again, as in River, whose
    default is s = 5: too short for samples of overlapping windows, whose errors come in bursts. Memory is
    O(log n): sums of 2ⁱ values, five at most of each i. (A. Bifet, R. Gavaldà, SDM 2007.)
    """

    def __init__(self, delta: float = 1e-6, shortest: int = 200) -> None:
        self._delta, self._shortest = delta, shortest
        self.reset()

    def reset(self) -> None:
        """Start again."""
        self._rows: list[list[float]] = [[]]
        self._count, self._sum, self._squares = 0, 0.0, 0.0

    def update(self, x: float) -> int:
        """Take one value in; return 1 where the mean has risen, -1 where it has fallen, else 0."""
        self._count += 1
        if self._count > 1:
            n = self._count - 1
            self._squares += n / self._count * (x - self._sum / n) ** 2
        self._sum += x
        self._rows[0].append(x)
        self._merge()
        if self._count % CLOCK or self._count <= 10:
            return 0
        change = self._change()
        if change:
            self.reset()
        return change

    def _merge(self) -> None:
        for i, row in enumerate(self._rows):
            if len(row) <= 5:
                return
            if i + 1 == len(self._rows):
                self._rows.append([])
            self._rows[i + 1].append(row.pop(0) + row.pop(0))

    def _change(self) -> int:
        n0, u0 = 0.0, 0.0
        log = math.log(2.0 * math.log(self._count) / self._delta)
        variance = self._squares / self._count
        for i in range(len(self._rows) - 1, -1, -1):
            for total in self._rows[i]:
                n0, u0 = n0 + 2**i, u0 + total
                n1, u1 = self._count - n0, self._sum - u0
                if min(n0, n1) < self._shortest:
                    continue
                m = 1.0 / (n0 - self._shortest + 1.0) + 1.0 / (n1 - self._shortest + 1.0)
                rise = u1 / n1 - u0 / n0
                if abs(rise) > math.sqrt(2.0 * m * variance * log) + 2.0 / 3.0 * m * log:
                    return 1 if rise > 0.0 else -1
        return 0


class Surprise:
    """The mean loss of each label so far."""

    def __init__(self, counts: Array | None = None, sums: Array | None = None) -> None:
        self._counts = np.zeros(2) if counts is None else counts
        self._sums = np.zeros(2) if sums is None else sums

    def beyond(self, y: Array, losses: Array) -> tuple[Array, Surprise]:
        """Return losses (M,) as if no label cost more than another, and the means then.

        That is a loss less the mean of its label up to there, and more by the mean of all.
        """
        counts, sums, found = self._counts.copy(), self._sums.copy(), losses.copy()
        found += (sums.sum() + np.cumsum(losses)) / (counts.sum() + np.arange(1, len(losses) + 1))
        for label in (0, 1):
            rows = np.flatnonzero((y > 0.5) == label)
            so_far = sums[label] + np.cumsum(losses[rows])
            found[rows] -= so_far / (counts[label] + np.arange(1, len(rows) + 1))
            counts[label] += len(rows)
            sums[label] += losses[rows].sum()
        return found, Surprise(counts, sums)


class BalancedErrors:
    """ADWIN over an error of label 0 and one of label 1 in turn, so that it is no change which label comes.

    Each error is the mean of `tau` messages with that label; those of one label wait for the other's.
    """

    def __init__(self) -> None:
        self._adwin = Adwin()
        self._units = [[0, 0.0], [0, 0.0]]
        self._waiting: tuple[deque[float], deque[float]] = deque(maxlen=WAITING), deque(maxlen=WAITING)

    def update(self, label: int, error: float, tau: float) -> bool:
        """Take the error of a message in; return whether it raises the alarm."""
        unit = self._units[label]
        unit[0] += 1
        unit[1] += error
        if unit[0] < tau:
            return False
        self._waiting[label].append(unit[1] / unit[0])
        self._units[label] = [0, 0.0]
        if not all(self._waiting):
            return False
        changes = [self._adwin.update(each.popleft()) for each in self._waiting]
        return max(changes) > 0


class Alike:
    """How many messages count as one, by z, which knows nothing of labels: those that flip change nothing.

    z is taken less its mean for the decision it makes, as a label that is held holds z as well.
    """

    def __init__(self) -> None:
        self._correlation = Correlation()
        self._counts, self._means = np.zeros(2), np.zeros(2)

    @property
    def tau(self) -> float:
        """How many messages count as one."""
        return self._correlation.tau

    def take(self, z: Array, decision: NDArray[np.bool_], sizes: list[int]) -> None:
        """Take z (M,) and the decisions (M,) in, those of messages of so many samples each."""
        group = decision.astype(int)
        for g in (0, 1):
            some = z[group == g]
            if len(some):
                self._counts[g] = min(MOVES, self._counts[g] + len(some))
                self._means[g] += min(1.0, len(some) / self._counts[g]) * (some.mean() - self._means[g])
        starts = np.cumsum(sizes) - np.array(sizes)
        self._correlation.take(np.add.reduceat(z - self._means[group], starts) / sizes)


class Drift:
    """The alarm over test-then-train predictions: that the loss, or the share of errors, has risen.

    Page and Hinkley get the log loss, cut at `MAX_LOSS`, as if neither label cost more than the other: one
    that is held is no change. ADWIN gets 1 for each wrong decision, of both labels alike. A message is one
    value, the mean over its samples: the points of a cloud are no independent witnesses. Neither are
    neighbours in time that are alike, `tau` of which count as one. Where things get better no alarm is
    raised. After an alarm both start again.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all, alarms included."""
        self.alarms = 0
        """How many alarms were raised."""
        self.seen = self.last = 0
        """Samples so far, and at the last alarm."""
        self.how = ''
        """Which detector raised the last alarm."""
        self._alike = Alike()
        self._start_again()

    def _start_again(self) -> None:
        self._loss, self._errors, self._means = PageHinkley(), BalancedErrors(), Surprise()

    @property
    def tau(self) -> float:
        """How many messages count as one."""
        return self._alike.tau

    @property
    def level(self) -> float:
        """How near Page and Hinkley's alarm is, 0 to 1."""
        return self._loss.level

    def update(self, y: Array, z: Array, sizes: list[int], slope: Array | None = None) -> None:
        """Take predictions in: y (M,), z (M,), and of each message how many samples are its own.

        `slope` (M,) is how steep the model was that said z, by which z of different models compare.
        """
        predictions = np.stack([y, z, z if slope is None else z / slope])
        ends = np.cumsum(sizes)
        for first in range(0, len(sizes), CHUNK):
            some = sizes[first : first + CHUNK]
            rows = predictions[:, ends[first] - some[0] : ends[first + len(some) - 1]]
            self._alike.take(rows[2], rows[1] >= 0.0, some)
            while some:
                taken = self._test(rows[0], rows[1], some)
                rows, some = rows[:, sum(some[:taken]) :], some[taken:]

    def _test(self, y: Array, z: Array, sizes: list[int]) -> int:
        """Give messages to the detectors, up to an alarm; return how many they took."""
        beyond, means = self._means.beyond(y, np.minimum(BCE.of_samples(z, y), MAX_LOSS))
        wrong, positive = ((sigmoid(z) >= 0.5) != (y > 0.5)), y > 0.5
        columns = np.stack([beyond, ~positive, positive, wrong & ~positive, wrong & positive])
        sums = np.add.reduceat(columns, np.cumsum(sizes) - np.array(sizes), axis=1).T
        for i, (loss, n0, n1, wrong0, wrong1) in enumerate(sums.tolist()):
            self.seen += sizes[i]
            how = 'Page-Hinkley on the log loss' if self._loss.update(loss / sizes[i], self.tau) else ''
            for label, n, errors in ((0, n0, wrong0), (1, n1, wrong1)):
                if n and self._errors.update(label, errors / n, self.tau):
                    how = how or 'ADWIN on the errors'
            if how:
                self.alarms, self.last, self.how = self.alarms + 1, self.seen, how
                self._start_again()
                return i + 1
        self._means = means
        return len(sizes)
