# SPDX-License-Identifier: Apache-2.0
"""The command line: `evaluate BAGS… --model model.json --at-least accuracy=0.9`."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..arguments import Parser
from ..core.errors import BinclfError
from ..core.learning.model import Model
from ..core.storage.model_file import read_model
from .command import (
    MISSED,
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
from .inputs import find_sources
from .scoring import KEYS, Predicted, by_recording
from .summary import lines
from .validation import Validated

LOSSES = ('log_loss',)
"""Of which less is better."""
LABEL = '/label/data'
"""The label of a recording, where neither --params nor --labels names any."""


def _parser() -> Parser:
    parser = parser_of('evaluate', 'Score a model on recordings that it has not seen.')
    add_sampling(parser)
    add = parser.add_argument
    add('--model', type=Path, required=True, metavar='FILE', help='the model')
    add('--store', type=Path, metavar='DIR', help='keep the samples there')
    add('--report', type=Path, metavar='DIR', help='draw a report there')
    add('--json', type=Path, metavar='FILE', help='write the figures there')
    add('--at-least', action='append', default=[], metavar='NAME=VALUE', help='else the exit code is 3')
    return parser


def main(arguments: Sequence[str]) -> int:
    """Evaluate; return the exit code: 3 where a figure is worse than --at-least."""
    return guarded('evaluate', _run, arguments)


def _run(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    wanted = [_wanted(text) for text in given.at_least]
    model = read_model(given.model)
    config = _with_features(config_of(given), model)
    if given.params is None and given.labels is None and not config.sampling.label_paths():
        config = replace(config, sampling=replace(config.sampling, label=LABEL))
    inputs = find_sources(given.bags)
    with tempfile.TemporaryDirectory(prefix='binclf_ros-') as folder:
        with work_of(given, len(inputs[0]) or len(inputs[1])) as work:
            samples = parts_of(given, config, given.store or Path(folder), inputs, work)
        if samples.names != model.features:
            raise BinclfError(_differ(samples.names, model))
        predicted = [
            Predicted(part.name, np.array(part.y), model.decision_function(part.X), part.group)
            for part in samples.parts
        ]
    figures = by_recording(predicted, samples.kind)
    for line in lines(figures):
        say(given, line)
    if given.json is not None:
        write_json(given.json, {**figures, 'model': str(given.model)})
    if given.report is not None:
        from .report import write_report

        validated = Validated(tuple(predicted), f'by the model {given.model.name}, as it is')
        objective = config.evaluation.threshold_objective
        write_report(given.report, f'evaluate {given.model.name}', model, validated, figures, objective)
        say(given, f'written: {given.report}')
    missed = [text for text in (_missed(figures, *each) for each in wanted) if text]
    for text in missed:
        warn(f'evaluate: {text}')
    return MISSED if missed else 0


def _with_features(config: Config, model: Model) -> Config:
    """Return the options with the features of the model, where none are given."""
    if config.sampling.features:
        return config
    sampling = replace(config.sampling, features=model.features)
    taught = config.taught and replace(config.taught, model=model.features)
    return replace(config, sampling=sampling, taught=taught)


def _differ(names: Sequence[str], model: Model) -> str:
    for name in model.features:
        if name not in names:
            return f'the model has the feature {name}, which the samples do not have: give its --params'
    for name in names:
        if name not in model.features:
            return f'the samples have the feature {name}, which the model does not have: give its --params'
    return 'the model has the same features in another order: give its --params'


def _wanted(text: str) -> tuple[str, float]:
    name, equals, value = text.partition('=')
    try:
        number = float(value)
    except ValueError:
        equals = ''
        number = 0.0
    if not equals or name not in KEYS or not math.isfinite(number):
        raise BinclfError(f'--at-least {text!r:.60}: expected one of {", ".join(KEYS)}, = and a number')
    return name, number


def _missed(figures: dict[str, object], name: str, bound: float) -> str:
    """Return a sentence where a figure is worse than wanted; a loss has to be at most the bound."""
    value = figures[name]
    if not isinstance(value, float):
        return f'{name} is not defined here, expected {bound:g}'
    if name in LOSSES:
        return f'{name} is {value:.4f}, expected {bound:g} at most' if value > bound else ''
    return f'{name} is {value:.4f}, expected {bound:g} at least' if value < bound else ''
