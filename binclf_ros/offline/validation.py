# SPDX-License-Identifier: Apache-2.0
"""How good a model is on recordings that it has not seen. Folds are recordings or groups, never samples.

Neighbouring samples share most of their windows and all of their circumstances: of samples drawn at random,
the model has seen the neighbours, and the figures flatter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.errors import BinclfError
from ..core.learning.model import Model
from ..core.learning.options import LearningOptions
from .fit import fit, missing
from .rows import Part, Rows
from .scoring import Predicted, together
from .work import Work

TEACH_SHARE = 0.7
"""Of the one recording that there is, where nothing says where to split."""
MAX_FOLDS = 20
"""More recordings than these are put together into so many folds."""
MAX_CURVE = 6
"""Points of the learning curve."""
RANDOM_FOLDS = 5


@dataclass(frozen=True)
class Validated:
    """Predictions of what was held out, by recording; how that was done, and what could not be."""

    predicted: tuple[Predicted, ...]
    how: str
    notes: tuple[str, ...] = ()
    curve: tuple[tuple[int, float], ...] = ()
    """Recordings that taught, and the log loss on the others."""
    random_log_loss: float | None = None
    """What folds of random samples would have said."""


Fit = Callable[[Sequence[Part]], Model]


def validate(
    parts: Sequence[Part],
    names: tuple[str, ...],
    options: LearningOptions,
    work: Work,
    how: str,
    split_at: float | None,
    gap_sec: float,
) -> Validated:
    """Return predictions of what a model has not seen, by `recording`, `group` or `none`.

    Raises BinclfError where nothing can be held out.
    """

    def fitted(taught: Sequence[Part]) -> Model:
        return fit(taught, names, options, work)

    if problem := missing(np.concatenate([part.y for part in parts]), options.min_samples_per_class):
        raise BinclfError(problem)
    if how == 'none':
        return Validated(tuple(_predict(fitted(parts), parts)), 'on the samples that it was taught')
    if split_at is not None or len(parts) == 1:
        return _split(parts, fitted, split_at, gap_sec, options.min_samples_per_class)
    folds = _folds(parts, how)
    predicted, notes = _hold_out(folds, fitted, options.min_samples_per_class)
    what = 'groups' if how == 'group' else 'recordings'
    words = f'by whole {what}: each of {len(folds)} folds was predicted by a model of the others'
    return Validated(tuple(predicted), words, tuple(notes))


def _predict(model: Model, parts: Sequence[Part]) -> Iterator[Predicted]:
    for part in parts:
        yield Predicted(part.name, np.array(part.y), model.decision_function(part.X), part.group)


def _folds(parts: Sequence[Part], how: str) -> list[list[Part]]:
    """Return what is held out together: recordings, or all of a group; at most `MAX_FOLDS`."""
    units: dict[str, list[Part]] = {}
    for part in parts:
        key = part.group if how == 'group' and part.group else part.name
        units.setdefault(key, []).append(part)
    if len(units) < 2:
        raise BinclfError(
            f'all {len(parts)} recordings are of one group, {next(iter(units))}: name two, or validate by '
            'recording'
        )
    folds: list[list[Part]] = [[] for _ in range(min(len(units), MAX_FOLDS))]
    for number, unit in enumerate(units.values()):
        folds[number % len(folds)] += unit
    return folds


def _hold_out(
    folds: Sequence[Sequence[Part]], fitted: Fit, wanted: int
) -> tuple[list[Predicted], list[str]]:
    predicted: list[Predicted] = []
    notes: list[str] = []
    for number, held in enumerate(folds):
        taught = [part for other, fold in enumerate(folds) if other != number for part in fold]
        rows_y = np.concatenate([part.y for part in taught])
        if problem := missing(rows_y, wanted):
            names = ', '.join(part.name for part in held)
            notes.append(f'without {names} there is no model of the others ({problem}): it is not scored')
            continue
        predicted += _predict(fitted(taught), held)
    if not predicted:
        raise BinclfError(
            f'no recording can be held out: {notes[0]}; record both classes in more recordings, or give '
            '--split-at SEC'
        )
    return predicted, notes


def _split(
    parts: Sequence[Part], fitted: Fit, split_at: float | None, gap_sec: float, wanted: int
) -> Validated:
    """Teach what is before a time of each recording, and score what is after it; a gap on both sides."""
    taught, held = [], []
    for part in parts:
        t = part.t
        at = split_at if split_at is not None else float(t[int(TEACH_SHARE * len(t))])
        taught.append(replace(part, end_sec=at - gap_sec))
        held.append(replace(part, begin_sec=at + gap_sec))
    problem = missing(np.concatenate([part.y for part in taught]), wanted)
    if not problem and not any(map(len, held)):
        problem = f'nothing is left {gap_sec:g} s after it'
    if problem and split_at is not None:
        raise BinclfError(f'at --split-at {at:g}, before it {problem}: give another time')
    if problem:
        note = f'it is scored on what it was taught, as before {at:g} s {problem}: give --split-at SEC'
        return Validated(
            tuple(_predict(fitted(parts), parts)), 'on the samples that it was taught', (note,)
        )
    after = f'{gap_sec:g} s after {at:g} s' if gap_sec else f'after {at:g} s'
    words = (
        f'what comes {after} was predicted by a model of what comes before: one '
        'recording says little about another day'
    )
    return Validated(tuple(_predict(fitted(taught), held)), words)


def study(
    validated: Validated,
    parts: Sequence[Part],
    names: tuple[str, ...],
    options: LearningOptions,
    work: Work,
) -> Validated:
    """Return the same with a learning curve, and with what folds of random samples would have said."""
    if len(parts) < 3:
        return validated
    generator = np.random.default_rng(options.seed)
    order = generator.permutation(len(parts)).tolist()
    counts = sorted({round(each) for each in np.linspace(1, len(parts) - 1, MAX_CURVE)})
    curve = []
    for count in counts:
        losses = []
        for shift in range(min(3, len(parts))):
            turned = order[shift:] + order[:shift]
            taught = [parts[i] for i in turned[:count]]
            if missing(np.concatenate([part.y for part in taught]), options.min_samples_per_class):
                continue
            held = [parts[i] for i in turned[count:]]
            losses.append(_log_loss(list(_predict(fit(taught, names, options, work), held))))
        if losses:
            curve.append((count, float(np.mean(losses))))
    return replace(validated, curve=tuple(curve), random_log_loss=_random(parts, names, options))


def _log_loss(predicted: Sequence[Predicted]) -> float:
    from ..core.learning.losses import BCE

    y, z = together(predicted)
    return float(np.mean(BCE.of_samples(z, y)))


def _random(parts: Sequence[Part], names: tuple[str, ...], options: LearningOptions) -> float | None:
    """Return the log loss that folds of random samples would have said; None where there are too many."""
    from ..core.learning.learner import Learner
    from ..core.learning.losses import BCE

    rows = Rows(parts, len(names))
    if len(rows) > options.buffer_capacity:
        return None
    X, y = rows[:], rows.y
    of = np.random.default_rng(options.seed).integers(0, RANDOM_FOLDS, len(y))
    total = 0.0
    for fold in range(RANDOM_FOLDS):
        learner = Learner('random', options)
        learner.take(names, X[of != fold], y[of != fold])
        if learner.missing:
            return None
        learner.descend()
        if learner.model is None:
            return None
        z = learner.model.decision_function(X[of == fold])
        total += float(np.sum(BCE.of_samples(z, y[of == fold])))
    return total / len(y)
