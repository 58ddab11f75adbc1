# SPDX-License-Identifier: Apache-2.0
"""Recordings for these tests, written without ROS."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore = (
    []
    if find_spec('rosbags')
    else [
        'test_commands.py',
        'test_labeled.py',
        'test_workers.py',
        'test_label.py',
        'test_recording_situations.py',
        'test_same_samples.py',
    ]
)
