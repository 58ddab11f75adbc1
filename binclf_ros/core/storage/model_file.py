# SPDX-License-Identifier: Apache-2.0
"""The model in a file, with a checksum and the generation before."""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from ..errors import BinclfError, ModelError, StorageError
from ..learning.json_fields import MAX_JSON
from ..learning.model import Model
from .files import file_of, open_regular, quarantine, replace_file, sweep, target, why

REST_SEC = 0.2
"""Between two writes of a model file, to spare the disk."""
RETRY_SEC = 1.0
"""Between two attempts where the disk refuses."""


def save_model(path: Path, model: Model) -> None:
    """Write a model file and keep the one before as NAME.previous. Raises StorageError, ModelError.

    The file is the JSON object of the topic, and nothing else to a reader of JSON: the checksum
    is a last line of white space, the bits of its CRC-32 as blanks and tabs.
    """
    text = model.to_json().encode()
    replace_file(path, [text + b'\n' + _checksum(text) + b'\n'], keep=previous(path))


def previous(path: Path) -> Path:
    """Return where the generation before is kept."""
    file = target(path)
    return file.parent / f'{file.name}.previous'


def load_model(path: Path) -> Model | None:
    """Read a model file; None where there is none. One without a checksum is taken as it is.

    Raises StorageError where it cannot be read, ModelError where it is no model.
    """
    try:
        with open(path, 'rb', opener=open_regular) as file:
            if os.fstat(file.fileno()).st_size > MAX_JSON:
                raise ModelError('json', f'{path} is too large for a model')
            data = file.read(MAX_JSON)
        text = data.decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ModelError('json', f'{path} is not text: {error}') from error
    except ModelError:
        raise
    except (OSError, ValueError) as error:
        raise StorageError(f'{path} could not be read: {why(error)}') from error
    model = Model.from_json(text)
    body, _, last = data.rstrip(b'\n').rpartition(b'\n')
    if last and not last.strip() and last != _checksum(body):
        raise ModelError(
            'checksum',
            'the checksum, which is its last line of blanks and tabs, does not fit: the file is damaged, '
            'or was edited, and can be read without that line',
        )
    return model


def read_model(path: Path) -> Model:
    """Read a model file. Raises StorageError where there is none, or it cannot be used."""
    try:
        model = load_model(path)
    except BinclfError as error:
        raise StorageError(f'the model file {path} cannot be used: {error}') from error
    if model is None:
        raise StorageError(f'there is no file {path}: give the model file of a trainer, or of train')
    return model


def _checksum(data: bytes) -> bytes:
    return f'{zlib.crc32(data):032b}'.translate({ord('0'): ' ', ord('1'): '\t'}).encode()


def check_is_new(path: str) -> None:
    """Raise StorageError where there is a file already: what is there is started from, not written over."""
    if file_of(path).exists():
        raise StorageError(
            f'model_file {path} exists already: name a new file, or start with it as the model_file'
        )


class ModelFile:
    """Keeps the newest model in a file, from a thread of its own: a disk may take its time.

    `path` '' keeps nothing. `report` gets what went wrong, and '' once it is well again. What is
    refused is tried again, so that all is well once the disk has room.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = ModelFile(f'{folder.name}/model.json', report=print)
    >>> file.recover()
    (None, '')
    >>> file.keep(Model('a run', 1, 0.0, ('x',), (2.0,), 0.5, (0.0,), (1.0,), 9, 4, 0.3, True))
    >>> file.close()
    >>> model, problem = ModelFile(f'{folder.name}/model.json', report=print).recover()
    >>> model.step, problem
    (1, '')
    >>> folder.cleanup()
    """

    def __init__(self, path: str, report: Callable[[str], None]) -> None:
        self.path, self._report = file_of(path), report
        self._newest: Model | None = None
        self._kept: Model | None = None
        self._refused = False
        self._failed = False
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self.active = bool(path)
        self._closed = not path
        self._thread = threading.Thread(target=self._run, name='model file', daemon=True)
        if path:
            sweep(self.path)
            self._thread.start()

    def recover(self) -> tuple[Model | None, str]:
        """Return the model in the file, or of the generation before, and what is wrong with the file.

        A file that is no model is left alone until the first model is written, and then set aside.
        """
        problems = []
        for path in (self.path, previous(self.path)) if self.active else ():
            try:
                model = load_model(path)
            except (ModelError, StorageError) as error:
                problems.append(f'model file {path} refused: {error}')
                self._refused = self._refused or path == self.path
            else:
                if model is not None:
                    if problems:
                        problems.append('going on from the model before it')
                    return model, '; '.join(problems)
        return None, '; '.join(problems)

    @property
    def missing(self) -> str:
        """Say, to be put behind a word, that the file is not there; '' where it is, or is not asked for."""
        return f' ({self.path} is not there)' if self.active and not os.path.exists(self.path) else ''

    def quarantine(self, word: str = 'damaged') -> str:
        """Give the file another name, so that nothing overwrites it; return a sentence about it."""
        with self._writing:
            try:
                self._newest = self._kept = None
                self._refused = False
                return f'set aside as {quarantine(self.path, word)}' if self.path.is_file() else ''
            except StorageError as error:
                self._refused = True
                return str(error)

    def keep(self, model: Model) -> None:
        """Keep this model soon, in the place of all before it."""
        self._newest = model
        self._wake.set()

    def save(self, model: Model) -> None:
        """Keep this model now, and check that it is in the file. Raises StorageError, ModelError."""
        self._newest = model
        try:
            with self._writing:
                self._write(model)
                if load_model(self.path) != model:
                    raise StorageError(f'{self.path} holds another model than was written')
        except (StorageError, ModelError):
            self._wake.set()  # to try again, and to report
            raise

    def close(self) -> None:
        """Write what is not written yet, and end."""
        if not self._closed:
            self._closed = True
            self._wake.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(RETRY_SEC if self._failed else None)
            self._wake.clear()
            self._write_newest()
            if not self._closed:
                time.sleep(REST_SEC)
        self._write_newest()

    def _write_newest(self) -> None:
        with self._writing:
            model = self._newest
            if model is None or model is self._kept:
                return
            try:
                self._write(model)
            except (StorageError, ModelError) as error:
                self._failed = True
                self._report(f'{error}; the model is in memory alone')

    def _write(self, model: Model) -> None:
        if self._refused and self.path.is_file():
            quarantine(self.path, 'damaged')
        self._refused = False
        save_model(self.path, model)
        self._kept = model
        if self._failed:
            self._failed = False
            self._report('')
