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
    """What is otherwise than the options say; '' for nothing."""
    acknowledged: int | None = None
    """Samples that are durable, over the life of the dataset; None without a file."""
    failing: bool = False
    """Whether there are samples that the disk has refused."""

    @property
    def samples(self) -> int:
        """How many samples are held."""
        return self.negatives + self.positives
