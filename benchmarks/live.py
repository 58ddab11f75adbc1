# SPDX-License-Identifier: Apache-2.0
"""What the live nodes cost, against the smallest rclpy echo: writes doc/explanation/benchmarks.md.

python benchmarks/live.py [--quick] [--only PART ...]
"""

# ruff: noqa: ANN001, ANN003, ANN201, ANN202, B023
# What a loop makes is called in that same turn.

from __future__ import annotations

import argparse
import os
import struct
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from measure import LOAD, Table, machine
from problems import made

HERE = Path(__file__).resolve().parent
DOC = HERE.parent / 'doc'
DOMAIN = 77
WINDOW = 16
"""Questions that are open at once where it goes flat out."""
CLOUD_FIELDS = ('x', 'y', 'z', 'intensity')


def say(text: str) -> None:
    print(f'{time.strftime("%H:%M:%S")} {text}', flush=True)


def median(results, key):
    return float(np.median([each[key] for each in results]))


class Rows:
    """Rows for the table and the picture: what was asked for, of whom, against the first echo."""

    def __init__(self) -> None:
        self.table = Table(
            'work', 'figure', 'echo', 'echo again', 'ours', 'echo again ÷ echo', 'ours ÷ echo', 'target'
        )  # fmt: skip
        self.drawn = []

    def add(self, work, figure, unit, values, target=None, at_least=False) -> None:
        """`values` are of echo, echo again and ours, in the unit's size."""
        echo, again, ours = values
        ratio = ours / echo
        verdict = ''
        if target is not None:
            met = ratio >= target if at_least else ratio <= target
            verdict = f'{"≥" if at_least else "≤"} {target:g} ' + ('met' if met else 'MISSED')
        cells = [f'{each:.3g} {unit}' for each in values]
        self.table.add(work, figure, *cells, f'{again / echo:.2f}', f'**{ratio:.2f}**', verdict)
        self.drawn.append((f'{work}: {figure}', ratio, again / echo, target))
        say(f'{work}, {figure}: {", ".join(cells)}; {ratio:.2f} of the echo {verdict}')


def compare(rows, probe, work, servers, ask, repeats, figures, targets=None) -> None:
    """Ask all servers in turn, in another order each time, and write a row for each figure."""
    results = {name: [] for name in servers}
    for k in range(repeats):
        names = list(servers)[k % len(servers) :] + list(servers)[: k % len(servers)]
        for name in names:
            results[name].append(ask(servers[name]))
    lost = sum(each['lost'] for each in results['ours'])
    for key, figure, unit, factor in figures:
        values = [median(results[name], key) * factor for name in ('echo', 'again', 'ours')]
        target = (targets or {}).get(key)
        rows.add(work, figure + (f' ({lost} lost)' if key in ('rate', 'p50') else ''), unit, values,
                 target, at_least=key == 'rate')  # fmt: skip


LATENCY = (('p50', 'p50', 'ms', 1e3), ('p99', 'p99', 'ms', 1e3), ('cpu', 'CPU a message', 'µs', 1e6))
CAPACITY = (('rate', 'messages a second', '/s', 1.0), ('cpu', 'CPU a message', 'µs', 1e6))


def vectors(rows, facts, probe, quick: bool) -> None:
    from probe import Server, questions, teach_model
    from std_msgs.msg import Float64, Float64MultiArray, UInt8

    servers = {
        'echo': Server('echo', 'echo', 'vector'),
        'ours': Server('ours', 'predictor'),
        'again': Server('again', 'echo', 'vector'),
    }
    decisions = [0]

    def count(data) -> None:
        decisions[0] += 1

    try:
        probe.subscribe(UInt8, '/ours/decision', count)
        for n in (64,) if quick else (8, 64, 1024):
            model, requests, of_probability, of_echo = questions(n)
            said = (Float64MultiArray, 'features', Float64, 'probability')
            exchanges = {name: (*said, of_probability if name == 'ours' else of_echo) for name in servers}
            teach_model(probe, servers['ours'], model, requests, exchanges['ours'])
            for name in ('echo', 'again'):
                probe.wake(servers[name], requests, exchanges[name])

            def ask(server, **how):
                return probe.ask(server, requests, exchanges[server.namespace], **how)

            repeats, seconds = (2, 2.0) if quick else (3, 2.5)
            for rate in (100, 1000):
                compare(
                    rows, probe, f'{n} features, {rate} Hz', servers,
                    lambda server: ask(server, rate_hz=rate, seconds=seconds), repeats, LATENCY,
                    {'p50': 0.9, 'cpu': 0.5} if (n, rate) == (64, 1000) else None,
                )  # fmt: skip
            compare(
                rows, probe, f'{n} features, flat out', servers,
                lambda server: ask(server, window=WINDOW, seconds=seconds), repeats, CAPACITY,
                {'rate': 1.6},
            )  # fmt: skip
        say(f'{decisions[0]} decisions heard')
    finally:
        for each in servers.values():
            each.end()


def reliable(rows, facts, probe, quick: bool) -> None:
    """60 s at 1 kHz, reliable on both sides."""
    from probe import Server, questions, teach_model
    from std_msgs.msg import Float64, Float64MultiArray

    setting = 'qos_overrides./reliable/features.subscription.reliability:=reliable'
    server = Server('reliable', 'predictor', parameters=[setting])
    try:
        model, requests, of_probability, _ = questions(64)
        exchange = (Float64MultiArray, 'features', Float64, 'probability', of_probability)
        teach_model(probe, server, model, requests, exchange)
        result = probe.ask(server, requests, exchange, rate_hz=1000, seconds=5.0 if quick else 60.0)
        lost = f'{result["lost"]} of {result["sent"]} lost'
        facts.append(('1 kHz, both sides reliable, 64 features', lost,
                      '0', result['lost'] == 0))  # fmt: skip
    finally:
        server.end()


def featurizer(rows, facts, probe, quick: bool) -> None:
    """Imu at 1 kHz, 12 windowed features; the stamps are those of a sensor at 1 kHz."""
    from probe import RING, Server
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Imu
    from std_msgs.msg import Float64, Float64MultiArray

    axes = [f'{a}/{b}' for a in ('angular_velocity', 'linear_acceleration') for b in 'xyz']
    features = [f'{s}(imu/{axis}, 1.0)' for s in ('mean', 'std') for axis in axes]
    # the last one, and what the echo says, tells the messages apart
    listed = (
        'features:=[' + ', '.join(f'"{each}"' for each in (*features, 'imu/linear_acceleration/z')) + ']'
    )
    servers = {
        'echo': Server('echo_imu', 'echo', 'imu'),
        'ours': Server('ours_imu', 'featurizer', parameters=[listed]),
        'again': Server('again_imu', 'echo', 'imu'),
    }
    requests = []
    for i in range(40 * RING):  # more than are asked, so that the stamps do not go back
        message = Imu()
        message.header.stamp.sec, message.header.stamp.nanosec = 1000 + i // 1000, i % 1000 * 1_000_000
        message.linear_acceleration.z = float(i)
        requests.append(serialize_message(message))

    def index(data):
        return int(struct.unpack('<d', data[-8:])[0])

    said = (Float64MultiArray, 'features')
    exchanges = {
        name: (Imu, 'imu', *(said if name == 'ours' else (Float64, 'probability')), index)
        for name in servers
    }  # fmt: skip
    try:
        for name, server in servers.items():
            probe.wake(server, requests, exchanges[name], 0.001)
        results = {name: [] for name in servers}
        for _ in range(1 if quick else 3):
            for name, server in servers.items():
                # windows are filled at this rate before it counts
                probe.ask(server, requests, exchanges[name], rate_hz=1000, seconds=2.0)
                results[name].append(
                    probe.ask(
                        server, requests, exchanges[name], rate_hz=1000, seconds=2.0 if quick else 4.0
                    )
                )
        work = 'featurizer, Imu at 1 kHz, 12 windows of 1 s'
        for key, figure, unit, factor in LATENCY:
            values = [median(results[name], key) * factor for name in ('echo', 'again', 'ours')]
            rows.add(work, figure, unit, values, 1.5 if key == 'p50' else None)
        load = median(results['ours'], 'load')
        facts.append((work, f'{100 * load:.0f} % of a core', '≤ 25 %', load <= 0.25))
    finally:
        for each in servers.values():
            each.end()


def beside_a_trainer(rows, facts, probe, quick: bool) -> None:
    """The predictor at 1 kHz while a trainer descends without an end on a core of its own, and not."""
    from probe import Server, questions, teach_model
    from rclpy.serialization import serialize_message
    from std_msgs.msg import Float64, Float64MultiArray
    from std_srvs.srv import SetBool

    options = ('solver:=gradient', 'tolerance:=1.0e-12', 'train_budget_sec:=1.0', 'train_rate_hz:=1000.0')
    servers = {
        'echo': Server('echo_t', 'echo', 'vector'),
        'ours': Server('ours_t', 'predictor'),
        'again': Server('again_t', 'echo', 'vector'),
    }
    trainer = Server('busy', 'trainer', parameters=options)
    try:
        model, requests, of_probability, of_echo = questions(64)
        said = (Float64MultiArray, 'features', Float64, 'probability')
        exchanges = {name: (*said, of_probability if name == 'ours' else of_echo) for name in servers}
        teach_model(probe, servers['ours'], model, requests, exchanges['ours'])
        for name in ('echo', 'again'):
            probe.wake(servers[name], requests, exchanges[name])
        teacher = probe.publisher(Float64MultiArray, '/busy/labeled_features', 10_000)
        probe.until(lambda: teacher.get_subscription_count() > 0, what='the trainer')
        X, y = made(10_000, 64, ill=True)
        X /= X.std(axis=0)
        for i, sample in enumerate(np.column_stack([X, y]).tolist()):
            teacher.publish(serialize_message(Float64MultiArray(data=sample)))
            if i % 100 == 0:
                probe.spin(0.005)
        alone, beside, echo_alone, echo_beside, cores = [], [], [], [], []
        for _ in range(2 if quick else 4):
            for paused, ours, echo in ((True, alone, echo_alone), (False, beside, echo_beside)):
                probe.call(SetBool, '/busy/trainer/pause', SetBool.Request(data=paused))
                probe.spin(0.5)
                cpu, began = trainer.cpu_sec(), time.perf_counter()
                for name, results in (('ours', ours), ('echo', echo)):
                    results.append(
                        probe.ask(servers[name], requests, exchanges[name], rate_hz=1000, seconds=3.0)
                    )
                if not paused:
                    cores.append((trainer.cpu_sec() - cpu) / (time.perf_counter() - began))
        for key in ('p50', 'p99'):
            ratio = median(beside, key) / median(alone, key)
            echo_ratio = median(echo_beside, key) / median(echo_alone, key)
            text = (
                f'{median(alone, key) * 1e3:.3g} ms alone, {median(beside, key) * 1e3:.3g} ms beside it: '
                f'**{ratio:.2f}** (the echo {echo_ratio:.2f}); it took {np.median(cores):.2f} of a core'
            )
            target = ('≤ 1.5', ratio <= 1.5) if key == 'p99' else ('', None)
            facts.append(
                (f'predictor, 64 features, 1 kHz, beside a trainer that descends: {key}', text, *target)
            )
    finally:
        for each in (*servers.values(), trainer):
            each.end()


def clouds(rows, facts, probe, quick: bool) -> None:
    """A cloud there and back, one at a time; everybody with the Fast DDS profile."""
    import array

    from probe import Server, questions, teach_model
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import PointCloud2, PointField

    servers = {
        'echo': Server('echo_c', 'echo', 'cloud'),
        'ours': Server('ours_c', 'predictor'),
        'again': Server('again_c', 'echo', 'cloud'),
    }
    try:
        model, *_ = questions(4)
        for i, field in enumerate(CLOUD_FIELDS):
            model = model.replace(f'"x{i}"', f'"{field}"')
        fields = [
            PointField(name=name, offset=4 * i, datatype=7, count=1) for i, name in enumerate(CLOUD_FIELDS)
        ]
        exchange = (PointCloud2, 'points', PointCloud2, 'classified_points', None)
        for n in (10_000, 100_000):
            points = np.random.default_rng(0).normal(size=(n, 4)).astype('<f4')
            cloud = PointCloud2(
                height=1, width=n, fields=fields, point_step=16, row_step=16 * n, is_dense=True
            )
            cloud.data = array.array('B', points.tobytes())
            requests = [serialize_message(cloud)]
            teach_model(probe, servers['ours'], model, requests, exchange, every_sec=0.3)
            for name in ('echo', 'again'):
                probe.wake(servers[name], requests, exchange, every_sec=0.3)
            compare(
                rows, probe, f'cloud of {n:,} points, 4 features', servers,
                lambda server: probe.ask(server, requests, exchange, window=1, most=100, seconds=20.0),
                2 if quick else 5, LATENCY, {'p50': 1.2} if n == 100_000 else None,
            )  # fmt: skip
    finally:
        for each in servers.values():
            each.end()


def start_up(rows, facts, probe, quick: bool) -> None:
    """From exec to the first answer."""
    from probe import Server, questions
    from std_msgs.msg import Float64, Float64MultiArray

    model, requests, *_ = questions(64)
    took = {'echo': [], 'again': [], 'ours': []}
    exchange = (Float64MultiArray, 'features', Float64, 'probability', None)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'model.json')
        file.write_text(model)
        for k in range(3 if quick else 24):
            for name in took:
                namespace = f'start_{name}_{k}'
                if name == 'ours':
                    server = Server(namespace, 'predictor', parameters=[f'model_file:={file}'])
                else:
                    server = Server(namespace, 'echo', 'vector')
                try:
                    took[name].append(probe.wake(server, requests, exchange))
                finally:
                    server.end()
    for share, figure, target in ((25, 'first quartile', 1.3), (50, 'median', None)):
        values = [float(np.percentile(took[name], share)) for name in ('echo', 'again', 'ours')]
        rows.add('start', f'exec to the first answer, {figure}', 's', values, target)


START, END = '<!-- live: written by make bench-live -->', '<!-- end of live -->'
TEXT = """## Live

One run of `make bench-live` on {machine}; {ros}. The echo is the smallest rclpy node there is: it
republishes one number for each message, under `rclpy.spin` (`benchmarks/echo.py`). Two processes, the
client with a clock and the node, Fast DDS on one machine; the echo runs twice, and what the two differ by
is what one run cannot tell. The predictor publishes probability and decision, and both have a subscriber.
Medians of repeats that take turns. The load average was {load} at the start.

{Rows}

| work | figure | target |
| --- | --- | --- |
{Facts}

"Flat out": {window} questions are open at any time. CPU is that of all threads of the node, and counts
what it does beside answering (diagnostics, say), which weighs more the slower it is asked. The
featurizer's row: a sensor message there, its features back, against an echo of the same `Imu`; the target
is that it adds half an echo at most. Clouds: one at a time, there and back, everybody with
`config/fastdds_large_clouds.xml`; what comes back is five bytes a point more than what the echo says.
Start: in about half of the starts discovery adds more than a second, to the echo as well, and at random;
the first quartile of 24 leaves that out.

![Ratios to the echo](../pictures/benchmarks_live.png)
"""


def write(rows, facts) -> None:
    from importlib import metadata

    from measure import put_section
    from plot import draw_live

    lines = [
        f'| {work} | {figure} | {target} {"" if met is None else "met" if met else "MISSED"} |'
        for work, figure, target, met in facts
    ]
    try:
        ros = 'rclpy ' + metadata.version('ros-rclpy')
    except metadata.PackageNotFoundError:
        ros = 'ROS 2 ' + os.environ.get('ROS_DISTRO', '')
    text = TEXT
    values = {
        'machine': machine(), 'ros': ros, 'load': LOAD, 'window': str(WINDOW), 'Rows': rows.table.text(),
        'Facts': '\n'.join(lines),
    }  # fmt: skip
    for name, value in values.items():
        text = text.replace('{' + name + '}', value)
    put_section(DOC / 'explanation' / 'benchmarks.md', START, text, END)
    draw_live(rows.drawn, DOC / 'pictures' / 'benchmarks_live.png')


PARTS = {
    'vectors': vectors,
    'reliable': reliable,
    'featurizer': featurizer,
    'trainer': beside_a_trainer,
    'clouds': clouds,
    'start': start_up,
}


def run_part(name: str, quick: bool) -> tuple[Rows, list]:
    """Run one part; in a process of its own, as Fast DDS reads a profile once in the life of a process."""
    os.environ.update(ROS_DOMAIN_ID=str(DOMAIN), ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
    if name == 'clouds':
        profile = str(HERE.parent / 'config' / 'fastdds_large_clouds.xml')
        older = os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy')
        os.environ[('FASTRTPS' if older else 'FASTDDS') + '_DEFAULT_PROFILES_FILE'] = profile
    from probe import Probe

    rows, facts, probe = Rows(), [], Probe()
    try:
        PARTS[name](rows, facts, probe, quick)
    finally:
        probe.close()
    return rows, facts


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--quick', action='store_true', help='fewer repeats, nothing is written')
    arguments.add_argument(
        '--only', nargs='+', choices=PARTS, default=tuple(PARTS), help='these parts alone'
    )
    given = arguments.parse_args()
    rows, facts = Rows(), []
    for part in given.only:
        with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as alone:
            of_part, facts_of_part = alone.submit(run_part, part, given.quick).result()
        rows.table.rows += of_part.table.rows
        rows.drawn += of_part.drawn
        facts += facts_of_part
    for fact in facts:
        say(str(fact))
    if not given.quick and given.only == tuple(PARTS):
        write(rows, facts)
    return 0


if __name__ == '__main__':
    sys.exit(main())
