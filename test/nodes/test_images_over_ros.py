# SPDX-License-Identifier: Apache-2.0
"""An image in, a mask out: pixels are taught by painting, over DDS."""

from __future__ import annotations

import array
from itertools import cycle

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float64MultiArray, Header

cv2 = pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')

HEIGHT, WIDTH = 24, 32
ENCODINGS = ['rgb8', 'mono16', '32FC1', 'bayer_rggb8', 'yuv422', '', 'ü\n[ERROR]']
FEATURES = '["lab_b", "blur(lab_b, 5)", "std(gray, 5)", "row"]'


def road(seed):
    """A picture of which the lower half is a grey road, and the rest green; and its mask."""
    generator = np.random.default_rng(seed)
    horizon = 8 + seed % 8
    truth = np.zeros((HEIGHT, WIDTH), np.uint8)
    truth[horizon:] = 1
    colours = np.where(truth[:, :, None] == 1, (110, 110, 110), (40, 160, 60))
    noise = generator.integers(-20, 20, (HEIGHT, WIDTH, 3))
    return (colours + noise).astype(np.uint8), truth


def header(i):
    return Header(stamp=Time(sec=100 + i, nanosec=7), frame_id='camera')


def image(i, pixels, encoding='bgr8'):
    height, width = pixels.shape[:2]
    message = Image(header=header(i), height=height, width=width, encoding=encoding)
    message.step = pixels.nbytes // height
    message.data = array.array('B', np.ascontiguousarray(pixels).tobytes())
    return message


def compressed(i, pixels):
    message = CompressedImage(header=header(i), format='png')
    message.data = array.array('B', cv2.imencode('.png', pixels)[1].tobytes())
    return message


@pytest.mark.parametrize('transport', ['raw', 'compressed'])
def test_paint_a_little_and_the_rest_is_seen(ground, transport):
    kind, topic, message = (
        (Image, '/camera/image', image)
        if transport == 'raw'
        else (CompressedImage, '/camera/image/compressed', compressed)
    )
    remap = '-r', 'image:=/camera/image'  # the base, as for all that hears by image_transport
    ground.start(
        'trainer', *remap, pixel_features=FEATURES, pixels_per_image=200, image_transport=transport
    )
    ground.start('predictor', *remap, image_transport=transport)
    models, answers = ground.hear_models(), ground.subscribe(Image, 'classified_image', 5)
    overlays = ground.subscribe(CompressedImage, '/predictor/overlay/compressed', 1)
    frames = ground.publisher(kind, topic, 10, subscribers=2)
    masks = ground.publisher(Image, 'labeled_image')

    taught = []
    for i in range(4):
        picture, truth = road(i)
        painted = np.full_like(truth, 255)
        painted[:, 4:9] = truth[:, 4:9]  # two strokes of the brush
        masks.publish(image(i, painted, 'mono8'))
        taught.append(message(i, picture))
    again = cycle(taught)  # who hears best effort may miss a frame; one that comes twice finds no mask
    ground.wait_until(
        lambda: models and models[-1]['samples'] == 4 * HEIGHT * 5,
        'a model of all strokes',
        meanwhile=lambda: frames.publish(next(again)),
        every_sec=0.05,
    )

    picture, truth = road(11)
    ground.wait_until(
        lambda: overlays and answers and answers[-1].header == header(50),
        'a mask',
        meanwhile=lambda: frames.publish(message(50, picture)),
        every_sec=0.3,
    )
    answer = answers[-1]
    assert answer.header == header(50) and answer.encoding == 'mono8' and answer.step == WIDTH
    decided = np.frombuffer(answer.data, np.uint8).reshape(HEIGHT, WIDTH) >= 128
    assert (decided == truth).mean() > 0.95
    shown = cv2.imdecode(np.frombuffer(overlays[-1].data, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (HEIGHT, WIDTH, 3)
    ground.wait_for_reports('trainer')
    assert ground.count('trainer', 'accepted') == 480 and ground.count('trainer', 'received') == 480

    # painted again, a frame teaches what it shows now, and no more; with nothing on it, nothing
    painted = np.full_like(truth, 255)
    painted[0, :10], painted[-1, :20] = 0, 1
    masks.publish(image(3, painted, 'mono8'))
    ground.wait_until(lambda: models[-1]['samples'] == 3 * HEIGHT * 5 + 30, 'the other strokes')
    masks.publish(image(3, np.full_like(truth, 255), 'mono8'))
    ground.wait_until(lambda: models[-1]['samples'] == 3 * HEIGHT * 5, 'the model without it')
    ground.wait_for_reports('trainer')
    assert ground.count('trainer', 'accepted') == 510 == ground.count('trainer', 'received')


def test_what_cannot_be_used_is_refused_by_reason(ground):
    ground.start('trainer', pixel_features=FEATURES)
    ground.start('predictor')
    frames = ground.publisher(Image, 'image', 10, subscribers=2)
    masks = ground.publisher(Image, 'labeled_image')
    picture, truth = road(0)
    for reason, mask in (
        ('size', image(5, truth[:10], 'mono8')),
        ('unlabeled', image(5, np.full_like(truth, 9), 'mono8')),
        ('encoding', image(5, picture)),
        ('no_frame', image(1, truth, 'mono8')),  # of a stamp that never comes
    ):
        masks.publish(mask)
        ground.wait_until(
            lambda reason=reason: ground.count('trainer', f'rejected/{reason}') == 1,
            reason,
            meanwhile=lambda: frames.publish(image(5, picture)),
            every_sec=0.02,
        )
    ground.wait_until(
        lambda: ground.count('predictor', 'rejected/no_model') >= 1,
        'a word that there is no model',
        meanwhile=lambda: frames.publish(image(6, picture)),
        every_sec=0.3,
    )


def test_regions_of_images_are_features(ground):
    features = ['mean(/camera/image_raw[green, 0.5:1.0, :])', 'std(/camera/image_raw[gray, :, 0:8])']
    ground.start('featurizer', features=str(features))
    samples = ground.subscribe(Float64MultiArray, 'features', 10)
    frames = ground.publisher(Image, '/camera/image_raw', 10, subscribers=0)
    picture, _ = road(3)
    ground.wait_until(
        lambda: samples, 'a sample', meanwhile=lambda: frames.publish(image(1, picture)), every_sec=0.1
    )
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(float)
    wanted = [picture[HEIGHT // 2 :, :, 1].astype(float).mean(), gray[:, :8].std()]
    assert np.allclose(samples[0].data, wanted, rtol=1e-12)
    assert samples[0].layout.dim[0].label == ','.join(features)
    refused = ground.set_parameter('featurizer', 'features', ['/camera/image_raw[gray, :, :]'])
    assert 'name a statistic' in refused


def test_a_model_of_vectors_leaves_images_alone(ground):
    ground.start('trainer')
    ground.start('predictor')
    models = ground.hear_models()
    generator = np.random.default_rng(0)
    ground.teach(generator.normal(size=(40, 2)), [0.0, 1.0] * 20)
    ground.wait_until(lambda: models, 'a model of vectors')
    frames = ground.publisher(Image, 'image', 10)
    picture, _ = road(0)
    ground.wait_until(
        lambda: ground.count('predictor', 'images_ignored') >= 1,
        'images that are nobody’s business',
        meanwhile=lambda: frames.publish(image(0, picture)),
        every_sec=0.3,
    )
    assert not ground.count('predictor', 'rejected/names')


def mutated(message, generator):
    """The message with a field or some bytes that lie."""
    which = generator.integers(6)
    if which == 0:
        message.encoding = str(generator.choice(ENCODINGS))
    elif which == 1:
        message.height = int(generator.choice([0, 1, 23, 25, 2**31, 2**32 - 1]))
    elif which == 2:
        message.width = int(generator.choice([0, 1, 31, 33, 2**31, 2**32 - 1]))
    elif which == 3:
        message.step = int(generator.choice([0, 1, 95, 97, 2**32 - 1]))
    elif which == 4:
        message.data = message.data[: int(generator.integers(len(message.data)))]
    else:
        message.is_bigendian = 1
    return message


def test_hostile_images_end_nothing(ground, volume):
    nodes = [ground.start('trainer', pixel_features=FEATURES), ground.start('predictor')]
    models = ground.hear_models()
    frames = ground.publisher(Image, 'image', 100, subscribers=2)
    masks = ground.publisher(Image, 'labeled_image')
    picture, truth = road(0)
    masks.publish(image(0, truth, 'mono8'))
    taught = image(0, picture)
    ground.wait_until(lambda: models, 'a model', meanwhile=lambda: frames.publish(taught), every_sec=0.2)
    generator = np.random.default_rng(1)
    for i in range(volume(600, soak=100_000)):
        frames.publish(mutated(image(i, picture), generator))
        if i % 3 == 0:
            masks.publish(mutated(image(i, truth, 'mono8'), generator))
        if i % 20 == 0:
            ground.spin(0.01)
    for name in ('trainer', 'predictor'):
        ground.wait_for_reports(name)
    assert all(node.code is None for node in nodes)
    before = ground.count('predictor', 'answered')
    ground.wait_until(
        lambda: ground.count('predictor', 'answered') > before,
        'an answer after the storm',
        meanwhile=lambda: frames.publish(image(10**6, picture)),
        every_sec=0.3,
    )
    assert not ground.count('predictor', 'rejected/internal_error')
    assert not ground.count('trainer', 'rejected/internal_error')
