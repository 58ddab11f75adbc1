# SPDX-License-Identifier: Apache-2.0
"""Whatever a callback raises, its node lives, counts it, and works when it is over."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest
from rcl_interfaces.srv import SetParameters
from ros_harness import HANG_SEC, LATCHED, blobs, model_dict, parameter, vector
from sensor_msgs.msg import Image, Imu, PointCloud2
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import SetBool, Trigger

SABOTAGE = Path(__file__).with_name('sabotage.py')
SERVICES = ('train', 'reset', 'restart', 'save', 'load', 'recommend_threshold')
AT_ONCE = 10


class Sabotaged:
    """A node that is, and what stimulates it."""

    def __init__(self, ground, name, raises, **parameters):
        self.ground, self.name, self.raises = ground, name, raises
        self.report = ground.folder / 'done.json'
        self.process = ground.start_script([SABOTAGE, name, str(raises), self.report], name, **parameters)
        self.turns = count()
        ground.wait_for_nodes(name)

    def stimulate_until_all_is_done(self, stimulate):
        done = {}

        def over():
            nonlocal done
            done = json.loads(self.report.read_text()) if self.report.exists() else {}
            return done and set(done.values()) == {self.raises}

        def drive():
            self.ground.drain()
            for _ in range(AT_ONCE):
                stimulate(next(self.turns))

        self.ground.wait_until(over, timeout=max(1, self.raises // 50) * HANG_SEC, meanwhile=drive)
        assert self.process.code is None
        return done

    def set_parameter(self, name, value):
        request = SetParameters.Request(parameters=[parameter(name, value)])
        self.ground.call_async(SetParameters, f'/{self.name}/set_parameters', request)


@pytest.fixture
def raises(volume):
    return volume(30, soak=1000)


def test_trainer(ground, raises):
    trainer = Sabotaged(ground, 'trainer', raises)
    X, y = blobs(AT_ONCE)
    samples = ground.publisher(Float64MultiArray, 'labeled_features')
    clouds = ground.publisher(PointCloud2, 'labeled_points')
    images = [ground.publisher(Image, name) for name in ('image', 'labeled_image')]

    def stimulate(turn):
        samples.publish(vector([*X[turn % AT_ONCE], y[turn % AT_ONCE]]))
        clouds.publish(PointCloud2())
        for each in images:
            each.publish(Image())
        ground.call_async(SetBool, '/trainer/pause', SetBool.Request(data=False))
        ground.call_async(Trigger, f'/trainer/{SERVICES[turn % len(SERVICES)]}', Trigger.Request())
        trainer.set_parameter('tolerance', 1e-6 * (1 + turn % 7))

    done = trainer.stimulate_until_all_is_done(stimulate)
    expected = {f'work of ~/{each}' for each in (*SERVICES, 'pause')} | {'on_parameters'}
    topics = {f'Trainer.on_labeled_{each}' for each in ('features', 'points')}
    assert expected | topics | {'LabeledImages.on_image', 'LabeledImages.on_mask'} <= done.keys()
    models = ground.hear_models()
    received = -1
    while received != (received := ground.count('trainer', 'received')):  # what is still on its way
        ground.wait_for_reports('trainer')
    assert ground.trigger('/trainer/reset')[0]
    ground.teach(*blobs(40))
    ground.wait_until(lambda: models and models[-1]['samples'] == 40)
    ground.wait_for_reports('trainer')
    assert ground.count('trainer', 'rejected/internal_error') == 4 * raises
    assert ground.count('trainer', 'failed/internal_error') > 6 * raises


def test_predictor(ground, raises):
    predictor = Sabotaged(ground, 'predictor', raises)
    probabilities = ground.hear_probabilities()
    samples = ground.publisher(Float64MultiArray, 'features')
    clouds = ground.publisher(PointCloud2, 'points')
    images = ground.publisher(Image, 'image')
    models = ground.publisher(String, 'model', LATCHED)

    def stimulate(turn):
        samples.publish(vector([1.0, 2.0]))
        clouds.publish(PointCloud2())
        images.publish(Image())
        models.publish(String(data=json.dumps(model_dict(step=turn))))
        predictor.set_parameter('threshold', 0.5 + 0.01 * (turn % 7))

    done = predictor.stimulate_until_all_is_done(stimulate)
    topics = {f'Predictor.on_{each}' for each in ('features', 'points', 'model')}
    assert topics | {'ImageAnswers.on_image', 'Predictor._explain', 'on_parameters'} <= done.keys()
    probabilities.clear()
    ground.ask_until(lambda: probabilities, [1.0, 2.0])
    ground.wait_for_reports('predictor')
    assert ground.count('predictor', 'rejected/internal_error') == 3 * raises
    assert ground.count('predictor', 'model_rejected/internal_error') == raises


def test_featurizer(ground, raises):
    featurizer = Sabotaged(ground, 'featurizer', raises, features='["/imu/angular_velocity/x"]')
    imu = ground.node.create_publisher(Imu, '/imu', 100)
    samples = ground.subscribe(Float64MultiArray, 'features')

    def stimulate(turn):
        imu.publish(Imu())
        if turn < 3 * raises:  # each is another subscription
            featurizer.set_parameter('max_age_sec', 1.0 + turn % 7)

    done = featurizer.stimulate_until_all_is_done(stimulate)
    assert {'Featurizer._look_for_topics', 'on_parameters'} < done.keys()
    assert [name for name in done if 'on_message' in name]
    samples.clear()
    ground.wait_until(lambda: samples, 'samples', meanwhile=lambda: imu.publish(Imu()))
