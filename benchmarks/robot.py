# SPDX-License-Identifier: Apache-2.0
"""What a robot pays: from the sensor to the decision, memory, start, rest. Writes benchmarks.md.

python benchmarks/robot.py [--quick]
"""

# ruff: noqa: ANN001, ANN201, ANN202, B023

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from live import CAPACITY, DOC, DOMAIN, LATENCY, Rows, compare, say
from measure import LOAD, machine, put_section

FLAT_OUT = 40_960
"""Messages that are told apart by their answers."""
AXES = [f'{a}/{b}' for a in ('angular_velocity', 'linear_acceleration') for b in 'xyz']
LAST = 'imu/linear_acceleration/z'
REST_SEC, IDLE_SEC = 15.0, 20.0
TEXT = """## On a robot

One run of `make bench-live` on {machine}. The `classifier` is featurizer and predictor in one process: an
`Imu` there, its decision back, against an echo of the same `Imu` (`benchmarks/echo.py`). Memory is what the
process has (RSS) after these runs. Start: from exec to the first decision with a model on disk, against the
first answer of the echo, the first quartile of 12, as discovery adds a second at random. At rest: nobody
publishes. The load average was {load} at the start.

{Rows}

| work | figure | target |
| --- | --- | --- |
{Facts}
"""


def features(windows: int) -> tuple[str, ...]:
    """So many windows of 1 s, and the reading that tells the messages apart."""
    statistics = ('mean', 'std')[: windows // 6]
    return (*(f'{s}(imu/{axis}, 1.0)' for s in statistics for axis in AXES), LAST)


def messages(rate_hz: float) -> list[bytes]:
    """Messages of a sensor; the i-th has the probability (i + ½)/FLAT_OUT."""
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Imu

    made, step_ns = [], round(1e9 / rate_hz)
    for i in range(FLAT_OUT):
        message, p = Imu(), (i + 0.5) / FLAT_OUT
        at_ns = 10**12 + i * step_ns
        message.header.stamp.sec, message.header.stamp.nanosec = at_ns // 10**9, at_ns % 10**9
        message.linear_acceleration.z = math.log(p / (1.0 - p))
        made.append(serialize_message(message))
    return made


def write_model(path: Path, namespace: str, windows: int) -> Path:
    """A model whose decision value is the last feature."""
    from binclf_ros.core.features.options import SamplingOptions

    expressions = SamplingOptions(features=features(windows)).expressions()
    names = [name for each in expressions for name in each.names()]
    n = len(names)
    model = {
        'format': 'binclf_ros/model', 'version': 1, 'run': f'bench-{namespace}', 'step': 1, 'stamp': 1.7e9,
        'features': names, 'weights': [0.0] * (n - 1) + [1.0], 'bias': 0.0, 'mean': [0.0] * n,
        'scale': [1.0] * n, 'samples': 10, 'positives': 5, 'loss': 0.5, 'converged': True,
    }  # fmt: skip
    path.write_text(json.dumps(model))
    return path


def classifier(namespace: str, folder: str, windows: int):
    from probe import Server

    file = write_model(Path(folder, f'{namespace}.json'), namespace, windows)
    listed = 'features:=[' + ', '.join(f'"{each}"' for each in features(windows)) + ']'
    return Server(namespace, 'classifier', parameters=[listed, f'model_file:={file}'])


def exchanges() -> dict:
    from sensor_msgs.msg import Imu
    from std_msgs.msg import Float64

    def of_ours(data):
        return int(struct.unpack('<d', data[4:12])[0] * FLAT_OUT)

    def of_echo(data):
        return int(FLAT_OUT / (1.0 + math.exp(-struct.unpack('<d', data[4:12])[0])))

    said = (Imu, 'imu', Float64, 'probability')
    return {'ours': (*said, of_ours), 'echo': (*said, of_echo), 'again': (*said, of_echo)}


@contextlib.contextmanager
def ending(servers):
    try:
        yield servers
    finally:
        for each in servers.values():
            each.end()


def decisions(rows, facts, probe, quick: bool) -> None:
    """Imu → decision; then the memory of those who answered."""
    from probe import Server

    said = exchanges()
    for windows in (6, 12):
        with tempfile.TemporaryDirectory() as folder, ending({
            'echo': Server(f'echo_{windows}', 'echo', 'imu'),
            'ours': classifier(f'one_{windows}', folder, windows),
            'again': Server(f'again_{windows}', 'echo', 'imu'),
        }) as servers:  # fmt: skip
            names = {id(server): name for name, server in servers.items()}
            for rate in (200, 1000):
                requests = messages(rate)
                for name, server in servers.items():
                    server.asked = 0
                    probe.wake(server, requests, said[name], 1.0 / rate)

                def ask(server):
                    how = (server, requests, said[names[id(server)]])
                    probe.ask(*how, rate_hz=rate, seconds=2.0)  # windows are filled at this rate
                    return probe.ask(*how, rate_hz=rate, seconds=2.0 if quick else 4.0)

                targets = {'p50': 0.8, 'p99': 1.0, 'cpu': 0.55}
                work = f'Imu → decision, {windows} windows, {rate} Hz'
                compare(rows, probe, work, servers, ask, 1 if quick else 3, LATENCY, targets)
            if windows == 12:
                memory(rows, facts, servers)
                flat_out(rows, probe, servers, said, requests, names, quick)


def flat_out(rows, probe, servers, said, requests, names, quick: bool) -> None:
    def ask(server):
        how = (server, requests, said[names[id(server)]])
        server.asked = 0  # else stamps may begin again in the middle, and windows have to be filled again
        probe.ask(*how, rate_hz=1000, seconds=2.0)
        return probe.ask(*how, window=16, seconds=2.0)

    compare(rows, probe, 'Imu → decision, 12 windows, flat out', servers, ask, 1 if quick else 3, CAPACITY)


def memory(rows, facts, servers) -> None:
    """What the processes have in memory after thousands of messages; a trainer comes on top."""
    from probe import Server

    has = [servers[name].memory_bytes() / 2**20 for name in ('echo', 'again', 'ours')]
    rows.add('memory of the classifier', 'RSS', 'MiB', has, 1.15)
    trainer = Server('trains', 'trainer')
    try:
        time.sleep(3.0)
        total = has[2] + trainer.memory_bytes() / 2**20
    finally:
        trainer.end()
    ratio = total / has[0]
    facts.append(('memory of classifier and trainer', f'{total:.0f} MiB, {ratio:.2f} of the echo', '≤ 2.2',
                  ratio <= 2.2))  # fmt: skip


def start(rows, facts, probe, quick: bool) -> None:
    """From exec to the first decision."""
    from probe import Server

    requests, said = messages(1000.0)[:1000], exchanges()
    took = {'echo': [], 'again': [], 'ours': []}
    with tempfile.TemporaryDirectory() as folder:
        for k in range(2 if quick else 12):
            for name in took:
                namespace = f'start_{name}_{k}'
                if name == 'ours':
                    server = classifier(namespace, folder, 0)
                else:
                    server = Server(namespace, 'echo', 'imu')
                with ending({name: server}):
                    took[name].append(probe.wake(server, requests, said[name]))
    values = [float(np.percentile(took[name], 25)) for name in ('echo', 'again', 'ours')]
    rows.add('start of the classifier', 'exec to the first decision', 's', values, 1.2)


def rest(rows, facts, probe, quick: bool) -> None:
    """CPU of nodes that have nothing to do."""
    from probe import Server

    for names, target in ((('featurizer', 'predictor', 'trainer'), 0.5), (('classifier', 'trainer'), None)):
        with ending({name: Server('idle', name) for name in names}) as servers:
            time.sleep(REST_SEC)
            began, cpu = time.perf_counter(), sum(each.cpu_sec() for each in servers.values())
            time.sleep(5.0 if quick else IDLE_SEC)
            used = sum(each.cpu_sec() for each in servers.values()) - cpu
            share = 100.0 * used / (time.perf_counter() - began)
        fact = f'{share:.2f} % of a core'
        wanted = ('', None) if target is None else (f'≤ {target:g} %', share <= target)
        facts.append((f'at rest: {", ".join(names)}', fact, *wanted))


def answer_of_train(rows, facts, probe, quick: bool) -> None:
    """What `~/train` of little takes beside the work that it tells of."""
    from probe import Server
    from rclpy.serialization import serialize_message
    from std_msgs.msg import Float64MultiArray
    from std_srvs.srv import Trigger

    generator = np.random.default_rng(0)
    with ending({'trainer': Server('little', 'trainer')}):
        publisher = probe.publisher(Float64MultiArray, '/little/labeled_features', 1000)
        probe.until(lambda: publisher.get_subscription_count() > 0, what='the trainer')
        for i in range(200):
            sample = [*(generator.normal(size=4) + i % 2).tolist(), float(i % 2)]
            publisher.publish(serialize_message(Float64MultiArray(data=sample)))
        client = probe.node.create_client(Trigger, '/little/trainer/train')
        probe.until(client.service_is_ready, what='~/train')
        probe.spin(2.0)
        beside = []
        for _ in range(10 if quick else 50):
            began = time.perf_counter()
            future = client.call_async(Trigger.Request())
            probe.spin(5.0, future)
            took = time.perf_counter() - began
            beside.append(1e3 * (took - json.loads(future.result().message)['seconds']))
    figures = f'{np.median(beside):.2f} ms, at most {max(beside):.2f}'
    facts.append(('`~/train` of 200 samples: answer after the work', figures, '≤ 2 ms',
                  float(np.median(beside)) <= 2.0))  # fmt: skip


def write(rows, facts) -> None:
    lines = [
        f'| {work} | {figure} | {target} {"" if met is None else "met" if met else "MISSED"} |'
        for work, figure, target, met in facts
    ]
    text = TEXT
    values = {'machine': machine(), 'load': LOAD, 'Rows': rows.table.text(), 'Facts': '\n'.join(lines)}
    for name, value in values.items():
        text = text.replace('{' + name + '}', value)
    put_section(
        DOC / 'explanation' / 'benchmarks.md',
        '<!-- robot: written by make bench-live -->',
        text,
        '<!-- end of robot -->',
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--quick', action='store_true', help='fewer repeats, nothing is written')
    quick = parser.parse_args().quick
    os.environ.update(ROS_DOMAIN_ID=str(DOMAIN), ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
    from probe import Probe

    rows, facts, probe = Rows(), [], Probe()
    try:
        for part in (decisions, start, rest, answer_of_train):
            part(rows, facts, probe, quick)
    finally:
        probe.close()
    for fact in facts:
        say(str(fact))
    if not quick:
        write(rows, facts)
    return 0


if __name__ == '__main__':
    sys.exit(main())
