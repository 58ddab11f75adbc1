# SPDX-License-Identifier: Apache-2.0
"""Make lecture.ipynb of lecture.py: a cell begins at each line `# %%`, a text at each `# %% [markdown]`."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def cells(source: str) -> list[dict[str, object]]:
    """Return the cells of a notebook, as nbformat 4 has them."""
    found: list[dict[str, object]] = []
    for number, block in enumerate(source.split('\n# %%')[1:]):
        head, _, body = block.partition('\n')
        cell: dict[str, object] = {'id': f'cell-{number}', 'metadata': {}}
        if 'markdown' in head:
            text = '\n'.join(line[1:].removeprefix(' ') for line in body.strip().splitlines())
            cell.update(cell_type='markdown', source=text)
        else:
            cell.update(cell_type='code', source=body.strip(), outputs=[], execution_count=None)
        found.append(cell)
    return found


def notebook(source: str) -> str:
    """Return the notebook of a program in cells, as JSON; without the cell that writes files."""
    kernel = {'display_name': 'Python 3', 'language': 'python', 'name': 'python3'}
    whole = {
        'cells': cells(source)[:-2],
        'metadata': {'kernelspec': kernel, 'language_info': {'name': 'python'}},
        'nbformat': 4,
        'nbformat_minor': 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + '\n'


if __name__ == '__main__':
    (FOLDER / 'lecture.ipynb').write_text(notebook((FOLDER / 'lecture.py').read_text()))
