# SPDX-License-Identifier: Apache-2.0
"""What can be set of images."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import ParameterError
from ..core.options import Options, option
from .planes import SCALES

PIXEL_FEATURES = (
    'lab_l',
    'lab_a',
    'lab_b',
    'blur(lab_l, 7)',
    'blur(lab_a, 7)',
    'blur(lab_b, 7)',
    'blur(lab_l, 25)',
    'blur(lab_a, 25)',
    'blur(lab_b, 25)',
    'std(lab_l, 7)',
    'std(lab_l, 25)',
    'row',
    'abs(col - 0.5)',
)
"""Colour, texture and place: what tells a road from the rest."""


@dataclass(frozen=True)
class TransportOptions(Options):
    """How images are received."""

    image_transport: str = option(
        'raw',
        'Images are received on image (raw) or on image/compressed (compressed).',
        choices=('raw', 'compressed'),
        read_only=True,
    )


@dataclass(frozen=True)
class ImageOptions(TransportOptions):
    """How images are received and looked at; the same on both sides."""

    image_scale: float = option(
        1.0,
        'Columns of pixels are computed at this share of height and width: 1.0, 0.5 or 0.25.',
        minimum=min(SCALES),
        maximum=max(SCALES),
    )

    def check(self) -> None:
        """Check the scale. Raises ParameterError."""
        super().check()
        if self.image_scale not in SCALES:
            raise ParameterError(f'image_scale is {self.image_scale:g}, expected 1.0, 0.5 or 0.25')


@dataclass(frozen=True)
class PixelOptions(ImageOptions):
    """What is taught of a labelled image."""

    pixel_features: tuple[str, ...] = option(
        PIXEL_FEATURES,
        'The features of a pixel are these expressions over the channels of its image.',
        read_only=True,
    )
    pixels_per_image: int = option(
        1000,
        'At most this many labelled pixels of an image are taught, drawn evenly over those of each class.',
        minimum=2,
        maximum=1_000_000,
    )
