# SPDX-License-Identifier: Apache-2.0
"""What is nobody's mistake: a disk that is full, a worker that is lost."""

from __future__ import annotations


class OfflineFailed(Exception):
    """It could not be done; the text says why, and what is left."""
