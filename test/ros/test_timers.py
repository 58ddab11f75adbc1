# SPDX-License-Identifier: Apache-2.0
"""Timers of a node: quick while something happens, once a second while nothing does."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy')

from binclf_ros.ros.timers import REST_AFTER_SEC, Timers


class FakeTimer:
    def __init__(self, seconds, call):
        self.seconds, self.call, self.running = seconds, call, True

    def cancel(self):
        self.running = False

    def reset(self):
        self.running = True


class FakeNode:
    """Runs timers for seconds in steps of a tenth."""

    def __init__(self):
        self.timers, self.now = [], 0

    def create_timer(self, seconds, call, clock):
        self.timers.append(FakeTimer(seconds, call))
        return self.timers[-1]

    def run(self, seconds):
        for _ in range(round(10 * seconds)):
            self.now += 1
            for each in self.timers:
                if each.running and self.now % round(10 * each.seconds) == 0:
                    each.call()


def test_all_is_called_as_often_as_was_asked_for_and_from_few_timers():
    node, calls = FakeNode(), []
    timers = Timers(node, clock=None)
    for seconds in (0.2, 0.2, 0.5, 1.0, 2.0, 3.0):
        timers.every(seconds, lambda seconds=seconds: calls.append(seconds))
    node.run(12.0)
    assert [calls.count(each) for each in (0.2, 0.5, 1.0, 2.0, 3.0)] == [120, 24, 12, 6, 4]
    assert len(node.timers) == 3


def test_what_is_quick_comes_once_a_second_while_nothing_is_new_and_at_once_again():
    node, calls = FakeNode(), []
    timers = Timers(node, clock=None)
    timers.every(0.2, lambda: calls.append(node.now))
    timers.look(0.0, 'a')
    timers.look(REST_AFTER_SEC, 'a')
    assert not timers.resting
    timers.look(REST_AFTER_SEC + 0.1, 'a')
    assert timers.resting
    node.run(5.0)
    assert len(calls) == 5
    timers.wake()
    node.run(1.0)
    assert len(calls) == 10
    timers.look(20.0, 'a')
    assert timers.resting
    timers.look(21.0, 'b')
    assert not timers.resting
