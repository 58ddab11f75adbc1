# SPDX-License-Identifier: Apache-2.0
"""What tells whether it learns, over live nodes: scores, drift, a threshold, and why."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ros_harness import LATCHED, blobs, model_dict
from std_msgs.msg import Float64, String

from binclf_ros.core.evaluation.scores import SCORES
from binclf_ros.core.learning.losses import sigmoid
from binclf_ros.core.learning.model import Model
from binclf_ros.core.storage.dataset_format import DatasetReader


def test_scores_a_threshold_and_drift_of_one_stream(ground, tmp_path):
    ground.start('trainer', dataset_file=tmp_path / 'samples', on_drift='forget', score_window=250)
    topics = ('drift', 'majority_accuracy', 'majority_log_loss', *SCORES)
    curves = {name: ground.subscribe(Float64, f'trainer/{name}', 10) for name in topics}
    models = ground.hear_models()
    ground.teach(*blobs(40))
    ground.wait_until(lambda: models and models[-1]['samples'] == 40 and models[-1]['converged'])

    assert ground.set_parameter('trainer', 'threshold_objective', 'best').startswith(
        'threshold_objective is'
    )
    success, message = ground.trigger('/trainer/recommend_threshold')
    assert not success and 'go on labelling' in message

    ground.pause()
    model = Model.from_json(json.dumps(models[-1]))
    X, y = blobs(300, seed=1)
    ground.teach(X, y)
    ground.wait_until_shown('trainer', 'total_scored', 300)
    ground.wait_until(lambda: all(curves.values()), 'all curves')
    right = (model.decision_function(X) >= 0.0) == (y > 0.5)
    ground.wait_until(lambda: curves['accuracy'][-1].data == np.mean(right[-250:]))
    assert float(ground.shown('trainer', 'accuracy')) == np.mean(right[-250:])
    assert float(ground.shown('trainer', 'total_accuracy')) == np.mean(right)
    assert float(ground.shown('trainer', 'effective_samples')) == 40.0
    assert ground.count('trainer', 'total_tp') == int(np.sum(right & (y > 0.5)))
    assert (
        curves['majority_accuracy'][-1].data == float(ground.shown('trainer', 'majority_accuracy')) <= 0.5
    )
    assert curves['drift'][-1].data < 1.0

    assert ground.set_parameter('trainer', 'threshold_objective', 'recall>=0.9') == ''
    success, message = ground.trigger('/trainer/recommend_threshold')
    answer = json.loads(message)
    assert success and answer['samples'] == 250
    called = sigmoid(model.decision_function(X[-250:])) >= answer['threshold']
    assert answer['recall'] == answer['score'] == pytest.approx(np.mean(called[y[-250:] > 0.5]))

    ground.teach(X, 1.0 - y)
    ground.wait_until(lambda: 'drift' in ground.text['trainer'])
    ground.wait_until_shown('trainer', 'total_scored', 600)
    ground.wait_until(lambda: curves['drift'][-1].data == 1.0)
    assert ground.severity['trainer'] == 1
    alarms = ground.count('trainer', 'drift_alarms')
    ground.wait_until(lambda: ground.count('trainer', 'acknowledged') == 640)
    ground.wait_until(lambda: ground.count('trainer', 'buffer') < 640)
    assert alarms == 1 and ground.count('trainer', 'acknowledged') == 640
    reader = DatasetReader(tmp_path / 'samples')
    assert sum(len(labels) for _, labels in reader.batches()) == ground.count('trainer', 'buffer') >= 320

    assert ground.trigger('/trainer/reset')[0]
    ground.wait_until_shown('trainer', 'drift_alarms', 0)
    assert 'drift' not in ground.text['trainer']


def test_why_and_how_often_it_changes_its_mind(ground):
    ground.start('predictor')
    ground.wait_for_nodes('predictor')
    models, decisions = ground.publisher(String, 'model', LATCHED), ground.hear_decisions()
    models.publish(String(data=json.dumps(model_dict([1.0, -2.0], 0.5, mean=[1.0, 0.0]))))
    ground.wait_until(lambda: ground.shown('predictor', 'model_step') == '1')
    ground.ask_until(lambda: decisions, [3.0, 0.0])
    answered = len(decisions)
    assert ground.count('predictor', 'flips') == 0, 'the first decision is no change'
    for x0 in (-3.0, 3.0, -3.0):
        ground.ask([x0, 0.0])
        answered += 1
        ground.wait_until(lambda n=answered: len(decisions) >= n)
    ground.wait_until(lambda: ground.count('predictor', 'flips') == 3)
    assert ground.count('predictor', 'chatter') <= 2
    explanations = ground.subscribe(String, 'predictor/explanation', read=lambda m: m.data)
    ground.ask_until(lambda: explanations, [3.0, 0.25])
    assert explanations[-1] == '0.95 = σ(3): +2 x0 −0.5 x1 +1.5 bias'
