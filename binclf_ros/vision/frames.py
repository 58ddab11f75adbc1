# SPDX-License-Identifier: Apache-2.0
"""What the bytes of an image mean, checked before anybody reads them.

A `sensor_msgs/Image`, of rclpy or of a recording, becomes a `Frame`: colour as BGR, grey, or depth in
metres. What is not as it says is refused, never misread:

===========  ================================================================================
`encoding`   an encoding that is not in `ENCODINGS`
`size`       no pixels, more than `MAX_PIXELS`, or not as many bytes as the sizes say
`step`       a row that is shorter than its pixels
`unreadable` a compressed image that OpenCV does not read
===========  ================================================================================

Source of the encodings: sensor_msgs/image_encodings.hpp; of depth: REP 118 (16UC1 in millimetres, 0 is no
reading; 32FC1 in metres, not finite is no reading).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BinclfError, SampleError

MAX_PIXELS = 2**26
"""Pixels of a frame that is looked at: 8192 × 8192."""
Pixels = NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """One picture: `bgr` (H, W, 3) or `gray` (H, W) of uint8, or `depth` (H, W) of float32, in metres.

    Exactly one of the three is there. A depth that is no reading is NaN.
    """

    height: int
    width: int
    bgr: Pixels | None = None
    gray: Pixels | None = None
    depth: Pixels | None = None


@dataclass(frozen=True)
class Encoding:
    """How pixels lie: `channels` numbers of a `dtype` each, and what makes a frame of them."""

    dtype: str
    channels: int
    frame: Callable[[Pixels], dict[str, Pixels]]


def opencv() -> ModuleType:
    """Return OpenCV. Raises BinclfError where it is not installed."""
    try:
        cv2 = import_module('cv2')
    except ImportError as error:
        advice = 'install python3-opencv (apt) or opencv-python-headless (pip)'
        raise BinclfError(f'images need OpenCV, which is not installed: {advice}') from error
    cv2.setNumThreads(1)  # its helpers would run at full priority beside whatever else the robot does
    return cv2


def _converted(code: str) -> Callable[[Pixels], dict[str, Pixels]]:
    def frame(pixels: Pixels) -> dict[str, Pixels]:
        cv2 = opencv()
        return {'bgr': cv2.cvtColor(np.ascontiguousarray(pixels), getattr(cv2, f'COLOR_{code}'))}

    return frame


def _first_three(pixels: Pixels) -> dict[str, Pixels]:
    return {'bgr': np.ascontiguousarray(pixels[:, :, :3])}


def _first(pixels: Pixels) -> dict[str, Pixels]:
    return {'gray': np.ascontiguousarray(pixels[:, :, 0])}


def _gray16(pixels: Pixels) -> dict[str, Pixels]:
    return {'gray': (pixels[:, :, 0] >> 8).astype(np.uint8)}


def _millimetres(pixels: Pixels) -> dict[str, Pixels]:
    depth = pixels[:, :, 0].astype(np.float32)
    depth[depth == 0.0] = np.nan
    return {'depth': depth / np.float32(1000.0)}


def _metres(pixels: Pixels) -> dict[str, Pixels]:
    depth = pixels[:, :, 0].astype(np.float32)
    depth[~np.isfinite(depth)] = np.nan
    return {'depth': depth}


ENCODINGS: dict[str, Encoding] = {
    'mono8': Encoding('u1', 1, _first),
    '8UC1': Encoding('u1', 1, _first),
    '8UC2': Encoding('u1', 2, _first),  # grey with alpha
    'mono16': Encoding('u2', 1, _gray16),
    'bgr8': Encoding('u1', 3, _first_three),
    '8UC3': Encoding('u1', 3, _first_three),
    'bgra8': Encoding('u1', 4, _first_three),
    '8UC4': Encoding('u1', 4, _first_three),
    'rgb8': Encoding('u1', 3, _converted('RGB2BGR')),
    'rgba8': Encoding('u1', 4, _converted('RGBA2BGR')),
    'yuv422': Encoding('u1', 2, _converted('YUV2BGR_UYVY')),
    'uyvy': Encoding('u1', 2, _converted('YUV2BGR_UYVY')),
    'yuv422_yuy2': Encoding('u1', 2, _converted('YUV2BGR_YUY2')),
    'yuyv': Encoding('u1', 2, _converted('YUV2BGR_YUY2')),
    # OpenCV names a Bayer pattern by its second row and column, ROS by its first
    'bayer_rggb8': Encoding('u1', 1, _converted('BayerBG2BGR')),
    'bayer_bggr8': Encoding('u1', 1, _converted('BayerRG2BGR')),
    'bayer_gbrg8': Encoding('u1', 1, _converted('BayerGR2BGR')),
    'bayer_grbg8': Encoding('u1', 1, _converted('BayerGB2BGR')),
    '16UC1': Encoding('u2', 1, _millimetres),
    '32FC1': Encoding('f4', 1, _metres),
}
"""Adding an encoding is one entry here."""
EVEN = ('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv', 'bayer_rggb8', 'bayer_bggr8', 'bayer_gbrg8', 'bayer_grbg8')
"""Encodings whose pixels come in pairs, so that the width has to be even."""


def frame_of(message: Any) -> Frame:
    """Return the frame of a `sensor_msgs/Image`. Raises SampleError, by the reasons above."""
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        there = ', '.join(ENCODINGS)
        raise SampleError('encoding', f'the encoding is {message.encoding!r:.40}, expected one of {there}')
    pixels = _pixels(message, encoding)
    if message.encoding in EVEN and message.width % 2:
        raise SampleError('size', f'{message.encoding} with an odd width of {message.width}')
    return Frame(int(message.height), int(message.width), **encoding.frame(pixels))


def mask_of(message: Any) -> Pixels:
    """Return the mask (H, W) of uint8 of a `labeled_image`: 0, 1, anything else is not labelled.

    Raises SampleError: `encoding` where it is neither mono8 nor 8UC1; `size`, `step`.
    """
    if message.encoding not in ('mono8', '8UC1'):
        raise SampleError('encoding', f'a mask is mono8, this one is {message.encoding!r:.40}')
    return np.ascontiguousarray(_pixels(message, ENCODINGS['mono8'])[:, :, 0])


def frame_of_compressed(message: Any) -> Frame:
    """Return the frame of a `sensor_msgs/CompressedImage`: JPEG or PNG, in colour or grey.

    Raises SampleError: `size`, `unreadable`.
    """
    cv2 = opencv()
    data = np.frombuffer(message.data, dtype=np.uint8)
    _check_header(data)
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(data, flags) if len(data) else None
    except cv2.error as error:
        raise SampleError('unreadable', f'{len(data)} bytes that are no picture: {error}'[:200]) from error
    if pixels is None:
        raise SampleError('unreadable', f'{len(data)} bytes that are neither JPEG nor PNG, or cut off')
    return _frame_of_decoded(pixels)


def _frame_of_decoded(pixels: Pixels) -> Frame:
    height, width = pixels.shape[:2]
    layered = pixels if pixels.ndim == 3 else pixels[:, :, None]
    if layered.dtype == np.uint16:  # a PNG of 16 bits a channel
        layered = (layered >> 8).astype(np.uint8)
    made = _first_three(layered) if layered.shape[2] >= 3 else _first(layered)
    return Frame(height, width, **made)


def _check_header(data: Pixels) -> None:
    """Refuse a PNG or JPEG that claims too many pixels, before memory is taken for them."""
    height, width = _claimed_size(data.tobytes()[: 2**16])
    if height * width > MAX_PIXELS:
        raise SampleError('size', f'{width} × {height} pixels are more than {MAX_PIXELS}')


def _claimed_size(head: bytes) -> tuple[int, int]:
    """Return height and width that a picture claims; (0, 0) where they are not found."""
    if head.startswith(b'\x89PNG\r\n\x1a\n') and len(head) >= 24:
        return int.from_bytes(head[20:24], 'big'), int.from_bytes(head[16:20], 'big')
    at = 2
    while head[:2] == b'\xff\xd8' and at + 9 <= len(head) and head[at] == 0xFF:
        kind = head[at + 1]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):  # a start of frame
            return int.from_bytes(head[at + 5 : at + 7], 'big'), int.from_bytes(
                head[at + 7 : at + 9], 'big'
            )
        at += 2 + max(2, int.from_bytes(head[at + 2 : at + 4], 'big'))
    return 0, 0


def _pixels(message: Any, encoding: Encoding) -> Pixels:
    """Return a view (H, W, channels) of the bytes of a message, after every check."""
    height, width, step = int(message.height), int(message.width), int(message.step)
    data = message.data
    n_bytes = memoryview(data).nbytes
    if not 0 < height * width <= MAX_PIXELS:
        raise SampleError('size', f'{width} × {height} pixels, expected 1 to {MAX_PIXELS}')
    dtype = np.dtype(encoding.dtype).newbyteorder('>' if message.is_bigendian else '<')
    row = width * encoding.channels * dtype.itemsize
    if step < row:
        raise SampleError('step', f'a step of {step} bytes for a row of {row}')
    if n_bytes != height * step and not n_bytes == (height - 1) * step + row:
        raise SampleError('size', f'{n_bytes} bytes for {height} rows of {step}')
    shape, strides = (height, width, encoding.channels), (step, row // width, dtype.itemsize)
    pixels: Pixels = np.ndarray(shape, dtype, memoryview(data), 0, strides)
    return pixels
