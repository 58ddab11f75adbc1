# SPDX-License-Identifier: Apache-2.0
"""A finger on the picture: what is painted is taught, and what the robot thinks follows."""

from __future__ import annotations

import time

import pytest
from browser import HEIGHT, PHONE, WIDTH, Camera, browser, button, opened, start_web, wait_for
from sensor_msgs.msg import Image

pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')

FEATURES = '["lab_a", "lab_b", "blur(lab_b, 7)", "std(gray, 7)"]'
STEP = "document.getElementById('picture').dataset.step"
COLOUR = """([x, y]) => {
  const canvas = document.getElementById('picture');
  const one = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  one.drawImage(canvas, -Math.floor(x * canvas.width), -Math.floor(y * canvas.height));
  return [...one.getImageData(0, 0, 1, 1).data];
}"""


@pytest.fixture(scope='module')
def chrome():
    with browser() as launched:
        yield launched


@pytest.fixture
def camera(ground):
    ground.start('trainer', pixel_features=FEATURES)
    ground.start('predictor')
    _, address = start_web(ground)
    camera = Camera(ground)
    try:
        yield ground, address
    finally:
        camera.end()


def touch(page, points, meanwhile=lambda: None):
    """Draw with a finger, from point to point; `meanwhile` is done before it is lifted."""
    box = page.locator('#picture').bounding_box()
    spots = [{'x': box['x'] + x * box['width'], 'y': box['y'] + y * box['height']} for x, y in points]
    finger = page.context.new_cdp_session(page)
    finger.send('Input.dispatchTouchEvent', {'type': 'touchStart', 'touchPoints': spots[:1]})
    for spot in spots[1:]:
        finger.send('Input.dispatchTouchEvent', {'type': 'touchMove', 'touchPoints': [spot]})
    meanwhile()
    finger.send('Input.dispatchTouchEvent', {'type': 'touchEnd', 'touchPoints': []})


def taught(ground):
    """Samples of NO and YES in the trainer."""
    positives = ground.count('trainer', 'positives')
    return ground.count('trainer', 'buffer') - positives, positives


def paint_until_it_is_taught(ground, page, points):
    """Paint YES, on the next picture where the trainer missed this one: images are heard best effort."""
    for _ in range(8):
        touch(page, points)
        page.wait_for_selector('#said:has-text("YES is painted.")')
        ends = time.monotonic() + 7.0
        ground.wait_until(lambda ends=ends: taught(ground)[1] > 100 or time.monotonic() > ends)
        if taught(ground)[1] > 100:
            return
        button(page, 'Next picture').click()
        page.wait_for_timeout(1000)
    raise AssertionError('no picture is taught')


def test_a_finger_paints_and_what_it_thinks_follows(camera, chrome, record_property, latency):
    ground, address = camera
    masks = ground.subscribe(Image, 'labeled_image', 10)
    with opened(chrome, address, PHONE, has_touch=True) as page:
        button(page, 'Paint').click()
        page.wait_for_selector('#easel[data-empty=false]')
        button(page, 'Paint YES').click()
        paint_until_it_is_taught(ground, page, [(0.2, 0.8), (0.5, 0.85), (0.8, 0.9)])
        button(page, 'Paint NO').click()
        before = page.evaluate(COLOUR, [0.5, 0.3])
        steps = []  # of the model, while the finger is down
        touch(page, [(0.2, 0.1), (0.8, 0.15)], lambda: steps.append(int(page.evaluate(STEP) or 0)))
        lifted = time.monotonic()
        wait_for(page, f'Number({STEP}) > {steps[0]}')
        took = time.monotonic() - lifted
        record_property('a stroke to what it thinks of the picture', f'{took:.2f} s')
        latency('a stroke to what it thinks of the picture', took, 1.0)
        no = int(0.125 * HEIGHT) * WIDTH + WIDTH // 2
        ground.wait_until(lambda: masks and masks[-1].data[no] == 0, 'the mask of both strokes')
        mask = masks[-1]
        assert (mask.height, mask.width, mask.encoding) == (HEIGHT, WIDTH, 'mono8')
        assert masks[-2].header.stamp == mask.header.stamp, 'one frame'
        assert mask.data[int(0.85 * HEIGHT) * WIDTH + WIDTH // 2] == 1
        assert mask.data[(HEIGHT // 2) * WIDTH + WIDTH // 2] == 255

        wait_for(page, f'({COLOUR})([0.5, 0.3]).join() !== "{",".join(map(str, before))}"')
        (above, below) = (page.evaluate(COLOUR, [0.5, y]) for y in (0.3, 0.7))
        assert above[2] > above[0], f'NO is blue, this is {above}'
        assert below[0] > below[2] + 40, f'YES is orange, this is {below}'

        ground.wait_until(lambda: min(taught(ground)) > 100, 'samples of both strokes')
        button(page, 'Undo').click()
        page.wait_for_selector('#said:has-text("The last stroke is taken back.")')
        ground.wait_until(lambda: 0 not in masks[-1].data, 'the mask without it')
        ground.wait_until(lambda: taught(ground)[0] == 0, 'nothing but samples of YES')
        assert taught(ground)[1] > 100
        button(page, 'Next picture').click()
        assert page.locator('#undo').is_disabled()
        assert page.complaints == []
        page.wait_for_timeout(400)
        assert page.inner_text('#painted').startswith('The picture stands')


def test_without_a_camera_or_a_trainer_it_says_so(ground, chrome):
    process, address = start_web(ground)
    with opened(chrome, address) as page:
        button(page, 'Paint').click()
        page.wait_for_selector('#no-picture:has-text("no picture on /image")')
        camera = Camera(ground)
        try:
            page.wait_for_selector('#easel[data-empty=false]')
            touch(page, [(0.5, 0.5)])
            page.wait_for_selector('#said:has-text("nobody subscribes to /labeled_image")')
            button(page, 'Teach').click()  # who looks elsewhere costs nothing
            ground.wait_until(lambda: not ground.node.count_subscribers('/image'), 'the end of the looking')
        finally:
            camera.end()
        assert page.complaints == []
    assert process.code is None
