# SPDX-License-Identifier: Apache-2.0
"""A learner that keeps its samples and its model on disk, and goes on from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..arrays import Array
from ..errors import StorageError
from ..learning.buffer import Buffer
from ..learning.learner import Learner
from ..learning.model import Model
from ..learning.options import LearningOptions
from ..learning.status import Fit, LearningStatus
from .dataset import Dataset
from .dataset_format import DatasetReader, Names
from .files import file_of
from .lock import FileLock
from .model_file import ModelFile, load_model

Answer = tuple[bool, str]
NO_FILES = 'neither model_file nor dataset_file is set'


class DurableLearner(Learner):
    """A `Learner` with files; '' for a file means memory alone.

    What is taken in is durable when `take` returns, unless the disk refuses; a model is kept soon after
    its descent, by another thread. A dataset file that another process has is left alone, and reported,
    until `load` or `save` finds it free. `report` gets the kind of a file and what is wrong with it ('' for
    nothing), `note` what was done about a file that could not be used.
    """

    def __init__(
        self,
        run: str,
        options: LearningOptions,
        model_file: str = '',
        dataset_file: str = '',
        report: Callable[[str, str], None] = lambda kind, text: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        super().__init__(run, options)
        self._report, self._note = report, note
        self._keeper = ModelFile(model_file, lambda text: report('model_file', text))
        self._file: Dataset | None = None
        self._dataset: Dataset | None = None
        """The file, while this process has it."""
        if dataset_file:
            path = file_of(dataset_file)
            self._lock = FileLock(path)
            self._file = Dataset(path, lambda text: report('dataset_file', text), note)
            self._take_file()

    def status(self) -> LearningStatus:
        """Return what it is now, on disk as well."""
        status, dataset = super().status(), self._dataset
        if self._file is None:
            return status
        if dataset is None:
            return replace(status, acknowledged=0)
        return replace(status, acknowledged=dataset.acknowledged, failing=dataset.failing)

    def take(self, names: Names, X: Array, y: Array) -> None:
        """Take samples in, and make them durable."""
        super().take(names, X, y)
        if self._dataset is not None and self.buffer is not None:
            self._dataset.append(names, X, y, self.buffer)

    def descend(
        self,
        enough: Callable[[], bool] = lambda: False,
        pause: Callable[[], None] = lambda: None,
        later: bool = False,
    ) -> Fit:
        """Descend, and have the new model kept."""
        fit = super().descend(enough, pause, later)
        if fit.model is not None:
            self._keeper.keep(fit.model)
        return fit

    def keep_model_in(self, path: str) -> None:
        """Keep the model in a file from now on, the one that is there at once."""
        self._keeper.close()
        self._keeper = ModelFile(path, lambda text: self._report('model_file', text))
        if self.model is not None:
            self._keeper.keep(self.model)

    def forget_half(self) -> None:
        """Forget the older half of the samples of each class, in the dataset file as well."""
        super().forget_half()
        if self._dataset is not None:
            self._dataset.rewrite(*self._samples)

    def forget(self, X: Array, y: Array) -> None:
        """Forget samples that were taken in, in the dataset file as well."""
        super().forget(X, y)
        if self._dataset is not None:
            self._dataset.rewrite(*self._samples)

    def reset(self) -> str:
        """Forget samples and model, in the dataset file as well; the model file stays.

        Raises StorageError where the file still has them.
        """
        done = super().reset()
        if self._dataset is not None:
            self._dataset.clear()
            if self._dataset.failing:
                raise StorageError(f'memory is empty, but the dataset is not: {self._dataset.failure}')
        return done

    def restore(self) -> None:
        """Go on where the files end. What is in them and of no use is set aside, and said."""
        names, buffer = self._restored_samples()
        model = self._restored_model(names)
        self._go_on(names or (model.features if model else ()), buffer, model)

    def save(self) -> Answer:
        """Write samples and model now and read them back. Raises StorageError, ModelError."""
        done = []
        self._claim_file()
        if self._dataset is not None:
            held = self._dataset.save(*self._samples)
            done.append(f'{held} samples in {self._dataset.path}')
        if self._keeper.active and self.model is not None:
            self._keeper.save(self.model)
            done.append(f'model of step {self.model.step} in {self._keeper.path}')
        elif self._keeper.active:
            done.append('there is no model yet')
        if not done:
            return False, f'nothing is saved: {NO_FILES}; set model_file to the path of a new file first'
        return self._dataset is not None or self.model is not None, 'saved: ' + ', '.join(done)

    def load(self, agree: Callable[[Names], None]) -> Answer:
        """Replace samples and model by what the files hold, all or nothing.

        `agree` is asked to go on with these features, and raises what speaks against it. Raises
        StorageError, ModelError.
        """
        if self._file is None and not self._keeper.active:
            return False, f'nothing is loaded: {NO_FILES}'
        self._claim_file()
        reader, buffer = self._loaded_samples()
        model = self._loaded_model(alone=reader is None)
        names = _common(reader.names if reader else self.names, model)
        agree(names)
        if reader and self._dataset:
            self._dataset.adopt(reader, buffer)
        self._go_on(names, buffer, model)
        done = [f'{reader.rows} samples of {reader.path}'] if reader else []
        if self._keeper.active:
            done.append(f'{"the model" if model else "no model, as there is none,"} of {self._keeper.path}')
        return True, 'loaded: ' + ', '.join(done)

    def retry(self) -> None:
        """Try again to write what the disk has refused."""
        if self._dataset is not None:
            self._take_file()  # where there could be no lock before: its folder was missing
        if self._dataset is not None:
            self._dataset.retry(*self._samples)

    def close(self) -> None:
        """Write what is not written yet, as the last thing."""
        if self._dataset is not None:
            self._dataset.retry(*self._samples, at_once=True)
        self._keeper.close()
        if self._file is not None:
            self._lock.release()

    def _take_file(self) -> str:
        """Have the dataset file for this process alone; report and return who has it where that fails."""
        if self._file is None:
            return ''
        held_by = self._lock.acquire()
        self._dataset = None if held_by else self._file
        if held_by:
            self._report('dataset_file', f'{held_by}; the samples are in memory alone')
        return held_by

    def _claim_file(self) -> None:
        """Take a file that another process had at first. Raises StorageError where it still has.

        Unless it is adopted next, what is in it is set aside before it is written.
        """
        if self._file is None or self._dataset is not None:
            return
        if held_by := self._take_file():
            raise StorageError(held_by)
        self._report('dataset_file', '')
        self._file.take_over(sum(self.counts))

    @property
    def _samples(self) -> tuple[Names, Buffer | None]:
        return (() if self.buffer is None else self.names), self.buffer

    def _go_on(self, names: Names, buffer: Buffer | None, model: Model | None) -> None:
        """Go on from these; the model becomes the next of this run, and is kept as that."""
        self.resume(names, buffer, model)
        if self.model is not None:
            self._keeper.keep(self.model)

    def _restored_samples(self) -> tuple[Names, Buffer | None]:
        """Return what the dataset file holds, as far as it is whole; it is mended where it is not."""
        if self._dataset is None:
            return (), None
        reader, buffer = self._read(self._dataset.path)
        self._dataset.adopt(reader, buffer)
        return reader.names, buffer

    def _restored_model(self, names: Names) -> Model | None:
        """Return the model of the file, or the one before it; None where it is not for these features."""
        model, problem = self._keeper.recover()
        if problem:
            self._note('; '.join(filter(None, (problem, self._keeper.quarantine()))))
        if model is None or not names or model.features == names:
            return model
        aside = self._keeper.quarantine('other')
        self._note(f'the model file is of other features than the dataset; {aside}')
        return None

    def _loaded_samples(self) -> tuple[DatasetReader | None, Buffer | None]:
        """Return what the dataset file holds, or without one what is held. Raises StorageError."""
        if self._dataset is None:
            return None, self.buffer
        reader, buffer = self._read(self._dataset.path)
        if reader.missing or reader.problem:
            raise StorageError(f'nothing is loaded: {reader.path} {reader.problem or "is not there"}')
        return reader, buffer

    def _loaded_model(self, alone: bool) -> Model | None:
        """Return the model of the file, or without one the model in use.

        Raises StorageError, ModelError; StorageError too where there is none, and it would be `alone`.
        """
        if not self._keeper.active:
            return self.model
        model = load_model(self._keeper.path)
        if model is None and alone:
            raise StorageError(f'nothing is loaded: there is no file {self._keeper.path}')
        return model

    def _read(self, path: Path) -> tuple[DatasetReader, Buffer | None]:
        """Return the samples of a file as the buffer would hold them, had it seen them come."""
        options, reader, buffer = self.options, DatasetReader(path), None
        for X, y in reader.batches():
            if buffer is None:
                shape = X.shape[1], options.buffer_capacity, options.buffer_policy, options.seed
                buffer = Buffer(*shape)
                buffer.seen = reader.before
            buffer.extend(X, y)
        return reader, buffer


def _common(names: Names, model: Model | None) -> Names:
    """Return the features of samples and model. Raises StorageError where they are not the same."""
    if model is not None and names and model.features != names:
        raise StorageError('nothing is loaded: the model is of other features than the samples')
    return names or (model.features if model else ())
