# SPDX-License-Identifier: Apache-2.0
"""Samples of whole stretches of messages beside those of message by message: every bit, whatever comes."""

from __future__ import annotations

import numpy as np
import pytest
from robots import START_NS, TYPES, imu
from rosbags.rosbag2 import StoragePlugin, Writer

from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.core.features.statistics import STATISTICS
from binclf_ros.offline import binding, extraction
from binclf_ros.offline.inputs import find_sources

X, Y = '/imu/data/linear_acceleration/x', '/imu/data/linear_acceleration/y'
ALL = (
    *(f'{name}({path}, {window})' for name in STATISTICS for path in (X, Y) for window in (0.3, 0.51)),
    f'band({X}, 0.5, 1, 8)',
    f'band({Y}, 0.51, 2, 20)',
    Y,
    f'{X} - 2 * mean({Y}, 0.3)',
)
FINITE = tuple(each for each in ALL if not each.startswith(('slope', 'band')))


def record(path, seed, *, disorder=False, n=500):
    """A recording with gaps, jitter, bursts and readings that are none; `disorder`: and a late stamp."""
    generator = np.random.default_rng(seed)
    steps = np.round(generator.choice([0.002, 0.02, 0.021, 0.2, 0.9], n, p=[0.2, 0.4, 0.36, 0.03, 0.01]), 3)
    stamps = START_NS + np.cumsum(np.rint(steps * 1e9).astype(np.int64))
    stamps += generator.integers(0, 1000, n) * (seed % 2)  # else windows begin where readings are
    values = generator.choice([1.0, 1e-3, 1e30, -0.0, 0.0], (n, 2), p=[0.9, 0.06, 0.01, 0.01, 0.02])
    values *= generator.normal(size=(n, 2))
    values[generator.random((n, 2)) < 0.02] = np.nan
    values[n // 2 :][generator.random((n - n // 2, 2)) < 0.01] = np.inf
    arrivals = np.maximum.accumulate(stamps + generator.integers(0, 3, n) * 1_000_000)
    if disorder:
        stamps[n // 2] -= 25_000_000
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        of_imu = writer.add_connection('/imu/data', 'sensor_msgs/msg/Imu', typestore=TYPES)
        of_label = writer.add_connection('/label', 'std_msgs/msg/Bool', typestore=TYPES)
        for i, (stamp, arrival, (x, y)) in enumerate(
            zip(stamps.tolist(), arrivals.tolist(), values.tolist())
        ):
            if i % 9 == 0:
                label = TYPES.types['std_msgs/msg/Bool'](data=bool(i % 2))
                writer.write(of_label, arrival, TYPES.serialize_cdr(label, 'std_msgs/msg/Bool'))
            message = imu(stamp, x)
            message.linear_acceleration.y = y
            writer.write(of_imu, arrival, TYPES.serialize_cdr(message, 'sensor_msgs/msg/Imu'))
    return path


def both_ways(path, folder, monkeypatch, **options):
    """Return what was extracted by stretches and by message: X, y, t, counts; and whether it went."""
    (source,), _ = find_sources([str(path)])
    job = SamplingOptions(**{'label': '/label/data', 'label_timeout_sec': 0.15, **options})
    went, by_stretches = [], extraction._sample_stretches
    monkeypatch.setattr(
        extraction, '_sample_stretches', lambda *given: went.append(by_stretches(*given)) or went[-1]
    )
    found = []
    for name in ('stretches', 'messages'):
        outcome = extraction.run(extraction.Job(source, job, '/', folder / name))
        assert outcome.meta is not None, outcome.problem
        arrays = [np.load(outcome.folder / f'{each}.npy') for each in 'Xyt']
        found.append((arrays, outcome.meta.counts, outcome.meta.notes))
        monkeypatch.setattr(extraction, '_sample_stretches', lambda *given: False)
    return *found, went[0]


@pytest.mark.parametrize(('seed', 'size'), [(0, 40), (1, 4096), (2, 40), (3, 7)])
def test_stretches_give_the_bits_of_messages(tmp_path, monkeypatch, seed, size):
    monkeypatch.setattr(binding, 'MAX_STRETCH', size)
    path = record(tmp_path / 'run', seed)
    delay = 0.1 * (seed % 2)
    features = ALL if seed < 2 else FINITE
    some, others, went = both_ways(path, tmp_path, monkeypatch, features=features, label_delay_sec=delay)
    assert went
    for one, other in zip(some[0], others[0]):
        assert one.shape == other.shape and one.tobytes() == other.tobytes()
    assert some[1:] == others[1:]
    assert len(some[0][0]) > 50 and 20 < np.isfinite(some[0][1]).sum() < len(some[0][1])


@pytest.mark.parametrize(
    ('disorder', 'options'),
    [
        (True, {}),
        (False, {'max_rate_hz': 10.0}),
        (False, {'features': ('std(hypot(/imu/data/linear_acceleration/x, 1), 0.3)',)}),
        (False, {'label': '/imu/data/linear_acceleration/z > 0'}),
    ],
)
def test_what_depends_on_the_order_goes_message_by_message(tmp_path, monkeypatch, disorder, options):
    path = record(tmp_path / 'run', 5, disorder=disorder)
    given = {'features': (f'std({X}, 0.3)',), **options}
    some, others, went = both_ways(path, tmp_path, monkeypatch, **given)
    assert not went and len(some[0][0]) > 30
    assert all(one.tobytes() == other.tobytes() for one, other in zip(some[0], others[0]))


def test_what_an_imu_does_not_measure_is_no_reading_either_way(tmp_path, monkeypatch):
    path = record(tmp_path / 'run', 6)
    some, others, went = both_ways(path, tmp_path, monkeypatch, features=('/imu/data/orientation/w',))
    assert went and some[1:] == others[1:] and some[0][0].tobytes() == others[0][0].tobytes()


TWIST, TEMPERATURE = '/twist/twist/linear/x', '/room/data'
OF_SEVERAL = (
    *FINITE[:6],
    f'{X} - {TWIST}',
    f'std({TWIST}, 0.4)',
    f'hypot(mean({Y}, 0.3), last({TWIST}, 0.8))',
    TEMPERATURE,
)


def twist(time_ns, x):
    of = TYPES.types
    vector = of['geometry_msgs/msg/Vector3']
    stamp = of['builtin_interfaces/msg/Time'](sec=time_ns // 10**9, nanosec=time_ns % 10**9)
    return of['geometry_msgs/msg/TwistStamped'](
        header=of['std_msgs/msg/Header'](stamp=stamp, frame_id='base'),
        twist=of['geometry_msgs/msg/Twist'](
            linear=vector(x=x, y=0.0, z=0.0), angular=vector(x=0.0, y=0.0, z=0.0)
        ),
    )


def record_several(path, seed, *, clock_sec=0.0, n=500):
    """The same with a twist, late, out of order and with gaps, and with numbers that have no stamp.

    Behind half of the time the clock of the twist is `clock_sec` ahead.
    """
    generator = np.random.default_rng(seed)
    said = []

    def say(arrival, topic, kind, message):
        said.append((arrival, topic, kind, TYPES.serialize_cdr(message, kind)))

    of_number, of_label = TYPES.types['std_msgs/msg/Float64'], TYPES.types['std_msgs/msg/Bool']
    steps = generator.choice([2, 20, 21, 200, 1500], n, p=[0.2, 0.4, 0.36, 0.03, 0.01]) * 1_000_000
    times = (START_NS + np.cumsum(steps) + generator.integers(0, 1000, n)).tolist()
    for i, time in enumerate(times):
        x, y = generator.normal(size=2)
        message = imu(time, np.nan if generator.random() < 0.02 else x)
        message.linear_acceleration.y = y
        say(time + int(generator.integers(0, 2)) * 1_000_000, '/imu/data', 'sensor_msgs/msg/Imu', message)
        if i % 9 == 0:
            say(time, '/label', 'std_msgs/msg/Bool', of_label(data=bool(i % 2)))
        if i > 5 and generator.random() < 0.6:
            late = int(generator.integers(-5, 40)) * 1_000_000
            ahead = round(clock_sec * 1e9) if i > n // 2 else 0
            stamped = twist(time + ahead, np.inf if generator.random() < 0.02 else x)
            say(time + max(0, late), '/twist', 'geometry_msgs/msg/TwistStamped', stamped)
        if generator.random() < 0.3:
            say(time + 500_000, '/room', 'std_msgs/msg/Float64', of_number(data=float(i)))
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for arrival, topic, kind, data in sorted(said, key=lambda each: each[0]):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(connections[topic], arrival, data)
    return path


@pytest.mark.parametrize(
    ('seed', 'size', 'clock_sec', 'options'),
    [
        (0, 40, 0.0, {}),
        (1, 4096, 0.0, {'max_age_sec': 0.05}),
        (2, 7, 0.0, {'trigger': '/imu/data', 'features': (TWIST, f'max({X}, 0.5)', TEMPERATURE)}),
        (3, 40, 3.0, {}),  # the twist is joined by arrival from then on
        (4, 40, 0.0, {'label': f'{TEMPERATURE} > 200'}),
    ],
)
def test_topics_that_are_joined_give_the_bits_of_messages(
    tmp_path, monkeypatch, seed, size, clock_sec, options
):
    monkeypatch.setattr(binding, 'MAX_STRETCH', size)
    path = record_several(tmp_path / 'run', seed, clock_sec=clock_sec)
    some, others, went = both_ways(path, tmp_path, monkeypatch, **{'features': OF_SEVERAL, **options})
    assert went
    for one, other in zip(some[0], others[0]):
        assert one.shape == other.shape and one.tobytes() == other.tobytes()
    assert some[1:] == others[1:]
    assert len(some[0][0]) > 50 and 10 < np.isfinite(some[0][1]).sum() <= len(some[0][1])
    assert bool(clock_sec) == any('/twist' in note for note in some[2])
