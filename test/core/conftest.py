# SPDX-License-Identifier: Apache-2.0
"""Hypothesis for this folder: the same examples every time, so that a run can be repeated."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile('core', deadline=None, max_examples=60, derandomize=True)
settings.load_profile('core')
