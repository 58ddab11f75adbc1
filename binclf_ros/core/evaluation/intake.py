# SPDX-License-Identifier: Apache-2.0
"""Test, then teach: labelled samples are scored by the model in use, and then learned from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..learning.model import Model
from .ahead import Ahead
from .rival import Rival

Names = tuple[str, ...]


class Intake:
    """Takes labelled samples X (m, N), y (m,) in.

    `model` returns the one in use; `scored(y, z, ahead, begins, slope)` gets what it said of them, as
    `Scores.extend` does; `stage(names, X, y)` hands them to the learner.
    """

    def __init__(
        self,
        model: Callable[[], Model | None],
        scored: Callable[[Array, Array, Array, bool, float], None],
        stage: Callable[[Names, Array, Array], None],
        rival: Rival,
    ) -> None:
        self._model, self._scored, self._stage, self._rival = model, scored, stage, rival
        self._ahead = Ahead()

    def clear(self) -> None:
        """Begin again with the next sample."""
        self._ahead.clear()
        self._rival.clear()

    def take(self, names: Names, X: Array, y: Array, fresh: NDArray[np.bool_] | None = None) -> None:
        """Score samples and stage them; those that are not `fresh` (m,) were scored before."""
        if fresh is None:
            self._score(names, X, y)
        elif fresh.any():
            self._score(names, X[fresh], y[fresh])
        self._stage(names, X, y)

    def _score(self, names: Names, X: Array, y: Array) -> None:
        model = self._model()
        if model is not None and model.features == names:
            z = model.decision_function(X)
            ahead = self._ahead.score(model, X, y, z)
            self._scored(y, z, *ahead, model.slope)
            self._rival.take(names, X, y, *ahead)
        else:
            self._rival.take(names, X, y, np.full(len(y), np.nan), self._ahead.see(y))
