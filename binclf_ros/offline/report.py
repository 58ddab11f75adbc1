# SPDX-License-Identifier: Apache-2.0
"""The report of `train` and `evaluate`: one picture, and one HTML file that has it in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import BinclfError
from ..core.evaluation.thresholds import recommend
from ..core.learning.model import Model
from ..core.storage.files import replace_file
from ..report.html import table
from .scoring import together
from .summary import columns_of, number
from .validation import Validated

PNG_NAME, HTML_NAME = 'report.png', 'report.html'
STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 1280px; margin: 1em auto; padding: 0 1em; color: #222 }
img { max-width: 100%; height: auto; border: 1px solid #ccc }
table { border-collapse: collapse; margin: 0.5em 0 }
th, td { padding: 0.15em 0.8em; border-bottom: 1px solid #ddd; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
"""
MAX_ROWS = 1000


def write_report(
    folder: Path,
    title: str,
    model: Model,
    validated: Validated,
    figures: Mapping[str, Any],
    objective: str = 'balanced_accuracy',
) -> None:
    """Write `report.png` and `report.html`.

    Raises BinclfError where matplotlib is missing, StorageError where the disk refuses.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise BinclfError('the report is drawn with matplotlib: pip install matplotlib') from error
    from ..plots.offline import draw

    words = sentences(validated, figures, objective)
    predictions = together(validated.predicted)
    picture = draw(title, words[1], model, predictions, figures['recordings'], validated.curve)
    replace_file(folder / PNG_NAME, [picture])
    replace_file(folder / HTML_NAME, [_page(title, words, picture, figures, model).encode()])


def sentences(validated: Validated, figures: Mapping[str, Any], objective: str) -> list[str]:
    """Return what a reader has to know to judge the figures."""
    words = [f'Scored {validated.how}.', _verdict(figures), *(f'{note}.' for note in validated.notes)]
    worst = figures['recordings'][0]
    if len(figures['recordings']) > 1:
        words.append(
            f'The worst recording is {worst["name"]}: log loss {number(worst["log_loss"])}, accuracy '
            f'{number(worst["accuracy"])}.'
        )
    random = validated.random_log_loss
    if random is not None:
        words.append(
            f'Folds of random samples would have said a log loss of {random:.3f} instead '
            f'of {number(figures["log_loss"])}: neighbouring samples share their windows and their '
            'day, so that a model has seen the neighbours of what it is scored on. Whole recordings count.'
        )
    return [*words, threshold(validated, objective)]


def _verdict(figures: Mapping[str, Any]) -> str:
    loss, prior = figures['log_loss'], figures['majority_log_loss']
    if loss is None or prior is None:
        return 'Nothing was scored.'
    better = 'It is better than' if loss < prior else 'It is no better than'
    return (
        f'{better} knowing how often the answer is yes: log loss {loss:.3f}, without looking at the '
        f'sensors {prior:.3f}.'
    )


def threshold(validated: Validated, objective: str) -> str:
    """Return which threshold to take, and what holds of it with recordings as units."""
    y, z = together(validated.predicted)
    try:
        found = recommend(y, z, objective)
    except BinclfError as error:
        return f'No threshold is recommended for {objective}: {error}.'
    accuracies = [
        float(np.mean((1.0 / (1.0 + np.exp(-each.z)) >= found.threshold) == (each.y > 0.5)))
        for each in validated.predicted
        if len(each.y)
    ]
    units = len(accuracies)
    text = f'For {objective}, take the threshold {found.threshold:.4g}: {found.score:.3f} on these samples'
    if units < 2:
        return f'{text}; one recording gives no bound for another.'
    # of n recordings, the worst is below the median of all with the probability 1 − 2⁻ⁿ (order statistics)
    return (
        f'{text}. With it, the accuracy is at least {min(accuracies):.3f} in these {units} recordings, and '
        f'so, with {1.0 - 0.5**units:.1%} confidence, in half of all such recordings.'
    )


def _page(
    title: str, words: Sequence[str], picture: bytes, figures: Mapping[str, Any], model: Model
) -> str:
    data = base64.b64encode(picture).decode()
    rows = [{'name': 'all', **figures}, *figures['recordings'][:MAX_ROWS]]
    return '\n'.join(
        [
            '<!DOCTYPE html>',
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f'<style>{STYLE}</style></head><body>',
            f'<h1>{escape(title)}</h1>',
            *(f'<p>{escape(each)}</p>' for each in words),
            f'<img alt="{escape(words[1])}" src="data:image/png;base64,{data}">',
            '<h2>Recordings, the worst first</h2>',
            table(
                ['recording', *columns_of(figures)],
                ([row['name'], *(number(row[name]) for name in columns_of(figures))] for row in rows),
            ),
            '<h2>Model</h2>',
            table(
                ['', ''],
                [
                    ['run, step', f'{model.run}, {model.step}'],
                    ['features', ', '.join(model.features)],
                    ['samples it was fitted to', f'{model.samples}, of which {model.positives} are 1'],
                    ['loss on them', number(model.loss)],
                    ['converged', 'yes' if model.converged else 'no'],
                ],
            ),
            '</body></html>',
            '',
        ]
    )
