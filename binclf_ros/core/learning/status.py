# SPDX-License-Identifier: Apache-2.0
"""What a descent came to, and what a learner is at one moment: frozen, for any thread."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Model


@dataclass(frozen=True)
class Fit:
    """What one descent came to."""

    steps: int
    converged: bool
    ended: bool
    """Whether it went as far as it could, and was not cut short."""
    gradient_max: float
    """What `tolerance` is held against, at its end."""
    model: Model | None
    """The new model; None where the one before still says it all."""

    def answer(self, loss: float | None, seconds: float) -> dict[str, object]:
        """Return the answer to a request for a descent to convergence, for JSON."""
        found: dict[str, object] = {'loss': loss, 'steps': self.steps, 'seconds': seconds}
        found['converged'] = self.converged
        if self.converged:
            return found
        error = (
            f'no convergence within {self.steps} steps, the largest gradient component is '
            f'{self.gradient_max:.2g}: set a larger tolerance, or learning_rate 0'
        )
        return {**found, 'error': error}


@dataclass(frozen=True)
class LearningStatus:
    """What a learner is at one moment: for any thread, and never half of one moment and half of another."""

    run: str
    step: int
    names: tuple[str, ...]
    negatives: int
    positives: int
    model: Model | None
    missing: str
    """What is missing before there can be a model; '' for nothing."""
    error: str
    """Why a descent could not go on; '' where it could."""
    note: str = ''
    """What is done in another way than the options say; '' for nothing."""
    acknowledged: int | None = None
    """Samples that are durable, over the life of the dataset; None without a file."""
    failing: bool = False
    """Whether there are samples that the disk has refused."""

    @property
    def samples(self) -> int:
        """How many samples are held."""
        return self.negatives + self.positives

    @property
    def restored(self) -> str:
        """What it goes on from; '' for nothing."""
        if not (self.samples or self.model):
            return ''
        model = f'the model of step {self.model.step}' if self.model else 'no model'
        return f'going on from {self.samples} samples, {self.positives} of them of 1, and {model}'
