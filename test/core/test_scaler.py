# SPDX-License-Identifier: Apache-2.0
"""Moments against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binclf_ros.core.arrays import Array
from binclf_ros.core.learning.scaler import Moments

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


def column(values: list[float]) -> Array:
    return np.array(values, dtype=float).reshape(-1, 1)


@given(values=numbers, more=numbers)
def test_two_batches_are_one(values: list[float], more: list[float]) -> None:
    moments = Moments(1)
    moments.add(column(values))
    moments.add(column(more))
    everything = column(values + more)
    assert moments.count == len(everything)
    assert moments.mean[0] == pytest.approx(everything.mean(), rel=1e-9, abs=1e-9)
    assert moments._squares[0] / len(everything) == pytest.approx(everything.var(), rel=1e-9, abs=1e-9)


@given(values=numbers, more=numbers)
def test_what_comes_and_goes_leaves_no_trace(values: list[float], more: list[float]) -> None:
    moments = Moments(1)
    moments.add(column(values))
    moments.add(column(more))
    moments.remove(column(more))
    assert moments.count == len(values)
    assert moments.mean[0] == pytest.approx(np.mean(values), rel=1e-9, abs=1e-7)
    assert moments._squares[0] / len(values) == pytest.approx(np.var(values), rel=1e-6, abs=1e-1)


def test_scale_is_the_populations_standard_deviation() -> None:
    moments = Moments(2)
    moments.add(np.array([[1.0, 10.0], [3.0, 10.5], [8.0, 14.0]]))
    expected = np.std([[1.0, 10.0], [3.0, 10.5], [8.0, 14.0]], axis=0)
    assert np.allclose(moments.scale, expected, rtol=1e-14)


@pytest.mark.parametrize('value', [0.0, 0.1, -1e9, 1e-300])
@pytest.mark.parametrize('count', [1, 2, 3, 1000])
def test_the_scale_of_a_constant_feature_is_1(value: float, count: int) -> None:
    moments = Moments(1)
    for _ in range(count):
        moments.add(np.array([[value]]))
    assert moments.scale[0] == 1.0


@pytest.mark.parametrize('scale', [1e-6, 1e-3, 1e3, 1e9])
def test_a_small_or_large_deviation_is_no_constant(scale: float) -> None:
    X = np.random.default_rng(0).normal(0.0, scale, (500, 1))
    moments = Moments(1)
    moments.add(X)
    assert moments.scale[0] == pytest.approx(X.std(), rel=1e-12)


def test_before_any_row_the_mean_is_0_and_the_scale_1() -> None:
    assert Moments(3).mean.tolist() == [0.0] * 3
    assert Moments(3).scale.tolist() == [1.0] * 3


def test_removing_all_rows_leaves_nothing() -> None:
    moments = Moments(1)
    moments.add(column([1.0, 2.0]))
    moments.remove(column([1.0, 2.0]))
    assert (moments.count, moments.mean[0], moments.scale[0]) == (0, 0.0, 1.0)


def test_stale_once_more_rows_were_removed_than_are_held() -> None:
    moments = Moments(1)
    moments.add(column([float(i) for i in range(300)]))
    moments.remove(column([float(i) for i in range(140)]))
    assert not moments.stale
    moments.remove(column([float(i) for i in range(140, 160)]))
    assert moments.stale


def test_stale_once_an_outlier_has_left() -> None:
    moments = Moments(1)
    moments.add(column([1.0, 2.0, 3.0, 1e9]))
    assert not moments.stale
    moments.remove(column([1e9]))
    assert moments.stale


@pytest.mark.parametrize('value', [0.0, -9.81, 0.1, 0.7, 1e9 + 0.3])
def test_a_constant_feature_is_never_stale_for_its_rounding(value: float) -> None:
    moments = Moments(1)
    moments.add(np.full((997, 1), value))
    for _ in range(900):
        moments.add(column([value]))
        moments.remove(column([value]))
        assert not moments.stale


def test_recompute_takes_all_rows_anew() -> None:
    X = np.random.default_rng(0).normal(5.0, 2.0, (10_000, 3))
    moments = Moments(3)
    moments.add(X[:200] * 1e6)
    moments.remove(X[:150] * 1e6)
    moments.recompute(X)
    assert not moments.stale
    assert np.allclose(moments.mean, X.mean(axis=0), rtol=1e-12)
    assert np.allclose(moments.scale, X.std(axis=0), rtol=1e-12)


def test_a_mean_that_was_read_does_not_change_under_the_reader() -> None:
    moments = Moments(1)
    moments.add(column([1.0]))
    mean = moments.mean
    moments.add(column([3.0]))
    assert mean[0] == 1.0
