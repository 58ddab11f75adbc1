# SPDX-License-Identifier: Apache-2.0
"""From messages to samples: the same code live and offline."""

from __future__ import annotations

import math
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binclf_ros.core.errors import BinclfError, ExpressionError
from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.core.features.readings import stamp_of
from binclf_ros.core.features.sampler import Sample, Sampler

S = 1_000_000_000
TOPICS = {'/a': True, '/b': True, '/plain': False, '/other': False, '/label': False, '/marked': True}


def stamped(time_ns: int, **fields: Any) -> SimpleNamespace:
    stamp = SimpleNamespace(sec=time_ns // S, nanosec=time_ns % S)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp), **fields)


class Run:
    """A sampler, and what it gave for all that was pushed; times are in nanoseconds."""

    def __init__(self, *features: str, namespace: str = '/', **options: Any) -> None:
        self.sampler = Sampler(SamplingOptions(features=features, **options), TOPICS, namespace)
        self.labeled: list[Sample] = []

    def push(self, topic: str, time: int, value: Any = 0.0, arrival: int | None = None) -> Sample | None:
        message = (
            stamped(time, x=value, data=value) if TOPICS[topic] else SimpleNamespace(x=value, data=value)
        )
        sample, labeled = self.sampler.push(topic, message, time if arrival is None else arrival)
        self.labeled.extend(labeled)
        return sample

    def x(self, topic: str, time: int, value: Any = 0.0, arrival: int | None = None) -> list[float] | None:
        sample = self.push(topic, time, value, arrival)
        return None if sample is None else sample.x.tolist()

    @property
    def counts(self) -> Counter[str]:
        return self.sampler.counts

    def balance(self) -> bool:
        unlabeled = sum(n for name, n in self.counts.items() if name.startswith('unlabeled/'))
        return self.counts['sampled'] == self.counts['labeled'] + unlabeled


def test_a_sample_is_taken_at_each_message_of_the_first_features_topic() -> None:
    run = Run('/a/x', '/b/x')
    assert run.x('/b', 1, 5.0) is None
    assert run.x('/a', 2, 7.0) == [7.0, 5.0]
    assert run.x('/a', 3, 8.0) == [8.0, 5.0]


def test_trigger_names_another_topic() -> None:
    run = Run('/a/x', trigger='/b')
    assert run.x('/a', 1, 5.0) is None
    assert run.x('/b', 2) == [5.0]


def test_a_relative_trigger_and_path_are_in_the_namespace() -> None:
    topics = {'/robot/a': True, '/robot/b': True}
    options = SamplingOptions(features=('a/x',), trigger='b')
    sampler = Sampler(options, topics, '/robot')
    assert sampler.trigger == '/robot/b'
    assert set(sampler.topics) == {'/robot/a', '/robot/b'}


def test_the_message_that_triggered_comes_with_the_sample() -> None:
    sample = Run('/a/x').push('/a', 5, 1.0)
    assert sample is not None
    assert stamp_of(sample.trigger) == 5


def test_a_slice_gives_its_features_in_order() -> None:
    run = Run('/a/x[0:5:2]', 'max(/a/x)')
    assert run.sampler.features == ('/a/x[0]', '/a/x[2]', '/a/x[4]', 'max(/a/x)')
    assert run.x('/a', 1, [0.0, 1.0, 2.0, 3.0, 4.0]) == [0.0, 2.0, 4.0, 4.0]


def test_the_join_is_the_newest_by_stamp_that_is_not_newer_than_the_trigger() -> None:
    run = Run('/a/x', '/b/x')
    for time in (10, 20, 30):
        run.push('/b', time, float(time), arrival=1)
    assert run.x('/a', 29, arrival=2) == [0.0, 20.0]
    assert run.x('/a', 30, arrival=3) == [0.0, 30.0]


def test_stamps_decide_and_arrival_does_not_where_both_have_headers() -> None:
    run = Run('/a/x', '/b/x')
    run.push('/b', 100, 1.0, arrival=1)
    assert run.x('/a', 99, arrival=500) is None
    assert run.counts['dropped/missing/b'] == 1


def test_without_headers_arrival_decides() -> None:
    run = Run('/plain/x', '/other/x')
    run.push('/other', 10, 1.0)
    run.push('/other', 12, 2.0)
    assert run.x('/plain', 12, 5.0) == [5.0, 2.0]


@pytest.mark.parametrize(('trigger', 'other'), [('/a', '/plain'), ('/plain', '/a')])
def test_a_header_on_one_side_alone_joins_by_arrival_on_both(trigger: str, other: str) -> None:
    run = Run(f'{trigger}/x', f'{other}/x')
    run.push(other, 7 * S, 1.0, arrival=100)
    run.push(other, 1 * S, 2.0, arrival=200)
    assert run.x(trigger, 3 * S, arrival=300) == [0.0, 2.0]


def test_a_recording_with_old_stamps_joins_a_topic_without_a_header() -> None:
    run = Run('mean(/a/x, 1e-8)', 'mean(/plain/x, 1e-8)')
    now, old = 1_790_000_000 * S, 1_300_000_000 * S
    for k in range(12):
        run.push('/plain', now + 2 * k, float(k))
        found = run.x('/a', old + 2 * k, float(-k), arrival=now + 2 * k)
    assert found == [-9.0, 9.0]


def test_a_topic_that_was_not_heard_yet_drops_the_sample() -> None:
    run = Run('/a/x', '/b/x')
    assert run.push('/a', 1) is None
    assert run.counts == {'dropped/missing/b': 1}


def test_max_age_is_exact_to_a_nanosecond() -> None:
    run = Run('/a/x', '/b/x', max_age_sec=1e-6)
    run.push('/b', 0, 1.0)
    assert run.x('/a', 1000) == [0.0, 1.0]
    assert run.x('/a', 1001) is None
    assert run.counts['dropped/max_age/b'] == 1


def test_a_max_age_of_0_is_no_limit() -> None:
    run = Run('/a/x', '/b/x')
    run.push('/b', 0, 1.0)
    assert run.x('/a', 10**18) == [0.0, 1.0]


def test_max_rate_lets_a_period_pass_between_samples() -> None:
    run = Run('/a/x', max_rate_hz=1e8)
    assert [run.push('/a', time) is not None for time in (0, 9, 10, 19, 20, 29)] == [True, False] * 3
    assert run.counts['dropped/max_rate'] == 3


def test_a_step_back_in_time_is_no_matter_of_max_rate() -> None:
    run = Run('/a/x', max_rate_hz=1.0)
    assert run.push('/a', 10 * S) is not None
    assert run.push('/a', 5 * S) is not None


def test_a_dropped_sample_does_not_count_for_max_rate() -> None:
    run = Run('/a/x', max_rate_hz=1.0)
    assert run.push('/a', 0, math.nan) is None
    assert run.push('/a', 1, 1.0) is not None


def test_a_windowed_statistic_is_that_of_the_last_seconds() -> None:
    run = Run('mean(/a/x, 1e-8)', 'std(/a/x, 1e-8)', 'slope(/a/x, 1e-8)')
    found = [run.x('/a', 2 * k, float(k * k)) for k in range(9)]
    assert found[:5] == [None] * 5
    assert run.counts['dropped/window'] == 5
    v = np.arange(4, 9) ** 2.0
    assert found[8] == pytest.approx([v.mean(), v.std(), np.polyfit(np.arange(0, 10, 2) * 1e-9, v, 1)[0]])


def test_a_window_of_another_topic_ends_at_the_trigger() -> None:
    run = Run('/a/x', 'max(/b/x, 1e-8)')
    for time in range(30):
        run.push('/b', time, float(time))
    assert run.x('/a', 25) == [0.0, 25.0]


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_a_feature_that_is_not_finite_drops_the_sample(bad: float) -> None:
    run = Run('/a/x')
    assert run.push('/a', 1, bad) is None
    assert run.counts == {'dropped/not_finite': 1}


def test_readings_that_are_not_finite_are_skipped_inside_a_statistic() -> None:
    run = Run('mean(/a/x)', 'last(/a/x)')
    assert run.x('/a', 1, [1.0, math.nan, 3.0, math.inf]) == [2.0, 3.0]


def test_a_statistic_with_no_finite_reading_drops_the_sample() -> None:
    run = Run('mean(/a/x)')
    assert run.push('/a', 1, [math.nan, math.inf]) is None
    assert run.push('/a', 2, []) is None
    assert run.counts == {'dropped/not_finite': 2}


def test_several_elements_pool_in_a_window() -> None:
    run = Run('mean(/a/x[0:2], 2e-9)')
    for time, values in enumerate([(9.0, 9.0), (1.0, 3.0), (5.0, 7.0)]):
        found = run.x('/a', time, values)
    assert found == [4.0]


@pytest.mark.parametrize(('value', 'reason'), [('text', 'type'), ([1.0, 2.0], 'element'), ([], 'element')])
def test_a_value_that_is_not_one_number_drops_the_sample(value: Any, reason: str) -> None:
    run = Run('/a/x')
    assert run.push('/a', 1, value) is None
    assert run.counts == {f'dropped/{reason}': 1}


def test_a_message_that_can_not_be_read_does_not_disturb_the_next() -> None:
    run = Run('/a/x')
    run.push('/a', 1, 'text')
    assert run.x('/a', 2, 3.0) == [3.0]


def test_no_features_are_an_error() -> None:
    with pytest.raises(BinclfError, match='no features yet'):
        Run()


def test_an_unknown_topic_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match='/nowhere'):
        Run('/nowhere/x')
    with pytest.raises(LookupError, match='/nowhere'):
        Run('/a/x', trigger='/nowhere')


@pytest.mark.parametrize('features', [('/a/x', '/a/x'), ('/a/x[0:3]', '/a/x[2]')])
def test_a_feature_twice_is_an_error(features: tuple[str, ...]) -> None:
    with pytest.raises(BinclfError, match='is there twice'):
        SamplingOptions(features=features).check()


@pytest.mark.parametrize('other', ['label_positive', 'label_negative'])
def test_label_and_a_button_contradict_each_other(other: str) -> None:
    options: dict[str, Any] = {'label': '/label/data', other: '/plain/x'}
    with pytest.raises(BinclfError, match='are both set'):
        SamplingOptions(**options).check()


@pytest.mark.parametrize('label', ['mean(/label/data, 1.0)', '/label/data[0:2]', '/label'])
def test_a_label_is_one_value_of_one_message(label: str) -> None:
    with pytest.raises(ExpressionError):
        SamplingOptions(label=label).check()


@pytest.mark.parametrize(('value', 'label'), [(True, 1), (False, 0), (1, 1), (0.0, 0)])
def test_a_sample_has_the_label_in_force(value: Any, label: int) -> None:
    run = Run('/a/x', label='/label/data')
    run.push('/label', 1, value)
    run.push('/a', 2, 5.0)
    assert [(each.label, each.x.tolist()) for each in run.labeled] == [(label, [5.0])]
    assert run.counts == {'sampled': 1, 'labeled': 1}


@pytest.mark.parametrize('value', [0.5, 2, math.nan, 'text', [1.0, 1.0], []])
def test_a_label_that_is_not_0_or_1_labels_nothing(value: Any) -> None:
    run = Run('/a/x', label='/label/data')
    run.push('/label', 1, 1.0)
    run.push('/label', 2, value)
    run.push('/a', 3)
    assert run.labeled == []
    assert run.counts == {'sampled': 1, 'unlabeled/not_0_or_1': 1}


def test_a_label_may_be_a_statistic_of_one_message() -> None:
    run = Run('/a/x', label='max(/label/data)')
    run.push('/label', 1, [0, 1, 0])
    run.push('/a', 2)
    assert [each.label for each in run.labeled] == [1]


def test_a_label_times_out_after_half_a_second() -> None:
    run = Run('/a/x', label='/label/data')
    run.push('/label', 0, 1.0)
    run.push('/a', S // 2)
    run.push('/a', S // 2 + 1)
    assert run.counts == {'sampled': 2, 'labeled': 1, 'unlabeled/stale': 1}


def test_labels_with_a_header_join_by_stamp() -> None:
    run = Run('/a/x', label='/marked/data')
    run.push('/marked', 10, 1.0, arrival=10)
    run.push('/marked', 20, 0.0, arrival=11)
    run.push('/a', 19, arrival=12)
    assert [each.label for each in run.labeled] == [1]


def test_labels_without_a_header_join_by_arrival_on_both_sides() -> None:
    run = Run('/a/x', label='/label/data')
    run.push('/label', 0, 1.0, arrival=100 * S)
    run.push('/a', 5, arrival=100 * S + 1)
    assert [each.label for each in run.labeled] == [1]


def test_labels_with_a_header_join_a_trigger_without_one_by_arrival() -> None:
    run = Run('/plain/x', label='/marked/data')
    run.push('/marked', 1, 1.0, arrival=100 * S)
    run.push('/plain', 0, arrival=100 * S + 1)
    assert [each.label for each in run.labeled] == [1]


def test_two_buttons_of_one_message_label_while_held() -> None:
    run = Run('/a/x', label_positive='/label/data[0]', label_negative='/label/data[1]')
    for time, held in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):
        run.push('/label', 2 * time, held)
        run.push('/a', 2 * time + 1)
    assert [(each.label, stamp_of(each.trigger)) for each in run.labeled] == [(1, 3), (0, 5)]
    assert run.counts == {'sampled': 4, 'labeled': 2, 'unlabeled/no_label': 1, 'unlabeled/both': 1}


def test_one_topic_may_be_feature_and_label() -> None:
    run = Run('/a/x', label='/a/data')
    run.push('/a', 1, 1.0)
    assert [each.label for each in run.labeled] == [1]


def test_a_delayed_label_is_exact_to_one_sample() -> None:
    run = Run('/a/x', label='/label/data', label_timeout_sec=0.0, label_delay_sec=3e-9)
    for time in range(20):
        if time == 10:
            run.push('/label', time, 1.0)
        elif time == 0:
            run.push('/label', time, 0.0)
        run.push('/a', time, float(time))
    assert {each.x[0]: each.label for each in run.labeled} == {float(t): int(t >= 7) for t in range(17)}


def test_a_delayed_sample_comes_out_when_its_label_is_decided() -> None:
    run = Run('/a/x', label='/label/data', label_delay_sec=1e-9 * 5)
    run.push('/a', 0, 7.0)
    run.push('/label', 5, 1.0)
    assert run.labeled == []
    run.push('/label', 6, 0.0)
    assert [(each.label, each.x.tolist()) for each in run.labeled] == [(1, [7.0])]


@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(['/a', '/b', '/label']),
            st.integers(-2, 9),
            st.sampled_from([0.0, 1.0, 0.5, math.nan, 'text']),
        ),
        max_size=60,
    ),
    delay=st.sampled_from([0.0, 7e-9]),
)
def test_sampled_is_labeled_plus_unlabeled(events: list[tuple[str, int, Any]], delay: float) -> None:
    run = Run(
        '/a/x', 'mean(/b/x, 1e-8)', label='/label/data', label_timeout_sec=1.5e-8, label_delay_sec=delay
    )
    time, triggers = 1000, 0
    for topic, step, value in events:
        time += step
        triggers += topic == '/a'
        run.push(topic, time, value)
    run.push('/label', time + 10**6, 0.0)
    assert run.balance()
    dropped = sum(n for name, n in run.counts.items() if name.startswith('dropped/'))
    unread = sum(topic == '/b' and value == 'text' for topic, _, value in events)
    assert triggers == run.counts['sampled'] + dropped
    assert run.counts['unread/b/type'] == unread
    assert run.counts['labeled'] == len(run.labeled)


def test_counts_go_on_in_the_counter_that_is_given() -> None:
    counts = Counter({'sampled': 41})
    sampler = Sampler(SamplingOptions(features=('/a/x',)), TOPICS, counts=counts)
    sampler.push('/a', stamped(1, x=1.0), 1)
    assert counts['sampled'] == 42


def test_a_stamp_is_in_whole_nanoseconds() -> None:
    assert stamp_of(stamped(1_790_000_000_123_456_789)) == 1_790_000_000_123_456_789
