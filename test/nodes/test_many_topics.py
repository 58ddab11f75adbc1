# SPDX-License-Identifier: Apache-2.0
"""Features of several topics at different rates: exactly the values that were true at the trigger's stamp.

What is read ahead of the trigger is sent first, and known to be there from a probe at its stamp; then
the triggers go back in time.
"""

from __future__ import annotations

import math

import pytest
from geometry_msgs.msg import Pose, PoseStamped, PoseWithCovarianceStamped
from live_featurizer import LiveFeaturizer, at, imu
from sensor_msgs.msg import Imu, LaserScan, PointCloud2, PointField, Temperature
from std_msgs.msg import Float64

TURN, HEAT, LEVEL = '/imu/angular_velocity/x', '/heat/temperature', '/level/data'
TOPICS = {
    '/imu': Imu,
    '/heat': Temperature,
    '/level': Float64,
    '/scan': LaserScan,
    '/cloud': PointCloud2,
    '/covariant': PoseWithCovarianceStamped,
    '/robot': PoseStamped,
    '/robot/pose': Pose,
}


@pytest.fixture(scope='module')
def live(shared_ground):
    return LiveFeaturizer(shared_ground, TOPICS)


def heat(ms, value):
    return at(ms, Temperature(temperature=float(value)))


def say_heat_ahead(live, heats):
    """Send temperatures by stamp; return once an Imu at the last's stamp shows the last."""
    (first, value), (last, last_value) = heats[0], heats[-1]

    def both():
        live.say('/heat', heat(first, value))
        live.say('/imu', imu(first, -1))

    live.repeat(lambda: any(x[:2] == (-1.0, value) for x in live.features), both, 'the first')
    for each in heats[1:]:
        live.say('/heat', heat(*each))
    live.repeat(
        lambda: any(x[:2] == (-2.0, last_value) for x in live.features),
        lambda: live.say('/imu', imu(last, -2)),
        'the last',
    )


def all_counted(live, **dropped):
    """Check the counts: of the samples that were heard, without a label, and these that were dropped."""
    live.check_counts(lambda: {'no_label': len(live.features)}, dropped)


def test_newest_value_not_newer_than_the_trigger(live):
    live.configure(features=[TURN, HEAT, LEVEL])

    def all_three():
        live.say('/level', Float64(data=5.0))
        live.say('/heat', heat(100_000, 20))
        live.say('/imu', imu(100_000, 0))

    live.repeat(lambda: live.features, all_three)
    say_heat_ahead(live, [(100_000, 20), (100_500, 21), (101_000, 22)])
    stamps = range(100_100, 101_000, 100)
    live.say_all('/imu', [(imu(ms, ms), ms) for ms in stamps])
    # without a header: by arrival, whatever the stamps say
    live.say('/level', Float64(data=6.0))
    live.repeat(lambda: live.features[-1][2] == 6.0, lambda: live.say('/imu', imu(100_900, -3)))
    live.say_all('/imu', [(imu(ms + 1, ms + 1), ms + 1) for ms in stamps])
    assert [x for x in live.features if x[0] > 0] == [
        *((ms, 20.0 if ms < 100_500 else 21.0, 5.0) for ms in stamps),
        *((ms + 1, 20.0 if ms < 100_500 else 21.0, 6.0) for ms in stamps),
    ]
    all_counted(live)


def test_value_older_than_max_age_drops_the_sample(live):
    live.configure(features=[TURN, HEAT], max_age_sec=0.35)
    say_heat_ahead(live, [(200_000, 20), (200_300, 21)])
    fresh = [200_000, 200_299, 200_300, 200_301, 200_650]
    for ms in (200_651, 201_000, 209_000):
        live.say('/imu', imu(ms, ms))
    live.say_all('/imu', [(imu(ms, ms), ms) for ms in fresh])
    assert [x for x in live.features if x[0] > 0] == [(ms, 20.0 if ms < 200_300 else 21.0) for ms in fresh]
    all_counted(live, **{'max_age/heat': 3})


def test_another_topic_is_the_trigger(live):
    live.configure(features=[TURN, HEAT], trigger='/heat')

    def both():
        live.say('/imu', imu(400_000, 1))
        live.say('/heat', heat(400_000, -1))

    live.repeat(lambda: live.features, both)
    for ms in range(400_100, 401_000, 100):
        live.say('/imu', imu(ms, ms))
    live.repeat(  # the last of them is there
        lambda: live.features[-1] == (400_900.0, -2.0), lambda: live.say('/heat', heat(400_900, -2))
    )
    stamps = [400_050, 400_350, 400_399, 400_400, 400_700]
    live.say_all('/heat', [(heat(ms, ms), ms) for ms in stamps], key=lambda x: x[1])
    turns = [1, 400_300, 400_300, 400_400, 400_700]
    assert [x for x in live.features if x[1] > 0] == list(zip(turns, stamps))
    all_counted(live)


def test_reading_that_is_not_finite_drops_the_sample(live):
    live.configure(features=[TURN, HEAT])
    say_heat_ahead(live, [(800_000, 20), (800_300, math.nan), (800_600, 22)])
    stamps = range(800_000, 801_000, 50)
    not_finite = {800_050: math.nan, 800_150: math.inf, 800_700: -math.inf}
    for ms in stamps:
        live.say('/imu', imu(ms, not_finite.get(ms, ms)))
    live.say_all('/imu', [(imu(801_000, 801_000), 801_000)])
    good = [ms for ms in (*stamps, 801_000) if ms not in not_finite and not 800_300 <= ms < 800_600]
    assert [x for x in live.features if x[0] > 0] == [(ms, 20.0 if ms < 800_300 else 22.0) for ms in good]
    all_counted(live, not_finite=3 + 6)


def test_value_without_a_header_ages_by_arrival(live):
    live.configure(features=[TURN, LEVEL], max_age_sec=0.2, counted=False)

    def both():
        live.say('/level', Float64(data=1.0))
        live.say('/imu', imu(300_000, -1))

    live.repeat(lambda: live.features, both)
    key = 'dropped/max_age/level'
    before = live.ground.count('featurizer', key)
    live.repeat(
        lambda: live.ground.count('featurizer', key) > before, lambda: live.say('/imu', imu(300_000, -2))
    )
    live.repeat(
        lambda: live.features[-1] == (-3.0, 2.0),
        lambda: (live.say('/level', Float64(data=2.0)), live.say('/imu', imu(300_000, -3))),
    )
    assert set(live.features) <= {(-1.0, 1.0), (-2.0, 1.0), (-3.0, 1.0), (-3.0, 2.0)}


def test_missing_topic_is_waited_for_visibly(live):
    live.configure(features=[TURN, '/late/temperature'], counted=False)
    ground = live.ground
    ground.wait_until(lambda: ground.text['featurizer'] == 'waiting for the topic of /late/temperature')
    assert ground.severity['featurizer'] == 1
    live.say('/imu', imu(500_000, 1))

    def both():
        live.say('/late', heat(500_000, 7))
        live.say('/imu', imu(500_000, 2))

    live.repeat(lambda: live.features, both)
    ground.wait_until(lambda: ground.severity['featurizer'] == 0)
    assert set(live.features) == {(2.0, 7.0)}


def test_longest_topic_name_wins(live):
    live.configure(
        features=['/robot/pose/position/x', '/robot/header/stamp/sec'], trigger='/robot', counted=False
    )

    def both():
        longer, shorter = Pose(), at(600_000, PoseStamped())
        longer.position.x, shorter.pose.position.x = 1.0, 2.0
        live.say('/robot/pose', longer)
        live.say('/robot', shorter)

    live.repeat(lambda: live.features, both)
    assert set(live.features) == {(1.0, 600.0)}


def test_nested_fields_elements_and_statistics_of_messages(live):
    expressions = [
        '/cloud/fields[1]/offset',
        '/cloud/fields[0:3:2]/datatype',
        '/cloud/data[2]',
        'mean(/cloud/fields[0:3]/count)',
        '/cloud/is_dense',
        '/covariant/pose/pose/orientation/w',
        '/covariant/pose/covariance[4]',
        'ptp(/covariant/pose/covariance)',
        'min(/scan/ranges)',
        'max(/scan/ranges[0:4])',
        'last(/scan/ranges)',
    ]
    names = [*expressions[:1], *(f'/cloud/fields[{i}]/datatype' for i in (0, 2)), *expressions[2:]]
    live.configure(features=expressions, names=names, counted=False)
    cloud = at(700_000, PointCloud2(data=[9, 8, 7], is_dense=True))
    cloud.fields = [PointField(name=f'f{i}', offset=4 * i, datatype=i + 1, count=1 + i) for i in range(3)]
    covariant = at(700_000, PoseWithCovarianceStamped())
    covariant.pose.pose.orientation.w = 0.25
    covariant.pose.covariance = [float(i * i) for i in range(36)]
    scan = at(700_000, LaserScan(ranges=[math.nan, 4.0, math.inf, 2.0, -math.inf, 3.0, math.nan, 8.0]))

    def all_three():
        live.say('/covariant', covariant)
        live.say('/scan', scan)
        live.say('/cloud', cloud)

    live.repeat(lambda: live.features, all_three)
    # REP 117: what is not finite is out of range, not a reading
    assert set(live.features) == {(4.0, 1.0, 3.0, 7.0, 2.0, 1.0, 0.25, 16.0, 35.0**2, 2.0, 4.0, 8.0)}
