# SPDX-License-Identifier: Apache-2.0
"""The server is tested where tornado is installed."""

from __future__ import annotations

import pytest

pytest.importorskip('tornado', reason='tornado is not installed: pip install tornado')
