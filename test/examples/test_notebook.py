# SPDX-License-Identifier: Apache-2.0
"""The lecture as a notebook: it is that of lecture.py, and runs from above to below."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / 'examples'
sys.path.insert(0, str(EXAMPLES))

from lecture_checks import EXERCISES, check  # noqa: E402
from to_notebook import notebook  # noqa: E402

RIGHT = [(1, 3), math.log(2), 0.5, 0.3, 2.0, 0.8]


def test_the_notebook_is_made_of_the_program():
    made = notebook((EXAMPLES / 'lecture.py').read_text())
    assert (EXAMPLES / 'lecture.ipynb').read_text() == made, 'make lecture writes it'


def test_the_notebook_runs(tmp_path, monkeypatch):
    nbformat = pytest.importorskip('nbformat', reason='nbformat is not installed')
    client = pytest.importorskip('nbclient', reason='nbclient is not installed')
    pytest.importorskip('ipykernel', reason='ipykernel is not installed')
    monkeypatch.setenv('PYTHONPATH', f'{EXAMPLES.parent}:{EXAMPLES}')
    monkeypatch.setenv('JUPYTER_RUNTIME_DIR', str(tmp_path))
    book = nbformat.read(EXAMPLES / 'lecture.ipynb', as_version=4)
    nbformat.validate(book)
    client.NotebookClient(book, timeout=120, resources={'metadata': {'path': str(tmp_path)}}).execute()
    outputs = [each for cell in book.cells if cell.cell_type == 'code' for each in cell.outputs]
    assert sum('image/png' in each.get('data', {}) for each in outputs) >= 7
    said = ''.join(each.get('text', '') for each in outputs)
    assert 'of the samples are answered right' in said and said.count('not answered yet') == len(EXERCISES)
    assert 'nan' not in said and not [each for each in outputs if each.get('name') == 'stderr']


def test_the_exercises_tell_what_is_wrong():
    for (question, (right, hints)), answer in zip(EXERCISES.items(), RIGHT):
        assert right(answer) and check(question, answer) == 'right'
        assert hints and check(question, 'nonsense').startswith('nonsense? not yet')
    assert 'transpose' in check('shape of ∂L/∂w for X of shape (50, 3)', (3, 1))
    assert 'minus in front' in check('L of a model that always says ½', -0.693)
    assert '1/L' in check(list(EXERCISES)[4], 4)
