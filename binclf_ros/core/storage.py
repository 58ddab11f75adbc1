"""Files that survive: what is there is always whole, the old or the new."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import ModelError, StorageError
from .model import LARGEST_JSON, Model


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that a reader, a crash or a full disk finds the old or the new, whole.

    Raises StorageError; the old file then is as it was.
    """
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f'{path} could not be written: {error.strerror or error}') from error


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
    except OSError as error:
        raise StorageError(f'{path} could not be read: {error.strerror or error}') from error
    except UnicodeDecodeError as error:
        raise ModelError('json', f'{path} is not text: {error}') from error
    return Model.from_json(text)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
