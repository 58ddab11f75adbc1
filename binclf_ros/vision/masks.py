# SPDX-License-Identifier: Apache-2.0
"""Masks: which frame one belongs to, and which of its pixels are taught."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import SampleError
from .frames import Pixels

MAX_FRAMES = 30
"""Frames that wait for their masks."""
MAX_MASKS = 30
"""Masks that wait for their frames."""
MAX_WAIT = 100
"""Frames for which a mask waits for its own: it may come again where a recording is replayed in a loop."""
MAX_PAINTED = 4
"""Frames that are kept because a mask has come for them: people paint on one again and again."""
MAX_GONE = 300
"""Stamps of frames that are remembered after the frames had to go."""
MAX_FRAME_BYTES = 2**28
"""What the waiting frames may take in memory together, but for the newest: 256 MiB."""

S = TypeVar('S')
T = TypeVar('T')


class MaskJoin(Generic[T]):
    """Joins masks and frames by equal stamps (ns), whichever comes first; T is what stands for a frame.

    A mask waits for its frame until `MAX_WAIT` frames came after it: images are received best effort and
    masks reliably, so a mask may overtake its frame, and one frame that is lost says nothing of an earlier
    one. The last `MAX_PAINTED` frames that a mask came for are kept, however many come after them.
    """

    def __init__(self) -> None:
        self._frames: OrderedDict[int, tuple[T, int]] = OrderedDict()
        self._masks: OrderedDict[int, tuple[Pixels, int]] = OrderedDict()
        self._painted: OrderedDict[int, T] = OrderedDict()
        self._gone: deque[int] = deque(maxlen=MAX_GONE)
        self._count = 0

    def add_frame(self, stamp: int, frame: T, n_bytes: int) -> tuple[T, Pixels] | None:
        """Take a frame in; return it with its mask, if that is here already."""
        self._count += 1
        self._frames[stamp] = frame, n_bytes
        while len(self._frames) > MAX_FRAMES or (len(self._frames) > 1 and self._n_bytes > MAX_FRAME_BYTES):
            self._gone.append(self._frames.popitem(last=False)[0])
        mask, _ = self._masks.pop(stamp, (None, 0))
        return None if mask is None else (self._keep(stamp, frame), mask)

    def add_mask(self, stamp: int, mask: Pixels) -> tuple[T, Pixels] | None:
        """Take a mask in; return it with its frame, if that is here.

        Raises SampleError (`no_frame`) for one whose frame is kept no longer, and for the oldest of more
        than `MAX_MASKS` masks without a frame.
        """
        if stamp in self._frames:
            return self._keep(stamp, self._frames[stamp][0]), mask
        if stamp in self._painted:
            return self._keep(stamp, self._painted[stamp]), mask
        if stamp in self._gone:
            raise _no_frame(stamp, 'it came too long ago to be kept')
        self._masks[stamp] = mask, self._count
        if len(self._masks) > MAX_MASKS:
            raise self._give_up(f'{MAX_MASKS} masks wait for theirs')
        return None

    def check_waiting(self) -> None:
        """Raise SampleError (`no_frame`) for a mask that has waited for long enough; it is forgotten."""
        if self._masks and self._count - next(iter(self._masks.values()))[1] >= MAX_WAIT:
            raise self._give_up(f'none of the {MAX_WAIT} after it is of this stamp')

    def end(self) -> None:
        """Raise SampleError (`no_frame`) for a mask that waits, as no frame will come; it is forgotten."""
        if self._masks:
            raise self._give_up('none of the frames that came has this stamp')

    def _keep(self, stamp: int, frame: T) -> T:
        """Keep a frame that is painted on, for the next mask of it."""
        keep_newest(self._painted, stamp, frame, MAX_PAINTED)
        return frame

    def _give_up(self, why: str) -> SampleError:
        return _no_frame(self._masks.popitem(last=False)[0], why)

    @property
    def _n_bytes(self) -> int:
        return sum(n_bytes for _, n_bytes in self._frames.values())


def keep_newest(kept: OrderedDict[int, S], stamp: int, value: S, count: int) -> None:
    """Put a value after all others, and let go of the first ones where there are more than `count`."""
    kept[stamp] = value
    kept.move_to_end(stamp)
    while len(kept) > count:
        kept.popitem(last=False)


def _no_frame(stamp: int, why: str) -> SampleError:
    sec, nanosec = divmod(stamp, 1_000_000_000)  # a float has no room for both
    text = f'a mask of {sec}.{nanosec:09d} s has no frame: {why}; a mask has the stamp of its frame'
    return SampleError('no_frame', text)


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
