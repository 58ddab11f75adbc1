# SPDX-License-Identifier: Apache-2.0
"""Pixels as samples: rows of X of some of them, and the probability of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from ..core.errors import ExpressionError, SampleError
from ..core.features.images import parse_pixel_features
from ..core.learning.model import Model
from ..core.learning.taught import Taught
from .frames import Frame, Pixels, opencv
from .planes import Planes

BYTE = np.arange(256, dtype=float)
"""What a plane of 8 bits may hold."""


class PixelReader:
    """Reads frames by a list of pixel features; `names` (N,) are their texts.

    Where a model is a sum over features, a plane of 8 bits needs one look into a table of 256 numbers for
    each pixel, and any other plane a line, or a curve through the model's knots.
    """

    def __init__(self, pixel_features: Sequence[str], scale: float = 1.0) -> None:
        """Parse the features. Raises ExpressionError."""
        self.scale = scale
        self._expressions = parse_pixel_features(pixel_features)
        self.names = tuple(each.text for each in self._expressions)
        self._model: Model | None = None
        self._tables: list[_Table] = []
        self._planes: list[Pixels] = []

    @classmethod
    def of_model(cls, features: Sequence[str], scale: float = 1.0) -> PixelReader:
        """Return a reader of a model's features. Raises SampleError (`names`) where one is of no pixel."""
        try:
            return cls(features, scale)
        except ExpressionError as error:
            raise SampleError('names', f'the model has other features than pixels have: {error}') from error

    def columns(self, frame: Frame, pixels: NDArray[np.intp]) -> Array:
        """Return X (m, N) of the pixels with these numbers (m,), counted row by row in the frame.

        Raises SampleError: `channel` where a feature is of a channel that the frame has not.
        """
        planes = Planes(frame, self.scale)
        row, col = np.divmod(pixels, frame.width)
        height, width = planes.shape
        at = (row * height // frame.height) * width + col * width // frame.width
        X = np.empty((len(pixels), len(self._expressions)), order='F')
        for j, expression in enumerate(self._expressions):
            X[:, j] = planes.of(expression).reshape(-1)[at]
        return X

    def predict_proba(self, frame: Frame, model: Model) -> NDArray[np.float32]:
        """Return ŷ (H, W) of all pixels of a frame, in single precision; NaN where a feature is not finite.

        Raises SampleError (`channel`).
        """
        cv2 = opencv()
        self._planes = []  # their memory serves the new ones
        planes = Planes(frame, self.scale)
        self._planes = [planes.of(each) for each in self._expressions]
        z = self._decision_function(self._planes, model)
        if z.shape != (frame.height, frame.width):
            z = cv2.resize(z, (frame.width, frame.height), interpolation=cv2.INTER_LINEAR)
        np.negative(z, out=z)
        cv2.exp(z, dst=z)
        z += np.float32(1.0)
        probability: NDArray[np.float32] = np.reciprocal(z, out=z)
        return probability

    def outside(self, taught: Taught, stride: int = 1) -> NDArray[np.bool_]:
        """Return which of the pixels answered last, or of one in `stride`, are outside of what was taught.

        They are counted row by row at the scale of the planes.
        """
        found = np.zeros(len(range(0, self._planes[0].size, stride)), dtype=np.bool_)
        for plane, least, most in zip(self._planes, taught.least.tolist(), taught.most.tolist()):
            column = plane.reshape(-1)[::stride]
            found |= column < least
            found |= column > most
        return found

    def silence(self, probability: NDArray[np.float32], taught: Taught) -> int:
        """Make the answers (H, W) of pixels outside of what was taught NaN; return how many there are."""
        (height, width), (h, w) = probability.shape, self._planes[0].shape
        rows, cols = np.arange(height) * h // height, np.arange(width) * w // width
        whole = self.outside(taught).reshape(h, w)[rows][:, cols]
        probability[whole] = np.nan
        return int(np.count_nonzero(whole))

    def _decision_function(self, planes: list[Pixels], model: Model) -> NDArray[np.float32]:
        """Return z (h, w) of planes."""
        z = np.full(planes[0].shape, model.forward.bias, dtype=np.float32)
        if not model.forward.additive:
            X = np.stack([plane.reshape(-1) for plane in planes], axis=1).astype(np.float32)
            model.forward_single.add(z.reshape(-1), X)
            return z
        if model is not self._model:
            self._tables, self._model = [_Table(model, j) for j in range(len(planes))], model
        for plane, table in zip(planes, self._tables):
            table.add(plane, z)
        return z


class _Table:
    """What feature j adds to z, for a model that is a sum over features."""

    def __init__(self, model: Model, j: int) -> None:
        self._cv2 = opencv()
        forward = model.forward
        self._bytes = forward.of_feature(j, BYTE).astype(np.float32)[None]
        self._slope = float(forward.w[j]) if model.map is None else 0.0
        self._knots = None if model.map is None else np.array(model.knots[j])
        self._at_knots: Any = None if self._knots is None else forward.of_feature(j, self._knots)

    def add(self, plane: Pixels, z: Any) -> None:
        """Add it for a plane (h, w) to z, in place."""
        if plane.dtype == np.uint8:
            self._cv2.add(z, self._cv2.LUT(plane, self._bytes), dst=z)
        elif self._knots is None:
            self._cv2.scaleAdd(plane, self._slope, z, dst=z)
        else:  # straight between the knots, level outside
            z += np.interp(plane, self._knots, self._at_knots).astype(np.float32)
