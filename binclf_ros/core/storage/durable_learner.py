# SPDX-License-Identifier: Apache-2.0
"""What a trainer keeps on disk: its samples and its model, and how it goes on from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..arrays import Array
from ..errors import StorageError
from ..learning.buffer import Buffer
from ..learning.learner import Learner
from ..learning.model import Model
from .dataset import Dataset
from .dataset_format import DatasetReader, Names
from .model_file import ModelKeeper, load_model

Answer = tuple[bool, str]


class Persistence:
    """The files of a learner; '' for a file means memory alone.

    But for `on_model` and `close`, all is for the thread that has the learner. `report` gets the kind
    of a file and what is wrong with it ('' for nothing), `note` what was done about a file that
    could not be used.
    """

    def __init__(
        self,
        learner: Learner,
        model_file: str,
        dataset_file: str,
        report: Callable[[str, str], None],
        note: Callable[[str], None],
    ) -> None:
        self._learner, self._note = learner, note
        self._keeper = ModelKeeper(model_file, lambda text: report('model_file', text))
        self._dataset = (
            Dataset(Path(dataset_file), lambda text: report('dataset_file', text), note)
            if dataset_file
            else None
        )

    @property
    def acknowledged(self) -> int | None:
        """How many samples are durable, over the life of the dataset; None without a file."""
        return None if self._dataset is None else self._dataset.acknowledged

    @property
    def failing(self) -> bool:
        """Whether there are samples that the disk has refused."""
        return self._dataset is not None and self._dataset.failing

    def restore(self) -> None:
        """Go on where the files end. What is in them and of no use is set aside, and said."""
        names, buffer = self._restored_samples()
        model, problem = self._keeper.recover()
        if problem:
            self._note('; '.join(filter(None, (problem, self._keeper.quarantine()))))
        if model is not None and names and model.features != names:
            self._note(
                f'the model file is of other features than the dataset; {self._keeper.quarantine("other")}'
            )
            model = None
        self._learner.resume(names or (model.features if model else ()), buffer, model)

    def on_samples(self, names: Names, X: Array, y: Array) -> None:
        """Make samples durable which the learner has just taken."""
        if self._dataset is not None and self._learner.buffer is not None:
            self._dataset.append(names, X, y, self._learner.buffer)

    def on_model(self, model: Model) -> None:
        """Keep a new model; from any thread, and without waiting."""
        self._keeper.keep(model)

    def retry(self) -> None:
        """Try again to write what the disk has refused."""
        if self._dataset is not None:
            self._dataset.retry(*self._samples)

    def save(self) -> Answer:
        """Write samples and model now and read them back. Raises StorageError, ModelError."""
        done = []
        if self._dataset is not None:
            held = self._dataset.save(*self._samples)
            done.append(f'{held} samples in {self._dataset.path}')
        model = self._learner.model
        if self._keeper.active and model is not None:
            self._keeper.save(model)
            done.append(f'model of step {model.step} in {self._keeper.path}')
        elif self._keeper.active:
            done.append('there is no model yet')
        if not done:
            return False, 'nothing is saved: neither model_file nor dataset_file is set'
        return self._dataset is not None or model is not None, 'saved: ' + ', '.join(done)

    def load(self, agree: Callable[[Names], None]) -> Answer:
        """Replace samples and model by what the files hold, all or nothing.

        `agree` is asked to go on with these features, and raises what speaks against it. Raises
        StorageError, ModelError.
        """
        reader, buffer = (None, self._learner.buffer)
        if self._dataset is not None:
            reader, buffer = self._read(self._dataset)
            if reader.missing or reader.problem:
                problem = reader.problem or 'is not there'
                raise StorageError(f'nothing is loaded: {self._dataset.path} {problem}')
        model = load_model(self._keeper.path) if self._keeper.active else self._learner.model
        if not self._keeper.active and reader is None:
            return False, 'nothing is loaded: neither model_file nor dataset_file is set'
        if model is None and reader is None:
            raise StorageError(f'nothing is loaded: there is no file {self._keeper.path}')
        names = reader.names if reader else self._learner.names
        if model is not None and names and model.features != names:
            raise StorageError('nothing is loaded: the model is of other features than the samples')
        names = names or (model.features if model else ())
        agree(names)
        if reader and self._dataset:
            self._dataset.adopt(reader, buffer)
        self._learner.resume(names, buffer, model)
        done = [f'{reader.rows} samples of {reader.path}'] if reader else []
        if self._keeper.active:
            done.append(f'{"the model" if model else "no model, as there is none,"} of {self._keeper.path}')
        return True, 'loaded: ' + ', '.join(done)

    def reset(self) -> Answer:
        """Forget samples and model, in the dataset file as well; the model file stays."""
        held = sum(self._learner.counts)
        self._learner.reset()
        if self._dataset is not None:
            self._dataset.clear()
            if self._dataset.failing:
                return False, f'memory is empty, but the dataset is not: {self._dataset.failure}'
        return True, f'forgot {held} samples and the model; run and step go on'

    def forget_half(self) -> None:
        """Forget the older half of the samples of each class, in the dataset file as well."""
        self._learner.forget_half()
        if self._dataset is not None:
            self._dataset.rewrite(*self._samples)

    def close(self) -> None:
        """Write what is not written yet, as the last thing."""
        if self._dataset is not None:
            self._dataset.retry(*self._samples, at_once=True)
        self._keeper.close()

    @property
    def _samples(self) -> tuple[Names, Buffer | None]:
        buffer = self._learner.buffer
        return (() if buffer is None else self._learner.names), buffer

    def _restored_samples(self) -> tuple[Names, Buffer | None]:
        if self._dataset is None:
            return (), None
        reader, buffer = self._read(self._dataset)
        self._dataset.adopt(reader, buffer)
        return reader.names, buffer

    def _read(self, dataset: Dataset) -> tuple[DatasetReader, Buffer | None]:
        """Return the samples of the file as the buffer would hold them, had it seen them come."""
        options, reader, buffer = self._learner.options, DatasetReader(dataset.path), None
        for X, y in reader.batches():
            if buffer is None:
                shape = X.shape[1], options.buffer_capacity, options.buffer_policy, options.seed
                buffer = Buffer(*shape)
                buffer.seen = reader.before
            buffer.extend(X, y)
        return reader, buffer
