# SPDX-License-Identifier: Apache-2.0
"""The command line: `python -m binclf_ros report --dataset-file PATH --model-file PATH`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..arguments import Parser
from ..core.errors import BinclfError, StorageError
from ..core.evaluation.options import DecisionOptions, EvaluationOptions
from ..core.evaluation.thresholds import parse_objective, recommend
from ..core.evaluation.verdict import Learning, verdict
from ..core.learning.options import LearningOptions
from ..core.options import named
from ..core.storage.files import why
from ..core.storage.model_file import read_model
from .html import page
from .study import Samples, Study, read_samples, replay

PNG_NAME, HTML_NAME = 'report.png', 'report.html'
INTERRUPTED = 130
SAY_SEC = 2.0
SCORES = named(EvaluationOptions)


def _parser() -> Parser:
    parser = Parser(
        prog='report',
        description='Draw whether it learned, from the files of a trainer, which stay as they are.',
    )
    add = parser.add_argument
    add('--dataset-file', type=Path, metavar='PATH', help='the samples, to be tested and then trained')
    add('--model-file', type=Path, metavar='PATH', help='the model whose weights are shown')
    add('--output', type=Path, default=Path(), metavar='DIR', help=f'where {PNG_NAME} and {HTML_NAME} go')
    parser.add_option(SCORES['score_window'], '--window')
    parser.add_option(SCORES['threshold_objective'])
    parser.add_option(named(DecisionOptions)['threshold'])
    for each in named(LearningOptions).values():
        parser.add_option(each)
    return parser


def main(arguments: list[str]) -> int:
    """Write the report; return 0, 2 for a mistake of the user, 130 after Ctrl-C."""
    try:
        _run(arguments)
    except BinclfError as error:
        print(f'report: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('\nreport: interrupted', file=sys.stderr)
        return INTERRUPTED
    return 0


def _run(arguments: list[str]) -> None:
    given = _parser().parse_checked(arguments)
    if given.dataset_file is None and given.model_file is None:
        raise BinclfError('nothing to report on: give --dataset-file, --model-file, or both')
    parse_objective(given.threshold_objective)
    draw = _drawing()
    model = read_model(given.model_file) if given.model_file else None
    samples = read_samples(given.dataset_file) if given.dataset_file else None
    if model and samples and model.features != samples.names:
        raise BinclfError('the model is of other features than the samples: give files of one trainer')
    options = LearningOptions(**{name: getattr(given, name) for name in named(LearningOptions)})
    study = replay(samples or Samples.none(), options, given.window, _Progress().show)
    title = ', '.join(path.name for path in (given.dataset_file, given.model_file) if path)
    learning = replace(
        Learning.of(title, study.scores, study.progress, model or study.model, study.missing),
        threshold=given.threshold,
    )
    picture = draw(learning)
    notes = [*_notes(samples, study), _advice(study, given.threshold_objective)]
    print(*notes, verdict(learning).text, sep='\n')
    _write(given.output, PNG_NAME, picture)
    _write(given.output, HTML_NAME, page(learning, study, picture, notes).encode())


def _drawing() -> Callable[[Learning], bytes]:
    """Return what draws. Raises BinclfError where matplotlib is missing."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise BinclfError('the report is drawn with matplotlib: pip install matplotlib') from error
    from ..plots.page import draw

    return draw


def _notes(samples: Samples | None, study: Study) -> list[str]:
    """Return what a reader has to know to judge the numbers."""
    if samples is None:
        return ['No samples were given: the model is shown, but not tested.']
    notes = [
        f'{len(samples.y)} samples were replayed in their order, in batches of {study.batch}: each was '
        'predicted by the model of the batches before, and only then learned from. '
        f'{study.scores.tally.samples} were tested so; before the others there was no model.'
    ]
    if study.maps:
        notes.append(f'Which map? {study.maps}, ahead on the same stretches of one label (feature_map).')
    return notes + [f'Warning: {samples.note}.'] * bool(samples.note)


def _advice(study: Study, objective: str) -> str:
    """Return which threshold to take, or why none can be told."""
    try:
        found = recommend(*study.scores.window(), objective)
    except BinclfError as error:
        return f'No threshold is recommended for {objective}: {error}.'
    least = 'at most' if objective.startswith('cost') else 'at least'
    return (
        f'For {objective}, take the threshold {found.threshold:.4g}: {found.score:.3f} over the last '
        f'{found.samples} samples, and {least} {found.bound:.3f} on {found.assumes} '
        f'({found.confidence:.0%} confidence).'
    )


class _Progress:
    """Says on stderr how far long work has come."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def show(self, share: float) -> None:
        if time.monotonic() - self._said >= SAY_SEC:
            self._said = time.monotonic()
            print(f'testing, then training: {share:.0%}', file=sys.stderr, flush=True)


def _write(folder: Path, name: str, data: bytes) -> None:
    """Write a file and say so. Raises StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    except OSError as error:
        raise StorageError(f'{folder / name} cannot be written: {why(error)}') from error
    print(f'written: {folder / name}')
