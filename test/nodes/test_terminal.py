# SPDX-License-Identifier: Apache-2.0
"""What a node says on the terminal where all is well: nothing but what it is about to do."""

from __future__ import annotations

import pytest

# rclpy itself logs by a method that it has deprecated
pytestmark = pytest.mark.filterwarnings('ignore:Deprecated in favor:DeprecationWarning')


def test_no_warning_where_all_is_well(ground):
    processes = {name: ground.start(name) for name in ('featurizer', 'trainer', 'predictor')}
    ground.wait_for_nodes(*processes)
    for name in processes:
        ground.wait_for_reports(name)
    for name, process in processes.items():
        process.end()
        assert 'warning' not in process.stdout.lower() + process.stderr.lower(), name
