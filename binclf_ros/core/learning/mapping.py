# SPDX-License-Identifier: Apache-2.0
"""Which map the samples of a buffer go through, when its knots are taken again, and what then goes on."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, over_rows
from ..errors import DescentError
from .buffer import Buffer
from .feature_maps import FEATURE_MAPS, Curves, CurvesAndPairs
from .forward import forward
from .model import Model
from .scaler import Moments

MAX_COLUMNS = 4096
"""That a descent can do with: it keeps a matrix of so many squared."""
MARGIN = 0.1
"""Share of its range by which a feature has to leave its knots before they are taken again."""
MIN_NEW = 64
"""Samples that have to come before knots are taken again, at least."""
Parameters = tuple[Array, float]


class Range:
    """The smallest and the largest value of each feature so far."""

    def __init__(self, low: Array, high: Array) -> None:
        self.low, self.high = low, high

    @classmethod
    def of(cls, X: Array) -> Range:
        """Return that of samples X (M, N)."""
        return cls(over_rows(np.minimum, X), over_rows(np.maximum, X))

    def take(self, X: Array) -> None:
        """Take samples X (m, N) in."""
        self.low = np.minimum(self.low, over_rows(np.minimum, X))
        self.high = np.maximum(self.high, over_rows(np.maximum, X))


class Mapping:
    """The map in use, `current` (None: a straight line), and the `range` of what was taught."""

    def __init__(self) -> None:
        self.range: Range | None = None
        self.forget()

    def forget(self) -> None:
        """Forget the map; the range stays."""
        self.current: Curves | None = None
        self._key: object = None
        self._since: Range | None = None
        self._next = 0

    def take(self, X: Array) -> None:
        """See samples X (m, N) that are taken in."""
        if not len(X):
            return
        if self.range is None:
            self.range = Range.of(X)
        else:
            self.range.take(X)
        if self._since is not None:
            self._since.take(X)

    def resume(self, buffer: Buffer | None, model: Model | None, knots: int) -> Parameters | None:
        """Go on from the samples of a buffer, and the map of a model; return the weights and bias of it."""
        self.forget()
        self.range = Range.of(buffer.X) if buffer is not None and buffer.size else None
        if model is None:
            return None
        if self.range is None and model.low:
            self.range = Range(np.array(model.low), np.array(model.high))
        if model.map is None:
            return np.array(model.weights), model.bias
        self.current = type(model.map)(model.map.knots, np.array(model.mean), np.array(model.scale))
        self._key = model.feature_map, knots, True
        self._watch(buffer)
        return self.current.adopted(np.array(model.weights), model.bias)

    def choose(self, buffer: Buffer, kind: str, knots: int, standardize: bool) -> bool:
        """Take the map that these options ask for; return whether that is another one than before.

        Knots are taken again only where the samples, or their range, have changed much: what is known of
        the curvature is lost by it. Raises DescentError for more columns than a descent can do with.
        """
        key = kind, knots, standardize
        if FEATURE_MAPS[kind] is None:
            changed = self.current is not None
            self.forget()
            return changed
        if key == self._key and not self._is_outdated(buffer):
            return False
        self.current, self._key = map_of(buffer.X, buffer.moments, kind, knots, standardize), key
        self._watch(buffer)
        return True

    def _watch(self, buffer: Buffer | None) -> None:
        assert self.current is not None
        seen, size = (buffer.seen, buffer.size) if buffer else (0, 0)
        self._next = seen + max(size, MIN_NEW)
        ends = np.array([(q[0], q[-1]) for q in self.current.knots])
        self._since = Range(ends[:, 0], ends[:, 1])

    def _is_outdated(self, buffer: Buffer) -> bool:
        assert self.current is not None and self._since is not None
        ends = np.array([(q[0], q[-1]) for q in self.current.knots])
        margin = MARGIN * (ends[:, 1] - ends[:, 0])
        left = (self._since.low < ends[:, 0] - margin) | (self._since.high > ends[:, 1] + margin)
        return buffer.seen >= self._next or bool(left.any())


def map_of(X: Array, moments: Moments, kind: str, knots: int, standardize: bool) -> Curves | None:
    """Return the map of a kind whose knots are the quantiles of X (M, N); None for a straight line.

    Raises DescentError for more columns than a descent can do with.
    """
    wanted, n = FEATURE_MAPS[kind], X.shape[1]
    if wanted is None:
        return None
    most = n * (knots + 1) + (n * (n - 1) // 2 if wanted is CurvesAndPairs else 0)
    if most > MAX_COLUMNS:
        raise DescentError(
            f'feature_map {kind} makes {most} columns of {n} features, at most {MAX_COLUMNS} '
            'are possible: set fewer knots, or line'
        )
    ones = np.ones(n)
    centre, unit = (moments.mean, moments.scale) if standardize else (0.0 * ones, ones)
    return wanted.fit(X, knots, centre, unit)


def carried_over(old: Curves | None, new: Curves | None, parameters: Parameters) -> Parameters | None:
    """Return weights and bias of the new map that say what those of the old one did, as far as it can.

    None where it cannot: a line is no curve.
    """
    if new is None:
        return None
    passes = forward(old, *(parameters if old is None else old.published(*parameters)))
    curves = [passes.of_feature(j, np.array(q)) for j, q in enumerate(new.knots)]
    weights, bias = new.taken_over(passes.bias, curves)
    if isinstance(old, CurvesAndPairs) and isinstance(new, CurvesAndPairs):
        weights[new.n_ramped :] = parameters[0][old.n_ramped :]
    return weights, bias
