# SPDX-License-Identifier: Apache-2.0
"""Whether this machine has memory for a buffer, before anybody relies on it."""

from __future__ import annotations

import os

import numpy as np

from ..errors import ParameterError

ROW_BYTES = 32
"""What a sample takes beside its features, at most: label, age, its place in a queue."""


def check_memory(n_features: int, capacity: int) -> None:
    """Raise ParameterError where this machine has no memory for so many samples of so many features."""
    needed = capacity * (8 * n_features + ROW_BYTES)
    there = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    try:
        if needed <= there:
            np.empty(needed, dtype=np.uint8)  # asked for, never touched: it takes no memory
            return
        said = f'this machine has {there / 1e9:.3g} GB'
    except MemoryError:
        said = 'the system does not give as much'
    raise ParameterError(
        f'buffer_capacity {capacity} × {n_features} features takes {needed / 1e9:.3g} GB, and {said}: '
        'set a smaller buffer_capacity'
    )
