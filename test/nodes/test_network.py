# SPDX-License-Identifier: Apache-2.0
"""A network of two hosts that is cut, and heals."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import two_hosts

HEALED_SEC = 4.0


def test_a_cut_of_the_network_heals(tmp_path, latency):
    done = subprocess.run(
        [sys.executable, two_hosts.__file__, tmp_path],
        env={**os.environ, **two_hosts.APART},
        capture_output=True,
        text=True,
        timeout=180,
    )
    if done.returncode == two_hosts.NOT_PERMITTED:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stderr
    latency('a cut network healed', float(done.stdout), HEALED_SEC)
