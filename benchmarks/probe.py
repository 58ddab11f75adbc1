# SPDX-License-Identifier: Apache-2.0
"""Who asks and who answers in the benchmark of the live nodes: processes, and a client with a clock."""

# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rclpy.task import Future
from std_msgs.msg import Float64MultiArray, String

from binclf_ros.ros.memory import keep_freed_memory

try:
    from rclpy.experimental.events_executor import EventsExecutor as Executor
except ImportError:
    from rclpy.executors import SingleThreadedExecutor as Executor

HERE = Path(__file__).resolve().parent
RING = 1024
PATIENCE_SEC = 30.0
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
DEEP = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)


class Server:
    """A process that answers: a node of ours, or an echo."""

    def __init__(self, namespace: str, *command: str, parameters=()) -> None:
        program = (
            [str(HERE / 'echo.py'), command[1]] if command[0] == 'echo' else ['-m', 'binclf_ros', *command]
        )
        given = [each for pair in parameters for each in ('-p', pair)]
        self.namespace = namespace
        self.asked = 0
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *program, '--ros-args', '-r', f'__ns:=/{namespace}', *given],
            cwd=HERE.parent,
            stderr=subprocess.DEVNULL,
        )

    def cpu_sec(self) -> float:
        """Return the processor time of all its threads, to the nanosecond."""
        total = 0
        for task in Path(f'/proc/{self._process.pid}/task').iterdir():
            total += int((task / 'schedstat').read_text().split()[0])
        return total * 1e-9

    def resident_mib(self) -> float:
        """Return what it has in memory (MiB)."""
        lines = Path(f'/proc/{self._process.pid}/status').read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith('VmRSS')) / 1024

    def memory_bytes(self) -> int:
        """Return what it has in memory (RSS)."""
        pages = int(Path(f'/proc/{self._process.pid}/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE')

    def end(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Result(dict):
    """p50, p99 (s), cpu (s a message), rate (answers a second), sent, lost."""


class Probe:
    """A client of many servers, each in a namespace of its own."""

    def __init__(self) -> None:
        keep_freed_memory()  # how fast the client is shall not depend on sizes
        rclpy.init()
        self.node = Node('probe', enable_rosout=False)
        self.executor = Executor()
        self.executor.add_node(self.node)
        self._publishers, self._heard = {}, {}

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def publisher(self, kind, topic, qos=100):
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(kind, topic, qos)
        return self._publishers[topic]

    def subscribe(self, kind, topic, callback, qos=100) -> None:
        """Hand the raw bytes of a topic to a callback, the last one asked for."""
        if topic not in self._heard:
            self.node.create_subscription(kind, topic, lambda data: self._heard[topic](data), qos, raw=True)
        self._heard[topic] = callback

    def spin(self, seconds: float, future: Future | None = None) -> None:
        self.executor.spin_until_future_complete(Future() if future is None else future, seconds)

    def until(self, condition, meanwhile=lambda: None, every_sec=0.01, what='') -> None:
        ends = time.perf_counter() + PATIENCE_SEC
        while not condition():
            if time.perf_counter() > ends:
                raise SystemExit(f'waited in vain for {what}')
            meanwhile()
            self.spin(every_sec)

    def call(self, kind, name, request):
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready, what=name)
        future = client.call_async(request)
        self.spin(PATIENCE_SEC, future)
        self.node.destroy_client(client)
        return future.result()

    def ask(
        self, server: Server, requests, exchange, rate_hz=0.0, window=1, seconds=3.0, most=10**9
    ) -> Result:
        """Ask at a rate, or (0) keep `window` questions open; return what came of it.

        `exchange` is (kind, topic, answer kind, answer topic, index_of): the last reads from the bytes
        of an answer which of the requests (bytes) it answers, or None for the oldest that is open.
        """
        kind, topic, answer_kind, answer_topic, index_of = exchange
        publisher = self.publisher(kind, f'/{server.namespace}/{topic}', DEEP)
        sent_at, took, done = {}, [], Future()
        count, closing = 0, False
        clock = time.perf_counter

        def send() -> None:
            nonlocal count
            i = server.asked % len(requests)
            server.asked += 1
            count += 1
            sent_at[i] = clock()
            publisher.publish(requests[i])

        def on_answer(data) -> None:
            now = clock()
            i = index_of(data) if index_of else next(iter(sent_at), None)
            began = sent_at.pop(i, None)
            if began is None:
                return
            took.append(now - began)
            if not closing and not rate_hz and count < most:
                send()
            elif (closing or count >= most) and not sent_at and not done.done():
                done.set_result(None)

        self.subscribe(answer_kind, f'/{server.namespace}/{answer_topic}', on_answer)
        began_cpu, began = server.cpu_sec(), clock()
        if rate_hz:
            timer = self.node.create_timer(1.0 / rate_hz, send)
            self.spin(seconds)
            timer.cancel()
            self.node.destroy_timer(timer)
        else:
            for _ in range(window):
                send()
            self.spin(seconds, done)
        spent = clock() - began
        closing = True
        if sent_at:
            self.spin(1.0, done)
        cpu = server.cpu_sec() - began_cpu
        times = np.array(took)
        return Result(
            p50=float(np.percentile(times, 50)), p99=float(np.percentile(times, 99)), cpu=cpu / len(took),
            rate=len(took) / spent, sent=count, lost=count - len(took), load=cpu / spent,
        )  # fmt: skip

    def wake(self, server: Server, requests, exchange, every_sec=0.005) -> float:
        """Ask again and again until the server answers; return the seconds since it was started."""
        kind, topic, answer_kind, answer_topic, _ = exchange
        answered = []
        publisher = self.publisher(kind, f'/{server.namespace}/{topic}', DEEP)
        self.subscribe(
            answer_kind,
            f'/{server.namespace}/{answer_topic}',
            lambda data: answered.append(time.perf_counter()),
        )

        def send() -> None:
            publisher.publish(requests[server.asked % len(requests)])
            server.asked += 1

        self.until(lambda: answered, send, every_sec, f'an answer of {server.namespace}')
        self.spin(0.3)  # what is on its way still
        return answered[0] - server.began


def questions(n: int):
    """Return a model of n features, its file, RING vectors as bytes, and what reads an answer.

    The i-th vector has the probability (i + ½)/RING, and its first value is that of no other.
    """
    generator = np.random.default_rng(0)
    weights = generator.normal(size=n)
    weights[0] = 1.0
    X = generator.normal(size=(RING, n))
    p = (np.arange(RING) + 0.5) / RING
    X[:, 0] += np.log(p / (1.0 - p)) - X @ weights
    model = {
        'format': 'binclf_ros/model', 'version': 1, 'run': f'bench-{n}-{os.getpid()}', 'step': 1,
        'stamp': 1.7e9,
        'features': [f'x{i}' for i in range(n)], 'weights': weights.tolist(), 'bias': 0.0,
        'mean': [0.0] * n, 'scale': [1.0] * n, 'samples': 10, 'positives': 5, 'loss': 0.5,
        'converged': True,
    }  # fmt: skip
    requests = [serialize_message(Float64MultiArray(data=x.tolist())) for x in X]
    first = {x: i for i, x in enumerate(X[:, 0].tolist())}

    def of_probability(data):
        return int(struct.unpack('<d', data[4:12])[0] * RING)

    def of_echo(data):
        return first[struct.unpack('<d', data[4:12])[0]]

    return json.dumps(model), requests, of_probability, of_echo


def teach_model(probe: Probe, server: Server, model: str, requests, exchange, every_sec=0.005) -> None:
    """Publish a model, and return when the server answers by it."""
    probe.publisher(String, f'/{server.namespace}/model', LATCHED).publish(String(data=model))
    probe.wake(server, requests, exchange, every_sec)
