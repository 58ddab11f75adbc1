# SPDX-License-Identifier: Apache-2.0
"""Regions of images: `[hue, 0.5:1.0, :]` is a channel, rows and columns, after the topic of an image.

::

    region = "[" channel "," span "," span "]"
    span   = [ bound ] ":" [ bound ]

A bound with a point is a share of the height or the width, from 0.0 to 1.0; one without is a number of
pixels. What reads the pixels is vision/regions.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .images import CHANNELS
from .scanner import NAME, Scanner, nearest

KINDS = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
"""The types of messages that have regions."""
EXAMPLE = 'mean(/camera/image_raw[hue, 0.5:1.0, :])'
_SHARE = re.compile(r'[0-9]*\.[0-9]+|[0-9]+\.')
_PIXELS = re.compile(r'[0-9]{1,5}')


@dataclass(frozen=True)
class Span:
    """From one bound to another, as they were written: '' for none, a share with a point, else pixels.

    >>> Span('0.5', '').of(480), Span('10', '20').of(480)
    (slice(240, 480, None), slice(10, 20, None))
    """

    start: str
    stop: str

    def __str__(self) -> str:
        return f'{self.start}:{self.stop}'

    def of(self, size: int) -> slice:
        """Return which of `size` rows or columns it stands for."""
        return slice(_place(self.start, size, 0), min(size, _place(self.stop, size, size)))


@dataclass(frozen=True)
class Region:
    """A channel, and of which rows and columns."""

    channel: str
    rows: Span
    cols: Span

    def __str__(self) -> str:
        return f'{self.channel}, {self.rows}, {self.cols}'


def _place(bound: str, size: int, otherwise: int) -> int:
    if not bound:
        return otherwise
    return round(float(bound) * size) if '.' in bound else int(bound)


def read_region(scanner: Scanner) -> Region | None:
    """Read a region and its bracket from after the opening one; None, and nothing, where there is none.

    Raises ExpressionError, which points at the place.
    """
    start = scanner.position
    channel = scanner.take(NAME)
    scanner.space()
    if channel is None or not scanner.skip(','):
        scanner.position = start
        return None
    if channel not in CHANNELS:
        raise scanner.fail(f'{channel} is no channel; there are {nearest(channel, CHANNELS)}', start)
    rows = _span(scanner)
    if not scanner.skip(','):
        raise scanner.fail(f'expected , and the columns here, as in {EXAMPLE}')
    cols = _span(scanner)
    if not scanner.skip(']'):
        raise scanner.fail('expected ] here')
    return Region(channel, rows, cols)


def _span(scanner: Scanner) -> Span:
    scanner.space()
    start = scanner.position
    first = _bound(scanner)
    if not scanner.skip(':'):
        raise scanner.fail(f'expected rows or columns here, such as 0.5:1.0, 10:20 or :, as in {EXAMPLE}')
    span = Span(first, _bound(scanner))
    scanner.space()
    alike = ('.' in span.start) == ('.' in span.stop)
    if span.start and span.stop and alike and float(span.start) >= float(span.stop):
        raise scanner.fail('nothing is in it: its end has to be above its start', start)
    return span


def _bound(scanner: Scanner) -> str:
    start = scanner.position
    bound = scanner.take(_SHARE) or scanner.take(_PIXELS) or ''
    if '.' in bound and float(bound) > 1.0:
        raise scanner.fail('a share is 0.0 to 1.0; a number of pixels has no point', start)
    return bound
