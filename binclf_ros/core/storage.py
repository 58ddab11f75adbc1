"""Files that survive: what is there is always whole, the old or the new."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .errors import ModelError, StorageError
from .model import LARGEST_JSON, Model

REST_SEC = 0.2
"""Between two writes of a model file, which the disk is thankful for."""


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that a reader, a crash or a full disk finds the old or the new, whole.

    Raises StorageError; the old file then is as it was.
    """
    temporary = path.parent / f'.{path.name}.{os.getpid()}.{threading.get_ident()}.tmp'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            temporary.unlink()
        raise StorageError(f'{path} could not be written: {_why(error)}') from error


def save_model(path: Path, model: Model) -> None:
    """Write a model file: the same JSON object as on the topic. Raises StorageError."""
    replace_file(path, model.to_json().encode() + b'\n')


def load_model(path: Path) -> Model | None:
    """Read a model file; None where there is none.

    Raises StorageError where it can not be read, ModelError where it is no model.
    """
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise ModelError('json', f'{path} is too large for a model')
        text = path.read_text(encoding='utf-8')
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ModelError('json', f'{path} is not text: {error}') from error
    except ModelError:
        raise
    except (OSError, ValueError) as error:
        raise StorageError(f'{path} could not be read: {_why(error)}') from error
    return Model.from_json(text)


class ModelKeeper:
    """Keeps the newest model in a file, from a thread of its own: a disk may take its time.

    `path` '' keeps nothing. `report` gets what went wrong, and '' once it is well again.
    """

    def __init__(self, path: str, report: Callable[[str], None]) -> None:
        self._path, self._report = Path(path), report
        self._newest: Model | None = None
        self._kept: Model | None = None
        self._wake = threading.Event()
        self._closed = not path
        self._thread = threading.Thread(target=self._run, name='model file', daemon=True)
        if path:
            self._thread.start()

    def keep(self, model: Model) -> None:
        """Keep this model soon, in the place of all before it."""
        self._newest = model
        self._wake.set()

    def close(self) -> None:
        """Write what is not written yet, and end."""
        if not self._closed:
            self._closed = True
            self._wake.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            self._write()
            time.sleep(0.0 if self._closed else REST_SEC)
        self._write()

    def _write(self) -> None:
        model = self._newest
        if model is None or model is self._kept:
            return
        try:
            save_model(self._path, model)
        except (StorageError, ModelError) as error:
            self._report(f'{error}; the model is in memory alone')
        else:
            self._kept = model
            self._report('')


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
