# SPDX-License-Identifier: Apache-2.0
"""Samples of `extract` beside those of the sampler over messages that rosbags deserialises: every bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from robots import run, write_bag
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.core.features.sampler import Sampler
from binclf_ros.offline.store import read_meta

DATA = Path(__file__).resolve().parents[3] / 'shared' / 'data'
FEATURES = {
    'husky_surface_imu': [
        f'{name}(/imu/data/{field}, 1.0)'
        for name in ('mean', 'std', 'slope', 'ptp')
        for field in ('linear_acceleration/z', 'angular_velocity/x')
    ],
    'room_occupancy': [
        '/room/temperature/temperature',
        '/room/humidity/relative_humidity',
        '/room/illuminance/illuminance',
        '/room/co2/data',
    ],
}


def by_sampler(path, options):
    """Return X and y of all samples, from whole messages, in the order of the recording."""
    types = get_typestore(Stores.LATEST)
    X, y, row_of = [], [], {}
    with Reader(path) as bag:
        kinds = {each.topic: each.msgtype for each in bag.connections}
        headers = {
            topic: kind != 'std_msgs/msg/Bool' and kind != 'std_msgs/msg/Float64'
            for topic, kind in kinds.items()
        }
        sampler = Sampler(options, headers)
        messages = [(time_ns, of.topic, bytes(data)) for of, time_ns, data in bag.messages()]
        messages.sort(key=lambda each: (each[0], each[1] != '/label'))
        kept = []
        for time_ns, topic, data in messages:
            message = types.deserialize_cdr(data, kinds[topic])
            kept.append(message)
            sample, labeled = sampler.push(topic, message, time_ns)
            if sample is not None:
                row_of[id(message)] = len(X)
                X.append(sample.x)
                y.append(np.nan)
            for each in labeled:
                y[row_of[id(each.trigger)]] = each.label
    return np.array(X), np.array(y)


@pytest.mark.parametrize('name', FEATURES)
def test_samples_of_real_recordings_are_the_samplers(tmp_path, name):
    bag = DATA / name / 'bag'
    if not bag.is_dir():
        pytest.skip(f'no recording {bag}')
    timeout = 0.5 if name == 'husky_surface_imu' else 0.0
    options = SamplingOptions(
        features=tuple(FEATURES[name]), label='/label/data', label_timeout_sec=timeout
    )
    X, y = by_sampler(bag, options)
    arguments = ['--set', f'features={", ".join(options.features)}', '--set', 'label=/label/data']
    arguments += ['--set', f'label_timeout_sec={timeout}', '--output', tmp_path, '--quiet', '--jobs', 1]
    assert run('extract', [bag, *arguments]) == 0
    folder = tmp_path / 'bag'
    np.testing.assert_array_equal(np.load(folder / 'X.npy'), X)
    np.testing.assert_array_equal(np.load(folder / 'y.npy'), y)
    assert len(X) > 2000 and np.isfinite(y).all() and read_meta(folder).features == options.features


def test_samples_whose_label_comes_later_are_labelled_as_live(tmp_path):
    bag = write_bag(tmp_path / 'run', 3)
    options = SamplingOptions(
        features=('rms(/imu/data/linear_acceleration/x, 0.3)',), label='/label/data', label_delay_sec=0.4
    )
    X, y = by_sampler(bag, options)
    arguments = ['--set', f'features={options.features[0]}', '--set', 'label=/label/data', '--quiet']
    arguments += ['--set', 'label_delay_sec=0.4', '--output', tmp_path / 'out', '--jobs', 1]
    assert run('extract', [bag, *arguments]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / 'out' / 'run' / 'X.npy'), X)
    np.testing.assert_array_equal(np.load(tmp_path / 'out' / 'run' / 'y.npy'), y)
    assert 300 < np.isfinite(y).sum() < len(y)  # those at the end wait for labels that never come
