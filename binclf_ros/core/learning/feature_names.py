# SPDX-License-Identifier: Apache-2.0
"""The features that are learned from: the first sample says which, and the others have to be the same."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import ParameterError, SampleError, StorageError

Names = tuple[str, ...]
MAX_SHOWN = 80


class FeatureNames:
    """The features of the samples and the model that are there; any thread may ask.

    `check_memory(N)` raises ParameterError where there is no room for samples of N features.
    """

    def __init__(self, names: Names, check_memory: Callable[[int], None]) -> None:
        self._names, self._check_memory = names, check_memory
        self._lock = threading.Lock()

    def check(self, names: Names) -> None:
        """Raise SampleError for other features than those that are there; take the first ones."""
        with self._lock:
            if self._names and names != self._names:
                raise SampleError(
                    'names' if len(names) == len(self._names) else 'length',
                    f'features {_brief(names)}, those before were {_brief(self._names)}: ~/reset forgets',
                )
            if not self._names:
                try:
                    self._check_memory(len(names))
                except ParameterError as error:
                    raise SampleError('memory', str(error)) from error
            self._names = names

    def agree(self, names: Names) -> None:
        """Take over the features of files. Raises StorageError for others than those of the samples."""
        with self._lock:
            if self._names and names and names != self._names:
                said = f'the files are of features {_brief(names)}, the samples of {_brief(self._names)}'
                raise StorageError(f'nothing is loaded: {said}: ~/reset forgets those')
            self._names = names or self._names

    def clear(self) -> None:
        """Take any features from now on."""
        with self._lock:
            self._names = ()

    def __len__(self) -> int:
        with self._lock:
            return len(self._names)


def _brief(names: Names) -> str:
    text = ', '.join(names)
    return f'{len(names)} ({text[:MAX_SHOWN]}…)' if len(text) > MAX_SHOWN else f'{len(names)} ({text})'
