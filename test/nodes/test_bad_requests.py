# SPDX-License-Identifier: Apache-2.0
"""Requests, models and names that are meant ill: refused, counted, and the node answers on."""

from __future__ import annotations

import json
import random
import sys
import time
import unicodedata

import pytest
import rclpy
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters, SetParametersAtomically
from rclpy.serialization import deserialize_message, serialize_message
from ros_harness import HANG_SEC, LATCHED, Ground, blobs, model_dict, parameter, vector
from sensor_msgs.msg import Imu
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import Trigger
from test_storms import mutations

from binclf_ros.nodes.featurizer import Featurizer
from binclf_ros.ros.options import KINDS
from binclf_ros.ros.parameter_services import MAX_AT_ONCE

NODES = ('trainer', 'predictor', 'featurizer')
AT_ONCE = 8
EXECUTORS = ('single', 'events')


def has_events():
    try:
        from rclpy.experimental import EventsExecutor  # noqa: F401
    except ImportError:
        return False
    return True


BAD_PARAMETERS = {
    'type 99': Parameter(name='executor', value=ParameterValue(type=99)),
    'type 255 of no name': Parameter(name='', value=ParameterValue(type=255)),
    'no name': Parameter(name='', value=ParameterValue(type=3, double_value=1.0)),
    'a name of escapes': Parameter(name='\x1b[2J\n[ERROR]', value=ParameterValue(type=3)),
    'a name of 100,000 characters': Parameter(name='x' * 100_000, value=ParameterValue(type=3)),
    'a huge array': Parameter(
        name='executor', value=ParameterValue(type=8, double_array_value=[0.5] * 1_000_000)
    ),
    'a huge text': parameter('executor', 'x' * 5_000_000),
    'another type': parameter('executor', True),
}


@pytest.fixture(scope='module')
def nodes(shared_ground):
    for name in NODES:
        shared_ground.start(name)
    shared_ground.wait_for_nodes(*NODES)
    return shared_ground


def refused(ground: Ground, node):
    return sum(int(v) for k, v in ground.status[node].items() if k.startswith('parameter_rejected/'))


@pytest.mark.parametrize('node', NODES)
@pytest.mark.parametrize('bad', BAD_PARAMETERS)
def test_a_bad_parameter_is_refused_and_counted(nodes, node, bad):
    before = refused(nodes, node)
    request = SetParameters.Request(parameters=[BAD_PARAMETERS[bad], parameter('use_sim_time', False)])
    first, second = nodes.call(SetParameters, f'/{node}/set_parameters', request).results
    assert not first.successful and second.successful
    assert 0 < len(first.reason) < 2000 and first.reason.isprintable()
    atomic = SetParametersAtomically.Request(parameters=request.parameters)
    result = nodes.call(SetParametersAtomically, f'/{node}/set_parameters_atomically', atomic).result
    assert not result.successful and result.reason
    nodes.wait_until(lambda: refused(nodes, node) >= before + 2)


@pytest.mark.parametrize('node', NODES)
def test_ten_thousand_at_once_are_refused_each(nodes, node):
    wanted = [parameter('use_sim_time', False)] * 10_000
    request = SetParameters.Request(parameters=wanted)
    results = nodes.call(SetParameters, f'/{node}/set_parameters', request).results
    assert len(results) == 10_000 and not any(each.successful for each in results)
    assert str(MAX_AT_ONCE) in results[0].reason
    atomic = SetParametersAtomically.Request(parameters=wanted)
    assert not nodes.call(
        SetParametersAtomically, f'/{node}/set_parameters_atomically', atomic
    ).result.successful
    names = GetParameters.Request(names=['use_sim_time'] * 10_000)
    assert not nodes.call(GetParameters, f'/{node}/get_parameters', names).values
    assert nodes.parameter_values(node, 'use_sim_time') == [False]


def test_threshold_and_hysteresis_that_make_a_decision_impossible_are_refused(nodes):
    reason = nodes.set_atomically('predictor', {'threshold': 0.95, 'hysteresis': 0.1})
    assert 'decision 1 is impossible' in reason
    assert nodes.parameter_values('predictor', 'threshold', 'hysteresis') == [0.5, 0.0]


@pytest.mark.parametrize('executor', EXECUTORS)
def test_services_answer_on_any_executor(ground, executor):
    if executor == 'events' and not has_events():
        pytest.skip('this ROS has no events executor')
    ground.start('trainer', executor=executor)
    ground.teach(*blobs(40))
    ground.wait_until(lambda: ground.count('trainer', 'buffer') == 40)
    assert json.loads(ground.trigger('/trainer/train')[1])['converged']
    ground.pause()
    assert not ground.trigger('/trainer/save')[0]
    assert ground.trigger('/trainer/reset')[0]
    ground.wait_for_reports('trainer')
    assert ground.count('trainer', 'failed/internal_error') == 0


def test_an_answer_comes_when_the_work_is_done(ground, record_property):
    ground.start('trainer')
    ground.trigger('/trainer/train')
    took = []
    for _ in range(50):
        began = time.monotonic()
        ground.trigger('/trainer/train')  # which has nothing to do
        took.append(time.monotonic() - began)
    record_property('answers of ~/train (s)', f'median {sorted(took)[25]:.4f}, slowest {max(took):.4f}')


BAD_MODELS = {
    'half of a surrogate pair in run': {'run': '\ud800'},
    'a newline and a forged line in run': {'run': 'a\n[ERROR] [1.0] [predictor]: forged'},
    'an escape sequence in run': {'run': '\x1b[2J'},
    'a run of 101 characters': {'run': 'r' * 101},
    'half of a surrogate pair in a name': {'features': ['\ud800', 'b']},
    'a newline in a name': {'features': ['a\nb', 'b']},
    'a name of 501 characters': {'features': ['n' * 501, 'b']},
    'an unknown kind of half a pair': {'format': '\udfff\n[ERROR]'},
    'a count of 100,000 digits': {'step': 10**4000},
}


@pytest.fixture(scope='module')
def predictor(shared_ground):
    if 'predictor' not in shared_ground.status:
        shared_ground.start('predictor')
        shared_ground.wait_for_nodes('predictor')
    return shared_ground


def model_refused(ground):
    return sum(int(v) for k, v in ground.status['predictor'].items() if k.startswith('model_rejected/'))


def said(ground, node):
    """What a node wrote to its terminal."""
    return ''.join(each.stderr + each.stdout for each in ground.processes if each.name == node)


@pytest.mark.parametrize('bad', BAD_MODELS)
def test_a_bad_model_is_refused_and_nothing_of_it_reaches_the_terminal_raw(nodes, bad):
    sys_limit = getattr(sys, 'set_int_max_str_digits', lambda n: None)
    sys_limit(0)
    text = json.dumps({**model_dict(), **BAD_MODELS[bad]})
    models = nodes.publisher(String, 'model', LATCHED)
    before = model_refused(nodes)
    nodes.wait_until(
        lambda: model_refused(nodes) >= before + 3,
        'refused',
        meanwhile=lambda: models.publish(String(data=text)),
        every_sec=0.1,
    )
    assert nodes.text['predictor'].isprintable()
    terminal = said(nodes, 'predictor')
    assert '\x1b[2J' not in terminal
    assert not [line for line in terminal.splitlines() if line.startswith('[ERROR]') and 'forged' in line]


def test_a_model_of_15_mib_stalls_nothing(ground, record_property):
    ground.start('predictor')
    ground.wait_for_nodes('predictor')
    n = 330_000
    big = json.dumps(model_dict(weights=[0.0] * n, features=[f'feature {i}, of many' for i in range(n)]))
    assert 13 * 2**20 < len(big) < 16 * 2**20
    models = ground.publisher(String, 'model', LATCHED)
    for _ in range(3):
        models.publish(String(data=big))
    ground.wait_until(lambda: ground.shown('predictor', 'model_run') == 'run', 'the big one')
    clouds = time.monotonic()
    assert ground.set_parameter('predictor', 'threshold', 0.6) == ''
    record_property('parameter behind it (s)', round(time.monotonic() - clouds, 2))
    models.publish(String(data=json.dumps(model_dict(run='small', step=2))))
    heard = ground.hear_probabilities()
    ground.ask_until(lambda: heard, [1.0, 2.0])


def test_a_run_that_was_left_is_followed_once_the_one_in_use_is_silent(ground):
    ground.start('predictor')
    ground.wait_for_nodes('predictor')
    models = ground.publisher(String, 'model', LATCHED)

    def publish(run):
        models.publish(String(data=json.dumps(model_dict(run=run))))

    publish('living')
    ground.wait_until_shown('predictor', 'model_run', 'living')
    publish('stray')
    ground.wait_until_shown('predictor', 'model_run', 'stray')
    publish('living')
    ground.wait_until(lambda: ground.count('predictor', 'model_rejected/left_run') == 1)
    assert ground.shown('predictor', 'model_run') == 'stray'
    ground.wait_until(
        lambda: ground.shown('predictor', 'model_run') == 'living',
        'it is followed again',
        meanwhile=lambda: publish('living'),
        every_sec=0.5,
    )
    samples = ground.publisher(Float64MultiArray, 'features')

    def live():
        publish('living')
        samples.publish(vector([1.0, 2.0]))

    ground.wait_until(lambda: ground.severity['predictor'] == 0, meanwhile=live)


def test_each_sensor_is_subscribed_once_and_let_go_once(ground):
    rclpy.init(domain_id=ground.domain)
    try:
        node = Featurizer()
        imu = [ground.node.create_publisher(Imu, topic, 10) for topic in ('/imu', '/other')]
        ours = len(node._subscribed)
        texts = ['/imu/angular_velocity/x', '/other/angular_velocity/x']
        ground.wait_until(lambda: {'/imu', '/other'} <= dict(node.get_topic_names_and_types()).keys())
        for features, count in ((texts, 2), (texts[:1], 1), ([], 0), (texts, 2)):
            wanted = rclpy.Parameter('features', rclpy.Parameter.Type.STRING_ARRAY, features)
            assert node.set_parameters_atomically([wanted]).successful
            assert len(node._subscribed) == ours + count
            assert len({id(each) for each in node._subscribed}) == len(node._subscribed)
            sensors = [each for each in node.subscriptions if each.topic_name in ('/imu', '/other')]
            assert len(sensors) == count
        assert all(imu)
        node.destroy_node()
    finally:
        rclpy.try_shutdown()


def test_two_nodes_of_one_name_are_named_by_a_warning(ground):
    for _ in range(2):
        ground.start('trainer')
    ground.wait_until(
        lambda: (
            'two nodes are /trainer and /trainer' in ground.text.get('trainer', '')
            and ground.severity['trainer'] == 1
        ),
        meanwhile=lambda: None,
    )
    assert '/trainer' in ground.text['trainer']


def test_two_trainers_of_different_names_are_named_by_a_warning(ground):
    ground.start('trainer')
    ground.start('trainer', '-r', '__node:=other')
    ground.wait_until(lambda: '/other' in ground.text.get('trainer', ''))
    assert '/trainer' in ground.text['trainer'] and 'model' in ground.text['trainer']


# storms


def characters(chance):
    """Yield characters of every category of Unicode, again and again, the halves of pairs among them."""
    of_kind = {}
    for code in chance.sample(range(sys.maxunicode + 1), 60_000):
        of_kind.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    for each in ('\x00', '\n', '\x1b', '\u2028', '\u2029', '\xad', '\ud800', '\udfff', ' ', '\xa0'):
        of_kind.setdefault(unicodedata.category(each), []).append(each)
    kinds = list(of_kind.values())
    while True:
        yield chance.choice(chance.choice(kinds))


def text_of(source, chance, most=12):
    return ''.join(next(source) for _ in range(chance.randrange(most)))


class Watch:
    """Sees to it that diagnostics come throughout."""

    def __init__(self, ground, node):
        self.ground, self.node = ground, node
        self.reports, self.since, self.longest = ground.reports.get(node, 0), time.monotonic(), 0.0

    def look(self):
        if self.ground.reports.get(self.node, 0) != self.reports:
            self.reports = self.ground.reports[self.node]
            self.since = time.monotonic()
        self.longest = max(self.longest, time.monotonic() - self.since)


def settle(ground, watch, futures):
    def done():
        watch.look()
        return all(each.done() for each in futures)

    ground.wait_until(done, 'answers')


@pytest.mark.parametrize('node', NODES)
def test_mutated_requests_of_parameters_end_nothing(ground, volume, record_property, node):
    process = ground.start(node)
    ground.wait_for_nodes(node)
    count, chance = volume(300, soak=33_400), random.Random(node)
    names = [each for each in KINDS[node].__dataclass_fields__ if each not in ('executor', 'seed')]
    watch, source = Watch(ground, node), characters(chance)
    values = [0, 1, -1, 0.5, 1e308, True, 'x', [], ['/imu/angular_velocity/x'], ['mean(/a/b, 1.0)']]
    for _ in range(0, count, AT_ONCE):
        futures = []
        for _ in range(AT_ONCE):
            name = chance.choice([*names, text_of(source, chance).encode(errors='replace').decode()])
            good = SetParameters.Request(parameters=[parameter(name, chance.choice(values))])
            good.parameters[0].value.type = chance.choice(
                [good.parameters[0].value.type, chance.randrange(256)]
            )
            data = mutations(serialize_message(good), 1, chance.randrange(2**31))[0]
            try:
                request = deserialize_message(data, SetParameters.Request)
            except Exception:  # what no client could send
                request = good
            futures.append(ground.call_async(SetParameters, f'/{node}/set_parameters', request))
        settle(ground, watch, futures)
    assert process.code is None
    record_property('longest silence (s)', round(watch.longest, 2))
    assert watch.longest < HANG_SEC
    ground.wait_until(lambda: refused(ground, node) > 0, 'a report of what was refused')


def mutated_model(chance, source):
    model = model_dict(run=f'run{chance.randrange(5)}', step=chance.randrange(100))
    where = chance.choice(['run', 'features', 'key', 'text', 'number'])
    if where == 'run':
        model['run'] = text_of(source, chance)
    elif where == 'features':
        model['features'] = [text_of(source, chance), text_of(source, chance)]
    elif where == 'key':
        model[text_of(source, chance)] = text_of(source, chance)
    elif where == 'number':
        key = chance.choice(['weights', 'bias', 'mean', 'scale', 'samples', 'stamp', 'loss', 'step'])
        model[key] = chance.choice([1e308, -1, '1', None, [], [1e308, 1e308], 10**30, True, {}, [[]]])
    text = json.dumps(model)
    if where == 'text':
        at = chance.randrange(len(text))
        new = text_of(source, chance).encode(errors='replace').decode()
        text = text[:at] + new + text[at + chance.randrange(4) :]
    return text


def test_mutated_models_end_nothing(ground, volume, record_property):
    process = ground.start('predictor')
    ground.wait_for_nodes('predictor')
    count, chance = volume(1000, soak=100_000), random.Random(0)
    source, watch = characters(chance), Watch(ground, 'predictor')
    models = ground.publisher(String, 'model', LATCHED)
    for number in range(count):
        models.publish(String(data=mutated_model(chance, source)))
        if number % 20 == 19:
            ground.spin(0.0)
            watch.look()
    last = json.dumps(model_dict(run='the last'))
    ground.wait_until(
        lambda: watch.look() or ground.shown('predictor', 'model_run') == 'the last',
        meanwhile=lambda: models.publish(String(data=last)),
        every_sec=0.5,
    )
    assert process.code is None
    ground.wait_until(lambda: model_refused(ground) > 0, 'a report of what was refused')
    record_property('longest silence (s)', round(watch.longest, 2))
    assert watch.longest < HANG_SEC
    heard = ground.hear_probabilities()
    ground.ask_until(lambda: heard, [1.0, 2.0])


def test_names_of_every_category_end_nothing(ground, volume, record_property):
    process = ground.start('trainer')
    ground.wait_for_nodes('trainer')
    count, chance = volume(1000, soak=100_000), random.Random(1)
    source, watch = characters(chance), Watch(ground, 'trainer')
    samples = ground.publisher(Float64MultiArray, 'labeled_features')
    for number in range(count):
        name = text_of(source, chance).encode(errors='replace').decode()
        samples.publish(vector([1.0, 2.0, float(number % 2)], f'{name},b'))
        if number % 20 == 19:
            ground.spin(0.0)
            watch.look()
    ground.wait_until(lambda: watch.look() or ground.count('trainer', 'received') == count)
    assert process.code is None
    record_property('longest silence (s)', round(watch.longest, 2))
    assert watch.longest < HANG_SEC
    assert ground.count('trainer', 'rejected/names') > 0
    assert ground.call(Trigger, '/trainer/reset').success
