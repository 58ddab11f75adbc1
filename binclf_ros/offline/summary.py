# SPDX-License-Identifier: Apache-2.0
"""Figures as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .store import VECTORS

MAX_LINES = 20
COLUMNS = ('samples', 'positives', 'accuracy', 'balanced_accuracy', 'log_loss', 'majority_log_loss', 'auc')


IOU = 'iou'
"""Of points and pixels as well: tp/(tp + fp + fn), how well two areas lie on one another."""


def columns_of(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is shown of figures."""
    return COLUMNS if figures['kind'] == VECTORS else (*COLUMNS, IOU)


def number(value: Any) -> str:
    """Return a figure in few digits; – for none."""
    if value is None:
        return '–'
    return str(value) if isinstance(value, int) else f'{value:.3f}'


def lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table: all together, and then each recording, the worst first."""
    rows = [{'name': 'all', **figures}, *figures['recordings']]
    columns = columns_of(figures)
    width = max(len(row['name']) for row in rows[: MAX_LINES + 1])
    yield ' '.join([' ' * width, *(f'{name:>17}' for name in columns)])
    for row in rows[: MAX_LINES + 1]:
        yield ' '.join([f'{row["name"]:<{width}}', *(f'{number(row[name]):>17}' for name in columns)])
    if len(rows) > MAX_LINES + 1:
        yield f'and {len(rows) - MAX_LINES - 1} more, which are better'
