# SPDX-License-Identifier: Apache-2.0
"""How the C library keeps memory."""

from __future__ import annotations

import contextlib
import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""The numbers of malloc.h."""
KEPT_BYTES = 2**26
MAX_BYTES = 2**25


def keep_freed_memory() -> None:
    """Have glibc keep up to 64 MiB of what is freed, for what comes next; elsewhere, do nothing.

    A cloud on its way through a node is copied some ten times by the middleware. By default glibc gives
    such pieces back to the kernel, or not, as the sizes happen to be: a cloud of 130,000 points then waits
    for 1,500 pages, 4 ms. See mallopt(3).
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, MAX_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
