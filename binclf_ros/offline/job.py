# SPDX-License-Identifier: Apache-2.0
"""What a task of extraction is told, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..core.features.options import PointOptions, SamplingOptions
from ..vision.options import PixelOptions
from .inputs import Source
from .labels import Range
from .store import Meta

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Taught:
    """What is taken of labelled clouds and images, as a trainer takes it, where no features are named."""

    points: PointOptions = field(default_factory=PointOptions)
    pixels: PixelOptions = field(default_factory=PixelOptions)
    given: tuple[str, ...] = ()
    """Which of `point_features` and `pixel_features` were named."""
    remap: tuple[tuple[str, str], ...] = ()
    """Topics by other names, as ROS remaps them: from, to."""
    model: tuple[str, ...] = ()
    """The features of the model that is scored; they are taken where no others are named."""


@dataclass(frozen=True)
class Job:
    """What a task needs to know: a recording, what to sample, and where the samples go."""

    source: Source
    options: SamplingOptions
    namespace: str
    store: Path
    labels: tuple[Path, tuple[Range, ...]] | None = None
    """The file of labels and those of this recording; None: they are topics of the recording."""
    wants_labels: bool = True
    """Whether it has to be told that samples have no label."""
    taught: Taught | None = None
    """How to take labelled clouds and images; None: samples are of `options.features` in any case."""


@dataclass(frozen=True)
class Outcome:
    """What came of it: the folder and what is known of the samples, or why there are none."""

    name: str
    folder: Path
    meta: Meta | None = None
    problem: str = ''
    reused: bool = False
