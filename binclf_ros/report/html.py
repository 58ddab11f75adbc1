# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML file, which needs no network: the picture and the tables are in it."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Iterable, Sequence
from html import escape

from ..core.evaluation.curves import confusion
from ..core.evaluation.scores import SCORES, Scores
from ..core.evaluation.verdict import Learning, verdict
from ..core.learning.model import Model
from ..plots.page import ranked_weights
from .study import Study

STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 1280px; margin: 1em auto; padding: 0 1em; color: #222 }
img { max-width: 100%; height: auto; border: 1px solid #ccc }
table { border-collapse: collapse; margin: 0.5em 0 }
th, td { padding: 0.15em 0.8em; border-bottom: 1px solid #ddd; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
"""


def page(learning: Learning, study: Study, picture: bytes, notes: Sequence[str]) -> str:
    """Return the HTML."""
    said = escape(verdict(learning).text)
    title = escape(learning.title)
    data = base64.b64encode(picture).decode()
    parts = [
        '<!DOCTYPE html>',
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}: is it learning?</title>',
        f'<style>{STYLE}</style></head><body>',
        f'<h1>Is it learning? {title}</h1>',
        f'<p><strong>{said}</strong></p>',
        *(f'<p>{escape(note)}</p>' for note in notes),
        f'<img alt="{said}" src="data:image/png;base64,{data}">',
    ]
    if len(learning.y):
        parts += [_scores(study.scores), _confusion(learning)]
    if learning.model is not None:
        parts += [_features(learning.model), _facts(learning.model)]
    return '\n'.join([*parts, '</body></html>', ''])


def _scores(scores: Scores) -> str:
    """Return every score over the window and over all, beside that of the majority."""
    columns = scores.values(), scores.majority(), scores.totals(), scores.majority_totals()
    rows = [(name, *(_number(each.get(name, math.nan)) for each in columns)) for name in SCORES]
    heads = ['score', f'last {len(scores)}', 'majority', f'all {scores.tally.samples}', 'majority']
    return '<h2>Scores, tested before they were learned</h2>' + table(heads, rows)


def _confusion(learning: Learning) -> str:
    """Return how often what was said, over the window."""
    tn, fp, fn, tp = confusion(learning.y, learning.z, learning.threshold)
    rows = [('is 0', str(tn), str(fp)), ('is 1', str(fn), str(tp))]
    title = f'Decisions at threshold {learning.threshold:g}, last {len(learning.y)}'
    return f'<h2>{title}</h2>' + table(['', 'said 0', 'said 1'], rows)


def _features(model: Model) -> str:
    order, effects = ranked_weights(model)
    rows = [
        (model.features[i], *(_number(v[i]) for v in (effects, model.weights, model.mean, model.scale)))
        for i in order
    ]
    heads = ['feature', 'weight × scale', 'weight', 'mean', 'scale']
    return '<h2>Features, the largest first</h2>' + table(heads, rows)


def _facts(model: Model) -> str:
    rows = [
        ('made', _date(model.stamp)),
        ('run, step', f'{model.run}, {model.step}'),
        ('samples it was fitted to', f'{model.samples}, of which {model.positives} are 1'),
        ('loss on them', _number(model.loss)),
        ('converged', 'yes' if model.converged else 'no'),
        ('bias', _number(model.bias)),
    ]
    return '<h2>Model</h2>' + table(['', ''], rows)


def _date(stamp: float) -> str:
    """Return a stamp as a date, or as it is where no calendar has it."""
    try:
        return time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(stamp))
    except (OverflowError, ValueError, OSError):
        return f'{stamp:g} s after 1970, which is no date'


def table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text, and the others numbers."""
    lines = [''.join(f'<th>{escape(head)}</th>' for head in heads)]
    for first, *others in rows:
        numbers = ''.join(f'<td class="n">{escape(each)}</td>' for each in others)
        lines.append(f'<td>{escape(first)}</td>{numbers}')
    return '<table>' + ''.join(f'<tr>{line}</tr>\n' for line in lines) + '</table>'


def _number(value: float) -> str:
    return f'{value:.4g}' if math.isfinite(value) else '–'
