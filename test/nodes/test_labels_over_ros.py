# SPDX-License-Identifier: Apache-2.0
"""Joysticks, bumpers and other labels: exactly these samples are labelled, the others counted by reason.

Labels are sent ahead of the sensor's messages and joined by stamp, so that no order of arrival between
two topics decides anything; the last of them is known to be there from a probe at its stamp.
"""

from __future__ import annotations

from collections import Counter

import pytest
from live_featurizer import LiveFeaturizer, at, imu
from ros_harness import blobs, vector
from sensor_msgs.msg import Imu, Joy, Range
from std_msgs.msg import Float64MultiArray, Int8
from std_srvs.srv import Trigger

FEATURE = '/imu/angular_velocity/x'
EARLY, PROBE = -1.0, -2.0
POSITIVE, NEGATIVE, BOTH, RELEASED = (1, 0), (0, 1), (1, 1), (0, 0)


@pytest.fixture(scope='module')
def live(shared_ground):
    live = LiveFeaturizer(shared_ground, {'/imu': Imu, '/joy': Joy, '/bumper': Range, '/key': Int8})
    shared_ground.start('trainer')
    shared_ground.wait_for_nodes('trainer')
    return live


def joy(ms, buttons):
    return at(ms, Joy(buttons=buttons))


def bumper(ms, value):
    return at(ms, Range(range=float(value)))


def say_ahead(live, topic, labels):
    """Send stamped labels: the first means 1, the last 0, and no other means 0 at its stamp.

    Until the first is heard it is repeated, with a trigger at its stamp; until the last is, a trigger
    at the last's stamp. By then all those between have come: a topic keeps its order.
    """
    (first, message), (last, _) = labels[0], labels[-1]

    def both():
        live.say(topic, message)
        live.say('/imu', imu(first, EARLY))

    live.repeat(lambda: (EARLY, 1.0) in live.labeled, both, 'the first label')
    for _, each in labels[1:]:
        live.say(topic, each)
    live.repeat(
        lambda: (PROBE, 0.0) in live.labeled,
        lambda: live.say('/imu', imu(last, PROBE)),
        'the last label',
    )


def say_imu(live, stamps):
    """Send an Imu at each stamp, its reading; return the labels by stamp."""
    live.say_all('/imu', [(imu(ms, ms), ms) for ms in stamps])


def labels_by_stamp(live):
    return {int(x): label for x, label in live.labeled if x > 0}


def unlabeled_probes(live, reading):
    """How often a probe came before the label that it waited for."""
    return sum(x == reading for (x,) in live.features) - sum(x == reading for x, _ in live.labeled)


def test_joystick_labels_while_a_button_is_held(live):
    live.configure(
        features=[FEATURE],
        label_positive='/joy/buttons[0]',
        label_negative='/joy/buttons[1]',
        label_timeout_sec=0.5,
    )
    said = [
        (100_000, POSITIVE),
        (101_000, POSITIVE),
        (101_400, RELEASED),
        (101_600, NEGATIVE),
        (102_000, BOTH),
        (102_300, RELEASED),
        (102_500, POSITIVE),
        (104_000, NEGATIVE),
    ]
    say_ahead(live, '/joy', [(ms, joy(ms, buttons)) for ms, buttons in said])
    by_label = {
        'no_label': [99_900, *range(101_400, 101_600, 100), *range(102_300, 102_500, 100)],
        1.0: [100_010, 100_499, 100_500, *range(101_000, 101_400, 100), *range(102_500, 103_001, 100)],
        'stale': [100_501, 100_999, 103_001, *range(103_100, 104_000, 100)],
        0.0: [*range(101_600, 102_000, 100), 104_001],
        'both': [*range(102_000, 102_300, 100), 102_299],
    }
    expected = {ms: label for label, stamps in by_label.items() for ms in stamps}
    say_imu(live, sorted(expected))
    reasons = Counter(label for label in expected.values() if isinstance(label, str))

    def unlabeled():
        in_vain = {'no_label': unlabeled_probes(live, EARLY), 'stale': unlabeled_probes(live, PROBE)}
        return reasons + Counter(in_vain)

    live.check_counts(unlabeled)
    assert labels_by_stamp(live) == {ms: v for ms, v in expected.items() if not isinstance(v, str)}


def test_bumper_speaks_of_the_samples_of_0_3_s_ago(live):
    """In turns: the next label settles the sample that it is too late for, and so is known to be there."""
    live.configure(features=[FEATURE], label='/bumper/range', label_delay_sec=0.3, label_timeout_sec=0.25)
    ms = 200_000

    def turn(value):
        """Say what is true from 50 ms before the next Imu's due time on; then that Imu."""
        nonlocal ms
        ms += 100
        live.say('/bumper', bumper(ms + 50, value))
        return imu(ms, ms)

    live.repeat(lambda: len(live.labeled) >= 1, lambda: live.say('/imu', turn(0.0)))
    first_turn = ms + 100
    hits = range(first_turn + 1000, first_turn + 1400, 100)
    for _ in range(20):
        said = 1.0 if ms + 100 in hits else 0.0
        message = turn(said)
        # settled by what was said now, which is too late for it
        live.ground.wait_until(lambda t=ms - 300: t in labels_by_stamp(live), f'the label of {ms - 300}')
        live.say_all('/imu', [(message, ms)])
    last_label = ms + 50
    silent = [ms + 100 * i for i in range(1, 9)]
    say_imu(live, silent)
    # a bumper that speaks again settles what waits: the past is not its to tell
    live.say('/bumper', bumper(ms + 60_000, 1.0))
    turns = range(first_turn, last_label, 100)
    # what was said at s is in force from s on: of the samples of s − 0.3 s on
    due = {t: t + 300 for t in (*turns, *silent)}
    expected = {
        t: float(any(h + 50 < d <= h + 150 for h in hits)) for t, d in due.items() if d <= last_label + 250
    }

    def unlabeled():
        early = sum(x < first_turn for (x,) in live.features) - sum(x < first_turn for x, _ in live.labeled)
        return {'stale': len(silent), 'no_label': early}

    live.check_counts(unlabeled)
    found = {t: label for t, label in labels_by_stamp(live).items() if t >= first_turn}
    assert found == expected
    assert [t for t, label in found.items() if label] == [h - 200 for h in hits]


def test_label_other_than_0_or_1_is_counted_and_labels_nothing(live):
    live.configure(features=[FEATURE], label='/bumper/range')
    values = [1.0, 0.5, 1.0, 2.0, -1.0, float('nan'), float('inf'), 0.0]
    stamps = [300_000 + 100 * i for i in range(len(values))]
    say_ahead(live, '/bumper', [(ms, bumper(ms, v)) for ms, v in zip(stamps, values)])
    say_imu(live, [299_999, *(ms + 10 for ms in stamps)])
    live.check_counts(
        lambda: {
            'no_label': 1 + unlabeled_probes(live, EARLY),
            'not_0_or_1': 5 + unlabeled_probes(live, PROBE),
        }
    )
    assert labels_by_stamp(live) == {ms + 10: v for ms, v in zip(stamps, values) if v in (0.0, 1.0)}


def test_label_turned_off_and_on_by_a_topic_without_a_header(live):
    live.configure(features=[FEATURE], label='/key/data')
    reading = 0

    def next_imu():
        nonlocal reading
        reading += 1
        live.say('/imu', imu(400_000 + reading, reading))

    def label_and_go_on():
        live.say('/key', Int8(data=1))
        next_imu()

    def heard_all():
        return live.features and live.features[-1] == (reading,)

    live.repeat(lambda: live.labeled, label_and_go_on)
    live.ground.wait_until(heard_all)
    seen = len(live.labeled)
    live.say('/key', Int8(data=0))
    live.repeat(lambda: live.labeled[-1][1] == 0.0, next_imu)
    assert [label for _, label in live.labeled[:seen]] == [1.0] * seen
    live.ground.wait_until(heard_all)

    assert live.ground.set_parameter('featurizer', 'label', '') == ''
    off_from = reading
    live.repeat(lambda: live.features[-1][0] > off_from + 5, next_imu)
    live.ground.wait_until(heard_all)
    off_to = reading
    assert live.ground.set_parameter('featurizer', 'label', '/key/data') == ''
    live.repeat(lambda: live.labeled[-1][0] > off_to, label_and_go_on)
    live.ground.wait_until(heard_all)

    live.check_counts(lambda: {'no_label': len(live.features) - len(live.labeled)})
    assert not [x for x, _ in live.labeled if off_from < x <= off_to]
    assert live.labeled[-1][1] == 1.0


def test_every_labeled_sample_of_several_publishers_at_once_is_counted(live):
    """They join the featurizer, whose labelled samples have all arrived by now."""
    ground = live.ground
    assert ground.call(Trigger, '/trainer/reset').success
    ground.wait_for_reports('trainer', 2)
    before = ground.count('trainer', 'received')
    assert ground.count('trainer', 'accepted') == before > 0
    publishers = [
        ground.node.create_publisher(Float64MultiArray, 'labeled_features', 1000) for _ in range(5)
    ]
    ground.wait_until(lambda: all(each.get_subscription_count() >= 2 for each in publishers))
    for x, label in zip(*blobs(200, n_features=1)):
        for i, each in enumerate(publishers):
            each.publish(vector([*(x + i), label], [FEATURE]))
    ground.wait_until(lambda: ground.count('trainer', 'accepted') == before + 1000)
    ground.wait_until(lambda: ground.count('trainer', 'buffer') == 1000)
    assert ground.count('trainer', 'positives') == 500
