# SPDX-License-Identifier: Apache-2.0
"""Windows and histories against the plainest lists that do the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binclf_ros.core.arrays import Array
from binclf_ros.core.errors import SampleError
from binclf_ros.core.features.statistics import Times
from binclf_ros.core.features.windows import LAG_NS, History, Window, evaluate

S = 1_000_000_000
readings = st.lists(
    st.tuples(
        st.integers(-3, 12),
        st.lists(st.sampled_from([1.0, 2.0, math.nan, math.inf, -math.inf]), max_size=3),
        st.integers(0, 6),
    ),
    max_size=40,
)


def window_of(seconds: float, *times: float, lag_ns: int = LAG_NS) -> Window:
    """A window that has heard the reading t at each time t (s)."""
    window = Window(round(seconds * S), lag_ns)
    for time in times:
        window.push(round(time * S), [[time]])
    return window


def values_at(window: Window, time_ns: int) -> list[float] | str:
    try:
        found: list[Array] = []

        def note(V: Array, t: Times) -> Array:
            found.append(V[0])
            return V[:, 0]

        (result,) = evaluate(note, *window.at(time_ns))
        return 'empty' if math.isnan(result) else found[0].tolist()
    except SampleError as error:
        return error.reason


def by_list(pushed: list[tuple[int, list[float]]], window_ns: int, time: int) -> list[float] | str:
    """The window of the interface: (t − W, t], filled once t − t₀ ≥ W, late readings in their place."""
    stretch: list[tuple[int, list[float]]] = []
    for when, values in pushed:
        if stretch and when < stretch[-1][0] - window_ns:
            stretch = []
        stretch.append((when, values))
        stretch.sort(key=lambda each: each[0])
    times = [when for when, _ in stretch]
    starts = [t for before, t in zip([None, *times], times) if before is None or t - before > window_ns]
    begun = [start for start in starts if start <= time]
    if not begun or time - begun[-1] < window_ns:
        return 'window'
    inside = [v for t, vs in stretch if time - window_ns < t <= time for v in vs if math.isfinite(v)]
    return inside or 'empty'


@given(steps=readings, window_ns=st.integers(1, 9))
def test_a_window_is_that_of_the_interface(
    steps: list[tuple[int, list[float], int]], window_ns: int
) -> None:
    window, pushed, time = Window(window_ns, 20), [], 1000
    for step, values, behind in steps:
        time += step
        window.push(time, [values])
        pushed.append((time, values))
        for asked in (time - behind, time, time + 2):
            assert values_at(window, asked) == by_list(pushed, window_ns, asked)


@given(steps=st.lists(st.integers(0, 3), min_size=300, max_size=700), window_ns=st.integers(1, 300))
def test_a_window_is_that_of_the_interface_also_after_making_room(steps: list[int], window_ns: int) -> None:
    window, pushed, time = Window(window_ns, 10), [], 0
    for number, step in enumerate(steps):
        time += step
        window.push(time, [[float(number)] * 2])
        pushed.append((time, [float(number)] * 2))
    for asked in (time - 10, time - 3, time, time + 1):
        assert values_at(window, asked) == by_list(pushed, window_ns, asked)


some_readings = st.lists(st.sampled_from([1.0, 2.5, math.nan, -math.inf]), max_size=2)


@given(
    steps=st.lists(
        st.tuples(st.integers(-2, 9), st.lists(some_readings, min_size=3, max_size=3)), max_size=300
    ),
    window_ns=st.integers(1, 9),
    rows=st.sampled_from([slice(None), slice(1, 3), [2, 0]]),
)
def test_paths_in_one_window_are_each_as_if_alone(
    steps: list[tuple[int, list[list[float]]]], window_ns: int, rows: slice | list[int]
) -> None:
    window, alone, time = Window(window_ns, 5, 3), [Window(window_ns, 5) for _ in range(3)], 1000
    for step, readings in steps:
        time += step
        window.push(time, readings)
        for each, values in zip(alone, readings):
            each.push(time, [values])
    expected = [
        values_at(each, time)
        for each in (alone[rows] if isinstance(rows, slice) else [alone[i] for i in rows])
    ]
    reasons = [each for each in expected if isinstance(each, str)]
    try:
        V, t, whole = window.at(time)
        found = evaluate(lambda V, t: V.sum(axis=-1) + 100.0 * len(t), V[rows], t, whole).tolist()
    except SampleError as error:
        assert {error.reason} == set(reasons)
    else:
        assert [math.isnan(each) for each in found] == [each == 'empty' for each in expected]
        assert all(
            math.isnan(value) or value == sum(each) + 100.0 * len(each)
            for value, each in zip(found, expected)
        )


def test_a_window_leaves_its_old_edge_out_and_takes_its_new_edge_in() -> None:
    window = window_of(1.0, 0.0, 0.5, 1.0, 1.5)
    assert values_at(window, 1 * S) == [0.5, 1.0]
    assert values_at(window, 1 * S + S // 2 - 1) == [0.5, 1.0]
    assert values_at(window, 1 * S + S // 2) == [1.0, 1.5]


def test_the_old_edge_is_exact_to_a_nanosecond() -> None:
    window = window_of(1.0, 0.0, 0.5, 1.0)
    assert values_at(window, 1_500_000_000 - 1) == [0.5, 1.0]
    assert values_at(window, 1_500_000_000) == [1.0]


def test_edges_are_exact_at_stamps_of_today() -> None:
    now = 1_790_000_000 * S + 123_456_789
    window = Window(S, LAG_NS)
    for time in (now - S - 1, now - S, now - S + 1, now):
        window.push(time, [[float(time - now)]])
    assert values_at(window, now) == [1.0 - S, 0.0]


def test_a_window_is_filled_from_w_after_the_first_reading() -> None:
    window = window_of(1.0, 0.0, 0.6, 0.9, 1.2)
    assert values_at(window, S - 1) == 'window'
    assert values_at(window, S) == [0.6, 0.9]


def test_before_any_reading_a_window_is_not_filled() -> None:
    assert values_at(window_of(1.0), 10 * S) == 'window'


def test_a_gap_longer_than_the_window_starts_anew() -> None:
    times = (0.0, 0.5, 1.0, 2.1, 2.6, 3.1)
    assert values_at(window_of(1.0, *times), round(3.0 * S)) == 'window'
    assert values_at(window_of(1.0, *times), round(3.1 * S)) == [2.6, 3.1]


def test_a_gap_as_long_as_the_window_does_not() -> None:
    assert values_at(window_of(1.0, 0.0, 0.5, 1.0, 2.0), 2 * S) == [2.0]


def test_a_step_back_in_time_starts_anew() -> None:
    window = window_of(1.0, 10.0, 10.5, 11.0, 5.0, 5.5)
    assert values_at(window, 11 * S) == 'empty'
    assert values_at(window, round(5.5 * S)) == 'window'
    window.push(6 * S, [[6.0]])
    assert values_at(window, 6 * S) == [5.5, 6.0]


def test_two_readings_at_one_time_are_both_kept() -> None:
    assert values_at(window_of(1.0, 0.0, 1.0, 1.0), S) == [1.0, 1.0]


def test_readings_that_are_not_finite_are_left_out() -> None:
    window = Window(S, LAG_NS)
    window.push(0, [[1.0]])
    window.push(S, [[math.nan, 2.0, math.inf, -math.inf, 3.0]])
    assert values_at(window, S) == [2.0, 3.0]


def test_a_window_without_a_finite_reading_is_empty() -> None:
    window = Window(S, LAG_NS)
    for time in range(0, 3 * S, S // 2):
        window.push(time, [[math.nan]])
    assert values_at(window, 2 * S) == 'empty'


def test_a_late_trigger_finds_its_past() -> None:
    times = [0.1 * i for i in range(200)]
    expected = [time for time in times if 13.95 < time <= 15.95]
    assert values_at(window_of(2.0, *times), round(15.95 * S)) == expected


@pytest.mark.parametrize('lag_ns', [0, 10, 300])
def test_making_room_keeps_what_a_late_trigger_may_ask_for(lag_ns: int) -> None:
    window = Window(5, lag_ns)
    for time in range(1500):
        window.push(time, [[float(time)]])
        asked = time - lag_ns
        if asked >= 5:
            assert values_at(window, asked) == [float(each) for each in range(asked - 4, asked + 1)]


def test_times_come_with_the_readings() -> None:
    V, t, whole = window_of(1.0, 0.0, 0.5, 1.0).at(S)
    assert whole and V.tolist() == [[0.5, 1.0]]
    assert t.tolist() == [S // 2, S]
    assert t.dtype == np.int64


def test_a_long_run_takes_no_more_memory_than_a_window() -> None:
    window = Window(S, 0)
    for number in range(20_000):
        window.push(number * S // 100, [[0.0]])
    assert len(window._t) <= 512 and window._V.shape == (1, len(window._t))


def test_many_gaps_take_no_more_memory_than_a_few() -> None:
    window = Window(S, LAG_NS)
    for number in range(2000):
        window.push(number * 2 * S, [[0.0]])
    assert len(window._starts) < 10


@given(
    steps=st.lists(st.tuples(st.integers(-3, 12), st.integers(0, 20)), max_size=40),
)
def test_a_history_gives_the_newest_that_is_not_newer(steps: list[tuple[int, int]]) -> None:
    history, plain, time = History(20), [], 1000
    for number, (step, behind) in enumerate(steps):
        time += step
        if plain and time < plain[-1][0]:
            plain.clear()
        history.push(time, number)
        plain.append((time, number))
        for asked in (time - behind, time, time + 5):
            fitting = [each for each in plain if each[0] <= asked]
            assert history.at(asked) == (fitting[-1] if fitting else None)


@pytest.mark.parametrize('lag_ns', [0, 50])
def test_a_history_is_no_longer_than_its_lag(lag_ns: int) -> None:
    history = History(lag_ns)
    for time in range(1000):
        history.push(time, None)
    assert len(history._values) <= lag_ns + 1


def test_a_history_of_lag_0_keeps_the_newest_of_one_time() -> None:
    history = History(0)
    history.push(5, 'a')
    history.push(5, 'b')
    assert history.at(5) == (5, 'b')
    assert history.at(4) is None
