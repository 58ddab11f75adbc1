# SPDX-License-Identifier: Apache-2.0
"""Whether what was learned still holds: two detectors of change, and the alarm they raise.

Both look at predictions made before their label was learned from. Page and Hinkley's test sums up by how
much the loss exceeds its mean so far; ADWIN compares the older with the newer part of a window of errors
that grows as long as they agree.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array
from ..learning.losses import BCE, sigmoid

MAX_LOSS = 4.0
"""Of one prediction, in nats: a single surprise is no drift, however sure the model was."""


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
        self._count, self._mean, self._sum = 0, 0.0, 0.0

    @property
    def level(self) -> float:
        """S/λ: how near the alarm is."""
        return min(1.0, self._sum / self._threshold)

    def update(self, x: float) -> bool:
        """Take one value in; return whether it raises the alarm."""
        self._count += 1
        self._mean += (x - self._mean) / self._count
        self._sum = max(0.0, self._sum + x - self._mean - self._delta)
        alarm = self._count >= self._at_least and self._sum > self._threshold
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


class Drift:
    """The alarm over test-then-train predictions: that the loss, or the share of errors, has risen.

    Page and Hinkley get the log loss, cut at `MAX_LOSS`; ADWIN gets 1 for each wrong decision. One
    message is one value, the mean over its samples: the points of a cloud are no independent witnesses.
    Where things get better no alarm is raised. After an alarm both start again.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all, alarms included."""
        self.alarms = 0
        """How many were raised."""
        self.seen = self.last = 0
        """Samples so far, and at the last alarm."""
        self.how = ''
        """Who raised the last alarm."""
        self._loss, self._errors = PageHinkley(), Adwin()

    @property
    def level(self) -> float:
        """How near Page and Hinkley's alarm is, 0 to 1."""
        return self._loss.level

    def update(self, y: Array, z: Array, sizes: list[int]) -> None:
        """Take predictions in: y (M,), z (M,), and of each message how many samples are its own."""
        starts = np.cumsum(sizes) - np.array(sizes)
        losses = np.add.reduceat(np.minimum(BCE.of_samples(z, y), MAX_LOSS), starts) / sizes
        wrong = ((sigmoid(z) >= 0.5) != (y > 0.5)).astype(float)
        errors = np.add.reduceat(wrong, starts) / sizes
        for loss, error, size in zip(losses.tolist(), errors.tolist(), sizes):
            self.seen += size
            by_loss, by_errors = self._loss.update(loss), self._errors.update(error) > 0
            if by_loss or by_errors:
                self.alarms += 1
                self.last = self.seen
                self.how = 'Page-Hinkley on the log loss' if by_loss else 'ADWIN on the errors'
                self._loss.reset()
                self._errors.reset()
