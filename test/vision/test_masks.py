# SPDX-License-Identifier: Apache-2.0
"""Masks: joined with their frames by stamp, and which pixels are taught."""

from __future__ import annotations

import numpy as np
import pytest

from binclf_ros.core.errors import SampleError
from binclf_ros.vision.masks import (
    MAX_FRAME_BYTES,
    MAX_FRAMES,
    MAX_MASKS,
    MAX_PAINTED,
    MAX_WAIT,
    MaskJoin,
    draw,
)

MASK = np.zeros((2, 2), np.uint8)


def test_a_mask_meets_its_frame_whichever_comes_first():
    join = MaskJoin()
    assert join.add_frame(1, 'one', 10) is None
    assert join.add_mask(1, MASK) == ('one', MASK)
    assert join.add_mask(1, MASK) == ('one', MASK)  # painted again
    assert join.add_mask(2, MASK) is None
    assert join.add_frame(2, 'two', 10) == ('two', MASK)


def test_the_last_frames_are_kept():
    join = MaskJoin()
    for stamp in range(MAX_FRAMES + 1):
        join.add_frame(stamp, stamp, 10)
    assert join.add_mask(1, MASK) == (1, MASK)
    with pytest.raises(SampleError, match=r'0\.000000000 s has no frame') as raised:
        join.add_mask(0, MASK)
    assert raised.value.reason == 'no_frame'


def test_a_frame_that_is_lost_says_nothing_of_an_earlier_one():
    join = MaskJoin()
    join.add_frame(2, 'two', 10)
    assert join.add_mask(1, MASK) is None  # it may still come
    assert join.add_frame(1, 'one', 10) == ('one', MASK)


def test_a_mask_waits_for_so_many_frames():
    join = MaskJoin()
    join.add_mask(1, MASK)
    for _ in range(MAX_WAIT - 1):
        join.add_frame(2, 'two', 10)
        join.check_waiting()
    join.add_frame(2, 'two', 10)
    with pytest.raises(SampleError, match=r'0\.000000001 s has no frame') as raised:
        join.check_waiting()
    assert raised.value.reason == 'no_frame'
    join.check_waiting()  # said once
    assert join.add_frame(1, 'one', 10) is None


def test_frames_that_are_painted_on_are_kept():
    join = MaskJoin()
    for stamp in range(MAX_PAINTED + 1):
        join.add_mask(stamp, MASK)
        join.add_frame(stamp, stamp, 10)
    for stamp in range(100, 100 + MAX_FRAMES):
        join.add_frame(stamp, stamp, 10)
    for stamp in range(1, MAX_PAINTED + 1):
        assert join.add_mask(stamp, MASK) == (stamp, MASK)
    with pytest.raises(SampleError):
        join.add_mask(0, MASK)


def test_masks_that_wait_are_bounded_and_named():
    join = MaskJoin()
    for stamp in range(MAX_MASKS):
        assert join.add_mask(stamp, MASK) is None
    with pytest.raises(SampleError, match=r'0\.000000000 s'):
        join.add_mask(MAX_MASKS, MASK)


def test_large_frames_are_bounded_in_bytes():
    join = MaskJoin()
    for stamp in range(4):
        join.add_frame(stamp, stamp, MAX_FRAME_BYTES // 2)
    assert join.add_mask(3, MASK) and join.add_mask(2, MASK)
    with pytest.raises(SampleError):
        join.add_mask(1, MASK)


def test_pixels_are_drawn_evenly_by_class_and_seed():
    mask = np.full((100, 100), 255, np.uint8)
    mask[:60, :50], mask[60:, :50] = 0, 1
    pixels, labels = draw(mask, 500, 7)
    assert len(pixels) == 500 and np.array_equal(mask.reshape(-1)[pixels], labels)
    assert labels.sum() == 200
    rows = pixels[labels == 0] // 100
    assert np.ptp(np.bincount(rows, minlength=60)[:60]) <= 2  # 5 of each row
    assert np.array_equal(pixels, draw(mask, 500, 7)[0])
    assert not np.array_equal(pixels, draw(mask, 500, 8)[0])


def test_few_labelled_pixels_are_all_taken():
    mask = np.full((10, 10), 255, np.uint8)
    mask[0, :3], mask[1, 0] = 1, 0
    pixels, labels = draw(mask, 1000, 0)
    assert sorted(pixels.tolist()) == [0, 1, 2, 10] and labels.sum() == 3
    mask[5:] = 1
    assert draw(mask, 10, 0)[1].tolist().count(0.0) == 1  # a class of few is not lost
    with pytest.raises(SampleError, match='labels no pixel'):
        draw(np.full((3, 3), 2, np.uint8), 10, 0)
