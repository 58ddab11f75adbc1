# SPDX-License-Identifier: Apache-2.0
"""What a person reads, in diagnostics and in the terminal, who unplugs, mistypes or mislabels something."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from ros_harness import LATCHED, blobs, model_dict
from sensor_msgs.msg import Imu
from std_msgs.msg import Float64, Float64MultiArray, Int8, String


class Robot:
    """A featurizer with a sensor on /level and a label, both of which say what they are told to."""

    def __init__(self, ground):
        self.ground, self.turn = ground, 0

    def start(self, **parameters):
        given = {'features': '[/level/data]', 'label': '/label/data'} | parameters
        given = {name: value for name, value in given.items() if value}
        self.process = self.ground.start('featurizer', **given)
        self.level = self.ground.publisher(Float64, 'level', 100, subscribers=0)
        self.label = self.ground.publisher(Int8, 'label', 100, subscribers=0)
        self.ground.wait_for_nodes('featurizer')

    @property
    def text(self):
        return self.ground.text['featurizer']

    def until(self, condition, level=None, label=None, every=1):
        """Publish a level, and at each `every`th a label, 50 times a second, until the condition holds."""

        def meanwhile():
            self.turn += 1
            if level is not None:
                self.level.publish(Float64(data=level(self.turn)))
            if label is not None and self.turn % every == 0:
                self.label.publish(Int8(data=label(self.turn)))

        self.ground.wait_until(condition, self.text, meanwhile=meanwhile)

    def until_warned(self, words, **said):
        self.until(lambda: words in self.text, **said)
        assert self.ground.severity['featurizer'] == 1
        self.ground.wait_until(lambda: words in self.process.stderr, 'the same in the terminal')

    def until_fine(self, **said):
        self.until(lambda: self.ground.severity['featurizer'] == 0, **said)


@pytest.fixture
def robot(ground):
    return Robot(ground)


def moving(turn):
    return float(turn % 7)


def test_a_sensor_is_unplugged_and_plugged_in_again(robot):
    robot.start()
    robot.until_fine(level=moving)
    robot.until(lambda: robot.ground.count('featurizer', 'sampled') > 100, level=moving)
    robot.until_warned('so no samples are taken: is the sensor unplugged? See ros2 topic hz /level')
    assert 'nothing from /level for ' in robot.text and ' s (it came at ' in robot.text
    robot.until_fine(level=moving)
    robot.ground.wait_until(lambda: 'now OK: sampling' in robot.process.stderr)


def test_a_feature_without_readings_is_named(robot):
    robot.start()
    robot.until_warned('samples dropped in the last', level=lambda turn: math.nan)
    robot.until_warned('/level/data had no reading (not finite', level=lambda turn: math.nan)
    robot.until_fine(level=moving)


def test_a_label_that_nobody_publishes_is_no_fault(robot):
    robot.start(label='/nobody/data')
    robot.until(lambda: robot.ground.count('featurizer', 'sampled') > 250, level=moving)
    assert robot.ground.severity['featurizer'] == 0
    assert robot.text == 'sampling; no label from /nobody/data: samples go out unlabelled'


def test_a_label_that_breaks_off_is_said_and_one_that_is_taken_back_is_no_fault(robot):
    robot.start()
    robot.until(
        lambda: robot.ground.count('featurizer', 'labeled') > 50, level=moving, label=lambda turn: 1
    )
    robot.until_warned('nothing from /label for ', level=moving)
    robot.until_fine(level=moving, label=lambda turn: 1)
    robot.label.publish(Int8(data=-1))
    taken_back = 'sampling; no label from /label: samples go out unlabelled'
    robot.until(lambda: robot.text == taken_back, level=moving)
    assert robot.ground.severity['featurizer'] == 0


def test_a_wrong_name_of_a_label_is_answered_with_one_that_is_near(robot):
    robot.start(label='/lable/data')
    said = {'level': moving, 'label': lambda turn: 1}
    robot.until_warned(
        'no label: nobody publishes /lable: is /label meant? Samples go out unlabelled', **said
    )
    assert robot.ground.count('featurizer', 'sampled')


def test_a_label_whose_field_is_not_there_is_said_when_its_topic_comes(robot):
    robot.start(label='/label/dat')
    robot.until_warned(
        'samples go out unlabelled: /label/dat: Int8 has no field dat; it has data', level=moving
    )
    assert robot.ground.set_parameter('featurizer', 'label', '/label/data') == ''
    robot.until_fine(level=moving, label=lambda turn: 1)


def test_labels_of_values_that_do_not_label_are_named_with_an_expression_that_would_do(robot):
    robot.start()
    said = {'level': moving, 'label': lambda turn: 1 if turn % 300 < 20 else -1}
    robot.until_warned('1 and 0 label, /label/data came as -1 (', **said)
    assert 'such as label: /label/data > 0 would label' in robot.text


def test_a_label_that_comes_too_seldom_is_said_with_both_times(robot):
    robot.start()
    robot.until_warned('label_timeout_sec is 0.5: ', level=moving, label=lambda turn: 1, every=100)
    assert 'the label comes every ' in robot.text and 'or to 0, so that a label holds' in robot.text


def test_a_wrong_topic_name_is_answered_with_one_that_is_near(robot):
    robot.start(features='[/leevl/data]')
    robot.until_warned('waiting for the topic of /leevl/data: is /level meant?', level=moving)


def test_a_misspelt_parameter_is_named(ground):
    process = ground.start('featurizer', feature='[/level/data]')
    words = (
        'no features yet: set the parameter features to a list of expressions; the parameter feature was '
    )
    ground.wait_until(lambda: ground.text.get('featurizer', '').startswith(words), 'the words')
    ground.wait_until(lambda: 'feature was given and is not known: is features' in process.stderr)


def test_stamps_of_zero_are_said(robot, ground):
    robot.start(features='[/imu/linear_acceleration/z]', label='')
    imus = ground.publisher(Imu, 'imu', 100, subscribers=0)
    words = 'the stamps of /imu are all 0: it is joined by the time of arrival'
    ground.wait_until(lambda: words in robot.text, words, meanwhile=lambda: imus.publish(Imu()))
    assert ground.severity['featurizer'] == 1


def test_facts_of_each_topic_are_in_the_diagnostics(robot):
    robot.start(label='')
    robot.until(lambda: ' Hz, newest ' in robot.ground.shown('featurizer', 'topic/level'), level=moving)
    assert 'by arrival' in robot.ground.shown('featurizer', 'topic/level')


def test_features_of_another_model_are_refused_aloud(ground):
    process = ground.start('predictor')
    models = ground.publisher(String, 'model', LATCHED)
    models.publish(String(data=json.dumps(model_dict())))
    words = "so: feature 0 is 'a', the model has 'x0'"
    ground.publisher(Float64MultiArray, 'features')

    def ask():
        ground.ask([1.0, 2.0], ['a', 'b'])

    def warned():
        text = ground.text.get('predictor', '')
        return 'messages to answer refused in the last 3 s' in text and "feature 0 is 'a'" in text

    ground.wait_until(warned, words, meanwhile=ask)
    assert ground.severity['predictor'] == 1
    ground.wait_until(lambda: 'messages to answer refused' in process.stderr)


def test_a_predictor_without_anything_to_answer_says_so(ground):
    ground.start('predictor')
    models = ground.publisher(String, 'model', LATCHED)
    models.publish(String(data=json.dumps(model_dict())))
    words = 'nothing on features or points for '
    ground.wait_until(lambda: words in ground.text.get('predictor', ''), words)
    assert ground.severity['predictor'] == 1
    ground.ask_until(lambda: words not in ground.text['predictor'], [1.0, 2.0])


def test_samples_of_other_features_are_refused_aloud(ground):
    process = ground.start('trainer', min_samples_per_class=1)
    ground.teach(*blobs(20))
    ground.wait_until(lambda: ground.count('trainer', 'step') > 0, 'a model')
    X, y = blobs(10, n_features=3)
    ground.wait_until(
        lambda: 'labelled samples refused in the last 3 s' in ground.text['trainer'],
        meanwhile=lambda: ground.teach(X, y),
    )
    assert 'those before were 2 (x0, x1): ~/reset forgets' in ground.text['trainer']
    assert ground.severity['trainer'] == 1
    for words in ('labelled samples refused', 'the first model: step 1'):
        ground.wait_until(lambda w=words: w in process.stderr, words)


def test_a_latched_label_is_heard_by_who_comes_late(ground):
    label = ground.publisher(Int8, 'label', LATCHED, subscribers=0)
    label.publish(Int8(data=1))
    robot = Robot(ground)
    ground.start('featurizer', features='[/level/data]', label='/label/data', label_timeout_sec=0.0)
    robot.level = ground.publisher(Float64, 'level', 100, subscribers=0)
    ground.wait_for_nodes('featurizer')
    robot.until(lambda: ground.count('featurizer', 'labeled') > 0, level=moving)


@pytest.mark.parametrize(
    ('policy', 'value', 'words'),
    [
        ('reliability', 'sure', "is 'sure', expected one of system_default, reliable, best_effort"),
        ('depth', '-1', 'is -1, expected a whole number'),
        ('relibility', 'reliable', 'there is no such policy, only '),
    ],
)
def test_an_override_of_qos_that_is_none_ends_the_start_in_a_sentence(ground, policy, value, words):
    name = f'qos_overrides./features.subscription.{policy}'
    process = ground.start('predictor', **{name: value})
    assert process.wait() == 1
    assert f'cannot start: {name}' in process.stderr and words in process.stderr


def test_a_model_that_is_no_better_than_chance_is_said(ground):
    ground.start('trainer')
    generator = np.random.default_rng(0)

    def teach():
        ground.teach(generator.normal(size=(20, 2)), generator.integers(0, 2, 20).astype(float))

    words = 'not learning: '
    ground.wait_until(
        lambda: words in ground.text.get('trainer', ''), words, meanwhile=teach, every_sec=0.1
    )
    assert ground.severity['trainer'] == 1
    assert 'other features, or labels that are nearer to the moment' in ground.text['trainer']
