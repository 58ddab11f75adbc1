# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: its table, its files and its panel."""

from __future__ import annotations

import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from binclf_ros.demo.command import write_report
from binclf_ros.demo.panel import Panel, View
from binclf_ros.demo.report import Results, logit, summary, table, verdict, write_json, write_png
from binclf_ros.plots import replay

KEYS = ['accuracy', 'log_loss', 'auc', 'train_samples', 'test_samples', 'latency_p50_ms', 'latency_p99_ms']
# the parser of ROS interfaces imports lark, which imports what Python has deprecated
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")
needs_matplotlib = pytest.mark.skipif(find_spec('matplotlib') is None, reason='matplotlib is missing')


def some_results() -> Results:
    rng = np.random.default_rng(1)
    results = Results('a test', train_samples=100, planned_samples=100, lost=1, began=10.0, label_off=14.0)
    results.curves['log_loss'] = [(10.0 + k / 5, 0.9 / (1 + k)) for k in range(20)]
    results.curves['majority_log_loss'] = [(10.0 + k / 5, 0.7) for k in range(20)]
    for k in range(200):
        label = k // 50 % 2
        results.add(k / 10, float(np.clip(rng.normal(0.2 + 0.6 * label, 0.2), 0.0, 1.0)), label)
        results.latencies_sec.append(0.001 * (k + 1))
    return results


def test_report_has_the_promised_keys_and_plain_finite_numbers(tmp_path: Path) -> None:
    path = write_json(some_results(), tmp_path)
    assert path.name == 'demo_report.json'
    report = json.loads(path.read_text())
    assert list(report)[: len(KEYS)] == KEYS
    assert set(report) - set(KEYS) == {'majority_accuracy', 'lost'}
    assert all(type(value) in (int, float) and math.isfinite(value) for value in report.values())
    assert (report['train_samples'], report['test_samples'], report['lost']) == (100, 200, 1)
    assert report['latency_p50_ms'] == pytest.approx(100.5)
    assert report['latency_p99_ms'] == pytest.approx(198.01)
    assert report['majority_accuracy'] == 0.5


def test_metrics_are_those_of_the_published_probabilities() -> None:
    results = Results('a test')
    for probability, label in [(0.9, 1), (0.2, 0), (0.6, 0), (0.5, 1)]:
        results.add(0.0, probability, label)
    found = summary(results)
    assert found['accuracy'] == 0.75
    assert found['auc'] == 0.75
    assert found['log_loss'] == pytest.approx(-np.mean(np.log([0.9, 0.8, 0.4, 0.5])), rel=1e-12)


def test_what_is_not_defined_is_null() -> None:
    results = Results('a test')
    assert summary(results)['accuracy'] is None
    results.add(0.0, 0.5, 1)
    assert summary(results)['auc'] is None
    assert 'held-out AUC                  -' in table(results)


def test_logit_is_finite_at_both_ends() -> None:
    z = logit(np.array([0.0, 0.25, 0.5, 1.0]))
    assert np.isfinite(z).all()
    assert z[1:3] == pytest.approx([math.log(1 / 3), 0.0])


@pytest.mark.parametrize(
    ('probability', 'learned', 'words'),
    [
        (0.9, True, 'It learned: held-out log loss 0.105, by the share of the labels alone 0.693'),
        (0.51, False, 'hardly better than knowing no feature'),
        (0.2, False, 'worse than knowing no feature'),
    ],
)
def test_the_verdict_holds_the_loss_against_knowing_the_share_alone(
    probability: float, learned: bool, words: str
) -> None:
    results = Results('a test')
    for label in (0, 1, 0, 1):
        results.add(0.0, probability if label else 1.0 - probability, label)
    found = verdict(results)
    assert found[0] is learned and words in found[1]
    assert found[1] in table(results)
    assert verdict(Results('a test'))[0] is None


@needs_matplotlib
def test_picture_shows_verdict_baseline_and_labels_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = []
    monkeypatch.setattr(replay, 'png', lambda figure: figures.append(figure) or b'')
    results = some_results()
    results.names = 'flooring', 'asphalt'
    write_png(results, tmp_path)
    figure = figures[0]
    words = [each.get_text() for each in figure.texts]
    assert words == ['Learned live: a test', verdict(results)[1]]
    legends = [each.get_text() for axes in figure.axes for each in axes.get_legend().get_texts()]
    assert {'baseline: the share of the labels so far', 'truth: asphalt'} <= set(legends)
    assert figure.axes[2].get_ylabel() == 'probability of asphalt'
    drawn = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert list(drawn['tested, then taught (latest window)']) == [0.9 / (1 + k) for k in range(20)]


@needs_matplotlib
def test_picture_is_1280_by_720(tmp_path: Path) -> None:
    png = write_png(some_results(), tmp_path).read_bytes()
    assert png[:8] == b'\x89PNG\r\n\x1a\n'
    assert [int.from_bytes(png[at : at + 4], 'big') for at in (16, 20)] == [1280, 720]


@needs_matplotlib
def test_picture_is_drawn_where_little_was_measured(tmp_path: Path) -> None:
    results = Results('a test')
    results.add(0.0, 0.5, 1)
    assert write_png(results, tmp_path).exists()


def test_panel_prints_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    panel = Panel(sys.stdout)
    view = View('teaching', 0.5, 100, 3, 0.25, 0.9, 0.75)
    assert panel.is_due()
    panel.show(view)
    panel.show(view)
    said = capsys.readouterr().out
    assert said.count('\n') == 1
    assert 'teaching 50%: 100 samples, 3 steps, loss 0.250, accuracy 0.900, probability 0.750' in said
    assert '\x1b' not in said


def test_without_matplotlib_the_numbers_are_written_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    write_report(some_results(), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ['demo_report.json']
    assert 'matplotlib is not installed' in capsys.readouterr().out
