# SPDX-License-Identifier: Apache-2.0
"""The command line: `train BAGS… --params mine.yaml --output model.json`."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..arguments import Parser
from ..core.learning.model import Model
from ..core.storage.model_file import save_model
from .command import (
    Samples,
    add_sampling,
    config_of,
    guarded,
    parser_of,
    parts_of,
    say,
    warn,
    work_of,
    write_json,
)
from .config import Config
from .fit import fit
from .inputs import find_sources
from .progress import Bar
from .scoring import by_recording
from .summary import lines
from .validation import Validated, study, validate
from .work import Work


def _parser() -> Parser:
    parser = parser_of('train', 'Learn a yes/no question from recordings; the predictor serves the model.')
    add_sampling(parser)
    add = parser.add_argument
    add('--output', type=Path, required=True, metavar='FILE', help='where the model goes')
    add('--store', type=Path, metavar='DIR', help='where samples go (default: beside the model)')
    add('--report', type=Path, metavar='DIR', help='draw a report there')
    add('--json', type=Path, metavar='FILE', help='write the figures there')
    add(
        '--cross-validate',
        choices=('recording', 'group', 'none'),
        default='recording',
        help='what is held out to be scored (default: recording)',
    )
    add('--split-at', type=float, metavar='SEC', help='score what comes later, instead')
    return parser


def main(arguments: Sequence[str]) -> int:
    """Train; return the exit code."""
    return guarded('train', _run, arguments)


def _run(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    config = config_of(given)
    store = given.store or given.output.with_suffix('.samples')
    inputs = find_sources(given.bags)
    with work_of(given, len(inputs[0]) or len(inputs[1])) as work:
        samples = parts_of(given, config, store, inputs, work)
        parts, names = samples.parts, samples.names
        validated = _validated(given, config, samples, work)
        with Bar('fitting', 0, 'passes', given.quiet) as bar:
            model = fit(
                parts,
                names,
                config.learning,
                work,
                run=uuid.uuid4().hex,
                show=lambda passes, gradient: bar.advance(1, f'gradient {gradient:.1e}'),
            )
        save_model(given.output, model)
        figures = by_recording(validated.predicted, samples.kind)
        _tell(given, model, figures, validated)
        if given.report is not None:
            from .report import write_report

            validated = study(validated, parts, names, config.learning, work)
            objective = config.evaluation.threshold_objective
            write_report(given.report, f'train {given.output.name}', model, validated, figures, objective)
            say(given, f'written: {given.report}')
    if given.json is not None:
        write_json(given.json, {**figures, 'validated': validated.how, 'model': str(given.output)})
    return 0


def _validated(given: argparse.Namespace, config: Config, samples: Samples, work: Work) -> Validated:
    validated = validate(
        samples.parts,
        samples.names,
        config.learning,
        work,
        given.cross_validate,
        given.split_at,
        samples.window_sec,
    )
    for note in validated.notes:
        warn(note)
    return validated


def _tell(given: argparse.Namespace, model: Model, figures: dict[str, Any], validated: Validated) -> None:
    if not model.converged:
        warn('the descent has not converged: see learning_rate and tolerance')
    same = [name for name, low, high in zip(model.features, model.low, model.high) if low == high]
    if same:
        others = f' (and {len(same) - 1} more)' if len(same) > 1 else ''
        warn(f'{same[0]}{others} is the same in all {model.samples} samples, and tells nothing')
    say(given, f'written: {given.output}: {model.samples} samples, {model.positives} of them 1')
    say(given, f'scored {validated.how}:')
    for line in lines(figures):
        say(given, line)
    own, chance = figures['log_loss'], figures['majority_log_loss']
    if own is not None and chance is not None and own >= chance:
        say(
            given,
            'the model is no better than stating the share of positives every time: its log loss is '
            f'{own:.3f}, that one is {chance:.3f}; try other features, or record more',
        )
