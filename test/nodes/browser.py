# SPDX-License-Identifier: Apache-2.0
"""A real browser on the page of a real web node, beside the real featurizer, trainer and predictor."""

from __future__ import annotations

import array
import math
import re
import shutil
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from ros_harness import HANG_SEC
from sensor_msgs.msg import Image, Imu

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or ''
FLAGS = (
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
    '--disable-background-networking', '--disable-component-update',
)  # fmt: skip
PHONE, PHONE_ON_ITS_SIDE, LAPTOP = (390, 844), (844, 390), (1280, 800)
HEIGHT, WIDTH = 240, 320
FEATURES = ('/imu/data/linear_acceleration/z', 'std(/imu/data/linear_acceleration/x, 0.5)')


def chromium():
    """Return playwright's way to the browser, or skip."""
    sync_api = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    if not CHROMIUM:
        pytest.skip('no chromium: apt install chromium')
    return sync_api.sync_playwright


@contextmanager
def browser():
    with chromium()() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield launched
        finally:
            launched.close()


class InAThread:
    """A node in a thread of its own, beside what the test waits for."""

    def __init__(self, ground, name):
        self.node = Node(name, context=ground.context, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=ground.context)
        self._executor.add_node(self.node)
        self._ending = False
        self._thread = threading.Thread(target=self._spin)

    def start(self):
        self._thread.start()

    def _spin(self):
        while not self._ending:
            self._executor.spin_once(timeout_sec=0.1)

    def end(self):
        self._ending = True
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()


class Sensor(InAThread):
    """An IMU at a rate, whose z tells what is to be learned."""

    def __init__(self, ground, hz=100.0):
        super().__init__(ground, 'imu')
        self.z = 0.0
        self._out = self.node.create_publisher(Imu, '/imu/data', 10)
        self._count = 0
        self.node.create_timer(1.0 / hz, self._publish)
        self.start()

    def _publish(self):
        self._count += 1
        message = Imu()
        message.header.stamp = self.node.get_clock().now().to_msg()
        message.linear_acceleration.z = self.z + 0.3 * math.sin(1.7 * self._count)
        message.linear_acceleration.x = math.sin(0.9 * self._count)
        self._out.publish(message)


def road(horizon=110):
    """A picture (HEIGHT, WIDTH, 3) of a grey road below a green hill, BGR."""
    rows, cols = np.mgrid[0:HEIGHT, 0:WIDTH]
    is_road = rows >= horizon + 20 * np.sin(cols / 50.0)
    noise = np.random.default_rng(0).integers(-20, 20, (HEIGHT, WIDTH, 3))
    return (np.where(is_road[:, :, None], (110, 110, 110), (40, 160, 60)) + noise).astype(np.uint8)


class Camera(InAThread):
    """A camera at a rate, always of the same road."""

    def __init__(self, ground, hz=6.0):
        super().__init__(ground, 'camera')
        self._out = self.node.create_publisher(Image, '/image', 5)
        self._message = Image(height=HEIGHT, width=WIDTH, encoding='bgr8', step=3 * WIDTH)
        self._message.data = array.array('B', road().tobytes())
        self.node.create_timer(1.0 / hz, self._publish)
        self.start()

    def _publish(self):
        self._message.header.stamp = self.node.get_clock().now().to_msg()
        self._out.publish(self._message)


class Ears(InAThread):
    """Hears a topic of numbers, each with the time of its arrival (s)."""

    def __init__(self, ground, kind, topic):
        super().__init__(ground, 'ears')
        self.heard = []
        self.node.create_subscription(
            kind, topic, lambda message: self.heard.append((time.monotonic(), message.data)), 100
        )
        self._topic = topic

    def __enter__(self):
        self.start()
        ends = time.monotonic() + HANG_SEC
        while not self.node.count_publishers(self._topic):
            assert time.monotonic() < ends, f'nobody publishes {self._topic}'
            time.sleep(0.01)
        time.sleep(0.3)  # the other side has to know of us, too
        return self

    def __exit__(self, *error):
        self.end()

    def values(self):
        return [value for _, value in self.heard]


def start_web(ground, **parameters):
    """Start the web node and return its process and the address with the token."""
    process = ground.start('web', **{'port': 0, **parameters})
    found = ground.wait_until(lambda: re.search(r'teach at (\S+)', process.stdout), 'the address')
    return process, found.group(1)


def start_all(ground, features=FEATURES):
    listed = '[' + ', '.join(f"'{each}'" for each in features) + ']'
    given = {'features': listed} if features else {}
    ground.start('featurizer', label='/label/data', **given)
    ground.start('trainer')
    ground.start('predictor')


@contextmanager
def opened(launched, address, size=LAPTOP, dark=False, **more):
    """A page of its own, as a person has it; what the console complains of is in `page.complaints`."""
    context = launched.new_context(
        viewport={'width': size[0], 'height': size[1]}, color_scheme='dark' if dark else 'light', **more
    )
    page = context.new_page()
    page.complaints = []
    page.on('console', lambda m: m.type in ('error', 'warning') and page.complaints.append(m.text))
    page.on('pageerror', lambda error: page.complaints.append(str(error)))
    try:
        page.goto(address)
        page.wait_for_selector('body[data-link=open]', timeout=HANG_SEC * 1e3)
        yield page
    finally:
        context.close()


def wait_for(page, script):
    """Wait until a script of the page is true; not by wait_for_function, whose eval the page forbids."""
    ends = time.monotonic() + HANG_SEC
    while not page.evaluate(script):
        assert time.monotonic() < ends, f'waited {HANG_SEC:g} s for {script}'
        page.wait_for_timeout(20)


def button(page, name):
    return page.get_by_role('button', name=name, exact=True)


def hold(page, name, seconds):
    """Hold a teaching button as a finger would."""
    box = button(page, name).bounding_box()
    page.mouse.move(box['x'] + box['width'] / 2, box['y'] + box['height'] / 2)
    page.mouse.down()
    page.wait_for_timeout(seconds * 1e3)
    page.mouse.up()
