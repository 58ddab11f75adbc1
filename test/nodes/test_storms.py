# SPDX-License-Identifier: Apache-2.0
"""Many messages, good and bad: sums are exact, memory is bounded, parameters answer."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from pathlib import Path

import numpy as np
from rclpy.serialization import serialize_message
from ros_harness import LATCHED, blobs, model_dict, vector
from sensor_msgs.msg import Imu
from std_msgs.msg import Float64, Float64MultiArray, String
from test_trainer_samples import NAMES, REFUSED, rejected

from binclf_ros.core.errors import SampleError
from binclf_ros.core.storage.dataset_format import DatasetReader
from binclf_ros.ros.messages import SerializedFeatures

RELIABLE = {
    'qos_overrides./features.subscription.reliability': 'reliable',
    'qos_overrides./features.subscription.depth': 10_000,
}
AT_ONCE = 5000
"""Messages on their way at most: half of what the queues hold."""


def send(ground, node, publisher, messages, repeat=1):
    """Send all of the messages so many times, no faster than the node takes them in."""
    arrived = ground.count(node, 'received')
    rounds = max(1, AT_ONCE // len(messages))
    while repeat > 0:
        for _ in range(min(rounds, repeat)):
            for message in messages:
                publisher.publish(message)
        arrived += min(rounds, repeat) * len(messages)
        repeat -= rounds
        ground.wait_until(lambda n=arrived: ground.count(node, 'received') >= n, f'{arrived} received')
    assert ground.count(node, 'received') == arrived


def mutations(data, count, seed):
    """Return so many copies with bytes changed behind the four that say how to read the rest."""
    generator = np.random.default_rng(seed)
    changed = np.tile(np.frombuffer(data, np.uint8), (count, 1))
    for _ in range(3):
        at = generator.integers(4, len(data), count)
        changed[np.arange(count), at] = generator.integers(0, 256, count)
    return [row.tobytes() for row in changed]


def test_malformed_samples_are_counted_one_by_one(ground, volume):
    good, rounds = 40, volume(3000, soak=100_000) // len(REFUSED) + 1
    ground.start('trainer')
    models = ground.hear_models()
    ground.teach(*blobs(good), NAMES)
    ground.wait_until(lambda: models and models[-1]['samples'] == good and models[-1]['converged'])
    ground.wait_until(lambda: ground.count('trainer', 'received') == good)
    before = models[-1]
    bad = [message for message, _ in REFUSED.values()]
    send(ground, 'trainer', ground.publisher(Float64MultiArray, 'labeled_features'), bad, rounds)
    reasons = Counter(f'rejected/{reason}' for _, reason in REFUSED.values())
    assert rejected(ground) == {reason: rounds * count for reason, count in reasons.items()}
    assert ground.count('trainer', 'accepted') == good
    assert models[-1] == before
    ground.teach(*blobs(good, seed=1), NAMES)
    ground.wait_until(lambda: models[-1]['samples'] == 2 * good, 'it learns on')


def test_mutated_bytes_are_answered_or_counted_one_by_one(ground, volume):
    count = volume(3000, soak=100_000)
    ground.start('predictor', **RELIABLE)
    ground.wait_for_nodes('predictor')
    model = model_dict(features=['a', 'b'])
    ground.publisher(String, 'model', LATCHED).publish(String(data=json.dumps(model)))
    ground.wait_until(lambda: ground.shown('predictor', 'model_step') == '1')
    messages = mutations(serialize_message(vector([0.5, -1.0], NAMES, size=2)), count, seed=0)
    reader, fates = SerializedFeatures(), Counter()
    for data in messages:
        try:
            with np.errstate(all='ignore'):
                names, x = reader.read(data)
            if names != NAMES:
                raise SampleError('names' if len(names) == 2 else 'length', '')
            fates['answered' if math.isfinite(x @ model['weights']) else 'rejected/not_finite'] += 1
        except SampleError as error:
            fates[f'rejected/{error.reason}'] += 1
    publisher = ground.publisher(Float64MultiArray, 'features')
    for i in range(0, count, AT_ONCE):
        send(ground, 'predictor', publisher, messages[i : i + AT_ONCE])
    assert {key: ground.count('predictor', key) for key in fates} == fates
    assert len(fates) > 3 and fates['answered'] > count // 20, fates


def test_memory_stays_where_it_was(ground, volume, record_property):
    count = volume(20_000, soak=100_000)
    path = '/imu/angular_velocity'
    features = [f'{path}/x', f'std({path}/y, 0.5)', f'mean({path}/z, 0.5)']
    nodes = {
        'featurizer': ground.start(
            'featurizer', features=json.dumps(features), label='/label/data', label_timeout_sec=0
        ),
        'trainer': ground.start('trainer', buffer_capacity=1000, score_window=1000),
        'predictor': ground.start('predictor', **RELIABLE),
    }
    ground.wait_for_nodes(*nodes)
    heard = ground.hear_probabilities()
    label = ground.node.create_publisher(Float64, '/label', LATCHED)
    imu = ground.node.create_publisher(Imu, '/imu', 100)
    generator, stamp = np.random.default_rng(0), 1_000_000_000

    def go_on(until):
        nonlocal stamp
        while not until():
            for _ in range(50):
                stamp += 10_000_000
                message = Imu()
                message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 1_000_000_000)
                message.angular_velocity.x, message.angular_velocity.y = generator.normal(size=2)
                imu.publish(message)
            label.publish(Float64(data=float(stamp // 500_000_000 % 2)))
            ground.spin(0.02)
            ground.drain()
            heard.clear()

    # whatever works now and then has begun by then, the comparison with the other map last of all
    go_on(lambda: ground.status['trainer'].get('maps'))
    warm = ground.count('predictor', 'answered') + count // 2
    go_on(lambda: ground.count('predictor', 'answered') >= warm)
    before = {name: process.memory_bytes() for name, process in nodes.items()}
    go_on(lambda: ground.count('predictor', 'answered') >= warm + count)
    grown = {name: process.memory_bytes() / before[name] - 1.0 for name, process in nodes.items()}
    record_property('memory grown by', {name: f'{each:.2%}' for name, each in grown.items()})
    assert ground.count('trainer', 'accepted') > count // 2
    assert max(grown.values()) < 0.05, grown


def test_parameters_answer_in_a_storm_and_every_sample_is_accounted_for(
    ground, tmp_path, volume, latency, record_property
):
    count = volume(30_000, soak=300_000)
    kept = tmp_path / 'samples'
    ground.start('trainer', buffer_capacity=count, buffer_policy='fifo', dataset_file=kept)
    ground.wait_for_nodes('trainer')
    assert ground.set_parameter('trainer', 'tolerance', 1e-3) == ''
    storm = Path(__file__).with_name('storm.py')
    ground.start_script([storm, 'labeled_features', str(count)], 'storm')
    answers = []
    ground.wait_until(lambda: ground.count('trainer', 'received') > 0)
    quiet, before = 0, 0
    while quiet < 3:  # reports of the trainer without anything new
        began, reports = time.monotonic(), ground.reports['trainer']
        assert ground.set_parameter('trainer', 'tolerance', float(np.random.uniform(1e-4, 1e-3))) == ''
        answers.append(time.monotonic() - began)
        if ground.reports['trainer'] > reports:
            now = ground.count('trainer', 'received')
            quiet, before = (quiet + 1 if now == before else 0), now
    reader = DatasetReader(kept)
    ground.wait_until(
        lambda: ground.count('trainer', 'acknowledged') == ground.count('trainer', 'received')
    )
    numbers = np.concatenate([X[:, 0] for X, _ in reader.batches()])
    gaps = int(np.diff(numbers, prepend=-1, append=count).sum()) - len(numbers) - 1
    most = float(np.quantile(answers, 0.99))
    record_property('answers (s)', f'99 % within {most:.3f}, the slowest {max(answers):.3f}')
    record_property('gaps', f'{gaps} of {count}')
    assert np.all(np.diff(numbers) > 0), 'in order, none twice'
    assert ground.count('trainer', 'received') + gaps == count
    latency('99 % of the answers in a storm', most, 1.0)
