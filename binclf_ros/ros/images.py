# SPDX-License-Identifier: Apache-2.0
"""Images on topics: pixels that are taught by masks, and masks that are answered."""

from __future__ import annotations

import array
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from ..core.arrays import Array
from ..core.errors import SampleError
from ..core.learning.model import Model
from ..vision.frames import Frame, Pixels, frame_of, frame_of_compressed, opencv
from ..vision.labeled import Decoders, LabeledFrames
from ..vision.pixels import PixelReader
from .messages import message_from_bytes
from .node import BinclfNode
from .qos import CLOUDS_OUT, IMAGES, LABELED_POINTS, PICTURE

OVERLAY_SEC = 0.2
OVERLAY_QUALITY = 80
MAX_LOOKED_AT = 4096
"""Pixels of an image that are looked at to tell how many are outside of what was taught."""


class ImageInput:
    """Reads images, raw or compressed, from bytes; a frame is made of them when it is needed."""

    def __init__(self, transport: str) -> None:
        compressed = self._compressed = transport == 'compressed'
        self.kind: type[Any] = CompressedImage if compressed else Image
        self.decoders = Decoders(
            partial(message_from_bytes, kind=self.kind),
            frame_of_compressed if compressed else frame_of,
            partial(message_from_bytes, kind=Image),
        )

    def subscribe(self, node: BinclfNode[Any], callback: Callable[[bytes], None], count: str) -> None:
        """Have a node subscribe to images, as bytes."""
        node.subscribe(self.kind, self.topic_of(node), callback, IMAGES, count, raw=True)

    def topic_of(self, node: Node) -> str:
        """Return where a node receives images: /compressed follows what `image` is remapped to."""
        return f'{node.resolve_topic_name("image")}/compressed' if self._compressed else 'image'

    def read(self, data: bytes) -> tuple[Header, Frame]:
        """Return header and frame. Raises SampleError, by the reasons of vision/frames.py."""
        message = self.decoders.image(data)
        return message.header, self.decoders.frame_of(message)


class LabeledImages:
    """Has a trainer receive images and their masks; what they teach is in vision/labeled.py.

    `check(names)` raises SampleError for other features than those before; `learn(names, X, y, fresh)`
    takes samples, X (m, N) and y (m,), and which of them (m,) the mask before did not label so;
    `forget(X, y)` takes some back.
    """

    def __init__(
        self,
        node: BinclfNode[Any],
        check: Callable[[tuple[str, ...]], None],
        learn: Callable[[tuple[str, ...], Array, Array, NDArray[np.bool_]], None],
        forget: Callable[[Array, Array], None],
    ) -> None:
        self._input = ImageInput(node.parameters.image_transport)
        self._labeled = LabeledFrames(
            lambda: node.parameters,
            self._input.decoders,
            node.counts,
            check,
            lambda lesson: learn(lesson.names, lesson.X, lesson.y, lesson.fresh),
            lambda lesson: forget(lesson.X, lesson.y),
        )
        self._input.subscribe(node, self.on_image, 'rejected')
        node.subscribe(Image, 'labeled_image', self.on_mask, LABELED_POINTS, 'rejected', raw=True)

    def on_image(self, data: bytes) -> None:
        """Keep an image, and teach it if its mask waits for it."""
        self._labeled.add_frame(data)

    def on_mask(self, data: bytes) -> None:
        """Take a mask in, and teach its image."""
        self._labeled.add_mask(data)


class ImageAnswers:
    """Answers each image with the probability of its pixels, where the model is of pixels."""

    def __init__(self, node: BinclfNode[Any], model: Callable[[], Model | None]) -> None:
        self._node, self._model = node, model
        self._of: tuple[tuple[str, ...], float] = ((), 0.0)
        self._reader: PixelReader | None = None
        self._overlay_sec = 0.0
        self._input = ImageInput(node.parameters.image_transport)
        self._input.subscribe(node, self.on_image, 'rejected')
        self._out = node.advertise(Image, 'classified_image', CLOUDS_OUT)
        self._overlay_out = node.advertise(CompressedImage, '~/overlay/compressed', PICTURE)

    def on_image(self, data: bytes) -> None:
        """Answer one image; with a model that is not of pixels this does nothing but count it."""
        model = self._model()
        reader = None if model is None else self._reader_of(model)
        if model is not None and reader is None:
            self._node.counts['images_ignored'] += 1
            return
        self._node.counts['received'] += 1
        if model is None or reader is None:
            raise SampleError('no_model', 'no model yet: nothing is published')
        header, frame = self._input.read(data)
        probability = reader.predict_proba(frame, model)
        self._look_outside(reader, model, probability)
        if self._out.get_subscription_count():
            self._out.publish(gray_to_msg(bytes_of(probability), header))
        self._publish_overlay(frame, probability, header)
        self._node.counts['answered'] += 1

    def _look_outside(self, reader: PixelReader, model: Model, probability: NDArray[np.float32]) -> None:
        """Count the pixels outside of what was taught; where they are to be silent, each is NaN.

        All are looked at where it matters to the answer, else one in so many stands for the others.
        """
        counts = self._node.counts
        counts['pixels'] += probability.size
        if model.taught is None:
            return
        if self._node.parameters.on_outside == 'silent':
            counts['pixels_outside'] += reader.silence(probability, model.taught)
            return
        outside = reader.outside(model.taught, max(1, probability.size // MAX_LOOKED_AT))
        counts['pixels_outside'] += round(float(np.mean(outside)) * probability.size)

    def _reader_of(self, model: Model) -> PixelReader | None:
        """Return what reads the features of a model; None where they are not of pixels."""
        of = model.features, self._node.parameters.image_scale
        if of != self._of:
            self._of = of
            try:
                self._reader = PixelReader.of_model(*of)
            except SampleError:
                self._reader = None
        return self._reader

    def _publish_overlay(self, frame: Frame, probability: NDArray[np.float32], header: Header) -> None:
        """Publish the picture with the probability over it, for people, while somebody looks."""
        now = time.monotonic()
        if now - self._overlay_sec < OVERLAY_SEC or not self._overlay_out.get_subscription_count():
            return
        self._overlay_sec = now
        data = overlay(frame, probability)
        message = CompressedImage(header=header, format='jpeg')
        message.data = array.array('B', data)
        self._overlay_out.publish(message)


def bytes_of(probability: NDArray[np.float32], unknown: float = 0.0) -> Pixels:
    """Return probability × 255, rounded; where there is no answer, that of `unknown`."""
    scaled = np.nan_to_num(probability, nan=unknown) * np.float32(255.0)
    pixels: Pixels = np.rint(scaled).astype(np.uint8)
    return pixels


def gray_to_msg(pixels: Pixels, header: Header) -> Image:
    """Return pixels (H, W) of 8 bits as a mono8 image."""
    height, width = pixels.shape
    message = Image(header=header, height=height, width=width, encoding='mono8', step=width)
    message.data = array.array('B', pixels.tobytes())
    return message


def overlay(frame: Frame, probability: NDArray[np.float32]) -> bytes:
    """Return a JPEG of a frame, tinted green towards 1 and magenta towards 0 by its probability (H, W)."""
    cv2 = opencv()
    p = np.nan_to_num(probability, nan=0.5)
    picture = bgr_of(frame).astype(np.float32)
    tint = np.empty_like(picture)
    tint[:, :, 1] = 255.0 * p
    tint[:, :, 0] = tint[:, :, 2] = 255.0 * (1.0 - p)
    strength = np.abs(2.0 * p - 1.0)[:, :, None] * np.float32(0.5)
    mixed = picture + strength * (tint - picture)
    _, encoded = cv2.imencode('.jpg', mixed.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, OVERLAY_QUALITY])
    return bytes(encoded)


def bgr_of(frame: Frame) -> NDArray[np.uint8]:
    """Return a frame as BGR (H, W, 3) to look at; of depth, the nearest is the brightest."""
    if frame.bgr is not None:
        return frame.bgr
    gray = frame.gray
    if gray is None:
        depth = np.nan_to_num(np.asarray(frame.depth), nan=np.inf)
        gray = (255.0 / (1.0 + np.maximum(depth, 0.0))).astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, axis=2)
