# SPDX-License-Identifier: Apache-2.0
"""Where security is asked for, there is no going on without it."""

from __future__ import annotations

import os

from ..core.errors import BinclfError


def check_security() -> None:
    """Raise BinclfError where ROS would be content with less than the security that is asked for.

    With ROS_SECURITY_ENABLE=true, the strategy Permissive, which is the default, goes on unsecured
    where keys are missing or the middleware was built without DDS-Security. Enforce fails in both cases,
    in rcl and in the middleware.
    """
    strategy = os.environ.get('ROS_SECURITY_STRATEGY') or 'Permissive'
    if os.environ.get('ROS_SECURITY_ENABLE') == 'true' and strategy != 'Enforce':
        raise BinclfError(
            f'ROS_SECURITY_ENABLE is true, but ROS_SECURITY_STRATEGY is {strategy}, which goes on '
            'unsecured where keys or the plugins are missing: set ROS_SECURITY_STRATEGY=Enforce'
        )
