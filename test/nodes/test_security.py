# SPDX-License-Identifier: Apache-2.0
"""Security that is asked for and not in force is a reason not to start."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ros_harness import HANG_SEC, LOCAL, REPOSITORY


def start(tmp_path, **variables):
    given = {name: value for name, value in os.environ.items() if not name.startswith('ROS_SECURITY')}
    return subprocess.run(
        [sys.executable, '-m', 'binclf_ros', 'predictor'],
        env={**given, **LOCAL, 'ROS_LOG_DIR': str(tmp_path), 'ROS_SECURITY_ENABLE': 'true', **variables},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=HANG_SEC,
    )


@pytest.mark.parametrize('strategy', ['', 'Permissive', 'enforce'])
def test_less_than_enforce_is_refused(tmp_path, strategy):
    ended = start(tmp_path, ROS_SECURITY_STRATEGY=strategy)
    assert ended.returncode == 1
    assert 'set ROS_SECURITY_STRATEGY=Enforce' in ended.stderr
    assert 'Traceback' not in ended.stderr


@pytest.mark.parametrize('keys', [False, True])
def test_enforce_without_security_in_force_is_refused(tmp_path, keys):
    enclave = tmp_path / 'enclaves' / 'robot'
    if keys:  # an enclave that holds no keys
        enclave.mkdir(parents=True)
    ended = start(
        tmp_path,
        ROS_SECURITY_STRATEGY='Enforce',
        ROS_SECURITY_KEYSTORE=str(tmp_path),
        ROS_SECURITY_ENCLAVE_OVERRIDE='/robot',
    )
    assert ended.returncode == 1
    assert 'cannot start' in ended.stderr
    assert 'Traceback' not in ended.stderr
