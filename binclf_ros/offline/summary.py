# SPDX-License-Identifier: Apache-2.0
"""Figures as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MAX_LINES = 20
COLUMNS = ('samples', 'positives', 'accuracy', 'balanced_accuracy', 'log_loss', 'majority_log_loss', 'auc')


def number(value: Any) -> str:
    """Return a figure in few digits; – for none."""
    if value is None:
        return '–'
    return str(value) if isinstance(value, int) else f'{value:.3f}'


def lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table: all together, and then each recording, the worst first."""
    rows = [{'name': 'all', **figures}, *figures['recordings']]
    width = max(len(row['name']) for row in rows[: MAX_LINES + 1])
    yield ' '.join([' ' * width, *(f'{name:>17}' for name in COLUMNS)])
    for row in rows[: MAX_LINES + 1]:
        yield ' '.join([f'{row["name"]:<{width}}', *(f'{number(row[name]):>17}' for name in COLUMNS)])
    if len(rows) > MAX_LINES + 1:
        yield f'and {len(rows) - MAX_LINES - 1} more, which are better'
