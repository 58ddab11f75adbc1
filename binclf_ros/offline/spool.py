# SPDX-License-Identifier: Apache-2.0
"""Labelled rows as they come; X waits on disk: there may be more points than memory holds."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array
from ..core.storage.files import why
from .errors import OfflineFailed


class Spool:
    """Rows X (m, N), y (m,), and the time (ns) of each; for `with`.

    Raises OfflineFailed for a full disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._y: list[Array] = []
        self._times: list[NDArray[np.int64]] = []
        self._dropped: list[slice] = []
        self._n_features = self.n_rows = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (__exit__ closes it)
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, X: Array, y: Array, time_ns: int) -> slice:
        """Put rows of one time last; return which they are."""
        try:
            self._file.write(np.ascontiguousarray(X).data)
        except OSError as error:
            raise self._failed(error) from error
        rows = slice(self.n_rows, self.n_rows + len(y))
        self._y.append(y)
        self._times.append(np.full(len(y), time_ns, dtype=np.int64))
        self._n_features, self.n_rows = X.shape[1], rows.stop
        return rows

    def drop(self, rows: slice) -> None:
        """Take rows out again."""
        self._dropped.append(rows)

    def arrays(self) -> tuple[Array, Array, NDArray[np.int64]]:
        """Return X (M, N), which stays on disk unless rows were dropped, y (M,) and the times (M,)."""
        if not self.n_rows:
            return np.empty((0, self._n_features)), np.empty(0), np.empty(0, np.int64)
        try:
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error
        X: Array = np.memmap(self._file, np.float64, 'r', shape=(self.n_rows, self._n_features))
        y, times = np.concatenate(self._y), np.concatenate(self._times)
        if not self._dropped:
            return X, y, times
        keep = np.ones(self.n_rows, dtype=np.bool_)
        for rows in self._dropped:
            keep[rows] = False
        return X[keep], y[keep], times[keep]

    def _failed(self, error: OSError) -> OfflineFailed:
        return OfflineFailed(f'samples could not be written to {self._folder}: {why(error)}')
