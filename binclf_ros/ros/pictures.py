# SPDX-License-Identifier: Apache-2.0
"""Pictures for a page: what the camera sees, what a model says of it, and the masks that people paint."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.subscription import Subscription
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ..core.errors import BinclfError, SampleError
from ..core.learning.model import Model
from ..vision.frames import Frame, Pixels, opencv
from ..vision.pixels import PixelReader
from .asking import Answer
from .images import ImageInput, bgr_of, bytes_of, gray_to_msg
from .polling import PollingNode
from .qos import LABELED_POINTS, NEWEST

PICTURE_SEC = 0.2
SILENT_SEC = 2.0
MAX_SIDE = 640
"""Pixels of the longer side of what a page is shown."""
MAX_KEPT = 16
MAX_KEPT_BYTES = 2**26
"""Frames that were shown, and may be painted on: 64 MiB, but for those that stand still, and the newest."""
QUALITY = 75

Show = Callable[['int | None', dict[str, Any]], None]


@dataclass
class _Shown:
    """A frame that a page may know by its number, and by which model it was answered there."""

    header: Header
    frame: Frame
    by: Model | None = None

    @property
    def n_bytes(self) -> int:
        """About what it takes in memory."""
        return 4 * self.frame.height * self.frame.width


class Pictures:
    """Shows frames while somebody looks: at most five a second, shrunk, beside what the model says of them.

    `show(None, picture)` takes the newest one, and `show(number, picture)` what is new of one that stands
    still. `want` may be called by any thread, all else by that of ROS.
    """

    def __init__(self, node: PollingNode[Any], show: Show) -> None:
        self._node, self._show = node, show
        self._input = ImageInput(node.parameters.image_transport)
        self._out = node.advertise(Image, 'labeled_image', LABELED_POINTS)
        self._wanted: tuple[bool, frozenset[int]] = False, frozenset()
        self._subscription: Subscription[Any] | None = None
        self._newest: bytes | None = None
        self._heard = self._shown_at = 0.0
        self._problem = ''
        self._shown: OrderedDict[int, _Shown] = OrderedDict()
        self._count = 0
        self._model: Model | None = None
        self._reader: PixelReader | None = None

    def want(self, live: bool, stills: frozenset[int]) -> None:
        """Show the newest frames from the next turn on, and keep these answered."""
        self._wanted = live, stills

    def set_model(self, model: Model) -> None:
        """Answer by this model from now on, if it is one of pixels."""
        if self._model is None or model.features != self._model.features:
            try:
                self._reader = PixelReader.of_model(model.features)
            except SampleError:
                self._reader = None
        self._model = model

    def turn(self) -> None:
        """Show what is new."""
        live, stills = self._wanted
        self._subscribe(live)
        now = time.monotonic()
        if now - self._shown_at < PICTURE_SEC:
            return
        try:
            if live:
                self._show_newest(now)
            for number in stills & self._shown.keys():
                self._show_still(number)
        except BinclfError as error:
            self._say(str(error))

    def label(self, number: int, mask: Callable[[int, int], Pixels], answer: Answer) -> None:
        """Publish a mask, made for (height, width), with the header of the frame of this number."""
        shown = self._shown.get(number)
        if shown is None:
            answer(False, 'this picture is gone: paint on the next one')
        elif not self._out.get_subscription_count():
            answer(False, f'nobody subscribes to {self._out.topic_name}: is the trainer running?')
        else:
            self._out.publish(gray_to_msg(mask(shown.frame.height, shown.frame.width), shown.header))
            answer(True, '')

    def _subscribe(self, live: bool) -> None:
        """Subscribe to images as long as somebody looks."""
        if live and self._subscription is None:
            self._heard, self._problem = time.monotonic(), ''
            self._subscription = self._node.poll(
                self._input.kind, self._input.topic_of(self._node), self._on_image, NEWEST
            )
        elif not live and self._subscription is not None:
            self._node.unsubscribe(self._subscription)
            self._subscription = self._newest = None

    def _on_image(self, data: bytes) -> None:
        self._newest = data

    def _show_newest(self, now: float) -> None:
        """Show the newest frame, or say why there is none. Raises BinclfError."""
        if self._newest is None:
            if now - self._heard > SILENT_SEC:
                self._say(
                    f'no picture on {self._node.resolve_topic_name(self._input.topic_of(self._node))}'
                )
            return
        data, self._newest = self._newest, None
        self._heard = self._shown_at = now
        shown = _Shown(*self._input.read(data))
        cv2 = opencv()
        small = cv2.resize(bgr_of(shown.frame), _size(shown.frame), interpolation=cv2.INTER_AREA)
        self._count += 1
        self._keep(self._count, shown)
        self._problem = ''
        width, height = _size(shown.frame)
        picture = {'picture': self._count, 'width': width, 'height': height, 'jpeg': _jpeg(small)}
        self._show(None, {**picture, **self._answer(shown)})

    def _show_still(self, number: int) -> None:
        shown = self._shown[number]
        if shown.by is not self._model:
            self._shown_at = time.monotonic()
            self._show(number, {'picture': number, **self._answer(shown)})

    def _answer(self, shown: _Shown) -> dict[str, Any]:
        """Return what the model says of a frame, as a picture of probability × 255. Raises SampleError."""
        shown.by = self._model
        if self._model is None or self._reader is None:
            return {'answer': None, 'step': None}
        cv2 = opencv()
        probability = self._reader.predict_proba(shown.frame, self._model)
        small = cv2.resize(probability, _size(shown.frame), interpolation=cv2.INTER_AREA)
        return {'answer': _jpeg(bytes_of(small, unknown=0.5)), 'step': self._model.step}

    def _keep(self, number: int, shown: _Shown) -> None:
        """Keep a frame to be painted on, and let go of the oldest ones that nobody paints on."""
        self._shown[number] = shown
        free = [each for each in self._shown if each not in self._wanted[1] and each != number]
        while free and (len(self._shown) > MAX_KEPT or self._n_bytes > MAX_KEPT_BYTES):
            del self._shown[free.pop(0)]

    @property
    def _n_bytes(self) -> int:
        return sum(each.n_bytes for each in self._shown.values())

    def _say(self, problem: str) -> None:
        """Show why there is no picture, once."""
        if problem != self._problem:
            self._problem = problem
            self._show(None, {'picture': None, 'problem': problem})


def _size(frame: Frame) -> tuple[int, int]:
    """Return width and height of a frame as it is shown."""
    shrink = min(1.0, MAX_SIDE / max(frame.height, frame.width))
    return max(1, round(frame.width * shrink)), max(1, round(frame.height * shrink))


def _jpeg(pixels: Pixels) -> str:
    cv2 = opencv()
    _, encoded = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return b64encode(bytes(encoded)).decode()
