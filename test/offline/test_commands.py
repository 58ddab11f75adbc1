# SPDX-License-Identifier: Apache-2.0
"""A folder of recordings, of which some are not as they should be, to a model, figures and a report."""

from __future__ import annotations

import csv
import errno
import json
import os

import numpy as np
import pytest
from robots import ARGUMENTS, FEATURES, cut, fleet, run, write_bag

from binclf_ros.core.learning import objective
from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.core.storage.dataset_format import DatasetReader
from binclf_ros.core.storage.model_file import load_model
from binclf_ros.offline import fit as offline_fit
from binclf_ros.offline.fit import SpreadObjective, fit
from binclf_ros.offline.progress import Bar
from binclf_ros.offline.rows import Part, Rows
from binclf_ros.offline.store import read_meta, stored_in
from binclf_ros.offline.work import Work


@pytest.fixture(scope='module')
def robots(tmp_path_factory):
    folder = tmp_path_factory.mktemp('fleet')
    fleet(folder)
    return folder


@pytest.fixture(scope='module')
def parts(robots, tmp_path_factory):
    """The labelled samples of the recordings."""
    folder = tmp_path_factory.mktemp('samples')
    assert run('extract', [robots, *ARGUMENTS, '--output', folder, '--jobs', 1]) == 0
    return [Part(each, read_meta(each).name) for each in stored_in(folder) if read_meta(each).labeled]


def test_twelve_recordings_of_which_three_are_not_whole_give_a_model_a_report_and_three_sentences(
    robots, tmp_path, capsys
):
    model_file, report, figures = tmp_path / 'model.json', tmp_path / 'report', tmp_path / 'figures.json'
    arguments = ['--output', model_file, '--report', report, '--json', figures, '--jobs', 1]
    assert run('train', [robots, *ARGUMENTS, *arguments]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3, said
    assert 'run_01' in said[0] and 'mcap recover run_01.mcap' in said[0]
    assert 'run_02: no sample has a label, as no topic is there for /label/data' in said[1]
    assert 'run_03: no topic for std(/imu/data' in said[2] and '/imu/raw' in said[2]
    model, found = load_model(model_file), json.loads(figures.read_text())
    assert model.features == FEATURES and model.converged
    assert len(found['recordings']) == 10 and found['samples'] == model.samples
    assert found['accuracy'] > 0.8 and found['auc'] > 0.9
    assert found['log_loss'] < found['majority_log_loss'] == pytest.approx(np.log(2), abs=0.02)
    losses = [each['log_loss'] for each in found['recordings']]
    assert losses == sorted(losses, reverse=True)
    assert (report / 'report.png').read_bytes().startswith(b'\x89PNG')
    text = (report / 'report.html').read_text()
    assert 'Folds of random samples' in text and 'run_00' in text and 'src="data:image/png' in text

    keys = {'samples', 'positives', 'accuracy', 'balanced_accuracy', 'log_loss', 'auc', 'majority_log_loss'}
    assert keys <= found.keys() and all({'name', *keys} <= each.keys() for each in found['recordings'])


def test_what_was_trained_is_evaluated_and_at_least_is_held_against_it(robots, tmp_path, capsys):
    model = tmp_path / 'model.json'
    bags = [robots / 'run_00', robots / 'run_04']
    assert run('train', [*bags, *ARGUMENTS, '--output', model, '--jobs', 1]) == 0
    others = [robots / 'run_05', '--model', model, '--set', 'label=/label/data', '--quiet', '--jobs', 1]
    assert run('evaluate', [*others, '--json', tmp_path / 'f.json', '--at-least', 'accuracy=0.7']) == 0
    assert json.loads((tmp_path / 'f.json').read_text())['recordings'][0]['name'] == 'run_05'
    assert run('evaluate', [*others, '--at-least', 'accuracy=1.0', '--at-least', 'auc=0.5']) == 3
    assert 'accuracy is 0.' in capsys.readouterr().err
    assert run('evaluate', [*others, '--at-least', 'beauty=1']) == 2
    # the usual label is taken where none is named
    alone = [robots / 'run_05', '--model', model, '--quiet', '--jobs', 1, '--json', tmp_path / 'alone.json']
    assert run('evaluate', alone) == 0
    assert (tmp_path / 'alone.json').read_text() == (tmp_path / 'f.json').read_text()
    # samples that were extracted once are taken as they are
    assert run('evaluate', [tmp_path / 'model.samples', '--model', model, '--quiet']) == 0


@pytest.mark.parametrize('kind', ['line', 'curves'])
def test_the_same_bits_in_any_number_of_parts_and_processes(parts, monkeypatch, kind):
    monkeypatch.setattr(objective, 'BLOCK_VALUES', 500 * (16 if kind == 'curves' else 2))
    monkeypatch.setattr(offline_fit, 'CHUNK', 300)
    options = LearningOptions(class_weight='balanced', feature_map=kind)
    many = parts * 3  # more than 16 blocks, none of which begins where a recording does
    with Work(1) as alone, Work(2) as two:
        assert SpreadObjective(Rows(many, 2), options, alone).block_rows * 16 < sum(map(len, many))
        models = [fit(many, FEATURES, options, alone, n_parts=n) for n in (0, 1, 2, 4, 16)]
        models.append(fit(many, FEATURES, options, two, n_parts=2))
    assert len({(model.weights, model.bias, model.loss, model.mean, model.scale) for model in models}) == 1
    assert models[0].converged


@pytest.mark.parametrize('kind', ['line', 'curves', 'curves+pairs'])
@pytest.mark.parametrize('more', [{}, {'class_weight': 'balanced'}, {'sample_dependence': 5.0}])
def test_a_model_from_disk_is_that_of_the_trainers_learner(parts, kind, more):
    options = LearningOptions(feature_map=kind, tolerance=1e-9, **more)
    with Work(1) as work:
        model = fit(parts, FEATURES, options, work)
    X, y = (np.concatenate([np.array(getattr(part, name)) for part in parts]) for name in 'Xy')
    learner = Learner('live', options)
    learner.take(FEATURES, X, y)
    while learner.has_work:
        learner.descend()
    live = learner.model
    np.testing.assert_allclose(model.decision_function(X), live.decision_function(X), atol=1e-5)
    assert (model.feature_map, model.knots, model.low, model.high) == (
        kind,
        live.knots,
        live.low,
        live.high,
    )
    assert model.effective_samples == pytest.approx(live.effective_samples, rel=1e-3)
    assert (model.samples, model.positives) == (live.samples, live.positives)


def test_tables_hold_every_bit_and_the_dataset_is_the_trainers(robots, tmp_path):
    bag = robots / 'run_00'
    for name in ('x.csv', 'x.parquet', 'x.data'):
        assert run('extract', [bag, *ARGUMENTS, '--output', tmp_path / name, '--jobs', 1]) == 0
    assert run('extract', [bag, *ARGUMENTS, '--output', tmp_path / 'samples', '--jobs', 1]) == 0
    X, y, t = (np.load(tmp_path / 'samples' / 'run_00' / f'{name}.npy') for name in 'Xyt')
    rows = list(csv.reader((tmp_path / 'x.csv').read_text().splitlines()))
    assert rows[0] == ['recording', 't', *FEATURES, 'label'] and len(rows) == len(X) + 1
    np.testing.assert_array_equal(np.array([row[2:-1] for row in rows[1:]], dtype=float), X)
    np.testing.assert_array_equal([float(row[1]) for row in rows[1:]], t)
    assert [row[-1] for row in rows[1:]] == ['' if np.isnan(label) else str(int(label)) for label in y]

    parquet = pytest.importorskip('pyarrow.parquet').read_table(tmp_path / 'x.parquet')
    assert parquet.column_names == rows[0]
    np.testing.assert_array_equal(parquet[FEATURES[0]].to_numpy(), X[:, 0])

    read = [np.concatenate(each) for each in zip(*DatasetReader(tmp_path / 'x.data').batches())]
    np.testing.assert_array_equal(read[0], X[np.isfinite(y)])
    np.testing.assert_array_equal(read[1], y[np.isfinite(y)])


def test_samples_are_not_made_twice_unless_options_or_the_recording_change(tmp_path):
    bag, folder = write_bag(tmp_path / 'run', 1), tmp_path / 'samples'
    arguments = [bag, *ARGUMENTS, '--output', folder, '--jobs', 1]
    assert run('extract', arguments) == 0
    made = (folder / 'run' / 'X.npy').stat().st_mtime_ns
    assert run('extract', arguments) == 0
    assert (folder / 'run' / 'X.npy').stat().st_mtime_ns == made
    assert run('extract', [*arguments, '--set', 'max_rate_hz=10']) == 0
    fewer = read_meta(folder / 'run').samples
    assert (folder / 'run' / 'X.npy').stat().st_mtime_ns != made
    cut(bag)
    assert run('extract', [*arguments, '--set', 'max_rate_hz=10']) == 0
    assert read_meta(folder / 'run').samples < fewer
    assert not [each for each in folder.iterdir() if each.name.startswith('.')]


def test_ranges_of_a_file_label_from_their_start_to_just_before_their_end(robots, tmp_path, capsys):
    labels, bag = tmp_path / 'labels.csv', robots / 'run_02'
    labels.write_text(
        'recording,start,end,label,group\nrun_02,1,2.5,0,a\nrun_02,3,4,1,a\nelsewhere,0,1,1,b\n'
    )
    arguments = [bag, *ARGUMENTS, '--labels', labels, '--output', tmp_path / 'samples', '--jobs', 1]
    assert run('extract', arguments) == 0
    _, y, t = (np.load(tmp_path / 'samples' / 'run_02' / f'{name}.npy') for name in 'Xyt')
    np.testing.assert_array_equal(t[y == 0], np.round(np.arange(1.0, 2.5, 0.02), 2))
    np.testing.assert_array_equal(t[y == 1], np.round(np.arange(3.0, 4.0, 0.02), 2))
    assert read_meta(tmp_path / 'samples' / 'run_02').group == 'a'

    labels.write_text('recording,start,end,label\nrun_02,1,9,0\nrun_02,2,3,0\nrun_02,5,6,1\n')
    assert run('extract', arguments) == 2
    said = capsys.readouterr().err
    assert 'lines 2 and 4 contradict each other' in said
    both = [robots / 'run_00', *arguments]  # a mistake in the file ends it before anything is read
    assert run('extract', [*both[:-3], tmp_path / 'both', '--jobs', 1]) == 2
    assert not (tmp_path / 'both').exists()
    assert 'lines 2 and 4 contradict each other' in capsys.readouterr().err
    labels.write_text('recording,start,end,label\nrun_99,1,9,0\n')
    assert run('extract', arguments) == 2
    assert 'names none of these recordings: it names run_99' in capsys.readouterr().err
    for line in ('run_02,3,1,0', 'run_02,a,1,0', 'run_02,0,1,2', ',0,1,1'):
        labels.write_text(f'recording,start,end,label\n{line}\n')
        assert run('extract', arguments) == 2
        assert 'line 2' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (['nowhere'], 'nothing is called nowhere'),
        (['{bag}'], 'no features: give --params FILE'),
        (['{bag}', '--set', 'features=/imu/data/linear_acceleration/q'], 'no field q'),
        (['{bag}', '--set', 'featuers=/imu'], 'did you mean features?'),
        (['{bag}', '--set', 'label_timeout_sec=soon'], "label_timeout_sec is 'soon'"),
        (['{bag}', '--params', 'nowhere.yaml'], 'cannot be read'),
        (['{bag}', '--jobs', '-3'], '--jobs is -3'),
        (['{bag}', '--output', 'x.xlsx'], 'expected a folder'),
        (['{bag}', '--beauty'], 'unrecognized arguments'),
    ],
)
def test_a_mistake_of_the_user_is_one_sentence(robots, tmp_path, capsys, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    bag = str(robots / 'run_00')
    assert run('extract', [each.format(bag=bag) for each in arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said and 'Traceback' not in said


def test_a_full_disk_is_one_sentence_and_what_is_finished_stays(robots, tmp_path, capsys, monkeypatch):
    folder, save, saved = tmp_path / 'samples', np.save, []

    def save_until_full(file, values, **more):
        saved.append(file)
        if len(saved) > 4:  # within the second recording
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(file, values, **more)

    monkeypatch.setattr(np, 'save', save_until_full)
    assert run('extract', [robots, *ARGUMENTS, '--output', folder, '--jobs', 1]) == 1
    said = capsys.readouterr().err
    assert said.count('No space left on device') == 1 and 'Traceback' not in said
    assert [each.name for each in folder.iterdir()] == ['run_00']

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.undo()
    monkeypatch.setattr('binclf_ros.core.storage.files.write_all', full)
    assert run('extract', [robots / 'run_00', *ARGUMENTS, '--output', tmp_path / 'x.csv', '--jobs', 1]) == 1
    assert 'No space left on device' in capsys.readouterr().err and not (tmp_path / 'x.csv').exists()


def test_a_feature_that_never_changes_is_told(robots, tmp_path, capsys):
    still = ['--set', 'features=[/imu/data/linear_acceleration/z, /imu/data/linear_acceleration/x]']
    given = [*still, '--set', 'label=/label/data', '--output', tmp_path / 'm.json', '--quiet', '--jobs', 1]
    assert run('train', [robots / 'run_00', *given]) == 0
    said = capsys.readouterr().err
    assert said == '/imu/data/linear_acceleration/z is the same in all 400 samples, and tells nothing\n'


def test_the_bar_counts_the_bytes_of_a_recording_as_they_are_read(robots, tmp_path, monkeypatch):
    counted = []
    monkeypatch.setattr(Bar, 'advance', lambda bar, by, note='': counted.append(by))
    assert run('extract', [robots / 'run_00', *ARGUMENTS, '--output', tmp_path, '--jobs', 1]) == 0
    size = sum(each.stat().st_size for each in (robots / 'run_00').glob('*.mcap'))
    assert sum(counted) == pytest.approx(size) and min(counted) > 0


def test_one_class_and_other_features_are_told(robots, tmp_path, capsys):
    labels = tmp_path / 'labels.csv'
    labels.write_text('recording,start,end,label\nrun_02,1,9,1\n')
    arguments = ['--labels', labels, '--output', tmp_path / 'm.json', '--jobs', 1]
    assert run('train', [robots / 'run_02', *ARGUMENTS, *arguments]) == 2
    assert 'a model needs both classes' in capsys.readouterr().err
    model = tmp_path / 'model.json'
    assert run('train', [robots / 'run_00', *ARGUMENTS, '--output', model, '--jobs', 1]) == 0
    other = ['--set', 'features=/imu/data/linear_acceleration/x', '--set', 'label=/label/data']
    assert run('evaluate', [robots / 'run_00', '--model', model, *other, '--quiet', '--jobs', 1]) == 2
    assert 'which the samples do not have' in capsys.readouterr().err


def test_one_class_in_all_recordings_is_told_as_that(robots, tmp_path, capsys):
    labels = tmp_path / 'labels.csv'
    labels.write_text('recording,start,end,label\nrun_02,1,9,1\nrun_00,1,9,1\n')
    arguments = ['--labels', labels, '--output', tmp_path / 'm.json', '--jobs', 1]
    assert run('train', [robots / 'run_00', robots / 'run_02', *ARGUMENTS, *arguments]) == 2
    assert 'labelled samples are 1: a model needs both classes' in capsys.readouterr().err.splitlines()[-1]


def test_samples_that_are_there_are_not_taken_for_others(robots, tmp_path, capsys):
    labels, samples = tmp_path / 'labels.csv', tmp_path / 'samples'
    labels.write_text('recording,start,end,label\nrun_02,1,3,1\nrun_02,3,6,0\n')
    given = ['--labels', labels, '--jobs', 1]
    assert run('extract', [robots / 'run_02', *ARGUMENTS, *given, '--output', samples]) == 0
    model = ['--output', tmp_path / 'm.json']
    assert run('train', [samples, *ARGUMENTS, *given, *model]) == 0
    other = ['--set', 'features=/imu/data/linear_acceleration/x', '--quiet']
    assert run('train', [samples, *other, *model]) == 2
    assert 'are of other features than --params names' in capsys.readouterr().err
    labels.write_text('recording,start,end,label\nrun_02,1,3,0\nrun_02,3,6,1\n')
    assert run('train', [samples, *ARGUMENTS, *given, *model]) == 2
    assert 'are labelled already, 250 of ' in capsys.readouterr().err


@pytest.mark.parametrize('bound', ['accuracy=nan', 'accuracy=inf', 'accuracy', 'beauty=1'])
def test_a_bound_that_is_no_number_is_refused(robots, tmp_path, capsys, bound):
    assert run('evaluate', [robots / 'run_00', '--model', tmp_path / 'm.json', '--at-least', bound]) == 2
    assert '--at-least' in capsys.readouterr().err


def test_a_model_no_better_than_chance_is_told(robots, tmp_path, capsys):
    still = ['--set', 'features=std(/imu/data/angular_velocity/x, 0.5)', '--set', 'label=/label/data']
    arguments = [*still, '--output', tmp_path / 'model.json', '--jobs', 1]
    assert run('train', [robots / 'run_00', robots / 'run_04', *arguments]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith('the model is no better than stating the share of positives every time')
    # in the same place: nothing of before is used
    again = ['--output', tmp_path / 'model.json', '--jobs', 1]
    assert run('train', [robots / 'run_00', robots / 'run_04', *ARGUMENTS[:-1], *again]) == 0
    assert 'no better than stating' not in capsys.readouterr().out
