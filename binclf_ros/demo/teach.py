# SPDX-License-Identifier: Apache-2.0
"""The demo for two fingers: a watch whose recordings go on and on, and the page to teach from."""

from __future__ import annotations

import argparse
import time

from sensor_msgs.msg import Imu
from std_msgs.msg import String

from ..recordings import basic_motions as recordings
from .player import Player
from .processes import Processes

ACTIVITY = 'demo/activity'
SAY_EVERY = 5
"""Messages of the watch between two words of what it is at."""
TITLE = """is this badminton? (smart watch, BasicMotions)
Open the address below. While the page says badminton, hold YES (or the key 1), else NO (or the key 0).
After two or three turns of each, let go: does the probability follow? Ctrl-C ends."""


def play(nodes: Processes, rate: float) -> None:
    """Play the recordings at `rate` times real time until Ctrl-C. Raises DemoFailed where a node ends."""
    player = Player({recordings.IMU: Imu, ACTIVITY: String}, nodes.check)
    period_sec = recordings.PERIOD_NS * 1e-9 / rate
    due = time.monotonic()
    try:
        while True:
            for activity, readings in recordings.in_turn():
                hold = 'YES' if activity == recordings.QUESTION else 'NO'
                said = String(data=f'Now: {activity.lower()}. Hold {hold}.')
                for number, row in enumerate(readings.tolist()):
                    if number % SAY_EVERY == 0:
                        player.publish(ACTIVITY, said)
                    player.publish(recordings.IMU, recordings.imu_bytes(time.time_ns(), row))
                    due = max(due + period_sec, time.monotonic())
                    player.wait(due - time.monotonic())
    finally:
        player.close()


def starts(given: argparse.Namespace) -> dict[str, dict[str, object]]:
    """Return the parameters of each node, beside those of --params."""
    return {
        'featurizer': {'features': list(recordings.FEATURES), 'label': recordings.LABEL_PATH},
        'trainer': {'l2': given.l2},
        'predictor': {},
        'web': {},
    }
