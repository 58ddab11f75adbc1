# SPDX-License-Identifier: Apache-2.0
"""The real recordings over the live nodes, by the commands that examples/ gives, beside scikit-learn.

What the trainer was sent is heard over DDS, and has to be bit for bit what the bag holds. Discovery may
be late for who only listens: what is heard is the end of what was said, and the trainer's counts are
held against the whole.
"""

from __future__ import annotations

import array
import json
import os
import re
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float64, Float64MultiArray, String

from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.core.features.sampler import Sampler
from binclf_ros.core.health.watch import SamplingWatch
from binclf_ros.demo.processes import unused_domain
from binclf_ros.recordings import bags
from binclf_ros.recordings.feed import find_topics, in_order
from binclf_ros.ros.messages import FeaturesMessage
from binclf_ros.ros.qos import LABELED, LABELED_POINTS, MODEL, OUT
from binclf_ros.ros.types import field_types, message_class

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / 'shared' / 'data'
EXAMPLES = ROOT / 'examples'
HANG_SEC = 180.0
PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'
# the parser of ROS interfaces imports lark, which imports what Python has deprecated
pytestmark = [
    pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning"),
    pytest.mark.skipif(not DATA.is_dir(), reason=f'the recordings are missing: no folder {DATA}'),
    *(
        pytest.mark.skipif(find_spec(name) is None, reason=f'{name} is missing')
        for name in ('rosbags', 'sklearn', 'yaml')
    ),
]


class Listener:
    """Hears what the nodes of a domain say to each other, while the demo runs there."""

    def __init__(self, domain):
        self.labeled, self.taught, self.asked, self.answered = [], [], [], []
        self.model, self.status = None, {}
        self._context = Context()
        self._context.init(domain_id=domain)
        self._node = Node('listener', context=self._context, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        hear = self._node.create_subscription
        hear(Float64MultiArray, 'labeled_features', self._on_labeled, LABELED)
        hear(PointCloud2, 'labeled_points', self.taught.append, LABELED_POINTS)
        hear(PointCloud2, 'points', self.asked.append, LABELED_POINTS)
        hear(PointCloud2, 'classified_points', self.answered.append, LABELED_POINTS)
        hear(String, 'model', self._on_model, MODEL)
        hear(DiagnosticArray, '/diagnostics', self._on_diagnostics, OUT)

    def _on_labeled(self, message):
        self.labeled.append(np.frombuffer(message.data))

    def _on_model(self, message):
        self.model = json.loads(message.data)

    def _on_diagnostics(self, message):
        for each in message.status:
            self.status[each.name] = {pair.key: pair.value for pair in each.values}

    def listen(self, until):
        deadline = time.monotonic() + HANG_SEC
        while not until():
            assert time.monotonic() < deadline, 'the demo hangs'
            self._executor.spin_once(timeout_sec=0.05)

    def close(self):
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()


def command_of(example, bag):
    """Return the one command that a file of examples/ gives, with this bag."""
    given = re.findall(
        r'^# +(python -m binclf_ros demo .*)$', (EXAMPLES / example).read_text(), re.MULTILINE
    )
    assert len(given) == 1
    assert given[0] in (EXAMPLES / 'README.md').read_text()
    return [sys.executable, *(str(bag) if word == 'BAG' else word for word in shlex.split(given[0])[1:])]


def learn(example, recording, folder, monkeypatch):
    """Run the command of an example; return the report of the demo and what was heard meanwhile."""
    bag = DATA / recording / 'bag'
    domain = unused_domain()
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    nodes = {key: value for key, value in os.environ.items() if key != PROFILE}
    monkeypatch.setenv(PROFILE, str(ROOT / 'test/nodes/client_profile.xml'))  # to be known at once
    command = [*command_of(example, bag), '--output', str(folder), '--domain', str(domain)]
    listener = Listener(domain)
    try:
        with (folder / 'said').open('w+') as said:
            process = subprocess.Popen(command, cwd=ROOT, env=nodes, stdout=said, stderr=said)
            try:
                listener.listen(lambda: process.poll() is not None)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait(10.0)
            assert process.returncode == 0, (folder / 'said').read_text()
    finally:
        listener.close()
    return json.loads((folder / 'demo_report.json').read_text()), listener


def options_of(example):
    import yaml

    nodes = yaml.safe_load((EXAMPLES / example).read_text())['/**']
    given = nodes['featurizer']['ros__parameters']
    return SamplingOptions(**{**given, 'features': tuple(given['features'])}), nodes


def is_part_of(some, whole):
    """Return whether rows are among others, in their order: on a busy machine a listener misses some."""
    rest = iter(map(tuple, whole.tolist()))
    return all(tuple(each.tolist()) in rest for each in some)


@cache
def samples_of(options, recording, train_until):
    """Return X and y of what teaches and of what is scored, from the bag, without any node."""
    feed = bags.feed(DATA / recording / 'bag', train_until)
    topics = find_topics(feed, options, field_types)
    parts = []
    for is_taught in (True, False):
        sampler = Sampler(options, topics.headers)
        samples = []
        for each in in_order(feed, topics):
            if (each.time_ns < feed.split_ns) == is_taught:
                message = deserialize_message(each.data, message_class(topics.kinds[each.topic]))
                samples += sampler.push(each.topic, message, each.time_ns)[1]
        parts.append((np.array([each.x for each in samples]), np.array([each.label for each in samples])))
    return parts


@pytest.mark.parametrize(
    ('recording', 'example', 'seconds'),
    [('husky_surface_imu', 'husky.yaml', 60.0), ('room_occupancy', 'room.yaml', 400.0)],
)
def test_health_does_not_cry_wolf(recording, example, seconds):
    options, _ = options_of(example)
    feed = bags.feed(DATA / recording / 'bag', None)
    topics = find_topics(feed, options, field_types)
    sampler = Sampler(options, topics.headers)
    watch, looks, found = SamplingWatch(options.label), 0, []
    for each in in_order(feed, topics):
        since = (each.time_ns - feed.start_ns) * 1e-9
        while looks * 0.2 <= since:
            now_ns = feed.start_ns + looks * 200_000_000
            found += watch.look(now_ns * 1e-9, sampler.status(now_ns))
            looks += 1
        if since > seconds:
            break
        message = deserialize_message(each.data, message_class(topics.kinds[each.topic]))
        sample, labeled = sampler.push(each.topic, message, each.time_ns)
        if sample is not None:
            watch.on_sample(sample.x)
        for ready in labeled:
            watch.on_labeled(ready.label)
    assert sampler.counts['sampled'] > 5
    assert [each.text for each in found] == []


def scikit_learn(X, y, X_test, y_test, l2=1.0):
    """Return accuracy, log loss and AUC of scikit-learn, and its weights and bias in the units of X."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=1.0 / l2, tol=1e-10, max_iter=10_000))
    fitted.fit(X, y)
    p = fitted.predict_proba(X_test)[:, 1]
    figures = {
        'accuracy': accuracy_score(y_test, p >= 0.5),
        'log_loss': log_loss(y_test, p),
        'auc': roc_auc_score(y_test, p),
    }
    scaler, regression = fitted
    weights = regression.coef_[0] / scaler.scale_
    return figures, weights, float(regression.intercept_[0] - weights @ scaler.mean_)


def check_against_scikit_learn(report, heard, X, y, X_test, y_test):
    """Check the figures that the issue asks for, and that model and buffer are what they should be."""
    expected, weights, bias = scikit_learn(X, y, X_test, y_test)
    print({name: (round(report[name], 4), round(float(value), 4)) for name, value in expected.items()})
    assert report['train_samples'] == len(y)
    assert report['test_samples'] == len(y_test)
    assert report['lost'] == 0
    assert heard.status['trainer']['buffer'] == heard.status['trainer']['received'] == str(len(y))
    assert heard.status['trainer']['positives'] == str(int(y.sum()))
    assert abs(report['accuracy'] - expected['accuracy']) <= 0.005
    assert abs(report['log_loss'] - expected['log_loss']) <= 0.01
    assert abs(report['auc'] - expected['auc']) <= 0.005
    assert heard.model['samples'] == len(y)
    assert heard.model['converged']
    scale = np.array(heard.model['scale'])
    np.testing.assert_allclose(np.array(heard.model['weights']) * scale, weights * scale, atol=0.01)
    assert heard.model['bias'] == pytest.approx(bias, abs=0.01 * (1.0 + abs(bias)))


@pytest.mark.parametrize(
    ('example', 'recording', 'train_until', 'least_accuracy'),
    [
        ('husky.yaml', 'husky_surface_imu', 226.19, 0.85),
        ('room.yaml', 'room_occupancy', None, 0.97),
    ],
)
def test_messages_of_sensors(example, recording, train_until, least_accuracy, tmp_path, monkeypatch):
    report, heard = learn(example, recording, tmp_path, monkeypatch)
    options, nodes = options_of(example)
    (X, y), (X_test, y_test) = samples_of(options, recording, train_until)
    assert nodes['trainer']['ros__parameters']['buffer_capacity'] >= len(y)
    assert len(heard.labeled) > 0.8 * len(y)
    assert is_part_of(heard.labeled, np.column_stack([X, y]))
    assert set(y) == set(y_test) == {0, 1}
    check_against_scikit_learn(report, heard, X, y, X_test, y_test)
    assert report['accuracy'] >= least_accuracy


def test_scores_of_a_stream_are_scikit_learns(tmp_path, monkeypatch):
    """The trainer's topics and totals beside scikit-learn's figures of the same predictions, in order."""
    from sklearn import metrics

    options, _ = options_of('husky.yaml')
    X, y = map(np.concatenate, zip(*samples_of(options, 'husky_surface_imu', 226.19)))
    with streamed(X, y, options.features, monkeypatch) as (heard, shown, labels, z):
        p = 1.0 / (1.0 + np.exp(-z))
        figures = {
            'accuracy': lambda y, p: metrics.accuracy_score(y, p >= 0.5),
            'log_loss': metrics.log_loss,
            'balanced_accuracy': lambda y, p: metrics.balanced_accuracy_score(y, p >= 0.5),
            'precision': lambda y, p: metrics.precision_score(y, p >= 0.5),
            'recall': lambda y, p: metrics.recall_score(y, p >= 0.5),
            'f1': lambda y, p: metrics.f1_score(y, p >= 0.5),
            'mcc': lambda y, p: metrics.matthews_corrcoef(y, p >= 0.5),
            'brier': metrics.brier_score_loss,
            'auc': metrics.roc_auc_score,
        }
        for name, figure in figures.items():
            assert heard[name] == pytest.approx(figure(labels[-20_000:], p[-20_000:]), abs=1e-9), name
            if name != 'auc':
                assert float(shown[f'total_{name}']) == pytest.approx(figure(labels, p), abs=1e-9), name
        print({name: round(float(shown.get(f'total_{name}', 'nan')), 4) for name in figures})
        assert int(shown['total_scored']) == len(labels) > 20_000
        assert float(shown['total_accuracy']) > float(shown['total_majority_accuracy']) + 0.2


@contextmanager
def streamed(X, y, names, monkeypatch):
    """Stream samples through a trainer; yield what it told of them, and the predictions that it scored."""
    from binclf_ros.core.evaluation.scores import SCORES, Scores
    from binclf_ros.nodes.trainer import Trainer

    pairs, heard, shown = [], {}, {}
    extend = Scores.extend
    monkeypatch.setattr(
        Scores, 'extend', lambda self, *taken: (pairs.append(taken), extend(self, *taken))[1]
    )
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    arguments = [
        '--ros-args',
        '--disable-rosout-logs',
        '-p',
        'train_rate_hz:=20.0',
        '-p',
        'score_window:=20000',
        '-p',
        'buffer_capacity:=30000',
    ]
    rclpy.init(args=arguments, domain_id=unused_domain())
    trainer, client = Trainer(), Node('client', enable_rosout=False)
    executor = SingleThreadedExecutor()
    executor.add_node(trainer)
    executor.add_node(client)
    for name in SCORES:
        client.create_subscription(Float64, f'trainer/{name}', partial(_keep, heard, name), 10)
    try:
        message = FeaturesMessage(names, labeled=True)
        for i, (x, label) in enumerate(zip(X, y.tolist())):
            trainer.on_labeled_features(message.fill(x, label))
            if i % 1000 == 999:  # ten seconds of driving, so that models come as it goes
                spin_for(executor, 0.05)
        deadline = time.monotonic() + HANG_SEC
        for _ in range(12):  # more than a queue of curves holds, so that none of before is left in it
            heard.clear()
            trainer._scoring._drawn = None  # have all curves drawn once more, now that all is counted
            while not set(SCORES) <= set(heard):
                assert time.monotonic() < deadline, 'no curves'
                executor.spin_once(0.05)
        shown.update({key: str(value) for key, value in trainer.values().items()})
        labels, z = (np.concatenate([each[i] for each in pairs]) for i in (0, 1))
        yield heard, shown, labels, z
    finally:
        trainer.close()
        executor.shutdown()
        trainer.destroy_node()
        client.destroy_node()
        rclpy.shutdown()


def _keep(heard, name, message):
    heard[name] = message.data


def spin_for(executor, seconds):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        executor.spin_once(max(0.0, ends - time.monotonic()))


def clouds_of(recording):
    from rosbags.rosbag2 import Reader

    with Reader(DATA / recording / 'bag') as bag:
        raw = [bytes(data) for connection, _, data in bag.messages() if connection.topic == '/points']
    return [deserialize_message(each, PointCloud2) for each in raw]


def points_of(cloud):
    """Return the points as a structured array, read by numpy alone, of a cloud known to be well."""
    kinds = {2: 'u1', 7: '<f4'}
    return np.frombuffer(
        cloud.data,
        np.dtype(
            {
                'names': [each.name for each in cloud.fields],
                'formats': [kinds[each.datatype] for each in cloud.fields],
                'offsets': [each.offset for each in cloud.fields],
                'itemsize': cloud.point_step,
            }
        ),
    )


def height_above_cell(points, size):
    """Return z above the lowest point of the cell, point by point."""
    cells = [*zip(np.floor(points['x'] / size), np.floor(points['y'] / size))]
    lowest = {}
    for cell, z in zip(cells, points['z'].astype(float)):
        lowest[cell] = min(z, lowest.get(cell, z))
    return np.array([z - lowest[cell] for cell, z in zip(cells, points['z'].astype(float))])


@pytest.mark.parametrize(
    ('example', 'height', 'accuracy', 'log_loss', 'auc'),
    [('lidar.yaml', False, 0.93, 0.17, 0.985), ('lidar_height.yaml', True, 0.945, 0.13, 0.99)],
)
def test_clouds(example, height, accuracy, log_loss, auc, tmp_path, monkeypatch):
    report, heard = learn(example, 'lidar_ground', tmp_path, monkeypatch)
    clouds = clouds_of('lidar_ground')
    features, labels = [], []
    for points in map(points_of, clouds):
        columns = [points[name] for name in ('z', 'intensity', 'return_number', 'number_of_returns')]
        columns[1:1] = [height_above_cell(points, 5.0)] if height else []
        features.append(np.column_stack([each.astype(float) for each in columns]))
        labels.append(points['label'].astype(int))
    X, y, X_test, y_test = map(np.concatenate, (features[:18], labels[:18], features[18:], labels[18:]))
    check_against_scikit_learn(report, heard, X, y, X_test, y_test)
    assert report['accuracy'] >= accuracy
    assert report['log_loss'] <= log_loss
    assert report['auc'] >= auc
    assert heard.taught
    assert heard.taught == clouds[18 - len(heard.taught) : 18]
    check_label_was_withheld(heard, clouds[18:])


def check_label_was_withheld(heard, clouds):
    """Check that the clouds to score went out and came back, without their label, and answered."""
    assert 'label' not in heard.model['features']
    assert len(heard.answered) > 10
    clouds = clouds[-len(heard.answered) :]
    for asked, answered, cloud in zip(heard.asked[-len(clouds) :], heard.answered, clouds):
        names = [each.name for each in cloud.fields if each.name != 'label']
        assert [each.name for each in asked.fields] == names
        assert [each.name for each in answered.fields] == [*names, 'probability', 'decision']
        assert asked.header == answered.header == cloud.header
        points = points_of(answered)
        assert all(np.array_equal(points[name], points_of(cloud)[name]) for name in names)
        assert np.array_equal(points['decision'], points['probability'] >= 0.5)
        offset = next(each.offset for each in cloud.fields if each.name == 'label')
        assert asked.data[offset :: cloud.point_step] == array.array('B', bytes(cloud.width))
