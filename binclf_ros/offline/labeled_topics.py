# SPDX-License-Identifier: Apache-2.0
"""Which topics of a recording hold labelled clouds, or images and their masks.

They are called as the trainer calls them, `labeled_points`, `image` and `labeled_image` in the namespace,
or as `--remap` says. Where there is none of that name, the only one that it can be is taken, and told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import BinclfError, SampleError
from ..core.features.clouds import LABEL
from ..core.features.regions import KINDS as IMAGE_KINDS
from ..recordings.bags import Recording
from .job import Taught

CLOUD_KIND, (IMAGE_KIND, COMPRESSED_KIND) = 'sensor_msgs/msg/PointCloud2', IMAGE_KINDS
POINTS, MASKS, IMAGES, COMPRESSED = 'labeled_points', 'labeled_image', 'image', 'image/compressed'
NAMES = (POINTS, IMAGES, COMPRESSED, MASKS)
"""What may be remapped."""


@dataclass(frozen=True)
class LabeledTopics:
    """Where they are: `labeled` are clouds, or masks of `images`; `notes` say what was guessed."""

    labeled: str
    images: str = ''
    notes: tuple[str, ...] = ()


def read_remaps(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of `from:=to`. Raises BinclfError for what is none, or of another topic."""
    found = []
    for text in texts:
        name, sign, to = text.partition(':=')
        if not sign or name not in NAMES or not to:
            raise BinclfError(f'--remap {text!r:.100}: expected FROM:=TO, with FROM of {", ".join(NAMES)}')
        found.append((name, to))
    return tuple(found)


class TopicFinder:
    """Finds the topics of one recording."""

    def __init__(self, recording: Recording, taught: Taught, namespace: str) -> None:
        self._recording, self._taught = recording, taught
        self._prefix = namespace.rstrip('/')
        self._remap = dict(taught.remap)

    def clouds(self) -> LabeledTopics | None:
        """Return where labelled clouds are; None where there are none. Raises BinclfError."""
        found = self._named(POINTS, (CLOUD_KIND,))
        if found is None:
            labeled = [topic for topic in self._of_kind(CLOUD_KIND) if self._has_label(topic)]
            found = self._only(POINTS, labeled, 'the only clouds with a field label')
        if found is not None:
            self._recording.check_types([found.labeled])
        return found

    def masks(self) -> LabeledTopics | None:
        """Return where images and masks are; None where no masks are. Raises BinclfError."""
        found = self._named(MASKS, (IMAGE_KIND,))
        if found is None:
            return None
        images = self._images(found.labeled)
        self._recording.check_types([found.labeled, images.labeled])
        return LabeledTopics(found.labeled, images.labeled, (*found.notes, *images.notes))

    def _images(self, masks: str) -> LabeledTopics:
        compressed = self._taught.pixels.image_transport == 'compressed'
        name, other = (COMPRESSED, IMAGES) if compressed else (IMAGES, COMPRESSED)
        kinds = (COMPRESSED_KIND, IMAGE_KIND) if compressed else (IMAGE_KIND, COMPRESSED_KIND)
        if IMAGES in self._remap and COMPRESSED not in self._remap:
            full, types = self._full(IMAGES), self._recording.types
            beside = f'{full}/compressed'  # as image_transport has it: what is named is the base
            if types.get(beside) == COMPRESSED_KIND and (compressed or full not in types):
                return LabeledTopics(beside)
            name = IMAGES
        elif other in self._remap and name not in self._remap:
            name = other
        found = self._named(name, kinds)
        for kind in kinds if found is None else ():
            there = [topic for topic in self._of_kind(kind) if topic != masks]
            found = found or self._only(name, there, 'the only images')
        if found is None:
            raise BinclfError(
                f'masks are on {masks}, but no images on {self._full(name)}: {self.there()}; '
                f'--remap {name}:=TOPIC names them'
            )
        return found

    def _named(self, name: str, kinds: Sequence[str]) -> LabeledTopics | None:
        """Return the topic of that name, or else the only one of a name that ends so.

        Raises BinclfError where it was named by --remap and is not there, or is of another type.
        """
        full = self._full(name)
        kind = self._recording.types.get(full)
        if kind in kinds:
            return LabeledTopics(full)
        if kind is not None:
            raise BinclfError(f'{full} is of the type {kind}, expected {" or ".join(kinds)}')
        if name in self._remap:
            raise BinclfError(f'no topic {full}, as --remap names it for {name}: {self.there()}')
        ends = [each for kind in kinds for each in self._of_kind(kind) if each.endswith(f'/{name}')]
        return self._only(name, ends, 'the only topic whose name ends so')

    def _only(self, name: str, topics: Sequence[str], why: str) -> LabeledTopics | None:
        """Return the only one, with a note; None for none. Raises BinclfError where there are several."""
        if len(topics) > 1:
            raise BinclfError(
                f'nothing is on {self._full(name)}, and it may be any of {", ".join(sorted(topics))}: '
                f'--remap {name}:=TOPIC says which'
            )
        if not topics:
            return None
        note = f'nothing is on {self._full(name)}: {topics[0]} is taken, {why}; --remap {name}:=TOPIC names'
        return LabeledTopics(topics[0], notes=(f'{note} another',))

    def _full(self, name: str) -> str:
        name = self._remap.get(name, name)
        return name if name.startswith('/') else f'{self._prefix}/{name}'

    def _of_kind(self, kind: str) -> list[str]:
        return [topic for topic, of in self._recording.types.items() if of == kind]

    def _has_label(self, topic: str) -> bool:
        """Return whether the first cloud of a topic has a field `label`."""
        first = next(self._recording.messages({topic}), None)
        try:
            cloud: Any = None if first is None else self._recording.known.decoder(CLOUD_KIND)(first.data)
        except SampleError:
            return False
        return cloud is not None and any(each.name == LABEL for each in cloud.fields)

    def there(self) -> str:
        """Return what topics the recording has, in words."""
        return f'it has {", ".join(sorted(self._recording.types)) or "no topics"}'


def find_labeled(
    recording: Recording, taught: Taught, namespace: str, of_pixels: Callable[[], bool]
) -> LabeledTopics | None:
    """Return the labelled clouds or images of a recording, None where there are none.

    `of_pixels()` says whether the model that is scored is of pixels. Raises BinclfError where both are
    there and nothing tells which are meant.
    """
    finder = TopicFinder(recording, taught, namespace)
    if 'pixel_features' in taught.given and 'point_features' not in taught.given:
        return finder.masks() or finder.clouds()
    clouds = finder.clouds()
    if clouds is None or ('point_features' in taught.given and 'pixel_features' not in taught.given):
        return clouds or finder.masks()
    masks = finder.masks()
    if masks is None or not taught.model:
        if masks is not None:
            raise BinclfError(
                f'{clouds.labeled} has labelled clouds and {masks.labeled} masks: name point_features or '
                'pixel_features, one of them, in --params or by --set'
            )
        return clouds
    return masks if of_pixels() else clouds
