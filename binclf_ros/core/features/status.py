# SPDX-License-Identifier: Apache-2.0
"""What a sampler knows of its work: facts, in one frozen object, from which others judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TopicStatus:
    """One topic that is wanted, as `ros2 topic hz` would see it; None is what is not known (yet)."""

    name: str
    received: int
    """Messages so far."""
    unread: int
    """Messages of which something that is needed could not be read."""
    rate_hz: float | None
    """Of arrival, over the last messages."""
    age_sec: float | None
    """Since the last message arrived."""
    clock: str
    """What its stamps are: `stamps`, `none` (no header), `zero` or `still` (all the same)."""
    join: str
    """What features of it are joined by: `stamp` or `arrival`; '' where the label alone needs it."""
    difference_sec: float | None
    """How far its clock (stamp − arrival) is ahead of the trigger's; None where one has no stamps."""
    max_age_sec: float | None
    """A sample is dropped where its newest message is older; None: there is no limit."""


@dataclass(frozen=True)
class LabelStatus:
    """What labels: its topics, and what came of it."""

    topics: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Paths of which the topic is not there (yet)."""
    join: str = ''
    """`stamp` or `arrival`; '' where there is no label."""
    timeout_sec: float = 0.0
    period_sec: float | None = None
    """The longest of its topics' periods."""
    other_values: Mapping[float, int] | None = None
    """Value that does not label → how many samples met it; the first few different ones."""
    held: bool = False
    """Whether what was said last labels, however long ago: nobody has taken it back."""


@dataclass(frozen=True)
class SamplerStatus:
    """Everything since the sampler began; counts only rise: a difference is what happened between."""

    trigger: str
    features: tuple[str, ...]
    sampled: int
    labeled: int
    dropped: Mapping[str, int]
    """Reason → samples. Of `missing/topic` and `max_age/topic` the topic is part of the reason."""
    unlabeled: Mapping[str, int]
    """Reason → samples: `no_label`, `stale`, `both`, `not_0_or_1`, `no_reading`, `time_jump`."""
    no_reading: Mapping[str, int]
    """Feature → samples that were dropped because it had no reading."""
    topics: tuple[TopicStatus, ...]
    """The trigger's first."""
    label: LabelStatus


def below(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    """Return the counts of a kind, by what stands behind the prefix."""
    return {name[len(prefix) :]: n for name, n in counts.items() if name.startswith(prefix)}
