# SPDX-License-Identifier: Apache-2.0
"""The demo sets its own ROS domain: here, that of the tests comes back."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('ROS_DOMAIN_ID', 'ROS_AUTOMATIC_DISCOVERY_RANGE'):
        monkeypatch.setenv(name, os.environ.get(name, '0' if name == 'ROS_DOMAIN_ID' else 'LOCALHOST'))
