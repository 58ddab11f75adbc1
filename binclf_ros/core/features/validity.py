# SPDX-License-Identifier: Apache-2.0
"""Which readings a message itself declares to be none: outside a sensor's range, or not measured at all.

To add a rule: an entry in `RULES`. Sources: sensor_msgs/LaserScan and Range ("values outside … should be
discarded"), REP 117 (what the values beyond mean), REP 145 and sensor_msgs/Imu (covariance[0] = −1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .paths import Segment
from .readings import LONG, Fields, Values

NAN = math.nan


@dataclass(frozen=True)
class Rule:
    """Where `holds` of what stands in the other `fields` of a message, `apply` makes readings NaN."""

    fields: tuple[Fields, ...]
    holds: Callable[..., bool]
    apply: Callable[..., Values]


def rule_of(kind: str, fields: Fields) -> Rule | None:
    """Return the rule for a path of fields of a type, such as sensor_msgs/msg/Imu, if there is one."""
    make = RULES.get(kind.replace('/msg/', '/'), {}).get(fields[0].name)
    return make(fields[0].name) if make else None


def _range_rule(limits: str) -> Callable[[str], Rule]:
    low, high = limits.split()
    return lambda name: Rule(((Segment(low),), (Segment(high),)), is_range, in_range)


def _covariance_rule(name: str) -> Rule:
    return Rule(((Segment(f'{name}_covariance', 0),),), is_unmeasured, no_readings)


def is_range(low: Values, high: Values) -> bool:
    """Return whether two limits are a range, and not left as they were."""
    return len(low) == 1 and len(high) == 1 and bool(low[0] < high[0])


def in_range(values: Values, low: Values, high: Values) -> Values:
    """Return readings, NaN for those outside a range."""
    if len(values) <= LONG:
        return [value if low[0] <= value <= high[0] else NAN for value in values]
    found = np.asarray(values, dtype=float)
    return np.where((found >= low[0]) & (found <= high[0]), found, NAN)


def is_unmeasured(covariance: Values) -> bool:
    """Return whether a covariance says that the sensor does not measure this."""
    return len(covariance) == 1 and bool(covariance[0] == -1.0)


def no_readings(values: Values, covariance: Values) -> Values:
    """Return NaN for each reading."""
    return [NAN] * len(values)


RULES: dict[str, dict[str, Callable[[str], Rule]]] = {
    'sensor_msgs/LaserScan': {'ranges': _range_rule('range_min range_max')},
    'sensor_msgs/Range': {'range': _range_rule('min_range max_range')},
    'sensor_msgs/Imu': dict.fromkeys(
        ('orientation', 'angular_velocity', 'linear_acceleration'), _covariance_rule
    ),
}
"""Type → its first field → the rule for what stands in that field."""
