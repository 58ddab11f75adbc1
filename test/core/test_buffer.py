# SPDX-License-Identifier: Apache-2.0
"""What leaves a full buffer, held against the plainest list that does the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binclf_ros.core.arrays import Array
from binclf_ros.core.errors import ParameterError
from binclf_ros.core.learning.buffer import Buffer
from binclf_ros.core.learning.memory import check_memory
from binclf_ros.core.learning.policies import POLICIES

every_policy = pytest.mark.parametrize('policy', POLICIES)
labels = st.lists(st.integers(0, 1), max_size=120)
capacities = st.integers(1, 15)


def numbered(count: int, first: int = 0) -> Array:
    """Samples that are told apart by their first feature."""
    numbers = np.arange(first, first + count, dtype=float)
    return np.column_stack([numbers, np.sin(numbers)])


def filled(policy: str, capacity: int, y: list[int], cuts: int = 1, seed: int = 0) -> Buffer:
    buffer = Buffer(2, capacity, policy, seed)
    X = numbered(len(y))
    for start in range(0, len(y), cuts):
        rows = slice(start, start + cuts)
        buffer.extend(X[rows], np.array(y[rows], dtype=float))
    return buffer


def held(buffer: Buffer) -> set[int]:
    return {int(number) for number in buffer.X[:, 0]}


def balanced_by_list(capacity: int, y: list[int]) -> list[int]:
    kept: list[int] = []
    for number, label in enumerate(y):
        if len(kept) == capacity:
            positives = sum(y[each] for each in kept)
            negatives = capacity - positives
            larger = label if positives == negatives else int(positives > negatives)
            kept.remove(next(each for each in kept if y[each] == larger))
        kept.append(number)
    return kept


@given(y=labels, capacity=capacities, cuts=st.integers(1, 40))
def test_fifo_keeps_the_newest(y: list[int], capacity: int, cuts: int) -> None:
    assert held(filled('fifo', capacity, y, cuts)) == set(range(len(y))[-capacity:])


@given(y=labels, capacity=capacities, cuts=st.integers(1, 40))
def test_balanced_gives_up_the_oldest_of_the_larger_class(y: list[int], capacity: int, cuts: int) -> None:
    assert held(filled('balanced', capacity, y, cuts)) == set(balanced_by_list(capacity, y))


@given(y=labels, capacity=capacities, seed=st.integers(0, 1000))
def test_reservoir_keeps_as_many_as_fit_of_those_seen(y: list[int], capacity: int, seed: int) -> None:
    kept = held(filled('reservoir', capacity, y, seed=seed))
    assert len(kept) == min(capacity, len(y))
    assert kept <= set(range(len(y)))


@every_policy
@given(y=labels, capacity=capacities, cuts=st.integers(1, 40))
def test_counts_are_the_truth(policy: str, y: list[int], capacity: int, cuts: int) -> None:
    buffer = filled(policy, capacity, y, cuts)
    assert buffer.size == len(buffer.X) == len(buffer.y) == min(capacity, len(y))
    assert (buffer.count(0), buffer.count(1)) == (int(np.sum(buffer.y == 0)), int(np.sum(buffer.y == 1)))
    assert buffer.moments.count == buffer.size
    assert buffer.seen == len(y)


@every_policy
@given(y=labels, capacity=capacities)
def test_every_sample_keeps_its_own_label_and_age(policy: str, y: list[int], capacity: int) -> None:
    buffer = filled(policy, capacity, y, cuts=7)
    for row, (number, label) in enumerate(zip(buffer.X[:, 0], buffer.y, strict=True)):
        assert label == y[int(number)]
        assert buffer.age(row) == int(number)


@every_policy
@given(y=labels, capacity=capacities, cuts=st.integers(2, 40))
def test_many_at_once_is_the_same_as_one_by_one(
    policy: str, y: list[int], capacity: int, cuts: int
) -> None:
    many, one = filled(policy, capacity, y, cuts), filled(policy, capacity, y)
    assert np.array_equal(many.X, one.X)
    assert np.array_equal(many.y, one.y)
    assert np.allclose(many.moments.mean, one.moments.mean, rtol=1e-12, atol=1e-12)
    assert np.allclose(many.moments.scale, one.moments.scale, rtol=1e-9)


@given(y=labels, capacity=capacities, label=st.integers(0, 1))
def test_oldest_is_the_oldest_of_its_class(y: list[int], capacity: int, label: int) -> None:
    buffer = filled('balanced', capacity, y)
    if buffer.count(label):
        ages = [buffer.age(row) for row in range(buffer.size) if buffer.y[row] == label]
        assert buffer.age(int(buffer.order[label].first(1)[0])) == min(ages)


def test_a_long_run_of_one_class_keeps_the_other_under_balanced() -> None:
    buffer = filled('balanced', 100, [1] * 50 + [0] * 5000, cuts=100)
    assert buffer.count(1) == 50
    assert set(range(50)) <= held(buffer)
    assert set(range(5000, 5050)) <= held(buffer)


def test_the_rare_class_grows_to_one_half_under_balanced() -> None:
    buffer = filled('balanced', 100, [0] * 1000 + [1] * 500, cuts=10)
    assert (buffer.count(0), buffer.count(1)) == (50, 50)


def test_one_class_alone_is_fifo_under_balanced() -> None:
    assert held(filled('balanced', 10, [0] * 95)) == set(range(85, 95))


def test_reservoir_keeps_every_sample_with_the_same_chance() -> None:
    stream, capacity, runs = 40, 10, 1500
    kept = np.zeros(stream)
    for seed in range(runs):
        for number in held(filled('reservoir', capacity, [0] * stream, cuts=stream, seed=seed)):
            kept[number] += 1
    share = capacity / stream
    chi_square = float(np.sum((kept - runs * share) ** 2)) / (runs * share * (1.0 - share))
    assert chi_square * (stream - 1) / stream < 72.05  # the 0.1 % point of 39 degrees of freedom


def test_reservoir_comes_from_the_seed() -> None:
    first, again, other = (held(filled('reservoir', 10, [0] * 300, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


@every_policy
def test_moments_are_numpys_after_long_replacement(policy: str) -> None:
    generator = np.random.default_rng(0)
    scale, offset = np.array([1e-3, 1.0, 1e3, 1.0]), np.array([1.0, -5.0, 1e5, 1000.0])
    buffer = Buffer(4, 400, policy)
    for batch in range(150):
        X = offset * (1.0 + batch / 100.0) + scale * generator.normal(size=(137, 4))
        buffer.extend(X, (generator.random(137) < 0.1).astype(float))
        assert np.allclose(buffer.moments.mean, buffer.X.mean(axis=0), rtol=1e-9, atol=0.0)
        assert np.allclose(buffer.moments.scale, buffer.X.std(axis=0), rtol=1e-9, atol=0.0)


@every_policy
def test_moments_are_numpys_after_long_replacement_one_by_one(policy: str) -> None:
    generator = np.random.default_rng(1)
    buffer = Buffer(2, 150, policy)
    for x in generator.normal((3.0, -200.0), (0.1, 20.0), (5000, 2)):
        buffer.extend(x[None], np.array([float(x[0] > 3.0)]))
    assert np.allclose(buffer.moments.mean, buffer.X.mean(axis=0), rtol=1e-9, atol=0.0)
    assert np.allclose(buffer.moments.scale, buffer.X.std(axis=0), rtol=1e-9, atol=0.0)


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
@pytest.mark.parametrize('huge', [1e9, 1e12, 1e200])
def test_moments_are_numpys_once_an_outlier_has_left(huge: float) -> None:
    generator = np.random.default_rng(2)
    buffer = Buffer(1, 1000, 'fifo')
    buffer.extend(np.array([[huge]]), np.zeros(1))
    for _ in range(11):
        buffer.extend(generator.normal(size=(100, 1)), np.zeros(100))
    assert buffer.moments.mean[0] == pytest.approx(buffer.X.mean(), abs=1e-9)
    assert buffer.moments.scale[0] == pytest.approx(buffer.X.std(), rel=1e-9)


@every_policy
@given(y=labels, capacity=capacities, larger=st.integers(0, 20))
def test_resized_to_more_keeps_all(policy: str, y: list[int], capacity: int, larger: int) -> None:
    buffer = filled(policy, capacity, y)
    other = buffer.resized(capacity + larger, policy)
    assert held(other) == held(buffer)
    assert other.seen == buffer.seen


@given(y=labels, capacity=capacities, smaller=capacities)
def test_resized_keeps_the_newest(y: list[int], capacity: int, smaller: int) -> None:
    buffer = filled('fifo', capacity, y)
    assert held(buffer.resized(smaller, 'fifo')) == set(range(len(y))[-min(capacity, smaller) :])


@given(y=labels, capacity=capacities, smaller=capacities)
def test_resized_to_balanced_gives_up_the_oldest_of_the_larger_class(
    y: list[int], capacity: int, smaller: int
) -> None:
    kept = sorted(held(filled('fifo', capacity, y)))
    expected = {kept[i] for i in balanced_by_list(smaller, [y[number] for number in kept])}
    assert held(filled('fifo', capacity, y).resized(smaller, 'balanced')) == expected


@given(y=labels, more=labels, capacity=capacities, other_capacity=capacities)
def test_a_resized_fifo_goes_on_as_if_it_had_always_been(
    y: list[int], more: list[int], capacity: int, other_capacity: int
) -> None:
    buffer = filled('fifo', capacity, y).resized(other_capacity, 'fifo')
    buffer.extend(numbered(len(more), len(y)), np.array(more, dtype=float))
    everything = range(len(y) + len(more))
    survivors = set(everything[: len(y)][-min(capacity, other_capacity) :]) | set(everything[len(y) :])
    assert held(buffer) == set(sorted(survivors)[-other_capacity:])


def test_resized_leaves_the_first_as_it_was() -> None:
    buffer = filled('balanced', 20, [0, 1] * 30)
    before = buffer.X.copy()
    buffer.resized(5, 'fifo').extend(numbered(3, 100), np.ones(3))
    assert np.array_equal(buffer.X, before)
    assert buffer.count(0) + buffer.count(1) == 20


def test_nothing_taken_in_changes_nothing() -> None:
    buffer = filled('balanced', 5, [0, 1, 1])
    buffer.extend(np.empty((0, 2)), np.empty(0))
    assert held(buffer) == {0, 1, 2}


def test_the_memory_is_that_of_the_samples_and_little_more() -> None:
    buffer = Buffer(20, 1000)
    own = sum(each.nbytes for each in (buffer._X, buffer._y, buffer._age))
    own += sum(queue._ring.nbytes for queue in buffer.order)
    assert own <= 1000 * (20 * 8 + 24)


@given(y=labels, policy=st.sampled_from(sorted(POLICIES)), capacity=capacities)
def test_halved_keeps_the_newer_half_of_each_class(y: list[int], policy: str, capacity: int) -> None:
    buffer = filled(policy, capacity, y)
    kept = {
        int(row)
        for label in (0, 1)
        for rows in [sorted(i for i in held(buffer) if y[i] == label)]
        for row in rows[len(rows) // 2 :]
    }
    half = buffer.halved()
    assert held(half) == kept
    assert (half.capacity, half.policy) == (capacity, policy)
    half.extend(numbered(1, len(y)), np.ones(1))
    assert half.size == min(capacity, len(kept) + 1)


@given(
    y=labels,
    policy=st.sampled_from(sorted(POLICIES)),
    capacity=capacities,
    gone=st.sets(st.integers(0, 40)),
)
def test_without_takes_back_what_it_holds_of_these(
    y: list[int], policy: str, capacity: int, gone: set[int]
) -> None:
    buffer = filled(policy, capacity, y)
    rows = sorted(i for i in gone if i < len(y))
    X = numbered(len(y))[rows] if rows else np.empty((0, 2))
    less = buffer.without(X, np.array([y[i] for i in rows], dtype=float))
    assert held(less) == held(buffer) - set(rows)
    assert (less.seen, less.capacity, less.policy) == (buffer.seen, capacity, policy)
    assert less.count(1) == int(less.y.sum()) and less.count(0) + less.count(1) == less.size
    less.extend(numbered(2, len(y)), np.array([0.0, 1.0]))
    assert less.size == min(capacity, len(held(buffer) - set(rows)) + 2)


def test_of_samples_that_are_the_same_the_newest_is_taken_back() -> None:
    buffer = Buffer(1, 4)
    buffer.extend(np.array([[1.0], [1.0], [1.0], [2.0]]), np.array([1.0, 0.0, 1.0, 1.0]))
    less = buffer.without(np.array([[1.0]]), np.array([1.0]))
    assert less.X[less.by_age][:, 0].tolist() == [1.0, 1.0, 2.0]
    assert less.y[less.by_age].tolist() == [1.0, 0.0, 1.0]


@every_policy
def test_a_large_buffer_is_made_small_without_going_over_what_leaves(
    monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """100,000 → 10 took 28 s: two samples at a time went in and out."""
    buffer = Buffer(2, 100_000, policy)
    buffer.extend(numbered(100_000), np.tile([0.0, 1.0, 1.0, 1.0], 25_000))
    monkeypatch.setattr(Buffer, '_replace', lambda *_: pytest.fail('samples go in and out'))
    small = buffer.resized(10, policy)
    assert (small.size, small.capacity, small.seen) == (10, 10, 100_000)
    assert held(small) <= held(buffer)
    assert small.count(1) == int(small.y.sum())


def test_a_reservoir_that_is_made_smaller_keeps_every_sample_with_the_same_chance() -> None:
    kept = np.zeros(20)
    for seed in range(1500):
        for number in held(filled('reservoir', 20, [0] * 20, seed=seed).resized(5, 'reservoir')):
            kept[number] += 1
    chi_square = float(np.sum((kept - 375.0) ** 2)) / (375.0 * 0.75)
    assert chi_square * 19 / 20 < 43.82  # the 0.1 % point of 19 degrees of freedom


def test_a_buffer_without_memory_is_refused_in_a_sentence() -> None:
    check_memory(20, 10_000)
    with pytest.raises(ParameterError, match=r'1000000000 .* set a smaller buffer_capacity'):
        check_memory(10_000, 1_000_000_000)


@pytest.mark.parametrize('block', [1, 700])
def test_spread_keeps_each_class_evenly_over_all_that_was_seen(block: int) -> None:
    y = (np.arange(50_000) // block % 3 == 0).astype(float)
    X = np.column_stack([np.arange(50_000.0), y])
    buffer = Buffer(2, 1000, 'spread')
    for start in range(0, 50_000, 333):
        buffer.extend(X[start : start + 333], y[start : start + 333])
    assert (buffer.count(0), buffer.count(1)) == (500, 500)
    for label in (0.0, 1.0):
        held = np.sort(buffer.X[buffer.y == label, 0])
        ranks = np.searchsorted(np.flatnonzero(y == label), held)
        n = int((y == label).sum())
        gaps = np.diff(np.r_[0, ranks, n - 1])
        assert gaps.max() <= 4 * n / 500, 'no stretch is forgotten'
        assert gaps[1:-1].min() >= n / 500 / 4, 'and none is kept whole'
    again = Buffer(2, 1000, 'spread', seed=5)
    again.extend(X, y)
    assert np.array_equal(np.sort(again.X, axis=0), np.sort(buffer.X, axis=0)), 'nothing is left to chance'


def test_spread_goes_on_where_a_file_ends() -> None:
    X, y = np.arange(64_000.0)[:, None], np.arange(64_000) % 2.0
    whole, before = Buffer(1, 1000, 'spread'), Buffer(1, 1000, 'spread')
    whole.extend(X, y)
    before.extend(X[:32_000], y[:32_000])
    after = Buffer(1, 1000, 'spread')
    after.seen = before.seen - before.size
    after.extend(before.X[before.by_age], before.y[before.by_age])
    after.extend(X[32_000:], y[32_000:])
    shares = [float(np.mean(each.X < 32_000)) for each in (whole, after)]
    assert shares[0] == pytest.approx(0.5, abs=0.05) and shares[1] == pytest.approx(0.5, abs=0.2)
