# SPDX-License-Identifier: Apache-2.0
"""Recordings: rosbag2 and the smart-watch recordings of BasicMotions, as messages in order."""
