# SPDX-License-Identifier: Apache-2.0
"""Clouds in the demo: what is planned for them, that the label stays away, and a real run."""

from __future__ import annotations

import array
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import PointCloud2, PointField

from binclf_ros.core.errors import BinclfError
from binclf_ros.demo import main
from binclf_ros.demo.clouds import check_steps, cloud_feed, column, is_answer, plan, remove
from binclf_ros.recordings.feed import Feed, Message
from binclf_ros.ros.cloud_bytes import SerializedClouds
from binclf_ros.ros.cloud_writer import CloudWriter

ROOT = Path(__file__).resolve().parents[2]
HANG_SEC = 180.0
PERIOD_NS = 100_000_000
POINTS = np.dtype([('x', '<f4'), ('label', 'u1'), ('z', '<f4')])
TYPE = 'sensor_msgs/msg/PointCloud2'
# the parser of ROS interfaces imports lark, which imports what Python has deprecated
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")


def cloud_of(x: Sequence[float], label: Sequence[int], stamp_sec: int = 1) -> PointCloud2:
    points = np.zeros(len(x), POINTS)
    points['x'], points['label'], points['z'] = x, label, 5.0
    cloud = PointCloud2(height=1, width=len(x), point_step=9, row_step=9 * len(x))
    cloud.header.stamp.sec = stamp_sec
    cloud.fields = [
        PointField(name='x', offset=0, datatype=PointField.FLOAT32, count=1),
        PointField(name='label', offset=4, datatype=PointField.UINT8, count=1),
        PointField(name='z', offset=5, datatype=PointField.FLOAT32, count=1),
    ]
    cloud.data = array.array('B', points.tobytes())
    return cloud


def feed_of(clouds: Sequence[PointCloud2], teach: int = 1) -> Feed:
    def messages(topics: Iterable[str]) -> Iterator[Message]:
        assert list(topics) == ['/scan']
        for number, each in enumerate(clouds):
            yield Message(number * PERIOD_NS, '/scan', serialize_message(each))

    return Feed('clouds', {'/scan': TYPE, '/imu': 'sensor_msgs/msg/Imu'}, messages, 0, teach * PERIOD_NS)


def test_a_removed_field_is_gone_with_its_bytes_and_the_others_stay() -> None:
    cloud = cloud_of([1.0, 2.0], [1, 1])
    remove(cloud, 'label')
    assert [each.name for each in cloud.fields] == ['x', 'z']
    assert column(cloud, 'x').tolist() == [1.0, 2.0]
    assert column(cloud, 'z').tolist() == [5.0, 5.0]
    assert cloud.data[4::9].tolist() == [0, 0]


def test_only_a_cloud_with_the_same_header_and_points_is_the_answer() -> None:
    cloud = cloud_of([1.0, 2.0], [1, 0])

    def answer_to(other: PointCloud2) -> PointCloud2:
        came = SerializedClouds().read(serialize_message(other))
        return deserialize_message(CloudWriter().write(came, np.full(other.width, 0.5), 0.5), PointCloud2)

    assert is_answer(answer_to(cloud), cloud)
    assert not is_answer(None, cloud)
    assert not is_answer(answer_to(cloud_of([1.0, 2.0], [1, 0], stamp_sec=2)), cloud)
    assert not is_answer(answer_to(cloud_of([1.0, 3.0], [1, 0])), cloud)
    assert not is_answer(answer_to(cloud_of([1.0], [1])), cloud)


def test_the_plan_counts_what_can_be_learnt_from() -> None:
    steps = plan(feed_of([cloud_of([1, np.nan, 2, 3], [1, 1, 0, 7]), cloud_of([1], [7])]), '/scan', ['x'])
    assert [(each.known, each.received, set(each.labels)) for each in steps] == [
        (2, 4, {0, 1}),
        (0, 1, set()),
    ]


def test_a_cloud_that_can_not_be_learnt_from_is_named() -> None:
    bad = cloud_of([1.0], [1])
    remove(bad, 'label')
    with pytest.raises(BinclfError, match=r"^cloud 2 of /scan cannot be learnt from: .*'label'"):
        plan(feed_of([cloud_of([1.0], [1]), bad]), '/scan', [])


def test_the_split_is_behind_so_many_clouds() -> None:
    feed = feed_of([cloud_of([1.0], [1])] * 5)
    assert cloud_feed(feed, '/scan', 3).split_ns == 3 * PERIOD_NS
    assert cloud_feed(feed, '/scan', None) is feed
    for number in (-1, 0, 5):
        with pytest.raises(BinclfError, match='but there are 5'):
            cloud_feed(feed, '/scan', number)
    for topic in ('/imu', '/nothing'):
        with pytest.raises(BinclfError, match=f'^no topic {topic} with point clouds; .* are /scan'):
            cloud_feed(feed, topic, 3)


@pytest.mark.parametrize(
    ('labels', 'text'),
    [
        ([[1, 1], [0, 1]], '^before 0.10 s there are only samples labelled 1'),
        ([[7, 7], [0, 1]], '^before 0.10 s there are no labelled samples'),
        ([[0, 1], [7, 7]], '^from 0.10 s on no sample has a label'),
    ],
)
def test_there_has_to_be_something_to_learn_and_to_score(labels: list[list[int]], text: str) -> None:
    feed = feed_of([cloud_of([1.0, 2.0], each) for each in labels])
    with pytest.raises(BinclfError, match=text):
        check_steps(feed, plan(feed, '/scan', ['x']), '/scan')


def write_bag(path: Path, clouds: Sequence[PointCloud2]) -> Path:
    rosbag2 = pytest.importorskip('rosbags.rosbag2', reason='rosbags is missing')
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/scan', TYPE, typestore=store)
        for each in feed_of(clouds).messages(['/scan']):
            writer.write(connection, each.time_ns, each.data)
    return path


def test_the_demo_learns_from_clouds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clouds = []
    for number in range(60):  # more than may be on their way
        label = rng.integers(0, 2, 100)
        x = label * 3.0 + rng.normal(size=100)
        x[0], label[1] = np.nan, 7  # neither can be learnt from, nor scored
        clouds.append(cloud_of(x.tolist(), label.tolist(), number))
    clouds[5] = cloud_of([1.0], [7])
    bag = write_bag(tmp_path / 'bag', clouds)
    arguments = [
        '--bag',
        str(bag),
        '--points',
        '/scan',
        '--point-features',
        'x',
        '2 * x',
        '--train-clouds',
        '40',
        '--rate',
        '10',
    ]
    command = [sys.executable, '-m', 'binclf_ros', 'demo', *arguments, '--output', str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_SEC)
    assert (done.returncode, done.stderr) == (0, '')
    report = json.loads((tmp_path / 'demo_report.json').read_text())
    assert (report['train_samples'], report['test_samples']) == (39 * 98, 20 * 98)
    assert report['lost'] == 0
    assert report['accuracy'] == pytest.approx(0.933, abs=0.03)  # Φ(1.5): the best that there is
    assert 'points scored, never taught   1960' in done.stdout


def test_a_point_feature_that_is_none_is_pointed_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write_bag(tmp_path / 'bag', [cloud_of([1.0, 2.0], [0, 1])] * 4)
    for feature in ('label', 'z -', 'speed'):
        assert main(['--bag', str(bag), '--points', '/scan', '--point-features', feature]) == 2
        assert feature in capsys.readouterr().err
