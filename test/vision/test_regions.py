# SPDX-License-Identifier: Apache-2.0
"""Regions of images as features: the language, and what is read of a message."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binclf_ros.core.errors import ExpressionError, SampleError
from binclf_ros.core.features.expressions import parse
from binclf_ros.core.features.fields import check_fields
from binclf_ros.core.features.images import CHANNELS
from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.core.features.sampler import Sampler
from binclf_ros.vision.regions import MAX_PIXELS, reading_of

cv2 = pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
FIELDS = {'header': 'std_msgs/Header', 'height': 'uint32', 'width': 'uint32', 'data': 'sequence<uint8>'}


def image(pixels, sec=1):
    """A message as a decoder makes it."""
    height, width = pixels.shape[:2]
    stamp = SimpleNamespace(sec=sec, nanosec=0)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp, frame_id=''), height=height, width=width, encoding='bgr8',
        is_bigendian=0, step=3 * width, data=pixels.tobytes(),
    )  # fmt: skip


def picture(height=40, width=60):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)


def samples(features, *messages):
    """What the featurizer samples of messages on /camera/image_raw, as (values, reasons)."""
    counts = Counter()
    sampler = Sampler(
        SamplingOptions(features=features),
        {'/camera/image_raw': True},
        '/',
        counts,
        lambda topic, paths: reading_of(IMAGE, paths, lambda kind: FIELDS, lambda data: data),
        {'/camera/image_raw': IMAGE},
    )
    found = []
    for i, message in enumerate(messages):
        found.append(sampler.push('/camera/image_raw', message, (i + 1) * 10**9)[0])
    return [each for each in found if each is not None], counts


@given(
    st.sampled_from(CHANNELS),
    *[st.sampled_from([':', '0.5:', ':0.25', '0.5:1.0', '3:7', '10:', '.5:1.', '2:0.9'])] * 2,
)
def test_what_parses_prints_back(channel, rows, cols):
    text = f'mean(/camera/image_raw[{channel}, {rows}, {cols}])'
    expression = parse(text)
    assert str(expression) == text and expression.names() == (text,)
    assert f'mean({expression.paths[0]})' == text
    ((_, topic, fields),) = expression.bind(['/camera/image_raw'])
    assert topic == '/camera/image_raw' and fields[0].index.channel == channel


@pytest.mark.parametrize(
    ('text', 'at', 'problem'),
    [
        ('/c/image[hue, :, :]', 'image', 'name a statistic'),
        ('mean(/c/image[hoe, :, :])', 'hoe', 'no channel; there are hue'),
        ('mean(/c/image[hue, :])', '])', 'the columns'),
        ('mean(/c/image[hue, 1, :])', ', :])', 'rows or columns'),
        ('mean(/c/image[hue, 0.5:1.5, :])', '1.5', 'a share is 0.0 to 1.0'),
        ('mean(/c/image[hue, 0.5:0.5, :])', '0.5:0.5', 'nothing is in it'),
        ('mean(/c/image[hue, :, :]/x)', '/x', 'write blanks'),
        ('mean(/c/image[hue, :, :], 1.0)', '/c/image', 'has no window'),
        ('mean(/c/image[hue, :, :)', ')', 'expected ]'),
    ],
)
def test_what_is_wrong_is_pointed_at(text, at, problem):
    with pytest.raises(ExpressionError, match=problem) as raised:
        parse(text)
    assert raised.value.position == text.index(at), str(raised.value)


def test_a_region_is_of_an_image():
    expression = parse('mean(/imu/data[gray, :, :])')
    ((path, _, fields),) = expression.bind(['/imu/data'])
    with pytest.raises(ExpressionError, match='is of an image, and this is a Imu'):
        check_fields(expression.text, path, fields, 'sensor_msgs/msg/Imu', lambda kind: {})
    for kind in (IMAGE, COMPRESSED):
        check_fields(expression.text, path, fields, kind, lambda kind: FIELDS)


def test_statistics_of_regions_are_those_of_their_pixels():
    pixels = picture()
    hue = cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV)[:, :, 0].astype(float)
    features = (
        'mean(/camera/image_raw[hue, 0.5:1.0, :])',
        'std(/camera/image_raw[hue, :, 10:0.5])',
        'max(/camera/image_raw[red, 3:4, 5:6]) - 1',
        'mean(/camera/image_raw[hue, :, :] > 90)',
        'median(/camera/image_raw[hue, :, :])',
    )
    ((sample), *_), counts = samples(features, image(pixels))
    wanted = [
        hue[20:].mean(), hue[:, 10:30].std(), pixels[3, 5, 2] - 1, (hue > 90).mean(), np.median(hue),
    ]  # fmt: skip
    assert np.allclose(sample.x, wanted, rtol=1e-12), counts


def test_a_region_that_is_not_there_is_no_sample_and_is_counted():
    found, counts = samples(('mean(/camera/image_raw[red, 39:41, 50:60])',), image(picture()))
    assert len(found) == 1  # what is there counts
    found, counts = samples(('mean(/camera/image_raw[red, 50:60, :])',), image(picture()))
    assert not found and sum(counts.values()) == 1, counts
    found, counts = samples(('mean(/camera/image_raw[depth, :, :])',), image(picture()))
    assert not found and sum(counts.values()) == 1, counts


def test_fields_are_read_beside_regions_and_a_picture_that_is_none_is_refused():
    paths = [
        parse(text).bind(['/c'])[0][2]
        for text in ('/c/height', 'mean(/c[gray, :, :])', '/c/header/stamp/sec')
    ]
    read = reading_of(IMAGE, paths, lambda kind: FIELDS, lambda data: data)
    stamp, values, unread = read(image(picture(), sec=7))
    assert stamp == 7 * 10**9 and values[0] == [40.0] and values[2] == [7.0] and not unread
    assert len(values[1]) == 2400
    lying = image(picture())
    lying.step = 5
    with pytest.raises(SampleError):
        read(lying)
    large = np.zeros((2049, 2049, 3), np.uint8)
    assert large[:, :, 0].size > MAX_PIXELS
    assert read(image(large))[2][1].reason == 'region'


def test_compressed_pictures_have_regions_too():
    path = parse('mean(/c[gray, :, :])').bind(['/c'])[0][2]
    gray = np.full((8, 8), 77, np.uint8)
    message = SimpleNamespace(
        header=image(picture()).header, format='png', data=cv2.imencode('.png', gray)[1].tobytes()
    )
    read = reading_of(COMPRESSED, [path], lambda kind: FIELDS, lambda data: data)
    assert set(read(message)[1][0]) == {77.0}
