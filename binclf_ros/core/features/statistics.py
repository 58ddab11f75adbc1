# SPDX-License-Identifier: Apache-2.0
"""Statistics of readings: of the elements of one message, or of those of the last seconds.

To add one: an entry in `STATISTICS`. A statistic is a function of readings V (P, k), k ≥ 1, all finite, a
row a path, and of their times t (k,) (ns, not falling); it returns (P,). Within one message the times
are one second apart, from element to element.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array

Times = NDArray[np.int64]
Statistic = Callable[[Array, Times], Array]


def _mean(V: Array) -> Array:
    mean: Array = np.add.reduce(V, axis=-1) / V.shape[-1]  # half the time of V.mean(axis=-1)
    return mean


def _std(V: Array) -> Array:
    centred = V - _mean(V)[:, None]
    return np.sqrt(_mean(np.multiply(centred, centred, out=centred)))


def _slope(V: Array, t: Times) -> Array:
    seconds = (t - t[0]) * 1e-9
    centred = seconds - seconds.mean()
    square = float(centred @ centred)
    return V @ centred / square if square > 0.0 else np.full(len(V), math.nan)


def _moment(V: Array, order: int) -> Array:
    """Return m_order / m₂^(order/2) of the population, 0 where all readings are the same."""
    centred = V - _mean(V)[:, None]
    square = _mean(centred * centred)
    varies = V.max(axis=-1) > V.min(axis=-1)  # rounding leaves of equal readings a square above 0
    varies &= square > 0.0
    standard = np.where(varies, square, 1.0)
    ratio: Array = np.where(varies, _mean(centred**order) / standard ** (0.5 * order), 0.0)
    return ratio


def _kurtosis(V: Array) -> Array:
    return np.where(V.max(axis=-1) > V.min(axis=-1), _moment(V, 4) - 3.0, 0.0)


def _quantile(ordered: Array, share: float) -> Array:
    """Return the quantile of rows in order, between two readings in proportion, as numpy does."""
    place = share * (ordered.shape[-1] - 1)
    low = int(place)
    high = min(low + 1, ordered.shape[-1] - 1)
    quantile: Array = ordered[:, low] + (place - low) * (ordered[:, high] - ordered[:, low])
    return quantile


def _iqr(V: Array) -> Array:
    ordered = np.sort(V, axis=-1)
    return _quantile(ordered, 0.75) - _quantile(ordered, 0.25)


def _zcr(V: Array) -> Array:
    positive = V >= 0.0
    crossings = np.count_nonzero(positive[:, 1:] != positive[:, :-1], axis=-1)
    rate: Array = crossings / max(1, V.shape[-1] - 1)
    return rate


STATISTICS: dict[str, Statistic] = {
    'mean': lambda V, t: _mean(V),
    'std': lambda V, t: _std(V),
    'min': lambda V, t: V.min(axis=-1),
    'max': lambda V, t: V.max(axis=-1),
    'median': lambda V, t: np.median(V, axis=-1),
    'rms': lambda V, t: np.sqrt(_mean(V * V)),
    'ptp': lambda V, t: V.max(axis=-1) - V.min(axis=-1),
    'slope': lambda V, t: _slope(V, t),
    'last': lambda V, t: V[:, -1],
    'first': lambda V, t: V[:, 0],
    'delta': lambda V, t: V[:, -1] - V[:, 0],
    'skew': lambda V, t: _moment(V, 3),
    'kurtosis': lambda V, t: _kurtosis(V),
    'iqr': lambda V, t: _iqr(V),
    'zcr': lambda V, t: _zcr(V),
    'count': lambda V, t: np.full(len(V), float(V.shape[-1])),
}
"""Name → f(V, t): std is the population's, ptp is max − min, slope is per second (per element within one
message) by least squares, nan where all readings share one time; delta is last − first; skew is m₃/m₂^1.5
and kurtosis m₄/m₂² − 3, of the population, both 0 where nothing varies; iqr is the 75th − the 25th
percentile; zcr is the share of neighbours between which the sign changes; count is that of readings."""
TIMED = ('slope', 'band')
"""Those that depend on the times of readings, or whose rounding depends on the rows beside."""
OF_NONE = {'count': 0.0}
"""What a statistic of no reading at all is, where that is something."""


def band_rms(V: Array, t: Times, low_hz: float, high_hz: float) -> Array:
    """Return the rms of the part of V (P, k) between two frequencies (Hz, both ends included), (P,).

    It is that of the discrete Fourier transform (Parseval), without the mean. Readings at uneven times
    (a message was lost) are first put on an even grid of as many, between neighbours in proportion. nan
    where the readings are too few for the lower end: it has to be below half of their rate.
    """
    count, span_sec = len(t), float(t[-1] - t[0]) * 1e-9
    if count < 2 or span_sec <= 0.0 or low_hz > 0.5 * (count - 1) / span_sec:
        return np.full(len(V), math.nan)
    step_sec = span_sec / (count - 1)
    if float(np.diff(t).max()) * 1e-9 > 1.5 * step_sec:
        at = (t - t[0]) * 1e-9
        even = np.arange(count) * step_sec
        V = np.stack([np.interp(even, at, v) for v in V])
    spectrum = np.fft.rfft(V - _mean(V)[:, None], axis=-1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    hz = np.arange(power.shape[-1]) / (count * step_sec)
    weight = np.where((hz >= low_hz) & (hz <= high_hz), 2.0, 0.0)
    if count % 2 == 0:
        weight[-1] *= 0.5  # half of the rate has no mirror image
    rms: Array = np.sqrt(power @ weight) / count
    return rms
