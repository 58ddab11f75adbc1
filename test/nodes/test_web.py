# SPDX-License-Identifier: Apache-2.0
"""The web node by itself: what it prints, how it ends, what it polls, and what it lets through."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import urllib.request

from browser import start_web
from ros_harness import LATCHED, model_dict, vector
from std_msgs.msg import Float64, Float64MultiArray, Int8, String
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

POLLED = """
import sys, threading, time
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Float64
from binclf_ros.ros.options import NodeOptions
from binclf_ros.ros.polling import PollingNode
from binclf_ros.ros.executor import executor_of
from binclf_ros.ros.qos import OUT, SEEN

class Polling(PollingNode[NodeOptions]):
    def status(self):
        return 0, ''
    def values(self):
        return {}

rclpy.init()
node = Polling('polling', NodeOptions, ())
threads = []
subscription = node.poll(Float64, 'x', lambda data: threads.append(threading.get_ident()), SEEN)
assert subscription not in set(node.subscriptions), 'the executor would spin it'
assert hasattr(subscription.handle, 'take_message'), 'this ROS has no take_message'
out = node.create_publisher(Float64, 'x', OUT)
while not out.get_subscription_count():
    time.sleep(0.01)
for i in range(50):
    out.publish(Float64(data=float(i)))
time.sleep(0.3)
before = len(threads)
node.take_waiting()
print('taken', before, len(threads))
executor = executor_of('auto')()
executor.add_node(node)
for i in range(50):
    out.publish(Float64(data=float(i)))
from rclpy.task import Future
executor.spin_until_future_complete(Future(), 1.0)
print('by the timer', len(threads))
executor.shutdown()
rclpy.shutdown()
"""


def ask(address, *messages, until, ask_sec=10.0):
    """Say messages over a socket and return what came, up to one for which `until` is true."""

    async def run():
        port, token = re.search(r':(\d+)/\?token=(\S+)', address).groups()
        headers = {'Cookie': f'binclf_ros_{port}={token}'}
        connection = await websocket_connect(HTTPRequest(f'ws://127.0.0.1:{port}/ws', headers=headers))
        try:
            for each in messages:
                await connection.write_message(json.dumps({'clock': 0, **each}))
            while True:
                text = await asyncio.wait_for(connection.read_message(), ask_sec)
                message = json.loads(text)
                if until(message):
                    return message
        finally:
            connection.close()
            while await connection.read_message() is not None:
                pass

    return asyncio.run(run())


def answer_to(address, **message):
    return ask(address, {'id': 1, **message}, until=lambda m: m['type'] in ('answer', 'refused'))


def test_polled_topics_are_taken_and_not_spun(ground):
    script = ground.start_script(['-c', POLLED], 'polling')
    ground.wait_until(lambda: script.code is not None, 'the end of the script')
    assert 'taken 0 50' in script.stdout, script.stderr
    assert 'by the timer 100' in script.stdout, script.stderr
    ground.processes.remove(script)


def test_it_prints_its_address_ends_well_and_says_no_token_on_ros(ground):
    logs = ground.subscribe(String, '/rosout_text')
    process, address = start_web(ground)
    token = address.partition('token=')[2]
    with urllib.request.urlopen(address.partition('?')[0] + 'healthz', timeout=10) as answer:
        assert answer.read() == b'ok\n'
    ground.wait_for_nodes('web')
    assert token not in str(ground.status) + str(ground.text) + str(logs)
    assert process.signal(signal.SIGINT) < 5.0
    assert process.code == 0
    assert token not in process.stderr


def test_a_taken_port_is_one_sentence_and_code_1(ground):
    _, address = start_web(ground)
    port = re.search(r':(\d+)/', address).group(1)
    second = ground.start('web', port=port)
    ground.wait_until(lambda: second.code is not None, 'the end of the second one')
    assert second.code == 1
    assert f'port {port}' in second.stderr and 'Traceback' not in second.stderr
    ground.processes.remove(second)


def test_without_tornado_it_says_what_to_install(ground):
    script = (
        'import sys; sys.modules["tornado"] = None; from binclf_ros.nodes.web import main; sys.exit(main())'
    )
    process = ground.start_script(['-c', script], 'web')
    ground.wait_until(lambda: process.code is not None, 'its end')
    assert process.code == 1
    assert 'python3-tornado' in process.stderr and 'Traceback' not in process.stderr
    ground.processes.remove(process)


def test_it_says_in_health_that_the_network_can_read_along(ground):
    start_web(ground, address='0.0.0.0')
    ground.wait_until(lambda: 'not encrypted' in ground.text.get('web', ''), 'a warning')
    assert ground.severity['web'] == 1


def test_services_and_parameters_of_the_package_and_nothing_else(ground):
    _, address = start_web(ground)
    alone = answer_to(address, type='call', service='train')
    assert not alone['ok'] and 'trainer/train' in alone['text']
    ground.start('featurizer')
    ground.start('trainer')
    ground.start('predictor')
    ground.wait_for_nodes('featurizer', 'trainer', 'predictor')

    def heard(**message):
        """The answer of the node itself: each of its services is found at a time of its own."""
        answers = []
        ground.wait_until(
            lambda: (
                answers.append(answer_to(address, **message))
                or not re.search('nobody offers|no answer in time', answers[-1]['text'])
            ),
            f'an answer to {message}',
        )
        return answers[-1]

    heard(type='call', service='train')
    assert heard(type='call', service='pause')['ok']
    assert heard(type='call', service='resume')['ok']
    assert heard(type='set', node='predictor', values={'threshold': 0.7})['ok']
    assert ground.parameter_values('predictor', 'threshold') == [0.7]
    refused = heard(type='set', node='predictor', values={'threshold': 7})
    assert not refused['ok'] and 'threshold' in refused['text']
    bad = heard(type='features', features=['std(/imu/data'])
    assert not bad['ok'] and '^' in bad['text']
    assert heard(type='features', features=['/imu/data/linear_acceleration/z'])['ok']
    assert ground.parameter_values('featurizer', 'label') == ['/label/data']
    for stranger in (
        {'type': 'call', 'service': 'shutdown'},
        {'type': 'set', 'node': 'predictor', 'values': {'model_file': 1}},
        {'type': 'publish', 'topic': '/cmd_vel'},
    ):
        assert answer_to(address, **stranger)['type'] == 'refused'


def test_what_is_wrong_on_the_topics_is_counted_and_it_lives(ground):
    _, address = start_web(ground)
    ground.wait_for_nodes('web')
    models = ground.publisher(String, 'model', LATCHED)
    answers = ground.publisher(Float64, 'probability')
    labeled = ground.publisher(Float64MultiArray, 'labeled_features')

    def tell():
        for text in ('nonsense', json.dumps(model_dict(weights=(float('inf'),) * 2)), '[' * 100_000):
            models.publish(String(data=text))
        answers.publish(Float64(data=float('nan')))
        labeled.publish(vector([1.0, 0.5]))

    for reason in ('label', 'json'):
        ground.wait_until(
            lambda reason=reason: ground.count('web', f'ignored/{reason}'),
            reason,
            meanwhile=tell,
            every_sec=0.5,
        )
    models.publish(String(data=json.dumps(model_dict())))
    shown = ask(address, until=lambda m: m['type'] == 'model')['model']
    assert [each['name'] for each in shown['features']] == ['x1', 'x0']


def test_a_topic_is_subscribed_to_only_while_somebody_looks_into_it(ground):
    _, address = start_web(ground)
    out = ground.node.create_publisher(Int8, '/sensor/value', 10)
    ground.node.create_publisher(Int8, '/trainer/whatever', 10)  # of this package: no sensor

    def tell():
        out.publish(Int8(data=5))
        ground.spin(0.01)
        return False

    ground.wait_until(lambda: tell() or out.get_subscription_count() == 0)
    looked = []

    def look(message):
        tell()
        values = message.get('values', {}).get('/sensor/value')
        if values and values['hz'] is not None and values['fields'][0][2] == 5:
            looked.append((out.get_subscription_count(), values))
        return bool(looked)

    ask(address, {'type': 'look', 'list': True, 'topics': ['/sensor/value']}, until=look)
    assert looked[0][0] == 1
    listed = ask(
        address, {'type': 'look', 'list': True, 'topics': []}, until=lambda m: m['type'] == 'topics'
    )
    assert '/sensor/value' in (names := [each['name'] for each in listed['topics']])
    assert not [each for each in names if each.startswith('/trainer/')] and '/label' not in names
    assert looked[0][1]['fields'] == [['data', False, 5]] and looked[0][1]['hz'] > 0.0
    ground.wait_until(lambda: out.get_subscription_count() == 0, 'the end of the looking')
