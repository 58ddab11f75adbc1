# SPDX-License-Identifier: Apache-2.0
"""Parameters as `ros2 param` and a launch file set them."""

from __future__ import annotations

import json
import math

import pytest
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from ros_harness import WHOLE_NUMBERS_WIDEN, blobs

NODES = ('trainer', 'predictor', 'featurizer')
widens = pytest.mark.skipif(not WHOLE_NUMBERS_WIDEN, reason='this rclpy has no pre-set callback')


@pytest.fixture(scope='module')
def nodes(shared_ground):
    for name in NODES:
        shared_ground.start(name)
    shared_ground.wait_for_nodes(*NODES)
    return shared_ground


@widens
@pytest.mark.parametrize(
    ('node', 'name'),
    [('trainer', 'learning_rate'), ('predictor', 'threshold'), ('featurizer', 'max_rate_hz')],
)
def test_whole_number_is_taken_where_a_float_is(nodes, node, name):
    assert nodes.set_parameter(node, name, 1) == ''
    (value,) = nodes.parameter_values(node, name)
    assert (value, type(value)) == (1.0, float)


REFUSED = [
    ('trainer', 'learning_rate', math.nan, ['learning_rate', 'nan']),
    ('trainer', 'learning_rate', math.inf, ['learning_rate', 'inf']),
    ('trainer', 'learning_rate', -1.0, ['learning_rate', '-1', '0']),
    ('trainer', 'learning_rate', 'fast', ['learning_rate', 'number']),
    ('trainer', 'learning_rate', None, ['learning_rate', 'undeclared']),
    ('trainer', 'buffer_capacity', 0, ['buffer_capacity', '0', '2']),
    ('trainer', 'buffer_capacity', 10.5, ['buffer_capacity', 'whole number']),
    ('trainer', 'solver', 'newton', ['solver', 'newton', 'gradient', 'curvature']),
    ('trainer', 'loss', '', ['loss', 'bce', 'mse']),
    ('trainer', 'buffer_policy', 'lifo', ['lifo', 'fifo', 'balanced', 'reservoir']),
    ('trainer', 'standardize', 'yes', ['standardize', 'true or false']),
    ('trainer', 'seed', 1, ['seed', 'read-only']),
    ('trainer', 'dataset_file', '/tmp/other', ['dataset_file', 'read-only']),
    ('trainer', 'model_file', '/dev', ['model_file', '/dev', 'exists already']),
    ('trainer', 'executor', 'single', ['executor', 'read-only']),
    ('trainer', 'lerning_rate', 1.0, ['lerning_rate', 'undeclared', 'is learning_rate or']),
    ('predictor', 'threshold', 1.5, ['threshold', '1.5']),
    ('predictor', 'hysteresis', -0.1, ['hysteresis', '-0.1']),
    ('featurizer', 'features', ['/imu/data/'], ['/imu/data/', '^']),
    ('featurizer', 'features', ['/a/b', '/a/b'], ['/a/b', 'twice']),
    ('featurizer', 'features', 'mean(/a/b)', ['features', 'list']),
    ('featurizer', 'features', '', ['features', 'list']),
    ('featurizer', 'features', 0, ['features', 'list']),
    ('featurizer', 'label', 'std(/a/b, 1.0)', ['label', '^']),
]


def lower(text):
    return text.lower().replace('readonly', 'read-only').replace('read only', 'read-only')


@pytest.mark.parametrize(('node', 'name', 'value', 'words'), REFUSED)
def test_refused_change_says_why_and_changes_nothing(nodes, node, name, value, words):
    before = nodes.parameter_values(node, name)
    reason = nodes.set_parameter(node, name, value)
    missing = [word for word in words if lower(word) not in lower(reason)]
    assert reason, 'it was taken'
    assert not missing, reason
    assert nodes.parameter_values(node, name) == before


def test_set_with_one_bad_value_changes_nothing(nodes):
    names = ('l2', 'train_rate_hz', 'solver')
    before = nodes.parameter_values('trainer', *names)
    reason = nodes.set_atomically('trainer', {'l2': 3.0, 'train_rate_hz': 7.0, 'solver': 'newton'})
    assert 'newton' in reason
    assert nodes.parameter_values('trainer', *names) == before
    assert nodes.set_atomically('trainer', {'l2': 3.0, 'train_rate_hz': 7.0, 'solver': 'gradient'}) == ''
    assert nodes.parameter_values('trainer', *names) == [3.0, 7.0, 'gradient']


def test_list_of_features_can_be_emptied_and_filled_again(nodes):
    for features in (['/a/b'], [], ['/a/c', 'mean(/a/b, 1.0)']):
        assert nodes.set_parameter('featurizer', 'features', features) == ''
        assert nodes.parameter_values('featurizer', 'features') == [features]


@pytest.mark.parametrize('kind', ['BYTE', 'BOOL', 'INTEGER', 'DOUBLE', 'STRING'])
def test_an_empty_list_is_one_of_texts_whatever_type_it_is_said_to_be_of(nodes, kind):
    assert nodes.set_parameter('featurizer', 'features', ['/a/b']) == ''
    empty = ParameterValue(type=getattr(ParameterType, f'PARAMETER_{kind}_ARRAY'))
    request = SetParameters.Request(parameters=[Parameter(name='features', value=empty)])
    (result,) = nodes.call(SetParameters, '/featurizer/set_parameters', request).results
    assert result.successful, result.reason
    assert nodes.parameter_values('featurizer', 'features') == [[]]


@pytest.mark.parametrize('node', NODES)
def test_every_parameter_is_described_and_bounded(nodes, node):
    free = (
        ParameterType.PARAMETER_STRING,
        ParameterType.PARAMETER_STRING_ARRAY,
        ParameterType.PARAMETER_BOOL,
    )
    own = [each for each in nodes.descriptors(node) if not of_rclpy(each.name)]
    assert len(own) > 2
    for each in own:
        assert each.description, each.name
        assert not each.dynamic_typing, each.name
        bounded = each.floating_point_range or each.integer_range or each.additional_constraints
        assert bounded or each.type in free, each.name


@pytest.mark.parametrize('node', NODES)
def test_every_parameter_has_a_value(nodes, node):
    for each in nodes.descriptors(node):
        assert nodes.parameter_values(node, each.name), each.name


def of_rclpy(name):
    return name == 'use_sim_time' or name.startswith(('qos_overrides.', 'start_type_description_service'))


@pytest.mark.parametrize(
    ('node', 'given', 'words'),
    [
        ('trainer', {'learning_rate': -1}, ['learning_rate', '-1']),
        ('trainer', {'learning_rate': 'fast'}, ['learning_rate', 'fast', 'number']),
        ('trainer', {'learning_rate': '.nan'}, ['learning_rate', 'nan']),
        ('trainer', {'solver': 'foo'}, ['solver', 'foo', 'gradient', 'curvature']),
        ('predictor', {'threshold': '[0.5]'}, ['threshold', 'number']),
        ('featurizer', {'features': '["mean(/imu/data/x"]'}, ['mean(/imu/data/x', '^']),
        ('featurizer', {'features': '["middle(/imu/data/x)"]'}, ['middle', 'median']),
        ('featurizer', {'label': '/a/b', 'label_positive': '/a/c'}, ['label', 'both set']),
    ],
)
def test_bad_value_at_start_ends_with_a_sentence(ground, node, given, words):
    process = ground.start(node, **given)
    assert process.wait() not in (0, None)
    assert 'Traceback' not in process.stderr
    assert not [word for word in words if word not in process.stderr], process.stderr


def test_whole_numbers_are_taken_at_the_start(ground):
    ground.start('trainer', learning_rate=1, l2=2, train_rate_hz=10)
    assert ground.parameter_values('trainer', 'learning_rate', 'l2', 'train_rate_hz') == [1.0, 2.0, 10.0]


def test_buffer_that_shrinks_and_changes_its_policy_keeps_what_fits(ground):
    ground.start('trainer', min_samples_per_class=1)
    X, y = blobs(60)
    models = ground.hear_models()
    ground.teach(X, y)
    ground.wait_until(lambda: ground.count('trainer', 'buffer') == 60)
    assert ground.set_parameter('trainer', 'buffer_policy', 'fifo') == ''
    assert ground.set_parameter('trainer', 'buffer_capacity', 20) == ''
    ground.wait_until(lambda: models[-1]['samples'] == 20 and models[-1]['converged'])
    assert models[-1]['mean'] == pytest.approx(X[-20:].mean(axis=0).tolist())
    assert ground.set_parameter('trainer', 'buffer_capacity', 100) == ''
    assert ground.set_parameter('trainer', 'buffer_policy', 'balanced') == ''
    ground.teach(X[:10], y[:10])
    ground.wait_until(lambda: models[-1]['samples'] == 30)
    assert ground.count('trainer', 'accepted') >= 60


def test_a_model_that_was_learned_without_a_file_can_still_be_kept(ground, tmp_path):
    ground.start('trainer', min_samples_per_class=1)
    ground.teach(*blobs(20))
    ground.wait_until(lambda: ground.count('trainer', 'step') > 0, 'a model')
    success, text = ground.trigger('/trainer/save')
    assert not success and 'set model_file to the path of a new file' in text
    file = tmp_path / 'kept.json'
    assert ground.set_parameter('trainer', 'model_file', str(file)) == ''
    success, text = ground.trigger('/trainer/save')
    assert success and str(file) in text
    assert json.loads(file.read_text())['samples'] == 20
    assert 'read-only since it was set' in ground.set_parameter(
        'trainer', 'model_file', str(tmp_path / 'b')
    )


def test_only_the_overrides_of_qos_that_were_given_are_parameters(ground):
    name = 'qos_overrides./features.subscription.'
    ground.start('predictor', **{f'{name}durability': 'transient_local', f'{name}reliability': 'reliable'})
    ground.wait_for_nodes('predictor')
    names = [each.name for each in ground.descriptors('predictor')]
    assert [each for each in names if each.startswith('qos')] == [f'{name}durability', f'{name}reliability']
    (found,) = ground.node.get_subscriptions_info_by_topic('/features')
    assert found.qos_profile.durability.name == 'TRANSIENT_LOCAL'
    assert found.qos_profile.reliability.name == 'RELIABLE'


def test_an_override_of_qos_that_changes_nothing_is_named(ground):
    name = 'qos_overrides./feature.subscription.reliability'
    ground.start('trainer', **{name: 'reliable'}, lerning_rate=1.0)
    ground.wait_until(lambda: 'lerning_rate was given' in ground.text.get('trainer', ''))
    assert (
        'the parameter lerning_rate was given and is not known: is learning_rate'
        in (ground.text['trainer'])
    )
    ground.wait_until(lambda: f'{name} changes nothing' in ground.text['trainer'])
    assert ground.severity['trainer'] == 1


def test_parameters_of_the_other_nodes_in_a_common_file_are_no_fault(ground):
    ground.start('trainer', features='[/a/b]', threshold=0.7)
    ground.wait_for_nodes('trainer')
    ground.wait_for_reports('trainer', 2)
    assert 'is not known' not in ground.text['trainer']


def test_a_file_for_another_namespace_is_named(ground, tmp_path):
    file = tmp_path / 'p.yaml'
    file.write_text('predictor: {ros__parameters: {threshold: 0.7}}')
    ground.start('predictor', '-r', '__ns:=/terrain', '--params-file', str(file))
    ground.wait_until(lambda: 'write /**: above predictor:' in ground.text.get('terrain/predictor', ''))
    assert (
        f'{file} has parameters of /predictor, and this node is /terrain/predictor'
        in (ground.text['terrain/predictor'])
    )
