# SPDX-License-Identifier: Apache-2.0
"""Samples of recordings on disk: one folder a recording, whole or not there, and no pickles.

`X.npy` (M, N), `y.npy` (M,) with NaN where nothing labels, `t.npy` (M,) in seconds from the start of the
recording, and `meta.json`. A folder is written aside and gets its name at the end.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import StorageError
from ..core.storage.files import sync_folder, why
from .errors import OfflineFailed

FORMAT = 'binclf_ros/samples'
VERSION = 1
META = 'meta.json'
VECTORS, POINTS, PIXELS = 'vectors', 'points', 'pixels'
MAX_META = 2**24
EDGE_BYTES = 65_536
"""What is looked at of either end of a file to know it again: the start, and the index at the end."""


@dataclass(frozen=True)
class Meta:
    """What is known of the samples of one recording."""

    name: str
    features: tuple[str, ...]
    key: str
    """Of the files and options that they were made from: see `key_of`."""
    samples: int
    labeled: int
    positives: int
    start_sec: float
    duration_sec: float
    window_sec: float
    """The longest window of a feature."""
    group: str = ''
    notes: tuple[str, ...] = ()
    """Sentences about what of the recording could not be used."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """As the diagnostics of the featurizer count."""
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: str = VECTORS
    """What a sample is: a vector of features, a point of a cloud, or a pixel of an image."""


def folder_of(store: Path, name: str) -> Path:
    """Return where the samples of a recording are kept."""
    plain = ''.join(symbol if symbol.isalnum() or symbol in '._- ' else '_' for symbol in name)
    if plain != name:
        plain += f'-{hashlib.sha256(name.encode()).hexdigest()[:8]}'
    return store / plain.lstrip('.')


def key_of(files: Sequence[Path], options: Mapping[str, Any]) -> str:
    """Return what changes where files or options do: a hash of sizes, both ends and options."""
    digest = hashlib.sha256(json.dumps([VERSION, options], sort_keys=True, default=str).encode())
    for path in files:
        try:
            with open(path, 'rb') as file:
                size = os.fstat(file.fileno()).st_size
                digest.update(f'{path.name} {size}'.encode() + file.read(EDGE_BYTES))
                file.seek(max(0, size - EDGE_BYTES))
                digest.update(file.read(EDGE_BYTES))
        except OSError as error:
            raise StorageError(f'{path} cannot be read: {why(error)}') from error
    return digest.hexdigest()


def write(folder: Path, X: Array, y: Array, t: Array, meta: Meta) -> None:
    """Put samples into a folder: X (M, N), y (M,), t (M,). Raises OfflineFailed where the disk refuses."""
    aside = folder.with_name(f'.{folder.name}.{os.getpid()}.tmp')
    for left in folder.parent.glob(f'.{escape(folder.name)}.*.*'):  # of a worker that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        aside.mkdir(parents=True, exist_ok=True)
        for name, values in (('X.npy', X), ('y.npy', y), ('t.npy', t)):
            with open(aside / name, 'wb') as file:
                np.save(file, values, allow_pickle=False)
                _sync(file)
        with open(aside / META, 'w', encoding='utf-8') as text:
            json.dump({'format': FORMAT, 'version': VERSION, **asdict(meta)}, text, indent=1)
            _sync(text)
        sync_folder(aside)
        _put(aside, folder)
        sync_folder(folder.parent)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        raise OfflineFailed(
            f'the samples of {meta.name} could not be written to {folder}: {why(error)}; '
            'those of other recordings stay'
        ) from error


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _put(aside: Path, folder: Path) -> None:
    """Give a folder its name, in the place of an older one."""
    old = aside.with_suffix('.old')
    if folder.exists():
        os.rename(folder, old)
    os.rename(aside, folder)
    shutil.rmtree(old, ignore_errors=True)


def stored_in(path: Path) -> list[Path]:
    """Return the folders of samples at a path: it alone, or those that it holds."""
    if (path / META).is_file():
        return [path]
    if not path.is_dir():
        return []
    below = sorted(each for each in path.iterdir() if not each.name.startswith('.'))
    return [each for each in below if (each / META).is_file() and (each / 'X.npy').is_file()]


def read_meta(folder: Path) -> Meta:
    """Read what is known of samples. Raises StorageError where there are none, or of another release."""
    try:
        with open(folder / META, encoding='utf-8') as file:
            fields = json.loads(file.read(MAX_META))
        if (fields.pop('format', ''), fields.pop('version', 0)) != (FORMAT, VERSION):
            raise ValueError(f'they are not of {FORMAT} {VERSION}')
        fields['features'], fields['notes'] = tuple(fields['features']), tuple(fields['notes'])
        return Meta(**fields)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = why(error) if isinstance(error, (OSError, ValueError)) else str(error)
        raise StorageError(f'the samples in {folder} cannot be read ({reason}): extract again') from error


def is_made(folder: Path, key: str) -> Meta | None:
    """Return what is known of samples that are there already, of the same files and options."""
    with suppress(StorageError):
        meta = read_meta(folder)
        if meta.key == key:
            return meta
    return None


def edition(folder: Path) -> tuple[int, int]:
    """Return what changes when the samples in a folder are made again, for what caches them."""
    try:
        found = (folder / META).stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def arrays(folder: Path) -> tuple[Array, Array, Array]:
    """Return X (M, N), y (M,) and t (M,), which stay on disk until they are asked for; see also `features`.

    Raises StorageError where they are not what `meta.json` says.
    """
    return _arrays(folder, edition(folder))


@lru_cache(maxsize=512)
def _arrays(folder: Path, edition: tuple[int, int]) -> tuple[Array, Array, Array]:
    meta = read_meta(folder)
    try:
        X, y, t = (np.load(folder / f'{name}.npy', mmap_mode='r', allow_pickle=False) for name in 'Xyt')
    except (OSError, ValueError, EOFError) as error:
        raise StorageError(f'the samples in {folder} cannot be read ({error}): extract again') from error
    shapes = (meta.samples, len(meta.features)), (meta.samples,), (meta.samples,)
    if (X.shape, y.shape, t.shape) != shapes or any(each.dtype != np.float64 for each in (X, y, t)):
        raise StorageError(f'the arrays in {folder} are not of the shape that {META} says: extract again')
    return X, y, t


def features(folder: Path) -> Array:
    """Return X (M, N) of samples that `arrays` has checked.

    It is mapped each time, as what was read of a file counts as this process's memory while it is mapped.
    """
    X = arrays(folder)[0]
    if not (isinstance(X, np.memmap) and X.size and X.flags.c_contiguous):
        return X
    with open(folder / 'X.npy', 'rb') as file:  # a tenth of the time that np.load takes
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    found: Array = np.frombuffer(mapped, dtype=X.dtype, count=X.size, offset=X.offset).reshape(X.shape)
    return found
