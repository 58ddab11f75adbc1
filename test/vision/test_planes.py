# SPDX-License-Identifier: Apache-2.0
"""Planes of a frame, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from binclf_ros.core.errors import SampleError
from binclf_ros.vision.frames import Frame
from binclf_ros.vision.planes import CHANNELS, SCALES, Planes

pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')

RANDOM = np.random.default_rng(0)
BGR = RANDOM.integers(0, 256, (40, 60, 3), dtype=np.uint8)
COLOUR = Frame(40, 60, bgr=BGR)
DEPTH = Frame(4, 6, depth=np.arange(24, dtype=np.float32).reshape(4, 6))


@pytest.mark.parametrize('scale', SCALES)
def test_every_channel_has_the_size_of_the_scale(scale):
    for name in CHANNELS:
        planes = Planes(DEPTH if name == 'depth' else COLOUR, scale)
        plane = planes.channel(name)
        assert plane.shape == planes.shape and plane.dtype in (np.uint8, np.float32)
        assert planes.channel(name) is plane


def test_channels_are_what_they_are_called():
    channel = Planes(COLOUR).channel
    for i, name in enumerate(('blue', 'green', 'red')):
        assert np.array_equal(channel(name), BGR[:, :, i])
    assert np.abs(channel('gray') - BGR @ [0.114, 0.587, 0.299]).max() <= 1.0
    assert np.array_equal(channel('value'), BGR.max(axis=2))
    assert channel('row')[0, 0] == pytest.approx(0.5 / 40) and channel('col')[3, 59] == pytest.approx(
        1 - 0.5 / 60
    )
    white = Planes(Frame(1, 1, bgr=np.full((1, 1, 3), 255, np.uint8))).channel
    assert [int(white(name)[0, 0]) for name in ('lab_l', 'lab_a', 'lab_b')] == [255, 128, 128]


def windows(plane, px):
    """Every window of px × px that lies inside, and its middle rows and columns."""
    return np.lib.stride_tricks.sliding_window_view(plane.astype(float), (px, px))


def test_what_stands_around_a_pixel_is_of_its_window():
    planes = Planes(COLOUR)
    red, inside = planes.channel('red'), (slice(3, -3), slice(3, -3))
    seen = windows(red, 7)
    assert np.abs(planes.blur('red', red, 7)[inside] - seen.mean(axis=(2, 3))).max() <= 0.5 + 1e-6
    assert np.allclose(planes.std('red', red, 7)[inside], seen.std(axis=(2, 3)), atol=1e-2)
    assert (planes.std('flat', np.full((9, 9), 200, np.uint8), 5) == 0.0).all()


def test_a_pixel_that_is_no_reading_is_left_out_of_the_windows_round_it_and_of_no_other():
    depth = RANDOM.uniform(1.0, 5.0, (20, 30)).astype(np.float32)
    depth[8, 9] = np.nan
    depth[12:17, 20:25] = np.nan
    planes, inside = Planes(Frame(20, 30, depth=depth)), (slice(2, -2), slice(2, -2))
    seen = windows(depth, 5)
    for name, of_window in (('blur', np.nanmean), ('std', np.nanstd)):
        with pytest.warns(RuntimeWarning):  # of the one window without a reading
            wanted = of_window(seen, axis=(2, 3))
        found = getattr(planes, name)('depth', planes.channel('depth'), 5)
        assert np.isnan(found[14, 22]) and np.isnan(found).sum() == 1
        assert np.allclose(found[inside], wanted, atol=1e-3, equal_nan=True)
    assert np.isnan(planes.edge('depth', planes.channel('depth'), 5)).sum() <= 9


def test_an_edge_is_the_slope_per_pixel():
    ramp = np.tile(np.arange(0, 180, 3, dtype=np.float32), (40, 1))
    edge = Planes(COLOUR).edge('ramp', ramp, 1)
    assert np.allclose(edge[2:-2, 2:-2], 3.0)


def test_windows_shrink_with_the_scale():
    small = Planes(COLOUR, 0.5)
    red = small.channel('red')
    assert np.array_equal(small.blur('red', red, 6), Planes(Frame(20, 30, gray=red)).blur('x', red, 3))


def test_a_grey_frame_has_colours_and_one_of_depth_has_none():
    gray = Planes(Frame(40, 60, gray=BGR[:, :, 0])).channel
    assert np.array_equal(gray('red'), BGR[:, :, 0]) and np.array_equal(gray('gray'), BGR[:, :, 0])
    assert (gray('saturation') == 0).all()
    for frame, name in ((DEPTH, 'hue'), (DEPTH, 'gray'), (COLOUR, 'depth')):
        with pytest.raises(SampleError) as raised:
            Planes(frame).channel(name)
        assert raised.value.reason == 'channel'


def test_depth_has_no_mean_across_an_edge():
    depth = np.array([[1.0, 1.0, 9.0, 9.0]] * 4, np.float32)
    small = Planes(Frame(4, 4, depth=depth), 0.5).channel('depth')
    assert set(small.reshape(-1).tolist()) == {1.0, 9.0}
