# SPDX-License-Identifier: Apache-2.0
"""Which models the predictor takes over, and what it does with the samples that do not fit."""

from __future__ import annotations

import json
import math
from collections import Counter

import pytest
from ros_harness import LATCHED, model_dict, probability_of, vector
from std_msgs.msg import Float64MultiArray, String

X = [0.3, -0.7]
USED = model_dict(run='now', step=5)


def without(key):
    return {k: v for k, v in USED.items() if k != key}


REFUSED = {
    'not JSON': ('{"format": ', 'json'),
    'a list': ([1, 2], 'json'),
    'another format': ({**USED, 'step': 6, 'format': 'onnx'}, 'format'),
    'no format': (without('format'), 'format'),
    'a later version': ({**USED, 'step': 6, 'version': 3}, 'version'),
    'too few weights': ({**USED, 'step': 6, 'weights': [1.0]}, 'shape'),
    'weights as text': ({**USED, 'step': 6, 'weights': ['1', '2']}, 'shape'),
    'no bias': (without('bias'), 'shape'),
    'no features': ({**USED, 'step': 6, 'features': [], 'weights': [], 'mean': [], 'scale': []}, 'shape'),
    'weight NaN': ({**USED, 'step': 6, 'weights': [math.nan, 1.0]}, 'not_finite'),
    'bias infinite': ({**USED, 'step': 6, 'bias': math.inf}, 'not_finite'),
    'bias beyond floats': (json.dumps({**USED, 'step': 6}).replace('0.25', '1e999'), 'not_finite'),
    'a smaller step of this run': ({**USED, 'step': 4, 'bias': 9.0}, 'older_step'),
    'a run that was left': (model_dict(run='before', step=99, bias=9.0, stamp=9e9), 'left_run'),
}


@pytest.fixture(scope='module')
def answering(shared_ground):
    """A predictor that left the run `before` for the model USED."""
    ground = shared_ground
    ground.start('predictor')
    ground.probabilities = ground.hear_probabilities()
    ground.decisions = ground.hear_decisions()
    models = ground.publisher(String, 'model', LATCHED)
    for model in (model_dict(run='before', step=50), USED):
        models.publish(String(data=json.dumps(model)))
        ground.wait_until_shown('predictor', 'model_run', model['run'])
    return ground


def answer(ground, x=X):
    before = len(ground.probabilities)
    ground.ask_until(lambda: len(ground.probabilities) > before and len(ground.decisions) > before, x)
    return ground.probabilities[-1], ground.decisions[-1]


def model_rejected(ground):
    shown = ground.status['predictor'].items()
    return {key: int(value) for key, value in shown if key.startswith('model_rejected/')}


@pytest.mark.parametrize('refused', REFUSED)
def test_model_is_refused_counted_shown_and_the_one_in_use_stays(answering, refused):
    model, reason = REFUSED[refused]
    models = answering.publisher(String, 'model', LATCHED)
    models.publish(String(data=json.dumps(USED)))
    answering.ask_until(lambda: answering.severity['predictor'] == 0, X)
    expected, counts = answer(answering), model_rejected(answering)
    assert expected[0] == pytest.approx(probability_of(USED, X), abs=1e-15)
    models.publish(String(data=model if isinstance(model, str) else json.dumps(model)))
    key = f'model_rejected/{reason}'
    answering.wait_until(lambda: answering.count('predictor', key) > counts.get(key, 0))
    assert model_rejected(answering) == {**counts, key: counts.get(key, 0) + 1}
    assert answering.severity['predictor'] == 1
    assert 'refused' in answering.text['predictor']
    assert answer(answering) == expected
    assert answering.shown('predictor', 'model_step') == '5'


def test_equal_step_is_a_repeat(answering):
    expected, counts = answer(answering), model_rejected(answering)
    models = answering.publisher(String, 'model', LATCHED)
    models.publish(String(data=json.dumps({**USED, 'stamp': 1.0})))
    answering.ask_until(lambda: answering.severity['predictor'] == 0, X)
    assert answer(answering) == expected
    assert model_rejected(answering) == counts


def test_trainer_gone_is_a_warning_after_2_seconds_and_a_repeat_ends_it(answering):
    models = answering.publisher(String, 'model', LATCHED)
    models.publish(String(data=json.dumps(USED)))
    answering.ask_until(lambda: answering.severity['predictor'] == 0, X)
    answering.ask_until(lambda: answering.severity['predictor'] == 1, X)
    assert 'trainer gone' in answering.text['predictor']
    assert answer(answering)[0] == pytest.approx(probability_of(USED, X), abs=1e-15)
    models.publish(String(data=json.dumps(USED)))
    answering.ask_until(lambda: answering.severity['predictor'] == 0, X)


BAD_SAMPLES = {
    'other names': (vector(X, ('x1', 'x0')), 'names'),
    'another length': (vector([1.0, 2.0, 3.0]), 'length'),
    'nan': (vector([1.0, math.nan]), 'not_finite'),
    'infinite': (vector([math.inf, 1.0]), 'not_finite'),
    'empty': (vector([]), 'empty'),
    'size of another length': (vector(X, size=3), 'layout'),
}


def test_bad_samples_are_refused_counted_once_each_and_not_answered(answering):
    answer(answering)
    answering.wait_for_reports('predictor', 1)
    answered, before = len(answering.probabilities), rejected(answering)
    features = answering.publisher(Float64MultiArray, 'features')
    for message, _ in BAD_SAMPLES.values():
        features.publish(message)
    expected = before + Counter(f'rejected/{reason}' for _, reason in BAD_SAMPLES.values())
    answering.wait_until(lambda: rejected(answering).total() >= expected.total())
    assert rejected(answering) == expected
    assert len(answering.probabilities) == answered


def rejected(ground):
    shown = ground.status['predictor'].items()
    return Counter({key: int(value) for key, value in shown if key.startswith('rejected/')})


def test_without_a_model_nothing_is_published_and_samples_are_counted(ground):
    ground.start('predictor')
    probabilities, decisions = ground.hear_probabilities(), ground.hear_decisions()
    ground.ask_until(lambda: ground.count('predictor', 'rejected/no_model') > 0, X)
    ground.wait_for_reports('predictor', 1)
    before = ground.count('predictor', 'rejected/no_model')
    for _ in range(5):
        ground.ask(X)
    ground.wait_until(lambda: ground.count('predictor', 'rejected/no_model') == before + 5)
    assert (probabilities, decisions) == ([], [])
    assert ground.severity['predictor'] == 1


def test_model_file_serves_without_a_trainer(ground, tmp_path):
    (tmp_path / 'model.json').write_text(json.dumps(USED))
    ground.start('predictor', model_file=tmp_path / 'model.json')
    ground.probabilities, ground.decisions = ground.hear_probabilities(), ground.hear_decisions()
    assert answer(ground)[0] == pytest.approx(probability_of(USED, X), abs=1e-15)
    ground.wait_for_reports('predictor', 1)
    assert ground.severity['predictor'] == 0


def test_model_file_keeps_the_newest_good_model(ground, tmp_path):
    file = tmp_path / 'new' / 'model.json'
    ground.start('predictor', model_file=file)
    ground.wait_until(lambda: f'({file} is not there)' in ground.text.get('predictor', ''))
    models = ground.publisher(String, 'model', LATCHED)
    for step in (1, 2, 3):
        models.publish(String(data=json.dumps(model_dict(step=step))))
        ground.wait_until_shown('predictor', 'model_step', step)
    models.publish(String(data=json.dumps(model_dict(step=4, version=7))))
    ground.wait_until(lambda: file.exists() and json.loads(file.read_text())['step'] == 3)
    assert json.loads(file.read_text()) == model_dict(step=3)


def test_broken_model_file_is_shown_and_left_alone(ground, tmp_path):
    file = tmp_path / 'model.json'
    file.write_text('{"format": "binclf_ros/model"')
    ground.start('predictor', model_file=file)
    ground.wait_for_nodes('predictor')
    assert ground.severity['predictor'] > 0
    assert str(file) in ground.text['predictor']
    assert file.read_text() == '{"format": "binclf_ros/model"'
