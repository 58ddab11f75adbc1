# SPDX-License-Identifier: Apache-2.0
"""`python -m binclf_ros report`: from the files of a trainer to a picture and a page, without ROS."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.core.storage.dataset_format import header, records
from binclf_ros.core.storage.model_file import save_model
from binclf_ros.report import main

ROOT = Path(__file__).resolve().parents[2]
NAMES = ('std(/imu/x, 1.0)', '<b> & "c"')
needs_matplotlib = pytest.mark.skipif(find_spec('matplotlib') is None, reason='matplotlib is missing')


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(800, 2))
    y = (X[:, 0] > 0.0).astype(float)
    dataset = tmp_path / 'samples.data'
    dataset.write_bytes(
        b''.join([header(NAMES, 0), *records(X[:500], y[:500]), *records(X[500:], y[500:])])
    )
    learner = Learner('some run', LearningOptions())
    learner.take(NAMES, X, y)
    learner.descend()
    save_model(tmp_path / 'model.json', learner.model)
    return tmp_path


def run(files, *arguments):
    before = {path: path.read_bytes() for path in files.iterdir() if path.is_file()}
    code = main([*arguments, '--output', str(files / 'out')])
    for path, data in before.items():
        assert path.read_bytes() == data, 'the files of the user are left alone'
    assert {path for path in files.iterdir() if path.is_file()} == set(before)
    return code


class Tables(HTMLParser):
    def __init__(self):
        super().__init__()
        self.cells, self.tags, self.sources = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ('src', 'href')]

    def handle_data(self, data):
        self.cells.append(data)


@needs_matplotlib
def test_dataset_and_model_give_a_picture_and_a_page_that_needs_no_network(files, capsys):
    given = '--dataset-file', str(files / 'samples.data'), '--model-file', str(files / 'model.json')
    assert run(files, *given, '--window', '300') == 0
    said = capsys.readouterr().out
    assert '\nlearning: log loss 0.' in said
    assert 'For balanced_accuracy, take the threshold 0.' in said
    assert 'each was predicted by the model of the batches before' in said
    png = (files / 'out' / 'report.png').read_bytes()
    html = (files / 'out' / 'report.html').read_text(encoding='utf-8')
    tables = Tables()
    tables.feed(html)
    assert [source[:22] for source in tables.sources] == ['data:image/png;base64,']
    assert base64.b64decode(tables.sources[0][22:]) == png
    assert not re.search(r'https?:|<script|@import', html)
    for text in ('log_loss', 'auc', 'majority', 'last 300', 'some run, 1', NAMES[0], NAMES[1], 'said 1'):
        assert text in ' '.join(tables.cells), text
    assert len(html) < 300_000


@needs_matplotlib
def test_a_model_alone_is_shown_and_nothing_is_claimed(files, capsys):
    assert run(files, '--model-file', str(files / 'model.json')) == 0
    assert 'No samples were given' in capsys.readouterr().out
    html = (files / 'out' / 'report.html').read_text(encoding='utf-8')
    assert 'too few samples to tell' in html
    assert 'weight × scale' in html


@needs_matplotlib
def test_of_a_damaged_dataset_what_is_whole_is_used_and_it_is_said(files, capsys):
    path = files / 'samples.data'
    data = bytearray(path.read_bytes())
    data[-1000] ^= 255
    path.write_bytes(data)
    assert run(files, '--dataset-file', str(path)) == 0
    said = capsys.readouterr().out
    assert 'Warning' in said
    assert 'only the 500 samples before that are looked at' in said
    assert 'Warning' in (files / 'out' / 'report.html').read_text(encoding='utf-8')


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ([], 'give --dataset-file, --model-file, or both'),
        (['--dataset-file', 'nowhere.data'], 'there is no file nowhere.data'),
        (['--model-file', 'nowhere.json'], 'there is no file nowhere.json'),
        (['--dataset-file', 'FOLDER/model.json'], 'is of another format'),
        (['--model-file', 'FOLDER/samples.data'], 'cannot be used'),
        (['--dataset-file', 'FOLDER'], 'cannot be read'),
        (['--model-file', 'FOLDER/model.json', '--threshold', '2'], '--threshold is 2, expected 0 to 1'),
        (['--model-file', 'FOLDER/model.json', '--window', '0'], '--window is 0, expected 1 to 1e+06'),
        (
            ['--model-file', 'FOLDER/model.json', '--threshold-objective', 'luck'],
            "threshold_objective is 'luck', expected",
        ),
        (['--model-file', 'FOLDER/model.json', '--solver', 'magic'], '-h explains the arguments'),
        (['--dataset-file', 'FOLDER/samples.data', '--model-file', 'FOLDER/other.json'], 'other features'),
        (['--model-file', 'FOLDER/model.json', '--output', 'FOLDER/samples.data/x'], 'cannot be written'),
    ],
)
@needs_matplotlib
def test_a_mistake_is_one_sentence(files, capsys, arguments, words):
    other = (files / 'model.json').read_text().splitlines()[0].replace(NAMES[0], 'other')
    (files / 'other.json').write_text(other)
    code = main([each.replace('FOLDER', str(files)) for each in ['--output', 'FOLDER/out', *arguments]])
    said = capsys.readouterr().err
    assert code == 2
    assert words in said
    assert said.startswith('report: ')
    assert said.count('\n') == 1


def test_without_matplotlib_it_says_what_to_install(files, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    assert main(['--model-file', str(files / 'model.json'), '--output', str(files / 'out')]) == 2
    assert 'pip install matplotlib' in capsys.readouterr().err
    assert not (files / 'out').exists()


def test_it_runs_without_ros_and_help_names_the_arguments():
    code = (
        'import sys; sys.modules["rclpy"] = None; sys.argv = ["x", "report", "--help"]; '
        'from binclf_ros.__main__ import main; main()'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for each in ('--dataset-file', '--model-file', '--output', '--window', '--threshold'):
        assert each in done.stdout


STRANGE = {
    'mathematics in a name': ({'features': ('$\\frac{$', '$x$')}, 0),
    'a date beyond any calendar': ({'stamp': 1e308}, 0),
    'weights at the end of floats': ({'weights': (1e308, -1e308), 'scale': (1e10, 1e10)}, 0),
    'all at the end of floats': ({'weights': (1e308, 1e308), 'mean': (1e308, 1e308), 'bias': 1e308}, 0),
    'half of a surrogate pair in a name': ({'features': ('\ud800', 'b')}, 2),
    'a newline in a run': ({'run': 'a\n[ERROR]'}, 2),
}


@needs_matplotlib
@pytest.mark.parametrize(('change', 'code'), STRANGE.values(), ids=STRANGE)
def test_a_strange_model_is_drawn_or_refused_in_one_sentence(files, capsys, change, code):
    given = json.loads((files / 'model.json').read_text().splitlines()[0])
    (files / 'model.json').write_text(json.dumps({**given, **change}))
    assert run(files, '--model-file', str(files / 'model.json')) == code
    assert len(capsys.readouterr().err.splitlines()) == (code > 0)
