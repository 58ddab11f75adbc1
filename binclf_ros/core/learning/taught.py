# SPDX-License-Identifier: Apache-2.0
"""The range in which features were taught: outside of it a model knows nothing, whatever it answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Array

MARGIN = 0.25
"""Share of a feature's range by which it may go beyond, but never towards 0."""
MAX_NAMED = 3


class Taught:
    """Limits of each feature, from what it was at least (`low`) and at most (`high`) when it was taught.

    A feature may leave its range by a share of it, as no two drives are the same. Towards 0 there is no
    margin: a sensor that has died, or an axis that is stuck, shows as 0, or as no deviation at all.
    """

    def __init__(self, low: Sequence[float], high: Sequence[float]) -> None:
        self.low, self.high = np.array(low), np.array(high)
        margin = MARGIN * (self.high - self.low)
        self.least = np.where(self.low > 0.0, self.low, self.low - margin)
        self.most = np.where(self.high < 0.0, self.high, self.high + margin)

    def leaves(self, x: Array) -> bool:
        """Return whether any feature of a sample x (N,) is outside."""
        return bool((x < self.least).any() or (x > self.most).any())

    def outside(self, x: Array) -> list[int]:
        """Return the features of a sample x (N,) that are outside, the farthest first."""
        away = np.maximum(self.least - x, x - self.most)
        away = away / np.maximum(self.high - self.low, np.finfo(float).tiny)
        order = np.argsort(-away, kind='stable')
        return [int(j) for j in order if away[j] > 0.0]

    def describe(self, x: Array, names: Sequence[str]) -> str:
        """Return which features of a sample are outside, in words; '' for none."""
        found = self.outside(x)
        said = [f'{names[j]} is {x[j]:.4g} ({self.low[j]:.4g} to {self.high[j]:.4g})' for j in found]
        more = f' and {len(said) - MAX_NAMED} more' if len(said) > MAX_NAMED else ''
        return f'outside of what was taught: {", ".join(said[:MAX_NAMED])}{more}' if said else ''
