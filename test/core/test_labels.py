# SPDX-License-Identifier: Apache-2.0
"""Which label a sample gets, exact to a nanosecond."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binclf_ros.core.features import labels as module
from binclf_ros.core.features.labels import Labels

S = 1_000_000_000


def one(timeout: int = 0, delay: int = 0) -> Labels[str]:
    return Labels(('label',), timeout, delay)


def two(timeout: int = 0, delay: int = 0) -> Labels[str]:
    return Labels(('positive', 'negative'), timeout, delay)


def verdict(labels: Labels[str], time: int) -> int | str:
    labels.join(time, 'x')
    ((_, found),) = labels.settled()
    return found


@pytest.mark.parametrize(
    ('value', 'expected'),
    [(1.0, 1), (0.0, 0), (-0.0, 0), (0.5, 'not_0_or_1'), (2.0, 'not_0_or_1'), (-1.0, 'not_0_or_1')],
)
def test_1_and_0_label_and_anything_else_does_not(value: float, expected: int | str) -> None:
    labels = one()
    labels.say('label', 0, value)
    assert verdict(labels, 0) == expected


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_what_is_no_number_does_not_label(value: float) -> None:
    labels = one()
    labels.say('label', 0, 1.0)
    labels.say('label', 5, value)
    assert verdict(labels, 5) == 'not_0_or_1'


def test_a_label_is_held_until_it_is_taken_back_however_long_ago_it_came() -> None:
    labels, buttons = one(timeout=1), two(timeout=1)
    assert not labels.is_held
    for value, held in ((0.0, True), (1.0, True), (-1.0, False), (math.nan, False)):
        labels.say('label', 5, value)
        assert labels.is_held == held
    for value in (1.0, 0.0):
        buttons.say('negative', 5, value)
        assert buttons.is_held == bool(value)


def test_before_any_label_there_is_none() -> None:
    assert verdict(one(), 0) == 'no_label'


def test_without_a_label_topic_there_is_none() -> None:
    assert verdict(Labels((), 0, 0), 0) == 'no_label'


def test_a_label_that_is_newer_than_the_sample_is_none() -> None:
    labels = one()
    labels.say('label', 11, 1.0)
    assert verdict(labels, 10) == 'no_label'


def test_a_label_holds_as_long_as_its_timeout_and_no_nanosecond_longer() -> None:
    labels = one(timeout=5)
    labels.say('label', 10, 1.0)
    assert verdict(labels, 15) == 1
    assert verdict(labels, 16) == 'stale'


def test_a_timeout_of_0_holds() -> None:
    labels = one(timeout=0)
    labels.say('label', 0, 1.0)
    assert verdict(labels, 10**18) == 1


def test_a_label_at_the_same_instant_counts() -> None:
    labels = one()
    labels.say('label', 0, 0.0)
    labels.say('label', 10, 1.0)
    assert verdict(labels, 9) == 0
    assert verdict(labels, 10) == 1


@pytest.mark.parametrize(
    ('positive', 'negative', 'expected'),
    [
        (1.0, 0.0, 1),
        (0.0, 1.0, 0),
        (1.0, 1.0, 'both'),
        (0.0, 0.0, 'no_label'),
        (math.nan, 1.0, 0),
        (math.nan, 0.0, 'no_reading'),
    ],
)
def test_two_buttons_label_while_held(positive: float, negative: float, expected: int | str) -> None:
    labels = two()
    labels.say('positive', 0, positive)
    labels.say('negative', 0, negative)
    assert verdict(labels, 1) == expected


def test_one_button_alone_labels() -> None:
    labels = Labels[str](('positive',), 0, 0)
    labels.say('positive', 0, 1.0)
    assert verdict(labels, 1) == 1


def test_a_button_that_was_let_go_labels_no_more() -> None:
    labels = two()
    labels.say('positive', 0, 1.0)
    labels.say('positive', 10, 0.0)
    assert verdict(labels, 9) == 1
    assert verdict(labels, 10) == 'no_label'


def test_a_button_that_is_not_heard_any_more_is_stale() -> None:
    labels = two(timeout=5)
    labels.say('positive', 0, 1.0)
    labels.say('negative', 0, 0.0)
    assert verdict(labels, 6) == 'stale'


def test_a_sample_waits_for_its_delayed_label() -> None:
    labels = one(delay=10)
    labels.say('label', 0, 0.0)
    labels.join(5, 'x')
    assert labels.settled() == []
    labels.say('label', 15, 1.0)
    assert labels.settled() == []
    labels.say('label', 16, 0.0)
    assert labels.settled() == [('x', 1)]


def test_a_delayed_label_a_nanosecond_too_late_does_not_count() -> None:
    labels = one(delay=10)
    labels.say('label', 0, 0.0)
    labels.join(5, 'x')
    labels.say('label', 16, 1.0)
    assert labels.settled() == [('x', 0)]


def test_a_later_sample_settles_those_that_are_due() -> None:
    labels = one(delay=10)
    labels.say('label', 0, 1.0)
    labels.join(5, 'x')
    labels.join(14, 'y')
    assert labels.settled() == []
    labels.join(15, 'z')
    assert labels.settled() == [('x', 1)]


@given(
    samples=st.lists(st.integers(0, 100), max_size=30),
    said=st.lists(st.tuples(st.integers(0, 100), st.sampled_from([0.0, 1.0, 0.5])), max_size=15),
    delay=st.integers(0, 20),
    timeout=st.integers(0, 15),
)
def test_a_sample_has_the_label_in_force_a_delay_later(
    samples: list[int], said: list[tuple[int, float]], delay: int, timeout: int
) -> None:
    said = sorted(said, key=lambda each: each[0])
    labels, found = Labels[int](('label',), timeout, delay), []
    events = [(t, 0, v) for t, v in said] + [(t, 1, 0.0) for t in sorted(samples)]
    for time, kind, value in sorted(events, key=lambda each: each[:2]):
        if kind:
            labels.join(time, time)
        else:
            labels.say('label', time, value)
        found.extend(labels.settled())
    labels.say('label', 1000, 0.0)
    found.extend(labels.settled())
    assert [time for time, _ in found] == sorted(samples)
    for time, label in found:
        assert label == by_list(said, time + delay, timeout)


def by_list(said: list[tuple[int, float]], time: int, timeout: int) -> int | str:
    heard = [each for each in said if each[0] <= time]
    if not heard:
        return 'no_label'
    when, value = heard[-1]
    if timeout and time - when > timeout:
        return 'stale'
    return 'not_0_or_1' if value == 0.5 else int(value)


def test_a_step_back_in_time_gives_up_what_waits() -> None:
    labels = one(delay=10)
    labels.say('label', 0, 1.0)
    labels.join(5 * S, 'x')
    labels.join(3 * S, 'y')
    assert labels.settled() == [('x', 'time_jump')]


def test_a_sample_a_little_late_waits_in_its_place() -> None:
    labels = one(delay=10)
    labels.say('label', 0, 1.0)
    labels.join(100, 'x')
    labels.join(50, 'y')
    labels.say('label', 105, 0.0)
    assert labels.settled() == [('y', 1)]
    labels.say('label', 111, 1.0)
    assert labels.settled() == [('x', 0)]


def test_no_more_wait_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'MAX_WAITING', 3)
    labels = Labels[int](('label',), 0, S)
    for time in range(5):
        labels.join(time, time)
    assert labels.settled() == [(0, 'stale'), (1, 'stale')]


def test_what_is_settled_is_told_once() -> None:
    labels = one()
    labels.join(0, 'x')
    assert len(labels.settled()) == 1
    assert labels.settled() == []
