# SPDX-License-Identifier: Apache-2.0
"""Files of labels: from a topic and back, from Label Studio, by mouse, and what there is of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from robots import ARGUMENTS, run, write_bag

from binclf_ros.plots.labelling import Selection


@pytest.fixture
def bag(tmp_path):
    return write_bag(tmp_path / 'run', 1)


def test_ranges_from_a_topic_label_as_the_topic_does(bag, tmp_path, capsys):
    labels = tmp_path / 'labels.csv'
    written = [bag, '--from-topic', '/label/data', '--labels', labels]
    assert run('label', [*written, '--jobs', 1]) == 0
    said = capsys.readouterr()
    assert '4 ranges' in said.out
    assert said.err == ''  # that samples have no label yet is why it is asked for
    for name, more in (('by_topic', []), ('by_file', ['--labels', labels])):
        assert run('extract', [bag, *ARGUMENTS, *more, '--output', tmp_path / name, '--jobs', 1]) == 0
    by_topic, by_file = (np.load(tmp_path / name / 'run' / 'y.npy') for name in ('by_topic', 'by_file'))
    np.testing.assert_array_equal(by_file[:-1], by_topic[:-1])
    assert run('label', [*written, '--jobs', 1]) == 2  # it may have been edited
    assert 'may have been edited' in capsys.readouterr().err


def test_check_says_the_seconds_of_each(bag, tmp_path, capsys):
    labels = tmp_path / 'labels.yaml'
    labels.write_text(
        '- {recording: run, start: 1, end: 2.5, label: 0}\n- {recording: run, start: 3, end: 4, label: 1}\n'
        '- {recording: another, start: 3, end: 4, label: 1}\n'
    )
    assert run('label', [bag, '--check', '--labels', labels]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[1].split() == ['run', '1.50', '1.00', '5.48']
    assert '1 ranges are of recordings that are not here: another' in said


def test_labels_in_yaml_are_read_again_and_their_lines_are_named(bag, tmp_path, capsys):
    labels = tmp_path / 'labels.yaml'
    assert run('label', [bag, '--from-topic', '/label/data', '--labels', labels, '--jobs', 1]) == 0
    assert run('label', [bag, '--check', '--labels', labels]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[0] == 'run'
    labels.write_text(
        '# by hand\n- recording: run\n  start: 1\n  end: 3\n  label: 0\n'
        '- {recording: run, start: 2, end: 4, label: 1}\n'
    )
    assert run('label', [bag, '--check', '--labels', labels]) == 2
    assert 'lines 2 and 6 contradict each other' in capsys.readouterr().err


def test_an_export_of_label_studio_is_taken_over(bag, tmp_path, capsys):
    spans = [('Yes', 1.0, 2.0), ('No', 3.0, 5.5)]
    results = [{'value': {'start': a, 'end': b, 'timeserieslabels': [name]}} for name, a, b in spans]
    task = {'data': {'csv': '/data/upload/1/af3b-run.csv'}, 'annotations': [{'result': results}]}
    export, labels = tmp_path / 'export.json', tmp_path / 'labels.csv'
    export.write_text(json.dumps([task]))
    arguments = [bag, '--import-label-studio', export, '--labels', labels]
    assert run('label', arguments) == 0
    assert labels.read_text().splitlines()[1:] == ['run,1.0,2.0,1,', 'run,3.0,5.5,0,']
    labels.unlink()
    results[0]['value']['timeserieslabels'] = ['Maybe']
    export.write_text(json.dumps([task]))
    assert run('label', arguments) == 2
    assert 'task 1' in capsys.readouterr().err
    task['data']['csv'] = 'other.csv'
    export.write_text(json.dumps([task]))
    assert run('label', arguments) == 2
    assert 'name none of the recordings' in capsys.readouterr().err


def test_keys_label_what_the_mouse_selected():
    selection = Selection([(0.0, 10.0, 0)])
    assert not selection.press('1')  # nothing is selected
    selection.select(2.0, 4.0)
    assert selection.press('1') and not selection.press('x')
    assert selection.spans == [(0.0, 2.0, 0), (2.0, 4.0, 1), (4.0, 10.0, 0)]
    selection.select(3.0, 11.0)
    assert selection.press(' ')
    assert selection.spans == [(0.0, 2.0, 0), (2.0, 3.0, 1)]


def test_a_plot_keeps_what_was_there_and_what_is_selected(bag, tmp_path, monkeypatch):
    pyplot = pytest.importorskip('matplotlib.pyplot', reason='matplotlib is missing')
    labels = tmp_path / 'labels.csv'
    labels.write_text('recording,start,end,label\nrun,1.0,2.0,0\nelsewhere,0.0,1.0,1\n')
    pyplot.switch_backend('agg')

    def press():
        canvas = pyplot.gcf().canvas
        from matplotlib.backend_bases import KeyEvent

        canvas.callbacks.process('key_press_event', KeyEvent('key_press_event', canvas, '1'))

    monkeypatch.setattr(pyplot, 'show', press)
    monkeypatch.setattr(
        Selection, 'selected', property(lambda self: (4.0, 5.0), lambda self, value: None), False
    )
    expression = '/imu/data/linear_acceleration/x'
    assert run('label', [bag, '--plot', expression, '--labels', labels, '--jobs', 1]) == 0
    pyplot.close('all')
    lines = labels.read_text().splitlines()[1:]
    assert lines == ['elsewhere,0.0,1.0,1,', 'run,1.0,2.0,0,', 'run,4.0,5.0,1,']
