# SPDX-License-Identifier: Apache-2.0
"""What the trainer keeps on disk, and that it goes on from there, whatever happened to it or the disk."""

from __future__ import annotations

import json
import shutil
import signal
import time

import numpy as np
import pytest
from ros_harness import LATCHED, blobs, model_dict, probability_of
from std_msgs.msg import String

from binclf_ros.core.storage.dataset_format import DatasetReader

X = (0.5, -1.0)


class Files:
    def __init__(self, folder):
        self.model, self.dataset = folder / 'kept' / 'model.json', folder / 'kept' / 'samples'
        self.parameters = {'model_file': self.model, 'dataset_file': self.dataset}

    def samples(self):
        reader = DatasetReader(self.dataset)
        found = [np.column_stack(batch) for batch in reader.batches()]
        return np.concatenate(found) if found else np.empty((0, 3))

    def names(self):
        return sorted(each.name for each in self.dataset.parent.iterdir())


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def start(ground, **parameters):
    """Start a trainer, and wait for its word and not for that of one before it."""
    ground.status.pop('trainer', None)
    trainer = ground.start('trainer', **parameters)
    ground.wait_for_nodes('trainer')
    return trainer


def learn(ground, count=40, seed=0, names=()):
    """Teach, and wait until all of it is on disk and learned."""
    before = ground.count('trainer', 'acknowledged')
    ground.teach(*blobs(count, seed=seed), names)
    ground.wait_until_shown('trainer', 'acknowledged', before + count)
    ground.wait_until(lambda: ground.shown('trainer', 'converged') == 'true')


def end(process):
    process.signal(signal.SIGINT)
    assert process.code == 0


class Traffic:
    """Labelled samples that go on and on, and tell which they are."""

    def __init__(self, ground):
        self.ground, self.sent = ground, 0

    def go_on(self):
        numbers = np.arange(self.sent, self.sent + 20)
        self.sent += 20
        noise = np.random.default_rng(self.sent).normal(size=20)
        self.ground.teach(np.column_stack([numbers, noise]), numbers % 2.0)

    def live_until_killed(self, files, acknowledged, after_sec):
        """Start a trainer, have it learn, kill it; return its run and what it has acknowledged."""
        ground = self.ground
        trainer = start(ground, buffer_capacity=200, buffer_policy='fifo', **files.parameters)
        assert ground.count('trainer', 'acknowledged') >= acknowledged
        assert ground.severity['trainer'] < 2, ground.text['trainer']
        models = ground.hear_models()
        if acknowledged:
            ground.wait_until(lambda: models, 'the model of the file')
        enough = ground.count('trainer', 'acknowledged') + 100
        ground.wait_until(
            lambda: ground.count('trainer', 'acknowledged') >= enough and models, meanwhile=self.go_on
        )
        run = models[-1]['run']
        ground.wait_until(
            lambda: ground.shown('predictor', 'model_run') == run, 'the predictor', meanwhile=self.go_on
        )
        ends = time.monotonic() + after_sec
        ground.wait_until(lambda: time.monotonic() > ends, meanwhile=self.go_on)
        trainer.kill()
        ground.drain()
        return run, ground.count('trainer', 'acknowledged')


def test_kill_9_under_traffic_loses_no_acknowledged_sample_and_a_predictor_follows(ground, files, volume):
    cycles = volume(5, soak=50)
    ground.start('predictor')
    probabilities = ground.hear_probabilities()
    traffic, acknowledged, runs = Traffic(ground), 0, []
    for cycle in range(cycles):
        run, acknowledged = traffic.live_until_killed(files, acknowledged, 0.07 * (cycle % 7))
        runs.append(run)
        assert json.loads(files.model.read_text())['run'] in runs
        numbers = files.samples()[:, 0]
        assert len(numbers) >= min(acknowledged, 200)
        assert np.all(np.diff(numbers) > 0), 'in order, none twice'
        assert files.dataset.stat().st_size <= 2 * 200 * 17 + 8192
    assert len(set(runs)) == cycles
    ground.ask_until(lambda: probabilities, X)
    assert not [name for name in files.names() if 'damaged' in name or 'other' in name]
    assert len(files.names()) <= 4 + 2, files.names()  # model, the one before, samples, their lock


def test_a_new_trainer_goes_on_where_the_one_before_was(ground, files):
    trainer = start(ground, **files.parameters)
    models = ground.hear_models()
    learn(ground, names=('a', 'b'))
    end(trainer)
    before = models[-1]
    kept = json.loads(files.model.read_text())
    assert kept == before
    trainer = start(ground, **files.parameters)
    ground.wait_until(lambda: models[-1]['run'] != before['run'])
    first = next(each for each in models if each['run'] != before['run'])
    assert {**first, 'run': 0, 'step': 0} == {**before, 'run': 0, 'step': 0}
    assert first['step'] >= 1
    ground.wait_until_shown('trainer', 'buffer', 40)
    assert ground.count('trainer', 'acknowledged') == 40
    assert ground.count('trainer', 'accepted') == 0
    learn(ground, 10, 1, ('a', 'b'))
    assert ground.count('trainer', 'buffer') == 50
    assert ground.severity['trainer'] == 0, ground.text['trainer']
    ground.teach(*blobs(1), ('c', 'd'))
    ground.wait_until_shown('trainer', 'rejected/names', 1)


def test_what_was_accepted_is_on_disk_after_a_signal(ground, files):
    for seed, number in enumerate((signal.SIGINT, signal.SIGTERM)):
        trainer = start(ground, **files.parameters)
        ground.teach(*blobs(300, seed=seed))
        ground.wait_until(lambda: ground.count('trainer', 'accepted') > 0)
        assert trainer.signal(number) <= 1.0
        assert trainer.code == 0
        ground.drain()
        assert len(files.samples()) >= ground.count('trainer', 'accepted')


def test_samples_of_other_features_than_the_files_are_refused_until_a_reset(ground, files):
    trainer = start(ground, **files.parameters)
    learn(ground, names=('a', 'b'))
    end(trainer)
    start(ground, **files.parameters)
    models = ground.hear_models()
    ground.teach(*blobs(30, n_features=3), ('c', 'd', 'e'))
    ground.wait_until_shown('trainer', 'rejected/length', 30)
    assert len(files.samples()) == ground.count('trainer', 'buffer') == 40
    assert ground.trigger('/trainer/reset')[0]
    ground.teach(*blobs(30, n_features=3), ('c', 'd', 'e'))
    ground.wait_until_shown('trainer', 'acknowledged', 30)
    ground.wait_until(lambda: models and models[-1]['features'] == ['c', 'd', 'e'])
    assert len(files.samples()) == 30


@pytest.mark.parametrize('harm', ['rubbish', 'cut', 'flipped', 'empty'])
def test_damaged_files_do_not_stop_the_trainer(ground, files, harm):
    trainer = start(ground, **files.parameters)
    learn(ground)
    learn(ground, 10, 1)
    end(trainer)
    for path in (files.model, files.dataset):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        rubbish = {'rubbish': b'\xff\0' * 99, 'cut': data[: len(data) - 40], 'flipped': data, 'empty': b''}
        path.write_bytes(rubbish[harm])
    start(ground, **files.parameters)
    models = ground.hear_models()
    assert ground.severity['trainer'] == 1
    assert str(files.model) in ground.text['trainer']
    assert 'model.json.damaged-1' in files.names()
    ground.wait_until(lambda: models, 'the model before, or one of the samples that are whole')
    held = ground.count('trainer', 'acknowledged')
    assert held < 50
    learn(ground, 30, 2)
    assert ground.count('trainer', 'buffer') == held + 30
    assert len(files.samples()) == held + 30
    assert ground.trigger('/trainer/save')[0]
    ground.wait_until(lambda: ground.severity['trainer'] == 0)


def test_save_writes_now_and_load_goes_back_to_it(ground, files, tmp_path):
    start(ground, **files.parameters)
    models = ground.hear_models()
    learn(ground)
    ground.pause()
    success, message = ground.trigger('/trainer/save')
    assert success
    assert str(files.model) in message and str(files.dataset) in message and '40 samples' in message
    saved, samples = json.loads(files.model.read_text()), files.samples()
    assert saved == models[-1]
    assert len(samples) == 40
    shutil.copytree(files.dataset.parent, tmp_path / 'backup')
    ground.pause(False)
    learn(ground, 60, 1)
    ground.pause()
    for path in (files.model, files.dataset):
        shutil.copy(tmp_path / 'backup' / path.name, path)
    success, message = ground.trigger('/trainer/load')
    assert success, message
    assert '40 samples' in message
    ground.wait_until_shown('trainer', 'buffer', 40)
    assert ground.count('trainer', 'acknowledged') == 40
    ground.drain()
    assert models[-1]['weights'] == saved['weights']
    assert models[-1]['run'] == saved['run'] and models[-1]['step'] > saved['step']
    ground.teach(*blobs(5, seed=3))
    ground.wait_until_shown('trainer', 'acknowledged', 45)
    assert np.array_equal(files.samples()[:40], samples)


def test_load_of_damaged_files_changes_nothing(ground, files):
    start(ground, **files.parameters)
    learn(ground)
    ground.pause()
    good = files.dataset.read_bytes()
    for path, data in ((files.dataset, good[:60] + b'x' + good[61:]), (files.model, b'{}')):
        whole = path.read_bytes()
        path.write_bytes(data)
        success, message = ground.trigger('/trainer/load')
        assert not success and message
        path.write_bytes(whole)
    ground.wait_for_reports('trainer')
    assert ground.count('trainer', 'buffer') == 40
    assert ground.trigger('/trainer/load')[0]


def test_reset_empties_the_dataset_and_leaves_the_model_file(ground, files):
    trainer = start(ground, **files.parameters)
    learn(ground)
    ground.wait_until(lambda: files.model.exists() and json.loads(files.model.read_text())['samples'] == 40)
    assert ground.trigger('/trainer/reset')[0]
    ground.wait_until_shown('trainer', 'acknowledged', 0)
    assert len(files.samples()) == 0
    assert json.loads(files.model.read_text())['samples'] == 40
    ground.teach(*blobs(7, 3), ('c', 'd', 'e'))
    ground.wait_until_shown('trainer', 'acknowledged', 7)
    trainer.kill()
    reader = DatasetReader(files.dataset)
    assert sum(len(y) for _, y in reader.batches()) == 7
    assert reader.names == ('c', 'd', 'e')


def test_without_files_save_and_load_say_so(ground):
    start(ground)
    for service in ('save', 'load'):
        success, message = ground.trigger(f'/trainer/{service}')
        assert not success
        assert 'model_file' in message and 'dataset_file' in message


def test_a_full_disk_is_an_error_and_the_learning_goes_on(ground):
    start(ground, dataset_file='/dev/full', model_file='/dev/full')
    models = ground.hear_models()
    ground.teach(*blobs(40))
    ground.wait_until(lambda: models and models[-1]['samples'] == 40)
    ground.wait_until(lambda: ground.severity['trainer'] == 2)
    assert 'in memory alone' in ground.text['trainer']
    assert ground.count('trainer', 'acknowledged') == 0
    assert not ground.trigger('/trainer/save')[0]
    ground.wait_for_reports('trainer')
    assert ground.count('trainer', 'buffer') == 40


def test_the_disk_heals(ground, files):
    files.dataset.parent.write_text('in the way')
    start(ground, **files.parameters)
    ground.wait_until(lambda: ground.severity['trainer'] == 2)
    ground.teach(*blobs(40))
    ground.wait_until(lambda: ground.shown('trainer', 'converged') == 'true')
    assert ground.count('trainer', 'acknowledged') == 0
    files.dataset.parent.unlink()
    ground.wait_until_shown('trainer', 'acknowledged', 40)
    ground.wait_until(lambda: ground.severity['trainer'] == 1)
    assert ground.trigger('/trainer/save')[0]
    ground.wait_until(lambda: ground.severity['trainer'] == 0)
    assert len(files.samples()) == 40
    assert files.model.exists()


def test_a_second_trainer_leaves_the_file_alone_and_says_who_has_it(ground, files):
    start(ground, **files.parameters)
    learn(ground)
    first = ground.processes[-1]
    ground.start('trainer', '-r', '__node:=second', dataset_file=files.dataset)
    ground.wait_for_nodes('second')
    ground.wait_until(lambda: ground.severity['second'] == 2)
    assert f'{files.dataset} is in use by process {first.pid} of ' in ground.text['second']
    ground.teach(*blobs(10, seed=1))
    ground.wait_until_shown('trainer', 'acknowledged', 50)
    ground.wait_for_reports('second')
    assert len(files.samples()) == 50
    assert ground.count('second', 'acknowledged') == 0


def test_home_is_known_and_a_link_stays(ground, files, tmp_path):
    files.model.parent.mkdir()
    files.model.symlink_to(tmp_path / 'elsewhere' / 'model.json')
    trainer = start(ground, **files.parameters)
    learn(ground)
    end(trainer)
    assert files.model.is_symlink()
    assert json.loads((tmp_path / 'elsewhere' / 'model.json').read_text())['samples'] == 40
    said = trainer.stdout + trainer.stderr
    assert f'is a link to {tmp_path / "elsewhere" / "model.json"}' in said
    assert 'is missing: it will be made' in said


def test_a_predictor_goes_on_from_the_generation_before(ground, files):
    files.model.parent.mkdir()
    files.model.write_text('{"format"')
    good = model_dict(step=7)
    files.model.with_name('model.json.previous').write_text(json.dumps(good))
    ground.start('predictor', model_file=files.model)
    probabilities = ground.hear_probabilities()
    ground.ask_until(lambda: probabilities, X)
    assert probabilities[-1] == pytest.approx(probability_of(good, X), abs=1e-15)
    ground.wait_for_nodes('predictor')
    assert ground.severity['predictor'] == 1
    assert str(files.model) in ground.text['predictor']
    models = ground.publisher(String, 'model', LATCHED)
    models.publish(String(data=json.dumps(model_dict(step=8))))
    ground.wait_until(lambda: files.model.exists() and '"step": 8' in files.model.read_text())
