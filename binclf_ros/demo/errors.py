# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in the demo, beside the user's mistakes, which are BinclfErrors."""

from __future__ import annotations


class DemoFailed(RuntimeError):
    """The demo cannot go on: a node died, or something awaited did not come."""
