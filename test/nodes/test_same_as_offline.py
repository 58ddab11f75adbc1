# SPDX-License-Identifier: Apache-2.0
"""Real recordings, replayed through the real featurizer: its samples are those of `extract`, every bit."""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from ros_harness import LATCHED
from std_msgs.msg import Float64MultiArray, UInt64

pytest.importorskip('rosbags', reason='recordings are written and read with rosbags')

from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.offline import extraction
from binclf_ros.offline.binding import bind, in_order
from binclf_ros.offline.inputs import find_sources

TELLING = Path(__file__).with_name('telling_featurizer.py')
DATA = Path(__file__).resolve().parents[3] / 'shared' / 'data'
FIELDS = [f'{part}/{axis}' for part in ('linear_acceleration', 'angular_velocity') for axis in 'xz']
OF_IMU = [f'{name}(/imu/data/{each}, 1.0)' for name in ('mean', 'std', 'slope') for each in FIELDS]
OF_ROOM = [
    '/room/temperature/temperature',
    '/room/humidity/relative_humidity - /room/co2/data / 1000',
    '/room/illuminance/illuminance',
    'delta(/room/temperature/temperature, 300.0)',
]
OF_SITUATION = ['std(/imu/data/angular_velocity/x, 0.5)', '/imu/data/angular_velocity/x']
LABEL = {'label': '/label/data'}
BUTTONS = {'label_positive': '/joy/buttons[0]', 'label_negative': '/joy/buttons[1]'}
RECORDINGS = {
    'husky_surface_imu/bag': (OF_IMU, LABEL),
    'room_occupancy/bag': (OF_ROOM, LABEL),
    **{f'situations/{each}': (OF_SITUATION, LABEL) for each in ('cut', 'nometa', 'shortmsg', 'disorder')},
    'situations/joychange': (OF_SITUATION, BUTTONS),
}
CHOSEN = RECORDINGS if '--soak' in sys.argv else ('husky_surface_imu/bag', 'room_occupancy/bag')
"""With --soak all of them, and to their ends."""


def replayed(ground, source, options, n_messages):
    """Return the samples that a featurizer publishes of the first messages of a recording, as heard.

    Topics are subscriptions of their own, so it has taken a topic's messages in before another's follow.
    """
    heard = [ground.subscribe(Float64MultiArray, name, 10_000) for name in ('features', 'labeled_features')]
    taken = ground.subscribe(UInt64, 'taken', LATCHED, lambda message: message.data)
    recording = source.open()
    publishers = {}
    for topic, kind in recording.types.items():
        package, _, name = kind.split('/')
        publishers[topic] = getattr(import_module(f'{package}.msg'), name), topic
        ground.publisher(*publishers[topic], subscribers=0)
    listed = '[' + ', '.join(f'"{each}"' for each in options.features) + ']'
    labels = {name: f'"{getattr(options, name)}"' for name in (*LABEL, *BUTTONS) if getattr(options, name)}
    ground.start_script(
        [TELLING], 'featurizer', features=listed, label_timeout_sec='0.0', max_age_sec='0.0', **labels
    )
    ground.wait_until(lambda: taken, 'a featurizer that is heard')
    sent, last = 0, ''
    wanted = bind(recording, options, '/', labels=True)
    for message in islice(in_order(recording, wanted), n_messages):
        if message.topic != last or sent - taken[-1] > 50:
            ground.wait_until(lambda sent=sent: taken[-1] == sent, f'{sent} messages')
        ground.publisher(*publishers[message.topic]).publish(message.data)
        sent, last = sent + 1, message.topic
    ground.wait_until(lambda: taken[-1] == sent, f'{sent} messages')
    ground.wait_for_reports('featurizer', 2)
    counts = [ground.count('featurizer', name) for name in ('sampled', 'labeled')]
    ground.wait_until(lambda: list(map(len, heard)) == counts, f'{counts} samples')
    return [np.array([each.data for each in samples]) for samples in heard]


@pytest.mark.parametrize('name', CHOSEN)
def test_samples_of_extract_are_those_of_the_live_featurizer(ground, volume, tmp_path, name):
    n_messages = volume(1500, soak=10**9)
    if not (DATA / name).is_dir():
        pytest.skip(f'no recording {DATA / name}')
    features, labels = RECORDINGS[name]
    options = SamplingOptions(features=tuple(features), label_timeout_sec=0.0, max_age_sec=0.0, **labels)
    (source,), _ = find_sources([str(DATA / name)])
    made = extraction.run(extraction.Job(source, options, '/', tmp_path / 'samples'))
    X, y = (np.load(made.folder / f'{each}.npy') for each in 'Xy')

    live, labeled = replayed(ground, source, options, n_messages)
    assert len(live) == len(X) if n_messages >= 10**9 else len(live) > n_messages / 10
    np.testing.assert_array_equal(live, X[: len(live)])
    known = np.isfinite(y[: len(live)])
    np.testing.assert_array_equal(labeled, np.column_stack([X, y])[: len(live)][known])
    assert known.sum() > 100 and (live.std(axis=0) > 0.0).all()
