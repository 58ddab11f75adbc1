# SPDX-License-Identifier: Apache-2.0
"""How many values of a stream count as one, as neighbours are alike, measured while it goes on.

Let V(b) be b times the variance of the mean of b neighbours. Where twice as many are taken, it grows by
1 + r(b), r(b) the correlation of two neighbouring means; for values that do not depend on each other it
stays. So the values that count as one are

    τ = Π (1 + r(b)),  b = 1, 2, 4, …

over the lengths b of which enough means are there, and where r(b) is more than chance explains: as many
sums as the logarithm of the stream. Each length forgets what is older than `MEMORY` of its means: a
level that has moved, as at the start, does not stay in τ. (Batch means: B. Schmeiser, Operations Research
30, 1982; doubled as in H. Flyvbjerg, H. G. Petersen, J. Chem. Phys. 91, 1989.)
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array

MEMORY = 256
"""Means of one length that its correlation is taken from."""
MIN_MEANS = 32
"""Means without which the correlation of a length is not known."""
CHANCE = 3.0
"""Standard deviations of a correlation, 1/√n, that may be chance."""
KEEP = 1.0 - 1.0 / MEMORY


class _Level:
    """Sums over the means of one length: n, Σm, Σm², Σm·m′, the newest counted most."""

    def __init__(self) -> None:
        self._sums = np.zeros(4)
        self._last: float | None = None
        self._left: list[float] = []

    def take(self, means: Array) -> Array:
        """Take means (n,) in, and return those of twice the length (n/2,)."""
        before = np.append(means[0] if self._last is None else self._last, means[:-1])
        self._last = float(means[-1])
        weights = KEEP ** np.arange(len(means) - 1, -1, -1)
        columns = np.stack([np.ones_like(means), means, means * means, means * before])
        self._sums = self._sums * KEEP ** len(means) + columns @ weights
        pairs = np.append(self._left, means)
        self._left = pairs[len(pairs) // 2 * 2 :].tolist()
        return np.asarray(pairs[: len(pairs) // 2 * 2].reshape(-1, 2).mean(axis=1))

    @property
    def is_known(self) -> bool:
        """Whether there are enough means."""
        return bool(self._sums[0] >= MIN_MEANS)

    @property
    def correlation(self) -> float:
        """That of neighbours, 0 where it may be chance."""
        n, total, squares, products = self._sums.tolist()
        mean = total / n
        variance = squares / n - mean * mean
        if variance <= 1e-12 * (1.0 + mean * mean):
            return 0.0
        r = (products / n - mean * mean) / variance
        return min(r, 1.0) if r > CHANCE / math.sqrt(n) else 0.0


class Correlation:
    """Measures τ ≥ 1 of a stream of values.

    >>> correlation = Correlation()
    >>> correlation.take(np.repeat(np.random.default_rng(0).normal(size=500), 8))
    >>> 4.0 < correlation.tau < 8.0
    True
    """

    def __init__(self) -> None:
        self._levels: list[_Level] = []
        self.tau = 1.0
        """How many of the last values count as one."""

    def take(self, values: Array) -> None:
        """Take values (n,) in, the oldest first."""
        i = 0
        while len(values):
            if i == len(self._levels):
                self._levels.append(_Level())
            values = self._levels[i].take(values)
            i += 1
        self.tau = self._product()

    def _product(self) -> float:
        tau = 1.0
        for level in self._levels:
            if not level.is_known:
                break
            tau *= 1.0 + level.correlation
        return tau


def dependence(values: Array) -> float:
    """Return how many neighbours of values (n,) count as one, τ ≥ 1, at most n.

    τ = 1 + 2·Σ r_k over the lags before two neighbouring ones add up to nothing; taking the mean off makes
    each r_k less by τ/n, which is put back. (C. J. Geyer, Statistical Science 7, 1992.) Where r₁ may be
    chance, what `Correlation` measures.
    """
    n = len(values)
    if n < MIN_MEANS or np.ptp(values) == 0.0:
        return 1.0
    correlation = Correlation()
    correlation.take(values)
    r = _autocorrelation(values - values.mean())
    if r[1] <= CHANCE / math.sqrt(n):
        return correlation.tau
    pairs = r[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0.0)
    tau = 2.0 * float(pairs[: ends[0] if len(ends) else None].sum()) - 1.0
    tau *= 1.0 + 2.0 * tau / n
    return min(float(n), max(1.0, tau, correlation.tau))


def _autocorrelation(x: Array) -> Array:
    """Return r_k of x (n,), k = 0 … n − 1, by the Fourier transform."""
    size = 1 << (2 * len(x) - 1).bit_length()
    power = np.abs(np.fft.rfft(x, size)) ** 2
    found = np.fft.irfft(power, size)[: len(x)]
    return np.asarray(found / found[0])
