# SPDX-License-Identifier: Apache-2.0
"""examples/stuck.yaml on a robot that is simulated here: no recording of a real one is at hand.

It drives for 6 s and stands for 3 s, in turns. On every other drive it runs into something soft: within
0.8 s its speed goes to 0, the motors draw more and it shakes; then it is stuck until it is told to stop.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from robots import START_NS, TYPES, imu, run
from rosbags.rosbag2 import StoragePlugin, Writer

STUCK = Path(__file__).resolve().parents[2] / 'examples' / 'stuck.yaml'
TURN_SEC, DRIVE_SEC, SOFT_SEC = 9.0, 6.0, 0.8


def state_at(t, hits):
    """Commanded and driven speed (m/s), current (A), and how much it shakes (m/s²), at a time (s)."""
    turn, since = int(t // TURN_SEC), t % TURN_SEC
    if since >= DRIVE_SEC:
        return 0.0, 0.0, 0.5, 0.05
    speed = 0.5 * min(1.0, since / 0.5)
    hit = since - hits[turn]
    if hit < 0:
        return 0.5, speed, 2.0, 0.6
    return 0.5, max(0.0, 0.5 * (1.0 - hit / SOFT_SEC)), 2.0 + 3.0 * min(1.0, hit / 0.2), 1.5


def message(kind, **fields):
    """The bytes of a message of a kind."""
    return TYPES.serialize_cdr(TYPES.types[kind](**fields), kind)


def header(time_ns):
    stamp = TYPES.types['builtin_interfaces/msg/Time'](sec=time_ns // 10**9, nanosec=time_ns % 10**9)
    return TYPES.types['std_msgs/msg/Header'](stamp=stamp, frame_id='base')


def twist(x):
    vector = TYPES.types['geometry_msgs/msg/Vector3']
    zero = vector(x=0.0, y=0.0, z=0.0)
    return TYPES.types['geometry_msgs/msg/Twist'](linear=vector(x=x, y=0.0, z=0.0), angular=zero)


def odometry(time_ns, x):
    of = TYPES.types
    pose = of['geometry_msgs/msg/Pose'](
        position=of['geometry_msgs/msg/Point'](x=0.0, y=0.0, z=0.0),
        orientation=of['geometry_msgs/msg/Quaternion'](x=0.0, y=0.0, z=0.0, w=1.0),
    )
    return message(
        'nav_msgs/msg/Odometry',
        header=header(time_ns),
        child_frame_id='base',
        pose=of['geometry_msgs/msg/PoseWithCovariance'](pose=pose, covariance=np.zeros(36)),
        twist=of['geometry_msgs/msg/TwistWithCovariance'](twist=twist(x), covariance=np.zeros(36)),
    )


def battery(time_ns, current):
    numbers = dict.fromkeys(
        ('voltage', 'temperature', 'charge', 'capacity', 'design_capacity', 'percentage'), 0.0
    )
    states = dict.fromkeys(('power_supply_status', 'power_supply_health', 'power_supply_technology'), 0)
    return message(
        'sensor_msgs/msg/BatteryState', header=header(time_ns), current=-current, **numbers, **states,
        present=True, cell_voltage=np.zeros(0, np.float32), cell_temperature=np.zeros(0, np.float32),
        location='', serial_number='',
    )  # fmt: skip


def simulate(path, seed, turns=6):
    """Write the recording of a simulated drive."""
    generator = np.random.default_rng(seed)
    hits = [generator.uniform(1.5, 4.0) if turn % 2 else np.inf for turn in range(turns)]
    kinds = {
        '/imu/data': 'sensor_msgs/msg/Imu', '/battery': 'sensor_msgs/msg/BatteryState',
        '/cmd_vel': 'geometry_msgs/msg/Twist', '/odom': 'nav_msgs/msg/Odometry',
    }  # fmt: skip
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        to = {name: writer.add_connection(name, kind, typestore=TYPES) for name, kind in kinds.items()}
        for i in range(round(50 * TURN_SEC * turns)):
            time_ns = START_NS + seed * 10**12 + i * 20_000_000
            command, speed, current, shakes = state_at(i / 50, hits)
            if i % 5 == 0:
                data = TYPES.serialize_cdr(twist(command), kinds['/cmd_vel'])
                writer.write(to['/cmd_vel'], time_ns, data)
            if i % 2 == 0:
                writer.write(to['/odom'], time_ns, odometry(time_ns, speed))
                noisy = current + generator.normal() * 0.3
                writer.write(to['/battery'], time_ns, battery(time_ns, noisy))
            x = generator.normal() * shakes
            writer.write(to['/imu/data'], time_ns, TYPES.serialize_cdr(imu(time_ns, x), kinds['/imu/data']))
    return path


def test_a_simulated_robot_learns_by_itself_when_it_will_be_stuck(tmp_path):
    bags = [simulate(tmp_path / f'drive_{seed}', seed) for seed in range(4)]
    said = tmp_path / 'said.json'
    given = [*bags[:3], '--params', STUCK, '--output', tmp_path / 'stuck.json', '--quiet', '--jobs', 1]
    assert run('train', given) == 0
    assert run('evaluate', [bags[3], '--params', STUCK, '--model', tmp_path / 'stuck.json', '--json', said,
                            '--quiet', '--jobs', 1]) == 0  # fmt: skip
    scores = json.loads(said.read_text())
    assert scores['samples'] > 2500 and 0.1 < scores['positives'] / scores['samples'] < 0.3
    assert scores['balanced_accuracy'] > 0.9
    assert scores['log_loss'] < 0.6 * scores['majority_log_loss']
