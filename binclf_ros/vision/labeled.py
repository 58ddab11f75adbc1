# SPDX-License-Identifier: Apache-2.0
"""What images teach by their masks: the same live and of recordings."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from ..core.cdr import Decode, stamp_in_front
from ..core.errors import SampleError
from ..core.features.readings import stamp_of
from .frames import Frame, Pixels, mask_of
from .masks import MAX_PAINTED, MaskJoin, draw, keep_newest
from .options import PixelOptions
from .pixels import PixelReader

Names = tuple[str, ...]


@dataclass(frozen=True)
class Lesson:
    """What a mask (H, W) teaches of its frame: `names` (N,), X (m, N), y (m,), and the frame's stamp (ns).

    `fresh` (m,) is False for what the mask before it of the same frame has labelled so, too.
    """

    names: Names
    X: Array
    y: Array
    fresh: NDArray[np.bool_]
    stamp: int
    mask: Pixels


@dataclass(frozen=True)
class Decoders:
    """What makes messages of bytes: of images, of which `frame_of` makes frames, and of masks.

    They raise SampleError: `unreadable`.
    """

    image: Decode
    frame_of: Callable[[Any], Frame]
    mask: Decode

    def stamp(self, data: bytes) -> int:
        """Return the stamp of an image (ns), without reading its pixels where that is possible."""
        stamp = stamp_in_front(data)
        return stamp_of(self.image(data)) if stamp is None else stamp


class LabeledFrames:
    """Joins images with their masks, and hands the pixels that a mask labels to who learns.

    A mask takes the place of the one before it of the same frame, among the last `MAX_PAINTED`: what that
    one taught is taken back, and a mask that labels nothing does no more than that.

    `options()` returns what is set now; `check(names)` raises SampleError for other features than those
    before; `learn` and `forget` take a lesson, or take it back. `counts` gets `received` and
    `rejected/not_finite`, in pixels. What is refused is raised as SampleError, and counts 1 received.
    """

    def __init__(
        self,
        options: Callable[[], PixelOptions],
        decoders: Decoders,
        counts: Counter[str],
        check: Callable[[Names], None],
        learn: Callable[[Lesson], None],
        forget: Callable[[Lesson], None],
    ) -> None:
        """Parse the features. Raises ExpressionError."""
        self._options, self._decoders, self._counts = options, decoders, counts
        self._check, self._learn, self._forget = check, learn, forget
        self._taught: OrderedDict[int, Lesson] = OrderedDict()
        self._reader = PixelReader(options().pixel_features, options().image_scale)
        self._join: MaskJoin[bytes] = MaskJoin()

    def add_frame(self, data: bytes) -> None:
        """Keep an image, and teach it if its mask waits for it. Raises SampleError."""
        with self._counted():
            stamp = self._decoders.stamp(data)
        joined = self._join.add_frame(stamp, data, len(data))
        if joined is not None:
            self._teach(stamp, *joined)
        with self._counted():
            self._join.check_waiting()

    def add_mask(self, data: bytes) -> None:
        """Take a mask in, a `sensor_msgs/Image`, and teach its image. Raises SampleError."""
        with self._counted():
            message = self._decoders.mask(data)
            stamp = stamp_of(message)
            joined = self._join.add_mask(stamp, mask_of(message))
        if joined is not None:
            self._teach(stamp, *joined)

    def end(self) -> None:
        """Raise SampleError for a mask that waits, as no frame will come; call it until it raises none."""
        with self._counted():
            self._join.end()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except SampleError:
            self._counts['received'] += 1
            raise

    def _teach(self, stamp: int, data: bytes, mask: Pixels) -> None:
        """Teach the pixels of an image that a mask labels; those without a reading are counted out."""
        before = self._taught.get(stamp)
        if before is not None and not np.any(mask <= 1):
            self._take_back(stamp)
            return
        n_pixels = 1
        try:
            pixels, X, y = self._samples(stamp, data, mask)
            self._check(self._reader.names)
            n_pixels = len(y)
        finally:
            self._counts['received'] += n_pixels
        known = np.isfinite(X).all(axis=1)
        n_known = int(np.count_nonzero(known))
        if n_known < n_pixels:
            self._counts['rejected/not_finite'] += n_pixels - n_known
        self._take_back(stamp)
        if n_known:
            X, y, pixels = np.ascontiguousarray(X[known]), y[known], pixels[known]
            fresh = np.ones(n_known, bool) if before is None else before.mask.reshape(-1)[pixels] != y
            lesson = Lesson(self._reader.names, X, y, fresh, stamp, mask)
            self._learn(lesson)
            keep_newest(self._taught, stamp, lesson, MAX_PAINTED)

    def _take_back(self, stamp: int) -> None:
        """Have forgotten what a frame has taught, if it has."""
        before = self._taught.pop(stamp, None)
        if before is not None:
            self._forget(before)

    def _samples(self, stamp: int, data: bytes, mask: Pixels) -> tuple[NDArray[np.intp], Array, Array]:
        """Return the numbers (m,) of the pixels that are drawn, X (m, N) and y (m,). Raises SampleError."""
        options = self._options()
        frame = self._decoders.frame_of(self._decoders.image(data))
        if mask.shape != (frame.height, frame.width):
            size = f'{frame.width} × {frame.height}'
            raise SampleError('size', f'a mask of {mask.shape[1]} × {mask.shape[0]} for a frame of {size}')
        if self._reader.scale != options.image_scale:
            self._reader = PixelReader(self._reader.names, options.image_scale)
        pixels, y = draw(mask, options.pixels_per_image, stamp)
        return pixels, self._reader.columns(frame, pixels), y
