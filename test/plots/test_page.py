# SPDX-License-Identifier: Apache-2.0
"""The page that shows whether it learns: it can be drawn of anything, and says what is so."""

from __future__ import annotations

import io
import re
import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from binclf_ros.core.evaluation.progress import Progress
from binclf_ros.core.evaluation.verdict import Learning, verdict
from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.report.study import Samples, replay

needs_matplotlib = pytest.mark.skipif(find_spec('matplotlib') is None, reason='matplotlib is missing')
N = 2000


def learned(X, y, window=1000, names=()):
    names = names or tuple(f'x{i}' for i in range(X.shape[1]))
    study = replay(Samples(names, X, y, ''), LearningOptions(), window, lambda share: None)
    return Learning.of('a test', study.scores, study.progress, study.model, study.missing)


def some(kind, n=N, n_features=3):
    rng = np.random.default_rng(7)
    X = rng.normal(size=(n, n_features))
    y = (X[:, 0] + 0.5 * rng.normal(size=n) > 0).astype(float)
    if kind == 'random':
        return X, (rng.random(n) < 0.3).astype(float)
    if kind == 'rare':
        return X, (X[:, 0] + 0.5 * rng.normal(size=n) > 2.0).astype(float)
    return X, y


@pytest.mark.parametrize(
    ('kind', 'learns', 'words'),
    [
        ('plain', True, 'learning: log loss 0.'),
        ('rare', True, 'learning: log loss 0.'),
        ('random', False, 'not learning: no better than always saying 0 (log loss 0.'),
    ],
)
def test_verdict(kind, learns, words):
    found = verdict(learned(*some(kind)))
    assert found.learns is learns
    assert found.text.startswith(words)
    assert 'over the last 1000 samples' in found.text


def test_a_window_of_one_class_is_judged_all_the_same():
    X, y = some('plain')
    order = np.concatenate([np.arange(500), 500 + np.argsort(y[500:], kind='stable')])
    learning = learned(X[order], y[order], window=400)
    assert set(learning.y) == {1.0}
    assert verdict(learning).learns
    assert learning.telling[2] == f'all {sum(learning.counts)} samples'
    assert set(learning.telling[0]) == {0.0, 1.0}


def test_who_is_right_but_too_sure_of_it_is_learning_and_is_told():
    X, y = some('plain')
    learning = learned(X, y)
    scores = {**learning.scores, 'log_loss': 0.9}
    assert verdict(replace(learning, scores=scores)).text.startswith('learning, but too sure of itself')
    poor = replace(learning, scores={**scores, 'balanced_accuracy': 0.55})
    assert verdict(poor).text.startswith('not learning: worse than always saying ')


def test_with_few_samples_nothing_is_claimed():
    X, y = some('plain', 60)
    found = verdict(learned(X, y))
    assert found.learns is None
    assert 'too few samples' in found.text
    found = verdict(learned(X, np.zeros(60)))
    assert found.learns is None
    assert 'no model yet: needs 5 samples of each class' in found.text


def size_of(png):
    assert png[:8] == b'\x89PNG\r\n\x1a\n'
    return [int.from_bytes(png[at : at + 4], 'big') for at in (16, 20)]


def with_features(learning, n):
    """Return it with another model: one of n features."""
    rng = np.random.default_rng(5)
    weights, scale = tuple(rng.normal(size=n)), tuple(rng.random(n) + 0.1)
    names = tuple(f'/scan/ranges[{i}]' for i in range(n))
    more = {'features': names, 'weights': weights, 'scale': scale, 'mean': scale}
    return replace(learning, model=replace(learning.model, **more))


LONG = tuple(f'std(/a/very/long/{"path/" * 30}of_number_{i}, 1.0)' for i in range(3))
CASES = {
    'learning': lambda: learned(*some('plain')),
    'random': lambda: learned(*some('random')),
    'nothing': lambda: learned(np.empty((0, 0)), np.empty(0)),
    'one class': lambda: learned(some('plain')[0], np.ones(N)),
    'few': lambda: learned(*some('plain', 25)),
    'long names': lambda: learned(*some('plain'), names=LONG),
    'wide': lambda: with_features(learned(*some('plain')), 1024),
    'alarms': lambda: replace(learned(*some('plain')), alarms=(500, 1500), threshold=1.0),
}


@needs_matplotlib
@pytest.mark.parametrize('case', CASES)
def test_the_page_is_1280_by_720_whatever_is_drawn(case):
    from binclf_ros.plots.page import draw

    png = draw(CASES[case]())
    assert size_of(png) == [1280, 720]
    assert len(png) < 150_000


@needs_matplotlib
@pytest.mark.parametrize('case', ['long names', 'nothing', 'random', 'wide', 'alarms'])
def test_nothing_is_written_over_the_edge_or_over_another_text(case):
    from binclf_ros.plots.page import figure_of
    from binclf_ros.plots.style import png

    figure = figure_of(CASES[case]())
    png(figure)
    boxes = [(each.get_text(), each.get_window_extent()) for each in texts_of(figure) if each.get_text()]
    assert len(boxes) > 30
    for axes in figure.axes:
        assert axes.get_position().x1 <= 0.99 and axes.get_position().y1 <= 0.99
    for text, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= 1280 and box.y1 <= 720, text
    for i, (text, a) in enumerate(boxes):
        for other, b in boxes[i + 1 :]:
            across = min(a.x1, b.x1) - max(a.x0, b.x0)
            assert across < 1 or min(a.y1, b.y1) - max(a.y0, b.y0) < 2, (text, other)


def texts_of(figure):
    """All that is written; ticks beyond the limits of their axis are not."""
    yield from figure.texts
    for axes in figure.axes:
        yield from (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts)
        yield from axes.get_legend().get_texts() if axes.get_legend() else ()
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            for tick in axis.get_major_ticks():
                if tick.label1.get_visible() and min(limits) <= tick.get_loc() <= max(limits):
                    yield tick.label1


@needs_matplotlib
def test_the_two_pictures_differ_in_what_they_say_and_threads_draw_the_same():
    from binclf_ros.plots.page import draw

    cases = [CASES['learning'](), CASES['random']()]
    alone = [draw(each) for each in cases]
    together = {}

    def work(i):
        together[i] = draw(cases[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert alone[0] != alone[1]
    assert [together[0], together[1]] == alone


@needs_matplotlib
def test_the_verdict_is_in_its_colour():
    from PIL import Image

    from binclf_ros.plots.page import draw

    for case, color in (('learning', (0, 158, 115)), ('random', (213, 94, 0))):
        head = np.asarray(Image.open(io.BytesIO(draw(CASES[case]()))).convert('RGB'))[:50, :300].astype(int)
        assert (np.abs(head - color).max(axis=2) < 40).sum() > 300


@needs_matplotlib
def test_names_are_shortened_in_their_middle():
    from binclf_ros.plots.page import shortened

    assert shortened('std(/imu/x, 1.0)') == 'std(/imu/x, 1.0)'
    short = shortened(LONG[2], 40)
    assert len(short) == 40
    assert short.startswith('std(/a/very')
    assert short.endswith('of_number_2, 1.0)')


def test_matplotlib_is_imported_where_it_draws_alone():
    folder = Path(__file__).resolve().parents[2] / 'binclf_ros'
    for path in folder.rglob('*.py'):
        assert not re.search(r'^(from|import) (matplotlib|PIL)', path.read_text(), re.MULTILINE), path


def test_the_course_is_kept_in_constant_memory():
    from binclf_ros.core.evaluation.progress import COLUMNS, History
    from binclf_ros.core.evaluation.scores import Scores

    history = History(1, 10)
    for i in range(1000):
        history.add((float(i),))
        rows = history.rows()[:, 0]
        assert len(rows) <= 10
        assert rows[-1] == i
    assert np.all(np.diff(rows)[:-1] == np.diff(rows)[0])
    assert rows[0] < 300 and len(rows) >= 5

    scores, progress = Scores(50), Progress()
    for step in range(3):
        y, z = np.array([0.0, 1.0]), np.array([-1.0, 2.0 + step])
        scores.extend(y, z)
        progress.extend(y, z)
        progress.note(scores, 0.5)
        progress.note(scores, 0.5)
    curves = dict(zip(COLUMNS, progress.curves().T))
    assert curves['samples'].tolist() == [2.0, 4.0, 6.0]
    assert curves['accuracy'][-1] == 1.0
    assert curves['majority_log_loss'][-1] == scores.majority()['log_loss']
    assert progress.life()[1].tolist() == [-1.0, 2.0, -1.0, 3.0, -1.0, 4.0]
    progress.clear()
    assert len(progress.curves()) == 0
