# SPDX-License-Identifier: Apache-2.0
"""Which model of which run is followed, by the order in which they come and by silence."""

from __future__ import annotations

import pytest

from binclf_ros.core.errors import ModelError
from binclf_ros.core.learning.followed import GONE_SEC, Followed
from binclf_ros.core.learning.model import Model


def model(run: str, step: int) -> Model:
    return Model(
        run=run, step=step, stamp=1.0, features=('x',), weights=(1.0,), bias=0.0, mean=(0.0,), scale=(1.0,),
        samples=10, positives=5, loss=0.5, converged=True,
    )  # fmt: skip


def following(*models: Model) -> Followed:
    followed = Followed()
    for each in models:
        followed.check(each, 0.0)
        followed.take(each)
        followed.heard_sec = 0.0
    return followed


def test_the_first_model_and_each_new_run_are_told() -> None:
    followed = Followed()
    assert followed.take(model('a', 1)) == 'the first model: step 1 of run a, of 10 samples'
    assert followed.take(model('a', 2)) == ''
    assert followed.take(model('b', 1)) == 'another run: b, its step 1'


def test_a_smaller_step_of_the_same_run_is_refused_and_an_equal_one_is_nothing_new() -> None:
    followed = following(model('a', 5))
    with pytest.raises(ModelError) as refused:
        followed.check(model('a', 4), 0.0)
    assert refused.value.reason == 'older_step'
    followed.check(model('a', 5), 0.0)
    assert not followed.is_new(model('a', 5)) and followed.is_new(model('a', 6))


def test_a_run_that_was_left_is_followed_again_when_it_repeats_itself_while_the_other_is_silent() -> None:
    followed = following(model('a', 5), model('b', 1))
    later = 2 * GONE_SEC
    for now in (0.0, 0.5 * GONE_SEC):  # the run in use is alive
        with pytest.raises(ModelError) as refused:
            followed.check(model('a', 6), now)
        assert refused.value.reason == 'left_run'
    followed.check(model('a', 6), later)
    followed.take(model('a', 6))
    with pytest.raises(ModelError):  # once is a stray model
        followed.check(model('b', 2), 2 * later)
    followed.check(model('b', 2), 2 * later)
