# SPDX-License-Identifier: Apache-2.0
"""The quality of service of every topic, once; each can be overridden by `qos_overrides`."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSLivelinessPolicy,
    QoSPolicyKind,
    QoSProfile,
    QoSReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

from ..core.errors import ParameterError
from ..core.text import shown
from .given import QOS, overrides

_WORDS: dict[str, Any] = {
    'reliability': QoSReliabilityPolicy,
    'durability': QoSDurabilityPolicy,
    'history': QoSHistoryPolicy,
    'liveliness': QoSLivelinessPolicy,
}

LIVE = QoSProfile(depth=100, reliability=QoSReliabilityPolicy.BEST_EFFORT)
"""Subscribed: sensors, labels, features. Best effort fits every publisher; fresh beats complete."""
OUT = QoSProfile(depth=100, reliability=QoSReliabilityPolicy.RELIABLE)
"""Published: features, probability, decision."""
LABELED = QoSProfile(depth=10_000, reliability=QoSReliabilityPolicy.RELIABLE)
"""What is taught: complete beats fresh, on both sides."""
LABELED_POINTS = QoSProfile(depth=100, reliability=QoSReliabilityPolicy.RELIABLE)
"""The same for clouds: a hundred of them may be a thousand times as many samples."""
CLOUDS_OUT = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.RELIABLE)
"""Published: classified clouds."""
IMAGES = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.BEST_EFFORT)
"""Subscribed: images. As `LIVE`, but a hundred frames would be a hundred megabytes and seconds late."""
MODEL = QoSProfile(
    depth=1,
    reliability=QoSReliabilityPolicy.RELIABLE,
    durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
)
"""The model: a late subscriber gets the last one."""
LATCHED = QoSProfile(
    depth=100,
    reliability=QoSReliabilityPolicy.RELIABLE,
    durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
)
"""Subscribed: a label whose publishers keep the last one for late subscribers."""
SCALAR = QoSProfile(depth=10, reliability=QoSReliabilityPolicy.RELIABLE)
"""Curves for people."""
SEEN = QoSProfile(depth=400, reliability=QoSReliabilityPolicy.BEST_EFFORT)
"""Looked at twenty times a second, every message, without delaying its publisher."""
NEWEST = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)
"""Looked at twenty times a second, the newest message."""
PICTURE = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.RELIABLE)
"""Pictures for people: the newest is enough."""


def overridable(node: Node, topic: str, side: str) -> QoSOverridingOptions:
    """Return what makes parameters of the `qos_overrides./topic.side.policy` that were given; no others.

    So all policies that rclpy knows can be overridden, and a list of parameters stays short. `side` is
    `publisher` or `subscription`. Raises ParameterError for a value that is none of the policy.
    """
    prefix = f'{QOS}{node.resolve_topic_name(topic)}.{side}.'
    given = overrides(node)
    kinds = {each.name.lower(): each for each in QoSPolicyKind}
    policies = [name[len(prefix) :] for name in given if name.startswith(prefix)]
    for policy in policies:
        if policy not in kinds:
            there = ', '.join(sorted(kinds.keys() - {'invalid'}))
            raise ParameterError(f'{prefix}{policy}: there is no such policy, only {there}')
        _check(prefix + policy, given[prefix + policy].value, _WORDS.get(policy))
    return QoSOverridingOptions([kinds[policy] for policy in policies])


def _check(name: str, value: object, words: Any) -> None:
    """Raise ParameterError for a value that rclpy would end on."""
    if words is not None:
        known = [each.name.lower() for each in words]
        if value not in known:
            raise ParameterError(f'{name} is {shown(value)}, expected one of {", ".join(known)}')
    elif not isinstance(value, int) or value < 0:
        raise ParameterError(f'{name} is {shown(value)}, expected a whole number (of times: nanoseconds)')
