# SPDX-License-Identifier: Apache-2.0
"""Health: every sentence, from the smallest facts that bring it about, and none where all is well."""

from __future__ import annotations

import doctest
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from binclf_ros.core.features.status import LabelStatus, SamplerStatus, TopicStatus
from binclf_ros.core.health import findings, sampling
from binclf_ros.core.health.findings import ERROR, OK, WARN, Finding, Judge, Pulse, Recent, near, refused
from binclf_ros.core.health.learning import find_of_predictor, find_of_trainer, nothing_to_answer
from binclf_ros.core.health.sampling import Labelling, facts, find, notes, window_sec
from binclf_ros.core.health.watch import SamplingWatch

FEATURES = ('/imu/data/linear_acceleration/z', 'std(/imu/data/angular_velocity/x, 1.0)')


def topic(name, received=300, rate_hz=100.0, age_sec=0.01, join='stamp', **other):
    given = {'unread': 0, 'clock': 'stamps', 'difference_sec': 0.0, 'max_age_sec': None, **other}
    return TopicStatus(name, received, rate_hz=rate_hz, age_sec=age_sec, join=join, **given)


IMU, ODOM = topic('/imu/data'), topic('/odom', rate_hz=20.0)
LABEL = topic('/label/data', rate_hz=10.0, join='')
BEGAN = SamplerStatus('/imu/data', FEATURES, 0, 0, {}, {}, {}, (IMU, ODOM), LabelStatus())
NO_LABEL = Labelling()
SAMPLING = replace(BEGAN, sampled=300)
LABELED = LabelStatus(('/label/data',), (), 'stamp', 0.5, 0.1, {})


def said(now, then=BEGAN, seconds=3.0, began_sec=30.0, label=NO_LABEL):
    return [each.text for each in find(now, then, seconds, began_sec, label)]


def the_one(*given, **other):
    (text,) = said(*given, **other)
    return text


@pytest.mark.parametrize('module', [findings, sampling])
def test_the_examples_run(module):
    assert doctest.testmod(module).failed == 0


def test_nothing_is_said_of_a_sampler_that_samples():
    assert said(SAMPLING) == []
    assert said(replace(SAMPLING, dropped={'max_rate': 5000})) == []
    assert said(replace(SAMPLING, dropped={'not_finite': 299})) == []


# topics


def test_a_sensor_that_is_unplugged_is_named_with_its_rate():
    now = replace(SAMPLING, topics=(IMU, topic('/odom', age_sec=4.2, rate_hz=20.0)))
    assert the_one(now) == (
        'nothing from /odom for 4 s (it came at 20 Hz): is the sensor unplugged? See ros2 topic hz /odom'
    )


def test_of_the_trigger_it_is_said_that_no_samples_are_taken():
    now = replace(SAMPLING, topics=(topic('/imu/data', age_sec=5.0),))
    assert 'nothing from /imu/data for 5 s (it came at 100 Hz), so no samples are taken' in the_one(now)


def test_a_topic_that_never_came_is_waited_for_three_seconds():
    never = topic('/imu/data', received=0, rate_hz=None, age_sec=None)
    now = replace(BEGAN, topics=(never,))
    assert said(now, began_sec=2.9) == []
    assert the_one(now, began_sec=3.0).startswith('nothing has come from /imu/data yet, so no samples')


def test_a_slow_topic_has_the_time_of_ten_messages():
    slow = topic('/gps', rate_hz=1.0, age_sec=9.0)
    assert said(replace(SAMPLING, topics=(IMU, slow))) == []
    assert '/gps' in the_one(replace(SAMPLING, topics=(IMU, replace(slow, age_sec=10.5))))
    assert window_sec(replace(SAMPLING, topics=(topic('/imu/data', rate_hz=0.5),))) == 20.0


def test_one_message_tells_no_period():
    once = topic('/co2', received=1, rate_hz=None, age_sec=60.0)
    assert said(replace(SAMPLING, topics=(IMU, once))) == []
    assert 'nothing from /co2 for 121 s: ' in the_one(
        replace(SAMPLING, topics=(IMU, replace(once, age_sec=121.0)))
    )


# dropped


@pytest.mark.parametrize(
    ('reason', 'words'),
    [
        ('missing/odom', 'nothing has come from /odom yet: is its driver running? See ros2 topic hz /odom'),
        ('max_age/odom', 'the newest message of /odom was too old (max_age_sec)'),
        ('unreadable', 'messages of /imu/data could not be read'),
        ('not_finite', 'min(/scan/ranges) had no reading (not finite, or outside the range of the sensor)'),
        ('empty', 'default(min(/scan/ranges), 0.0), with a value of yours, stands in for it'),
        ('element', 'min(/scan/ranges) was not one number in each message'),
        ('something new', 'something new'),
    ],
)
def test_more_than_half_dropped_is_said_with_the_main_reason(reason, words):
    now = replace(
        BEGAN, sampled=100, dropped={reason: 180, 'crowded': 20}, no_reading={'min(/scan/ranges)': 180}
    )
    text = the_one(now)
    assert text.startswith('200 of 300 samples dropped in the last 3 s, most of them (180) so: ')
    assert words in text


def test_only_what_was_dropped_lately_counts():
    then = replace(BEGAN, dropped={'not_finite': 1000})
    assert said(replace(SAMPLING, dropped={'not_finite': 1000}), then) == []
    text = the_one(replace(BEGAN, dropped={'not_finite': 1300}), then)
    assert text.startswith('300 of 300 samples dropped in the last 3 s: /imu/data/linear')


def test_windows_may_fill_and_are_named_where_they_never_do():
    now = replace(BEGAN, dropped={'window': 300})
    assert said(now, began_sec=4.9) == []
    assert 'too seldom for std(/imu/data/angular_velocity/x, 1.0)' in the_one(now, began_sec=5.1)


# labels


def test_a_label_that_comes_too_seldom_is_said_with_both_times():
    label = replace(LABELED, period_sec=1.0, held=True)
    slow = topic('/label/data', rate_hz=1.0, join='', age_sec=0.7)
    now = replace(SAMPLING, labeled=19, unlabeled={'stale': 131}, topics=(IMU, slow), label=label)
    assert the_one(now) == (
        'the label comes every 1.0 s, label_timeout_sec is 0.5: 131 of 150 samples unlabelled in the last '
        '3 s; set it to 2.0, or to 0, so that a label holds until the next one'
    )


def test_a_label_that_expires_between_its_messages_is_said_from_a_third_of_the_samples_on():
    """At 1 Hz and with a timeout of 0.5 s half of the samples are unlabelled, a bit more or less."""
    label = replace(LABELED, period_sec=1.0, held=True)
    slow = topic('/label/data', rate_hz=1.0, join='', age_sec=0.7)
    now = replace(SAMPLING, labeled=156, unlabeled={'stale': 144}, topics=(IMU, slow), label=label)
    assert '144 of 300 samples unlabelled' in the_one(now)
    assert said(replace(now, labeled=220, unlabeled={'stale': 80})) == []
    taken_back = replace(now, labeled=20, unlabeled={'stale': 280}, label=replace(label, held=False))
    assert said(taken_back) == []


def test_an_operator_who_has_stopped_is_no_fault():
    label = replace(LABELED, period_sec=0.1)
    gone = topic('/label/data', rate_hz=10.0, join='', age_sec=60.0)
    now = replace(SAMPLING, unlabeled={'stale': 300}, topics=(IMU, gone), label=label)
    assert said(now) == []
    assert notes(now, ()) == ['no label from /label/data: samples go out unlabelled']


def test_a_label_that_breaks_off_while_its_publisher_is_there_is_said_with_what_would_do():
    """Unplugged, or pressed once where it has to be held: nobody has taken it back."""
    gone = topic('/label', rate_hz=10.0, join='', age_sec=4.0)
    label = replace(LABELED, topics=('/label',), held=True)
    now = replace(SAMPLING, unlabeled={'stale': 300}, topics=(IMU, gone), label=label)
    published = Labelling(published=('/label',))
    assert the_one(now, label=published) == (
        'nothing from /label for 4 s (it came at 10 Hz): 300 of 300 samples unlabelled in the last 3 s, '
        'as a label expires after label_timeout_sec, 0.5 s: publish it as long as it holds, '
        'or set that to 0'
    )
    once = replace(
        now, topics=(IMU, replace(gone, received=1, rate_hz=None)), label=replace(label, period_sec=None)
    )
    assert the_one(once, label=published).startswith('nothing from /label for 4 s: 300 of 300')
    assert said(now) == []  # its publisher is gone
    assert said(replace(now, label=replace(label, held=False)), label=published) == []  # it was taken back


def test_a_label_without_a_topic_is_no_fault():
    now = replace(SAMPLING, unlabeled={'no_label': 300}, label=LabelStatus((), ('/label/data',)))
    assert said(now) == []
    assert notes(now, ()) == ['no label from /label/data: samples go out unlabelled']


@pytest.mark.parametrize(
    ('values', 'labeled', 'words'),
    [
        ({-1.0: 200}, (0, 99), '1 and 0 label, /label/data came as -1 (200 times): 200 of 300'),
        ({-1.0: 200}, (0, 99), 'label: /label/data > 0 would label'),
        ({255.0: 200}, (99, 0), 'label: /label/data > 127.5 would label'),
        ({0.02: 150, 0.98: 50}, (0, 0), 'came as 0.02 (150 times), 0.98 (50 times)'),
        ({0.02: 150, 0.98: 50}, (0, 0), 'label: /label/data > 0.5 would label'),
    ],
)
def test_values_that_do_not_label_are_named_with_an_expression_that_would_do(values, labeled, words):
    now = replace(
        SAMPLING,
        labeled=100,
        unlabeled={'not_0_or_1': 200},
        topics=(IMU, LABEL),
        label=replace(LABELED, other_values=values),
    )
    assert words in the_one(now, label=Labelling('/label/data', labeled))


@pytest.mark.parametrize('labeled', [(0, 0), (5, 5)])
def test_an_operator_who_says_nothing_by_minus_one_is_no_fault(labeled):
    label = replace(LABELED, other_values={-1.0: 300})
    now = replace(SAMPLING, unlabeled={'not_0_or_1': 300}, topics=(IMU, LABEL), label=label)
    assert said(now, label=Labelling('/label/data', labeled)) == []


def test_a_label_that_is_no_number_is_said_without_an_expression_that_would_not_do():
    label = replace(LABELED, other_values={float('nan'): 300})
    now = replace(SAMPLING, unlabeled={'not_0_or_1': 300}, topics=(IMU, LABEL), label=label)
    assert the_one(now, label=Labelling('/label/data')) == (
        '/label/data had no number in the messages: 300 of 300 samples unlabelled in the last 3 s; '
        'see ros2 topic echo --once /label/data'
    )
    mixed = replace(label, other_values={float('nan'): 100, 0.1: 100, 0.9: 100})
    assert '/label/data > 0.5 would' in the_one(replace(now, label=mixed), label=Labelling('/label/data'))


def test_a_button_that_is_not_there_is_said():
    now = replace(SAMPLING, unlabeled={'no_reading': 300}, label=replace(LABELED, topics=('/joy',)))
    assert the_one(now) == (
        'label_positive or label_negative had no number in the messages: 300 of 300 samples unlabelled in '
        'the last 3 s; see ros2 topic echo --once /joy'
    )


def test_an_element_whose_name_is_wrong_is_not_taken_for_a_sensor_without_readings():
    joints, feature = topic('/joint_states'), '/joint_states/position[griper]'
    now = replace(
        BEGAN,
        dropped={'not_finite': 300},
        no_reading={feature: 300},
        topics=(joints,),
        trigger='/joint_states',
    )
    assert the_one(now).endswith(
        f'{feature} had no reading: is an element of that name in the messages? '
        'See ros2 topic echo --once /joint_states'
    )


def test_two_buttons_at_once_are_said():
    now = replace(SAMPLING, unlabeled={'both': 300}, label=replace(LABELED, topics=('/joy',)))
    assert the_one(now) == (
        'label_positive and label_negative are true at once: 300 of 300 samples unlabelled in the last 3 s'
    )


# clocks


def test_clocks_that_differ_are_said_with_both_topics_and_the_difference():
    ahead = topic('/label/data', join='', difference_sec=3.0)
    now = replace(SAMPLING, topics=(IMU, ahead), label=replace(LABELED, join='arrival'))
    assert the_one(now).startswith(
        'the clock of /label/data is 3.0 s ahead of that of /imu/data: they are joined by the time of'
    )
    behind = topic('/odom', join='arrival', difference_sec=-0.7)
    assert 'the clock of /odom is 0.7 s behind that of /imu/data' in the_one(
        replace(SAMPLING, topics=(IMU, behind))
    )


def test_a_label_a_little_ahead_is_noted():
    ahead = topic('/label/data', join='', difference_sec=0.2)
    now = replace(SAMPLING, topics=(IMU, ahead), label=replace(LABELED, join='arrival'))
    assert said(now) == []
    assert notes(now, ()) == [
        'the label is joined by arrival: the clock of /label/data is 0.2 s ahead of that of /imu/data'
    ]


@pytest.mark.parametrize(('clock', 'words'), [('zero', 'are all 0'), ('still', 'stand still')])
def test_stamps_that_tell_nothing_are_said(clock, words):
    now = replace(SAMPLING, topics=(IMU, topic('/odom', join='arrival', clock=clock)))
    assert the_one(now).startswith(f'the stamps of /odom {words}: it is joined by the time of arrival')


def test_constant_features_are_named_and_no_fault():
    assert notes(SAMPLING, ()) == []
    assert notes(SAMPLING, ('/a/b', '/c/d', '/e/f', '/g/h')) == [
        'the same value for 10 s: /a/b, /c/d, /e/f … (frozen, or standing still?)'
    ]


def test_facts_of_a_topic_are_rate_age_and_clock():
    shown = facts([topic('/odom', rate_hz=20.0, join='stamp', difference_sec=0.0123, max_age_sec=1.0)])
    assert shown == {
        'topic/odom': '300 messages, 20 Hz, newest 0.0 s ago, by stamp, clock +0.012 s, dropped after 1.0 s'
    }


# trainer and predictor


def test_more_than_half_refused_is_said_with_the_last_sentence_of_the_main_reason():
    then = {'received': 100, 'accepted': 100}
    now = {'received': 789, 'accepted': 100, 'rejected/names': 600, 'rejected/length': 89}
    (found,) = find_of_trainer(
        now, then, 3.0, {'names': 'features a, those before were b: ~/reset forgets'}
    )
    assert found.text == (
        '689 of 689 labelled samples refused in the last 3 s, most of them (600) so: '
        'features a, those before were b: ~/reset forgets'
    )
    (found,) = find_of_predictor(now, then, 3.0, {})
    assert found.text.endswith('messages to answer refused in the last 3 s, most of them (600) so: names')
    assert refused('samples', {'received': 200, 'rejected/names': 50}, {}, 3.0, {}) == []
    assert refused('samples', now, now, 3.0, {}) == []


def test_nothing_to_answer_is_said_after_three_seconds_or_ten_periods():
    pulse = Pulse()
    pulse.look(0.0, 0)
    assert nothing_to_answer(pulse, 2.9) == []
    (found,) = nothing_to_answer(pulse, 3.0)
    assert found.text.startswith('nothing on features or points for 3 s, so there is nothing to answer')
    for second in range(1, 30):
        pulse.look(float(second), second)
    assert nothing_to_answer(pulse, 38.0) == []
    (found,) = nothing_to_answer(pulse, 39.1)
    assert '(they came at 1 Hz)' in found.text


# what is shown and logged


def test_the_worst_comes_first_and_decides_the_level():
    verdict = Judge().take(0.0, [Finding('a', 'A'), Finding('b', 'B', ERROR)], 'fine')
    assert (verdict.level, verdict.text) == (ERROR, 'B; A')


def test_a_kind_is_logged_first_then_every_ten_seconds_and_so_is_each_change_of_level():
    judge, log = Judge(), []
    for tick in range(250):
        now = tick * 0.1
        found = [Finding('silent', f'nothing for {now:.0f} s')] if now < 22.0 else []
        log += [(round(now, 1), *each) for each in judge.take(now, found, 'sampling').log]
    assert log == [
        (0.0, WARN, 'nothing for 0 s'),
        (10.0, WARN, 'nothing for 10 s'),
        (20.0, WARN, 'nothing for 20 s'),
        (22.9, OK, 'now OK: sampling'),
    ]
    (again,) = judge.take(25.1, [Finding('silent', 'nothing again')], 'sampling').log
    assert again == (WARN, 'nothing again')


def test_a_finding_that_comes_and_goes_does_not_flap():
    judge = Judge()
    levels = [judge.take(t * 0.2, [Finding('a', 'A')] * (t % 3 == 0), '').level for t in range(30)]
    assert set(levels) == {WARN}


def test_what_does_not_hold_is_gone_at_once():
    judge = Judge()
    assert judge.take(0.0, [Finding('a', 'A', holds=False)], 'fine').level == WARN
    assert judge.take(0.1, [], 'fine').level == OK


def test_recent_gives_the_newest_that_is_old_enough():
    recent = Recent()
    for now in range(10):
        recent.add(float(now), now)
    assert recent.before(9.0, 3.0) == (3.0, 6)
    assert recent.before(9.0, 10.0) is None


def test_recent_keeps_one_a_second_of_what_is_older_and_ten_minutes_in_all():
    recent = Recent()
    for turn in range(5 * 1200):
        recent.add(turn / 5, turn)
    now = 1199.8
    assert recent.before(now, 3.0) == (pytest.approx(3.0), 5984)
    age, turn = recent.before(now, 300.0)
    assert 300.0 <= age <= 301.0 and turn / 5 == pytest.approx(now - age)
    assert recent.before(now, 599.0) is not None
    assert len(recent._taken) + len(recent._older) < 700


@pytest.mark.parametrize(
    ('name', 'names', 'words'),
    [
        ('/imu/dat', ['/imu/data', '/odom'], ': is /imu/data meant?'),
        ('feature', ['features', 'label'], ': is features meant?'),
        ('/scan', ['/front/scan', '/odom'], ': is /front/scan meant?'),
        ('/IMU/data', ['/imu/data'], ': is /imu/data meant?'),
        ('/imu/data', ['/odom'], ''),
    ],
)
def test_names_that_are_near_are_offered(name, names, words):
    assert near(name, names) == words


# a watch over time


class Watched:
    """A sampler that is looked at five times a second."""

    def __init__(self, **given):
        self.watch, self.now, self.status = SamplingWatch(**given), 100.0, BEGAN

    def run(self, seconds, x=lambda t: [t, 1.0], sampled=0, dropped=MappingProxyType({})):
        """Let time pass, with what happens a second; return what was found at each look."""
        found = []
        for _ in range(round(seconds * 5)):
            self.now += 0.2
            if x is not None:
                self.watch.on_sample(np.array(x(self.now)))
            lost = {k: self.status.dropped.get(k, 0) + n // 5 for k, n in dropped.items()}
            self.status = replace(
                self.status,
                sampled=self.status.sampled + sampled // 5,
                dropped={**self.status.dropped, **lost},
            )
            found.append(' '.join(each.text for each in self.watch.look(self.now, self.status)))
        return found


def test_a_sampler_that_loses_its_readings_is_found_out_within_three_seconds_and_well_again_after_as_many():
    watched = Watched()
    assert set(watched.run(20.0, sampled=100)) == {''}
    found = watched.run(3.0, dropped={'not_finite': 100})
    assert found[0] == '' and 'dropped' in found[-1]
    found = watched.run(3.0, sampled=100)
    assert 'dropped' in found[0] and found[-1] == ''


def test_a_feature_that_stands_still_is_noted_after_ten_seconds_and_taken_back_when_it_moves():
    watched = Watched()
    watched.run(9.0, sampled=100)
    assert watched.watch.constant == ()
    watched.run(2.0, sampled=100)
    assert watched.watch.constant == FEATURES[1:]
    assert watched.watch.notes == (
        'the same value for 10 s: std(/imu/data/angular_velocity/x, 1.0) (frozen, or standing still?)',
    )
    watched.run(0.4, x=lambda t: [t, t], sampled=100)
    assert watched.watch.constant == ()


def test_without_samples_nothing_is_called_constant():
    watched = Watched()
    watched.run(30.0, x=None)
    assert watched.watch.constant == ()
