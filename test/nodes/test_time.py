# SPDX-License-Identifier: Apache-2.0
"""Whatever the clock does: models, answers and diagnostics go on, and nothing is NaN."""

from __future__ import annotations

import math
from functools import partial

from builtin_interfaces.msg import Time
from ros_harness import blobs
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Imu
from std_msgs.msg import Float64MultiArray


def is_of(count, models):
    return models and models[-1]['samples'] == count


def test_no_clock_and_then_one_that_jumps(ground):
    ground.start('trainer', use_sim_time='true')
    ground.start('predictor', use_sim_time='true')
    ground.wait_for_nodes('trainer', 'predictor')
    models, probabilities = ground.hear_models(), ground.hear_probabilities()
    ground.teach(*blobs(40))
    ground.wait_until(lambda: models, 'a model without a clock')
    ground.ask_until(lambda: probabilities, [0.5, 0.5])
    clock = ground.publisher(Clock, '/clock', 10, subscribers=2)
    for n, sec in enumerate((0, 1000, 2000, 5, 0, 2_000_000_000)):
        clock.publish(Clock(clock=Time(sec=sec)))
        models.clear()
        probabilities.clear()
        ground.teach(*blobs(20, seed=sec % 1000))
        taught = 20 * n + 60
        ground.wait_until(partial(is_of, taught, models), 'a model of all samples')
        ground.ask_until(lambda: probabilities, [0.5, 0.5])
        assert all(map(math.isfinite, probabilities))
        ground.wait_for_reports('trainer', 1)
        ground.wait_for_reports('predictor', 1)
    assert ground.severity == {'trainer': 0, 'predictor': 0}, ground.text


def test_stamps_that_are_negative_or_zero_or_go_back(ground):
    ground.start('featurizer', features='["/imu/angular_velocity/x", "std(/imu/angular_velocity/x, 0.5)"]')
    ground.wait_for_nodes('featurizer')
    samples = ground.subscribe(Float64MultiArray, 'features', read=lambda m: list(m.data))
    imu = ground.publisher(Imu, '/imu', 100)

    def say(begin_ns, count=20):
        for i in range(count):
            message = Imu()
            stamp = begin_ns + i * 50_000_000
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 1_000_000_000)
            message.angular_velocity.x = float(i)
            imu.publish(message)

    for begin_sec in (-5, 0, 1000, 3, -(2**31), 2**31 - 2):
        samples.clear()
        again = partial(say, begin_sec * 1_000_000_000)
        ground.wait_until(lambda: samples, f'samples from {begin_sec} s on', meanwhile=again, every_sec=0.5)
        ground.wait_for_reports('featurizer', 1)
        assert all(math.isfinite(value) for sample in samples for value in sample)
