# SPDX-License-Identifier: Apache-2.0
"""Sensors, clocks and labels as robots really have them: which samples come, and how they are labelled."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from binclf_ros.core.errors import ExpressionError, ParameterError
from binclf_ros.core.features.clocks import ClockDifference, TopicClock
from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.core.features.paths import Segment
from binclf_ros.core.features.sampler import Sample, Sampler
from binclf_ros.core.features.windows import MAX_CELLS, Window

S = 1_000_000_000
MS = 1_000_000
TOPICS = {'/imu': True, '/odom': True, '/scan': True, '/label': False, '/joy': True, '/cmd_vel': False}
KINDS = {'/imu': 'sensor_msgs/msg/Imu', '/scan': 'sensor_msgs/msg/LaserScan'}


def message(stamp_ns: int, **fields: Any) -> SimpleNamespace:
    stamp = SimpleNamespace(sec=stamp_ns // S, nanosec=stamp_ns % S)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp), **fields)


class Robot:
    """A sampler, the samples and the labelled ones; times are in milliseconds."""

    def __init__(self, *features: str, **options: Any) -> None:
        options = {'max_age_sec': 0.0, **options}
        self.sampler = Sampler(SamplingOptions(features=features, **options), TOPICS, kinds=KINDS)
        self.samples: list[Sample] = []
        self.labeled: list[Sample] = []

    def say(self, topic: str, at: float, stamp: float | None = None, **fields: Any) -> Sample | None:
        """A message that arrives at a time, stamped with that time or with another."""
        arrival, stamped = round(at * MS), round((at if stamp is None else stamp) * MS)
        content = message(stamped, **fields) if TOPICS[topic] else SimpleNamespace(**fields)
        sample, labeled = self.sampler.push(topic, content, arrival)
        self.samples += [sample] if sample else []
        self.labeled += labeled
        return sample

    def status(self, at: float) -> Any:
        return self.sampler.status(round(at * MS))

    def topic(self, name: str, at: float = 0.0) -> Any:
        return next(each for each in self.status(at).topics if each.name == name)


def test_a_label_whose_topic_is_missing_is_no_condition_and_is_taken_up_when_it_comes() -> None:
    options = SamplingOptions(features=('mean(/imu/x, 0.05)',), label='/label/data')
    topics = {'/imu': True}
    sampler = Sampler(options, topics)
    assert sampler.missing_labels == ('/label/data',) and sampler.topics == ('/imu',)
    labels = []
    for k in range(30):
        if k == 15:
            assert sampler.take_up_labels({**topics, '/label': False})
            assert not sampler.take_up_labels({**topics, '/label': False})
            assert sampler.missing_labels == () and sampler.topics == ('/imu', '/label')
        if k >= 15:
            sampler.push('/label', SimpleNamespace(data=True), k * 10 * MS - 1)
        sample, labeled = sampler.push('/imu', message((1000 + k * 10) * MS, x=1.0), k * 10 * MS)
        labels.append(labeled[0].label if labeled else None)
        assert (sample is not None) == (k >= 5)  # the window goes on
    assert labels == [None] * 15 + [1] * 15
    assert sampler.counts['unlabeled/no_label'] == 10


def operator(ahead_ms: float, **options: Any) -> tuple[Robot, float]:
    """Six seconds of a joystick that changes each 0.5 s; the share of wrong labels."""
    robot = Robot('/imu/x', label='/joy/data', **options)
    for at in range(0, 6000, 10):
        truth = at // 500 % 2
        if at % 50 == 0:
            robot.say('/joy', 10_000 + at, stamp=10_000 + at + ahead_ms, data=truth)
        robot.say('/imu', 10_000 + at + 1, x=float(truth))
    wrong = [each for each in robot.labeled if each.label != each.x[0]]
    return robot, len(wrong) / max(1, len(robot.labeled))


@pytest.mark.parametrize('ahead_ms', [3000, -3000, 300, 100, 0])
def test_labels_of_another_clock_join_by_arrival(ahead_ms: float) -> None:
    robot, wrong = operator(ahead_ms)
    assert len(robot.labeled) == 600 and wrong == 0.0
    assert robot.status(0).label.join == ('stamp' if ahead_ms == 0 else 'arrival')
    assert robot.topic('/joy').difference_sec == pytest.approx(ahead_ms / 1000, abs=0.02)


def test_label_join_may_be_set() -> None:
    robot, wrong = operator(300, label_join='stamp')
    assert wrong > 0.3 and robot.status(0).label.join == 'stamp'
    robot, wrong = operator(0, label_join='arrival')
    assert wrong == 0.0 and robot.status(0).label.join == 'arrival'
    with pytest.raises(ParameterError, match='auto, stamp, arrival'):
        from binclf_ros.core.options import checked, named

        checked(named(SamplingOptions)['label_join'], 'never')


@pytest.mark.parametrize('speed', [0.1, 1.0, 3.0, 1000.0])
def test_a_recording_at_any_speed_and_in_a_loop_is_joined_by_stamp(speed: float) -> None:
    robot = Robot('/imu/x', '/odom/x', label='/joy/data', label_timeout_sec=0.0)
    for turn in range(3):
        for at in range(0, 5000, 10):
            arrival = (turn * 5000 + at) / speed
            stamp = 50_000 + at
            if at % 100 == 0:
                robot.say('/joy', arrival, stamp=stamp, data=at // 1000 % 2)
            if at % 200 == 0:
                robot.say('/odom', arrival, stamp=stamp, x=float(at))
            robot.say('/imu', arrival, stamp=stamp, x=float(at))
    assert robot.topic('/odom').join == robot.status(0).label.join == 'stamp'
    assert len(robot.labeled) >= 1490
    steady = [each for each in robot.labeled if each.x[0] > 300]
    assert all(each.label == each.x[0] // 1000 % 2 for each in steady)
    assert all(each.x[1] == each.x[0] // 200 * 200 for each in steady)


def test_topics_of_two_clocks_are_joined_by_arrival_and_go_back_when_they_agree() -> None:
    robot = Robot('/imu/x', '/odom/x', clock_tolerance_sec=0.5)
    for at in range(0, 10_000, 10):
        ahead = 2000 if at < 5000 else 0
        if at % 20 == 0:
            robot.say('/odom', at, stamp=100_000 + at + ahead, x=float(at))
        robot.say('/imu', at + 1, stamp=100_001 + at, x=float(at))
        if at == 4000:
            found = robot.topic('/odom', 4001)
            assert (found.join, found.clock) == ('arrival', 'stamps')
            assert found.difference_sec == pytest.approx(2.0, abs=0.01)
            assert found.age_sec == pytest.approx(0.001) and found.rate_hz == pytest.approx(50.0, rel=0.01)
    assert robot.topic('/odom').join == 'stamp'
    late = [each.x for each in robot.samples if 100 < each.x[0] < 5000 or each.x[0] > 5100]
    assert len(late) > 950 and all(0 <= x - y <= 10 for x, y in late)


def test_a_tolerance_of_0_compares_no_clocks() -> None:
    robot = Robot('/imu/x', '/odom/x', clock_tolerance_sec=0.0)
    for at in range(0, 2000, 10):
        robot.say('/odom', at, stamp=at - 2000 + 10_000, x=1.0)
        robot.say('/imu', at, stamp=at + 10_000, x=1.0)
    assert robot.topic('/odom').join == 'stamp'


@pytest.mark.parametrize(('stamp', 'clock'), [(0, 'zero'), (77_000, 'still')])
def test_stamps_that_do_not_tell_the_time_go_by_arrival(stamp: float, clock: str) -> None:
    robot = Robot('mean(/imu/x, 1.0)', '/odom/x', label='/label/data')
    for at in range(0, 10_000, 20):
        robot.say('/label', at, data=True)
        robot.say('/odom', at, stamp=at + 5000, x=float(at))
        robot.say('/imu', at, stamp=stamp, x=1.0)
    found = robot.topic('/imu')
    assert (found.clock, found.join) == (clock, 'arrival') and robot.topic('/odom').join == 'arrival'
    assert robot.topic('/odom').difference_sec is None  # there is nothing to compare with
    assert len(robot.labeled) >= (440 if clock == 'zero' else 370)
    assert robot.samples[-1].x.tolist() == [1.0, 9980.0]


def test_stamps_of_whole_seconds_do_not_stand_still() -> None:
    robot = Robot('/imu/x')
    for at in range(0, 10_000, 20):
        robot.say('/imu', at, stamp=77_000 + at // 1000 * 1000, x=1.0)
        assert robot.topic('/imu').clock == 'stamps'
    assert len(robot.samples) == 500


def test_the_period_of_a_label_that_is_held_now_and_then_does_not_count_the_breaks() -> None:
    robot = Robot('/imu/x', label='/label/data')
    for at in [*range(0, 500, 50), *range(20_000, 20_300, 50)]:
        robot.say('/label', at, data=True)
    assert robot.status(20_300).label.period_sec == 0.05


def test_stamps_since_boot_are_another_clock() -> None:
    robot = Robot('/imu/x', '/scan/x')
    for at in range(0, 3000, 10):
        robot.say('/scan', at, stamp=at + 200, x=float(at))
        robot.say('/imu', at, stamp=1_700_000_000_000 + at, x=float(at))
    assert robot.topic('/scan').join == 'arrival'
    assert len(robot.samples) > 280 and robot.samples[-1].x.tolist() == [2990.0, 2990.0]


def test_swapped_neighbours_take_their_places() -> None:
    robot = Robot('mean(/imu/x, 1.0)', 'last(/imu/x, 1.0)')
    stamps = list(range(0, 5000, 10))
    for k in (50, 120, 190, 260, 330, 400):
        stamps[k], stamps[k + 1] = stamps[k + 1], stamps[k]
    for at, stamp in zip(range(0, 5000, 10), stamps):
        robot.say('/imu', 20_000 + at, stamp=20_000 + stamp, x=float(stamp))
    assert len(robot.samples) == 400
    for sample in robot.samples:
        newest = sample.x[1]
        there = np.arange(newest - 990, newest + 1, 10)
        assert sample.x[0] == pytest.approx(there.mean(), abs=10.0)


def test_a_late_trigger_is_sampled_from_what_was_there_at_its_time() -> None:
    robot = Robot('/imu/x', '/odom/x')
    for at in (0, 10, 20):
        robot.say('/odom', at, x=float(at))
    robot.say('/imu', 21, stamp=20, x=20.0)
    late = robot.say('/imu', 22, stamp=12, x=12.0)
    assert late is not None and late.x.tolist() == [12.0, 10.0]


def test_joints_go_by_their_names() -> None:
    robot = Robot('/odom/position[gripper]', trigger='/imu')
    for at, names in ((0, ['arm', 'gripper']), (10, ['gripper', 'arm']), (20, ['wheel'])):
        robot.say('/odom', at, name=names, position=[1.0 if name == 'gripper' else 2.0 for name in names])
        robot.say('/imu', at + 1)
    assert [each.x.tolist() for each in robot.samples] == [[1.0]] * 3


def scan(*ranges: float) -> dict[str, Any]:
    return {'ranges': list(ranges), 'range_min': 0.5, 'range_max': 10.0}


def test_ranges_outside_of_a_scan_s_limits_are_no_readings() -> None:
    robot = Robot('min(/scan/ranges)', 'count(/scan/ranges)', 'default(/scan/ranges[0], 30.0)')
    robot.say('/scan', 0, **scan(0.0, 2.0, 11.0, math.inf, 3.0))
    robot.say('/scan', 10, **scan(*[0.0, 1.0, 12.0] * 40))
    assert [each.x.tolist() for each in robot.samples] == [[2.0, 2.0, 30.0], [1.0, 40.0, 30.0]]
    robot.say('/scan', 20, **scan(math.inf, math.inf))
    assert robot.status(0).no_reading == {'min(/scan/ranges)': 1}
    assert robot.sampler.counts['dropped/not_finite'] == 1


def test_scans_of_359_and_360_ranges_and_of_nothing_in_reach_are_sampled() -> None:
    robot = Robot('min(/scan/ranges[0:360])', trigger='/scan')
    open_field = Robot('default(min(/scan/ranges[0:90]), 30.0)')
    for k in range(10):
        robot.say('/scan', k * 100, **scan(*[2.0] * (359 + k % 2)))
        open_field.say('/scan', k * 100, **scan(*[math.inf] * 360))
    assert [each.x.tolist() for each in robot.samples] == [[2.0]] * 10
    assert [each.x.tolist() for each in open_field.samples] == [[30.0]] * 10


def test_limits_that_are_not_set_are_none() -> None:
    robot = Robot('/scan/ranges[0]')
    assert robot.say('/scan', 0, ranges=[4.0], range_min=0.0, range_max=0.0) is not None


def test_what_an_imu_does_not_measure_is_no_reading() -> None:
    robot = Robot('/imu/orientation/w', '/imu/angular_velocity/x')
    axes = SimpleNamespace(w=1.0, x=2.0)

    def say(at: float, covariance: float) -> Sample | None:
        return robot.say(
            '/imu', at, orientation=axes, angular_velocity=axes,
            orientation_covariance=[covariance] + [0.0] * 8, angular_velocity_covariance=[0.0] * 9,
        )  # fmt: skip

    assert say(0, -1.0) is None and say(10, 0.0) is not None
    assert robot.status(0).no_reading == {'/imu/orientation/w': 1}


def test_a_frozen_sensor_drops_samples_by_its_own_period() -> None:
    robot = Robot('/imu/x', '/scan/x', max_age_sec=-1.0)
    for at in range(0, 10_000, 20):
        if at % 100 == 0 and at <= 5000:
            robot.say('/scan', at, x=1.0)
        robot.say('/imu', at, x=1.0)
    found = robot.topic('/scan', 10_000)
    assert found.max_age_sec == 1.0 and found.age_sec == pytest.approx(5.0)
    assert robot.status(0).dropped == {'max_age/scan': 199}


def test_a_slow_sensor_has_five_of_its_periods() -> None:
    robot = Robot('/imu/x', '/odom/x', max_age_sec=-1.0)
    for at in range(0, 40_000, 100):
        if at % 2000 == 0:
            robot.say('/odom', at, x=1.0)
        robot.say('/imu', at, x=1.0)
    assert robot.status(0).dropped == {} and robot.topic('/odom').max_age_sec == 10.0


@pytest.mark.parametrize(('values', 'shown'), [((-1, 1), {-1.0: 1}), ((0, 255), {255.0: 1})])
def test_values_that_do_not_label_are_known(values: tuple[float, ...], shown: dict[float, int]) -> None:
    robot = Robot('/imu/x', label='/label/data')
    for at, value in enumerate(values):
        robot.say('/label', at, data=value)
        robot.say('/imu', at, x=1.0)
    assert robot.status(0).label.other_values == shown


def test_an_expression_labels_what_its_values_would_not() -> None:
    robot = Robot('/imu/x', label='/label/data > 0.5')
    for at, value in enumerate((0.02, 0.98)):
        robot.say('/label', at, data=value)
        robot.say('/imu', at, x=1.0)
    assert [each.label for each in robot.labeled] == [0, 1]


def test_a_label_that_comes_too_seldom_is_known_by_its_period() -> None:
    robot = Robot('/imu/x', label='/label/data')
    for at in range(0, 15_000, 100):
        if at % 1000 == 0:
            robot.say('/label', at, data=1)
        robot.say('/imu', at, x=1.0)
    label = robot.status(0).label
    assert (label.period_sec, label.timeout_sec) == (pytest.approx(1.0), 0.5)
    assert len(robot.labeled) == 6 * 15 and robot.status(0).unlabeled == {'stale': 60}


STUCK = 'abs(/odom/x) < 0.02 and abs(/cmd_vel/x) > 0.1'


def test_a_robot_teaches_itself_by_two_topics() -> None:
    robot = Robot('/imu/x', label=STUCK, label_delay_sec=0.1)
    for at in range(0, 1000, 10):
        robot.say('/cmd_vel', at, x=1.0)
        robot.say('/odom', at + 1, x=0.0 if at >= 500 else 1.0)
        robot.say('/imu', at + 2, x=float(at))
    assert {each.x[0]: each.label for each in robot.labeled} == {
        float(at): int(at + 102 >= 501) for at in range(0, 900, 10)
    }


def test_a_label_of_two_topics_expires_with_either() -> None:
    robot = Robot('/imu/x', label=STUCK)
    for at in range(0, 3000, 10):
        if at < 1000:
            robot.say('/cmd_vel', at, x=1.0)
        robot.say('/odom', at, x=0.0)
        robot.say('/imu', at, x=1.0)
    assert 190 <= len(robot.labeled) <= 205
    assert robot.sampler.counts['unlabeled/stale'] == 300 - len(robot.labeled)


def test_a_window_may_stand_in_a_label() -> None:
    robot = Robot('/imu/x', label='std(/imu/x, 0.05) > 1')
    for at in range(0, 300, 10):
        robot.say('/imu', at, x=float(at // 10 % 2) * (10.0 if at >= 150 else 0.1))
    assert [each.label for each in robot.labeled][:9] == [0] * 9 and robot.labeled[-1].label == 1
    with pytest.raises(ExpressionError, match='compare it'):
        SamplingOptions(label='std(/imu/x, 0.05)').label_paths()


def test_waiting_samples_keep_of_their_triggers_what_is_asked_for() -> None:
    options = SamplingOptions(features=('/imu/x',), label='/label/data', label_delay_sec=60.0)
    sampler = Sampler(options, TOPICS, keep=lambda each: each.header.stamp)
    sample, _ = sampler.push('/imu', message(5 * S, x=1.0), 0)
    assert sample is not None and sample.trigger.sec == 5


@pytest.mark.parametrize('stamp', [0, 5 * S])
def test_stamps_that_do_not_move_cost_no_memory(stamp: int) -> None:
    robot = Robot('mean(/imu/x[0:100], 1.0)', '/imu/x[0]')
    for k in range(3000):
        robot.say('/imu', k * 10, stamp=stamp / MS, x=[1.0] * 100)
    topic = robot.sampler._topics['/imu']
    (pool,) = topic._pools.values()
    assert pool._window._V.size < 500_000 and len(topic._newest.history._times) < 600


def test_a_window_that_would_hold_too_much_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('binclf_ros.core.features.windows.MAX_CELLS', 1000)
    robot = Robot('mean(/imu/x[0:2], 1.0)', '/imu/y')
    for k in range(3000):
        robot.say('/imu', 1000 + k, x=[1.0, 2.0], y=0.0)
    assert robot.status(0).dropped['crowded'] > 1000 and MAX_CELLS > 1000
    assert Window(1, 0)._V.size < 1000


def test_clocks_that_jitter_differ_by_what_they_differ() -> None:
    generator = np.random.default_rng(0)
    trigger, other = TopicClock(True), TopicClock(True)
    difference = ClockDifference(trigger, other)
    for k in range(500):
        at = k * 10 * MS
        if k % 5 == 0:
            other.note(at + 250 * MS, at + round(generator.uniform(0, 8) * MS))
            difference.note_other()
        trigger.note(at + 10 * MS, at + 10 * MS + round(generator.uniform(0, 8) * MS))
        difference.note_trigger()
    assert difference.ns == pytest.approx(250 * MS, abs=10 * MS)
    assert difference.exceeds(200 * MS) and not difference.exceeds(300 * MS)
    assert trigger.rate_hz == pytest.approx(100.0, rel=0.1)


def test_a_segment_of_a_slice_in_a_statistic_is_marked() -> None:
    (path,) = SamplingOptions(features=('min(/scan/ranges[0:9])',)).expressions()[0].paths
    assert path.segments[-1] == Segment('ranges', slice(0, 9), 10, pooled=True)
