# SPDX-License-Identifier: Apache-2.0
"""The report: whether it learned, from the files of a trainer, without ROS."""

from .command import main

__all__ = ['main']
