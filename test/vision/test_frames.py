# SPDX-License-Identifier: Apache-2.0
"""Images as messages have them: read as they say, or refused by reason."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from binclf_ros.core.errors import SampleError
from binclf_ros.vision.frames import ENCODINGS, EVEN, MAX_PIXELS, frame_of, frame_of_compressed, mask_of

cv2 = pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')


def image(encoding, pixels, step=None, big=False):
    """What a message of these pixels (H, W) or (H, W, channels) looks like; rows padded to `step`."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder('>' if big else '<')))
    rows = rows.view(np.uint8).reshape(height, -1)
    step = step or rows.shape[1]
    data = np.zeros((height, step), np.uint8)
    data[:, : rows.shape[1]] = rows
    return SimpleNamespace(
        encoding=encoding, height=height, width=width, step=step, is_bigendian=int(big), data=data.tobytes()
    )


RANDOM = np.random.default_rng(0)
BGR = RANDOM.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def reason_of(message, read=frame_of):
    with pytest.raises(SampleError) as raised:
        read(message)
    return raised.value.reason


@pytest.mark.parametrize('step', [None, 40])
@pytest.mark.parametrize(
    ('encoding', 'order'),
    [
        ('bgr8', [0, 1, 2]),
        ('8UC3', [0, 1, 2]),
        ('rgb8', [2, 1, 0]),
        ('bgra8', [0, 1, 2, 0]),
        ('rgba8', [2, 1, 0, 0]),
    ],
)
def test_colours_come_in_their_order(encoding, order, step):
    assert np.array_equal(frame_of(image(encoding, BGR[:, :, order], step)).bgr, BGR)


@pytest.mark.parametrize('big', [False, True])
def test_grey_and_depth_come_in_their_units(big):
    gray = BGR[:, :, 0]
    assert np.array_equal(frame_of(image('mono8', gray)).gray, gray)
    assert np.array_equal(frame_of(image('mono16', gray.astype(np.uint16) * 257, big=big)).gray, gray)
    millimetres = np.array([[0, 1500], [65535, 1]], np.uint16)
    depth = frame_of(image('16UC1', millimetres, big=big)).depth
    assert np.allclose(depth, [[np.nan, 1.5], [65.535, 0.001]], equal_nan=True)
    metres = np.array([[np.inf, 1.5], [np.nan, -np.inf]], np.float32)
    assert np.allclose(
        frame_of(image('32FC1', metres, big=big)).depth, [[np.nan, 1.5], [np.nan, np.nan]], equal_nan=True
    )


@pytest.mark.parametrize(
    ('encoding', 'red_at'),
    [
        ('bayer_rggb8', (0, 0)),
        ('bayer_bggr8', (1, 1)),
        ('bayer_gbrg8', (1, 0)),
        ('bayer_grbg8', (0, 1)),
    ],
)
def test_a_red_wall_is_red_in_each_bayer_pattern(encoding, red_at):
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[red_at[0] :: 2, red_at[1] :: 2] = 200
    blue, green, red = frame_of(image(encoding, mosaic)).bgr[3, 3]
    assert red == 200 and blue == green == 0


@pytest.mark.parametrize(
    ('encoding', 'y_at'), [('yuv422', 1), ('uyvy', 1), ('yuv422_yuy2', 0), ('yuyv', 0)]
)
def test_yuv_without_colour_is_grey(encoding, y_at):
    pixels = np.full((4, 6, 2), 128, np.uint8)
    pixels[:, :, y_at] = 235
    assert (frame_of(image(encoding, pixels)).bgr > 250).all()
    assert reason_of(image(encoding, pixels[:, :5])) == 'size'


def test_every_encoding_is_read():
    for name, encoding in ENCODINGS.items():
        pixels = np.ones((4, 6, encoding.channels), np.dtype(encoding.dtype))
        frame = frame_of(image(name, pixels))
        assert (frame.height, frame.width) == (4, 6)
        (made,) = (each for each in (frame.bgr, frame.gray, frame.depth) if each is not None)
        assert made.shape[:2] == (4, 6) and made.flags.c_contiguous
    assert set(EVEN) <= set(ENCODINGS)


def test_what_is_not_as_it_says_is_refused_by_reason():
    good = vars(image('bgr8', BGR))
    for changed, reason in [
        ({'encoding': 'rgb16'}, 'encoding'),
        ({'encoding': '\ud800'}, 'encoding'),
        ({'step': 23}, 'step'),
        ({'step': 0}, 'step'),
        ({'height': 0}, 'size'),
        ({'width': 0}, 'size'),
        ({'height': 5}, 'size'),
        ({'height': 7}, 'size'),
        ({'width': 9}, 'step'),
        ({'height': 2**32 - 1, 'width': 2**32 - 1}, 'size'),
        ({'data': good['data'][:-1]}, 'size'),
        ({'data': b''}, 'size'),
    ]:
        assert reason_of(SimpleNamespace(**{**good, **changed})) == reason, changed
    assert reason_of(SimpleNamespace(**good), mask_of) == 'encoding'
    assert np.array_equal(mask_of(image('mono8', BGR[:, :, 1], 11)), BGR[:, :, 1])


def test_compressed_pictures_are_read_or_refused():
    compressed = SimpleNamespace(data=cv2.imencode('.png', BGR)[1].tobytes())
    assert np.array_equal(frame_of_compressed(compressed).bgr, BGR)
    gray = SimpleNamespace(data=cv2.imencode('.png', BGR[:, :, 0])[1].tobytes())
    assert np.array_equal(frame_of_compressed(gray).gray, BGR[:, :, 0])
    assert (
        frame_of_compressed(SimpleNamespace(data=cv2.imencode('.jpg', BGR)[1].tobytes())).bgr.shape
        == BGR.shape
    )
    for data in (b'', b'\x00' * 100, compressed.data[:20], b'\xff\xd8\xff'):
        assert reason_of(SimpleNamespace(data=data), frame_of_compressed) == 'unreadable'


def test_a_picture_that_claims_too_many_pixels_is_refused_unread():
    png = bytearray(cv2.imencode('.png', BGR)[1].tobytes())
    png[16:24] = (2**16).to_bytes(4, 'big') * 2
    assert reason_of(SimpleNamespace(data=bytes(png)), frame_of_compressed) == 'size'
    jpeg = bytearray(cv2.imencode('.jpg', BGR)[1].tobytes())
    at = jpeg.index(b'\xff\xc0')
    jpeg[at + 5 : at + 9] = b'\xff\xff' * 2
    assert MAX_PIXELS < 0xFFFF**2
    assert reason_of(SimpleNamespace(data=bytes(jpeg)), frame_of_compressed) == 'size'
