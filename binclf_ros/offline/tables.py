# SPDX-License-Identifier: Apache-2.0
"""Samples for other programs: CSV, Parquet, and the trainer's own `dataset_file`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import BinclfError
from ..core.storage.dataset_format import header, records
from ..core.storage.files import replace_file
from . import store
from .job import Outcome

ROWS = 4096


def _blocks(found: Sequence[Outcome]) -> Iterator[tuple[str, Array, Array, Array]]:
    """Yield the name of a recording, X, y and t, so many rows at once."""
    for outcome in found:
        assert outcome.meta is not None
        X, y, t = store.arrays(outcome.folder)
        for start in range(0, len(y), ROWS):
            rows = slice(start, start + ROWS)
            yield outcome.meta.name, X[rows], y[rows], t[rows]


def _names(found: Sequence[Outcome]) -> tuple[str, ...]:
    assert found[0].meta is not None
    return found[0].meta.features


def write_csv(path: Path, found: Sequence[Outcome]) -> None:
    """Write `recording`, `t`, the features, and `label`: 0, 1 or nothing. Raises StorageError."""
    replace_file(path, _csv_chunks(found))


def _csv_chunks(found: Sequence[Outcome]) -> Iterator[bytes]:
    yield _csv([['recording', 't', *_names(found), 'label']])
    for name, X, y, t in _blocks(found):
        labels = ['' if np.isnan(label) else int(label) for label in y]
        rows = zip(t.tolist(), X.tolist(), labels)
        yield _csv([[name, repr(time), *map(repr, x), label] for time, x, label in rows])


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue().encode()


def write_parquet(path: Path, found: Sequence[Outcome]) -> None:
    """Write the same columns; `label` is 0, 1 or null. Raises BinclfError where pyarrow is missing."""
    try:
        pa, pq = import_module('pyarrow'), import_module('pyarrow.parquet')
    except ImportError as error:
        raise BinclfError('Parquet is written with pyarrow: pip install pyarrow') from error
    names = _names(found)
    columns = [('recording', pa.string()), ('t', pa.float64())]
    schema = pa.schema([*columns, *((name, pa.float64()) for name in names), ('label', pa.int8())])
    out = pa.BufferOutputStream()
    with pq.ParquetWriter(out, schema) as writer:
        for name, X, y, t in _blocks(found):
            labels = pa.array(np.nan_to_num(y).astype(np.int8), mask=np.isnan(y))
            values = [pa.array([name] * len(y)), pa.array(t), *(pa.array(column) for column in X.T), labels]
            writer.write_table(pa.Table.from_arrays(values, schema=schema))
    replace_file(path, [out.getvalue()])


def write_dataset(path: Path, found: Sequence[Outcome]) -> None:
    """Write the labelled samples as a trainer's `dataset_file`. Raises StorageError."""
    replace_file(path, _dataset_chunks(found))


def _dataset_chunks(found: Sequence[Outcome]) -> Iterator[bytes]:
    yield header(_names(found), 0)
    for _, X, y, _ in _blocks(found):
        labeled = np.isfinite(y)
        if labeled.any():
            yield from records(np.ascontiguousarray(X[labeled]), y[labeled])


WRITERS: dict[str, Callable[[Path, Sequence[Outcome]], None]] = {
    '.csv': write_csv,
    '.parquet': write_parquet,
    '.data': write_dataset,
}
