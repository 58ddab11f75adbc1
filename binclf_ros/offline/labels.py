# SPDX-License-Identifier: Apache-2.0
"""Files of labels: which stretch of which recording is 1, and which is 0.

CSV with the columns `recording,start,end,label` and, if wanted, `group`; or YAML, a list of the same. Times
are seconds from the start of the recording, or absolute; a range holds from `start` to just before `end`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from ..core.errors import BinclfError, StorageError
from ..core.storage.files import why

COLUMNS = ('recording', 'start', 'end', 'label', 'group')
ABSOLUTE_SEC = 1e8
"""Times from here on are seconds since the epoch: no recording lasts three years."""
MAX_BYTES = 2**28


@dataclass(frozen=True)
class Range:
    """One line of a file: `label` holds in [start, end), in seconds."""

    line: int
    recording: str
    start: float
    end: float
    label: int
    group: str = ''


@dataclass(frozen=True)
class Ranges:
    """Of one recording: starts and ends (ns), labels, and the group if one is named."""

    spans: tuple[tuple[int, int, int], ...] = ()
    """Start and end in nanoseconds, and the label, in order of time."""
    group: str = ''


def read_ranges(path: Path) -> list[Range]:
    """Read a file of labels. Raises StorageError, BinclfError with the line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise StorageError(f'{path} is too large for a file of labels')
        with open(path, encoding='utf-8-sig', newline='') as file:
            yaml = path.suffix.lower() in ('.yaml', '.yml')
            rows = list(_yaml_rows(file.read()) if yaml else _csv_rows(file))
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f'the labels {path} cannot be read: {why(error)}') from error
    except csv.Error as error:
        raise BinclfError(f'{path} is no CSV file: {error}') from error
    return [_range(path, line, row) for line, row in rows]


def _csv_rows(file: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(file, skipinitialspace=True)
    missing = [name for name in COLUMNS[:4] if name not in (reader.fieldnames or ())]
    if missing:
        raise BinclfError(
            f'the labels have no column {missing[0]}: the first line has to be recording,start,end,label'
        )
    for row in reader:
        if any(row.values()):
            yield reader.line_num, row


def _yaml_rows(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        yaml = import_module('yaml')
    except ImportError as error:
        raise BinclfError('labels in YAML are read with PyYAML: pip install PyYAML') from error
    try:
        rows = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BinclfError(f'the labels are no YAML: {error}') from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BinclfError('the labels have to be a list of recording, start, end and label')
    nodes = yaml.compose(text, yaml.SafeLoader).value
    yield from zip((node.start_mark.line + 1 for node in nodes), rows)


def _range(path: Path, line: int, row: dict[str, Any]) -> Range:
    name = str(row.get('recording') or '').strip()
    try:
        start, end = float(row['start']), float(row['end'])
        label = {'0': 0, '1': 1, '0.0': 0, '1.0': 1, 'false': 0, 'true': 1}[
            str(row['label']).strip().lower()
        ]
    except (KeyError, TypeError, ValueError):
        shown = ','.join(str(row.get(each, '')) for each in COLUMNS[:4])
        raise BinclfError(
            f'{path}, line {line}: {shown!r:.100}; expected a recording, two times in seconds, and 0 or 1'
        ) from None
    if not name or not (math.isfinite(start) and math.isfinite(end) and start < end):
        raise BinclfError(
            f'{path}, line {line}: from {start:g} to {end:g} s of {name!r:.60}; expected the name of a '
            'recording, and a start before the end'
        )
    return Range(line, name, start, end, label, str(row.get('group') or '').strip())


def ranges_of(path: Path, ranges: Sequence[Range], start_ns: int) -> Ranges:
    """Return those of one recording, which began at `start_ns`, in order; touching ones as they are.

    Raises BinclfError, with both lines, where two contradict each other.
    """
    groups = sorted({each.group for each in ranges if each.group})
    if len(groups) > 1:
        raise BinclfError(f'{path}: {ranges[0].recording} is in the groups {groups[0]} and {groups[1]}')
    spans: list[tuple[int, int, int]] = []
    furthest: dict[int, tuple[int, Range]] = {}
    for start, end, each in sorted(((*_in_ns(r, start_ns), r) for r in ranges), key=lambda span: span[:2]):
        until, other = furthest.get(1 - each.label, (start, each))
        if start < until:
            raise BinclfError(_contradiction(path, other, each))
        until, before = furthest.get(each.label, (start - 1, each))
        furthest[each.label] = (until, before) if until > end else (end, each)
        if start <= until:
            spans.remove(last := next(span for span in reversed(spans) if span[2] == each.label))
            start, end = last[0], max(end, until)
        spans.append((start, end, each.label))
    return Ranges(tuple(sorted(spans)), ''.join(groups))


def _contradiction(path: Path, one: Range, other: Range) -> str:
    return (
        f'{path}, lines {one.line} and {other.line} contradict each other: {one.recording} is {one.label} '
        f'from {one.start:g} to {one.end:g} s, and {other.label} from {other.start:g} to {other.end:g} s; '
        'cut one of them'
    )


def labels_at(spans: Sequence[tuple[int, int, int]], times_ns: NDArray[np.int64]) -> Array:
    """Return the label of each time (M,), NaN where no range holds."""
    found = np.full(len(times_ns), math.nan)
    for start, end, label in spans:
        found[(start <= times_ns) & (times_ns < end)] = label
    return found


def _in_ns(each: Range, start_ns: int) -> tuple[int, int]:
    offset = 0 if each.start >= ABSOLUTE_SEC else start_ns
    return offset + round(each.start * 1e9), offset + round(each.end * 1e9)
