# SPDX-License-Identifier: Apache-2.0
"""Masks: which frame one belongs to, and which of its pixels are taught."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import SampleError
from .frames import Pixels

MAX_FRAMES = 30
"""Frames that wait for their masks."""
MAX_MASKS = 30
"""Masks that wait for their frames."""
MAX_FRAME_BYTES = 2**28
"""What the waiting frames may take in memory together, but for the newest: 256 MiB."""

T = TypeVar('T')


class MaskJoin(Generic[T]):
    """Joins masks and frames by equal stamps (ns), whichever comes first; T is what stands for a frame."""

    def __init__(self) -> None:
        self._frames: OrderedDict[int, tuple[T, int]] = OrderedDict()
        self._masks: OrderedDict[int, Pixels] = OrderedDict()

    def add_frame(self, stamp: int, frame: T, n_bytes: int) -> tuple[T, Pixels] | None:
        """Take a frame in; return it with its mask, if that is here already."""
        self._frames[stamp] = frame, n_bytes
        while len(self._frames) > MAX_FRAMES or (len(self._frames) > 1 and self._n_bytes > MAX_FRAME_BYTES):
            self._frames.popitem(last=False)
        mask = self._masks.pop(stamp, None)
        return None if mask is None else (frame, mask)

    def add_mask(self, stamp: int, mask: Pixels) -> tuple[T, Pixels] | None:
        """Take a mask in; return it with its frame, if that is here.

        Raises SampleError (`no_frame`) for the oldest of more than `MAX_MASKS` masks without a frame, and
        for one that is older than all frames that are kept.
        """
        if stamp in self._frames:
            return self._frames[stamp][0], mask
        if self._frames and stamp < next(iter(self._frames)):
            raise SampleError('no_frame', _missing(stamp, 'it is older than the last frames that are kept'))
        self._masks[stamp] = mask
        if len(self._masks) > MAX_MASKS:
            oldest, _ = self._masks.popitem(last=False)
            raise SampleError('no_frame', _missing(oldest, 'none of this stamp came'))
        return None

    @property
    def _n_bytes(self) -> int:
        return sum(n_bytes for _, n_bytes in self._frames.values())


def _missing(stamp: int, why: str) -> str:
    return f'a mask of {stamp * 1e-9:.9f} s has no frame: {why}; a mask has the stamp of its frame'


def draw(mask: Pixels, n_pixels: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the numbers (m,) of at most `n_pixels` labelled pixels of a mask (H, W), and the labels (m,).

    Each class gets its share of them, at least one, evenly over its pixels in the order of rows: one at
    random from each of as many equal stretches. The same seed draws the same pixels.

    Raises SampleError: `unlabeled` where the mask holds neither 0 nor 1.
    """
    flat = mask.reshape(-1)
    of_class = [np.flatnonzero(flat == label) for label in (0, 1)]
    n_labeled = sum(map(len, of_class))
    if not n_labeled:
        raise SampleError('unlabeled', 'the mask labels no pixel: 1 is yes, 0 no, others neither')
    random = np.random.default_rng(seed % 2**63)
    drawn = [
        _evenly(pixels, max(1, round(n_pixels * len(pixels) / n_labeled)), random) for pixels in of_class
    ]
    labels = np.concatenate([np.full(len(pixels), float(label)) for label, pixels in enumerate(drawn)])
    return np.concatenate(drawn), labels


def _evenly(pixels: NDArray[np.intp], count: int, random: np.random.Generator) -> NDArray[np.intp]:
    if len(pixels) <= count:
        return pixels
    bounds = np.linspace(0, len(pixels), count + 1)
    chosen = (bounds[:-1] + random.random(count) * np.diff(bounds)).astype(np.intp)
    return pixels[np.minimum(chosen, len(pixels) - 1)]
