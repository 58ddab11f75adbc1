# SPDX-License-Identifier: Apache-2.0
"""Planes of a frame: its channels, and what stands around each pixel; computed once a frame, by OpenCV.

===============================  ========================================================================
`red green blue gray`            0 to 255
`hue saturation value`           hue in steps of 2° (0 to 179), the others 0 to 255, as OpenCV has them
`lab_l lab_a lab_b`              CIE L*a*b*, 0 to 255, where 128 is neutral, as OpenCV has them
`depth`                          metres; NaN where there is no reading
`row col`                        shares of height and width, 0 to 1
`blur(c, px)`                    mean of a window of px × px pixels
`std(c, px)`                     deviation in that window, √(mean(c²) − mean(c)²)
`edge(c, px)`                    magnitude of the gradient of blur(c, px), per pixel
===============================  ========================================================================

A pixel that is no reading is left out of the windows round it. px counts pixels of the frame, also where
the planes are of a smaller scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ..core.errors import SampleError
from ..core.features.images import Around, PixelExpression
from .frames import Frame, Pixels, opencv

SCALES = (1.0, 0.5, 0.25)
SPACES = {'hue': 'HSV', 'saturation': 'HSV', 'value': 'HSV', 'lab_l': 'Lab', 'lab_a': 'Lab', 'lab_b': 'Lab'}
LAYERS = {
    'blue': 0, 'green': 1, 'red': 2, 'hue': 0, 'saturation': 1, 'value': 2,
    'lab_l': 0, 'lab_a': 1, 'lab_b': 2,
}  # fmt: skip


class Planes:
    """The planes of one frame, each computed when it is first asked for, and kept.

    A plane is (h, w), of uint8 or float32, h and w those of the frame times `scale`, at least 1.
    """

    def __init__(self, frame: Frame, scale: float = 1.0) -> None:
        """Shrink the frame to the scale. Raises BinclfError where OpenCV is missing."""
        self._cv2 = opencv()
        self.scale = scale
        self.shape = max(1, round(frame.height * scale)), max(1, round(frame.width * scale))
        self._bgr, self._gray, self._depth = map(self._shrunk, (frame.bgr, frame.gray, frame.depth))
        self._made: dict[Any, Pixels] = {}

    def _shrunk(self, pixels: Pixels | None) -> Pixels | None:
        if pixels is None or pixels.shape[:2] == self.shape:
            return pixels
        # depth has no mean across an edge, nor with a pixel that is no reading
        kind = self._cv2.INTER_NEAREST if pixels.dtype == np.float32 else self._cv2.INTER_AREA
        smaller: Pixels = self._cv2.resize(pixels, self.shape[::-1], interpolation=kind)
        return smaller

    def channel(self, name: str) -> Pixels:
        """Return a channel by its name. Raises SampleError (`channel`) where the frame has none such."""
        return self._once(name, lambda: CHANNELS[name](self, name))

    def blur(self, key: Any, plane: Pixels, px: float) -> Pixels:
        """Return a plane blurred over px; `key` names the plane among those of this frame."""
        return self._once(('blur', key, px), lambda: self._mean(plane, px))

    def std(self, key: Any, plane: Pixels, px: float) -> Pixels:
        """Return the local deviation of a plane over px, in single precision."""
        return self._once(('std', key, px), lambda: self._deviation(plane, px))

    def edge(self, key: Any, plane: Pixels, px: float) -> Pixels:
        """Return how steep a plane blurred over px is, in single precision."""
        return self._once(('edge', key, px), lambda: self._gradient(self.blur(key, plane, px)))

    def of(self, expression: PixelExpression) -> Pixels:
        """Return the plane of an expression, (h, w), uint8 or float32. Raises SampleError (`channel`)."""
        if expression.leaf is not None:
            return self._leaf(expression.leaf)
        return self._once(expression.steps, lambda: self._computed(expression))

    def _leaf(self, leaf: str | Around) -> Pixels:
        if isinstance(leaf, str):
            return self.channel(leaf)
        return WINDOWED[leaf.name](self, leaf.of.steps, self.of(leaf.of), leaf.px)

    def _computed(self, expression: PixelExpression) -> Pixels:
        program = expression.program
        planes = [self._leaf(leaf).astype(np.float32) for leaf in program.inputs]  # 3 − 5 is no uint8
        computed: Pixels = program.arrays(planes).astype(np.float32)
        return computed

    def _once(self, key: Any, make: Callable[[], Pixels]) -> Pixels:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _window(self, px: float) -> tuple[int, int]:
        side = max(1, round(px * self.scale))
        return side, side

    def _mean(self, plane: Pixels, px: float) -> Pixels:
        usable = _usable(plane)
        if usable is None:
            return cast(Pixels, self._cv2.blur(plane, self._window(px)))
        return self._mean_of_usable(np.where(usable, plane, 0.0), usable, px)

    def _mean_of_usable(self, plane: Pixels, usable: Pixels, px: float) -> Pixels:
        """Return the mean of the pixels of each window that are a reading; NaN where none is."""
        blur, window = self._cv2.blur, self._window(px)
        share = blur(usable.astype(np.float32), window)
        with np.errstate(invalid='ignore'):  # 0/0 is no reading
            return cast(Pixels, blur(plane.astype(np.float32), window) / share)

    def _deviation(self, plane: Pixels, px: float) -> Pixels:
        cv2, window = self._cv2, self._window(px)
        usable = _usable(plane)
        if usable is not None:
            known = np.where(usable, plane, 0.0)
            mean, square = (self._mean_of_usable(each, usable, px) for each in (known, known * known))
            return cast(Pixels, np.sqrt(np.maximum(square - mean * mean, 0.0)))
        mean = cv2.boxFilter(plane, cv2.CV_32F, window)
        square = cv2.sqrBoxFilter(plane, cv2.CV_32F, window)
        cv2.multiply(mean, mean, dst=mean)
        cv2.subtract(square, mean, dst=square)
        np.maximum(square, 0.0, out=square)  # what rounding took below 0
        deviation: Pixels = cv2.sqrt(square)
        return deviation

    def _gradient(self, plane: Pixels) -> Pixels:
        cv2 = self._cv2
        by = {'ddepth': cv2.CV_32F, 'ksize': 3, 'scale': 0.125}  # 1/8: the weights of Sobel's mask
        magnitude: Pixels = cv2.magnitude(
            cv2.Sobel(plane, dx=1, dy=0, **by), cv2.Sobel(plane, dx=0, dy=1, **by)
        )
        return magnitude

    def _colour(self, name: str) -> Pixels:
        """Return a channel of colour; a grey frame has the same in red, green and blue."""
        if self._bgr is None and self._gray is None:
            raise SampleError('channel', f'{name} is of a picture, and this image is of depth')
        if self._bgr is None:
            self._bgr = self._cv2.cvtColor(self._gray, self._cv2.COLOR_GRAY2BGR)
        space = SPACES.get(name)
        whole = self._bgr if space is None else self._once(space, lambda: self._converted(f'BGR2{space}'))
        return np.ascontiguousarray(whole[:, :, LAYERS[name]])

    def _converted(self, code: str) -> Pixels:
        converted: Pixels = self._cv2.cvtColor(self._bgr, getattr(self._cv2, f'COLOR_{code}'))
        return converted

    def _grey(self, name: str) -> Pixels:
        if self._gray is not None:
            return self._gray
        if self._bgr is None:
            raise SampleError('channel', f'{name} is of a picture, and this image is of depth')
        return self._converted('BGR2GRAY')

    def _metres(self, name: str) -> Pixels:
        if self._depth is None:
            raise SampleError(
                'channel', 'depth is of an image in 16UC1 or 32FC1, and this one is of colour'
            )
        return self._depth

    def _share(self, name: str) -> Pixels:
        axis = 0 if name == 'row' else 1
        n = self.shape[axis]
        shares = ((np.arange(n, dtype=np.float32) + np.float32(0.5)) / np.float32(n)).astype(np.float32)
        along = shares[:, None] if axis == 0 else shares[None, :]
        return np.ascontiguousarray(np.broadcast_to(along, self.shape))


def _usable(plane: Pixels) -> Pixels | None:
    """Return which pixels are a reading; None where all are.

    The others have to be left out: OpenCV's sums run along rows and columns, so that one NaN would spoil
    all that comes after it.
    """
    if plane.dtype == np.uint8:
        return None
    usable = np.isfinite(plane)
    return None if usable.all() else usable


CHANNELS: dict[str, Callable[[Planes, str], Pixels]] = {
    **dict.fromkeys(LAYERS, Planes._colour),
    'gray': Planes._grey,
    'depth': Planes._metres,
    'row': Planes._share,
    'col': Planes._share,
}
"""Name → what makes the plane. Adding a channel is one entry here."""
WINDOWED = {'blur': Planes.blur, 'std': Planes.std, 'edge': Planes.edge}
"""Name → what makes a plane of another and a window in pixels of the frame."""
