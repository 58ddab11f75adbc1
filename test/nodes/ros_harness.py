# SPDX-License-Identifier: Apache-2.0
"""Real node processes in a ROS domain of their own, and a client that spins and looks."""

from __future__ import annotations

import array
import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import shared_memory
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Float64, Float64MultiArray, MultiArrayDimension, String, UInt8
from std_srvs.srv import SetBool, Trigger

REPOSITORY = Path(__file__).resolve().parents[2]
DOMAINS = range(110, 171)
HANG_SEC = 60.0
"""What takes longer hangs; no fact is held against it."""
LOCAL = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'ROS_LOCALHOST_ONLY': '1'}
FAST_DDS_2 = find_spec('fastrtps') or os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy')
PROFILE = f'{"FASTRTPS" if FAST_DDS_2 else "FASTDDS"}_DEFAULT_PROFILES_FILE'
"""Where Fast DDS looks for a profile; version 3 hears the older name as well, and warns of it."""
CLIENT_ALONE = {PROFILE: str(Path(__file__).with_name('client_profile.xml'))}
LATCHED = QoSProfile(
    depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
DEEP = QoSProfile(depth=10_000, reliability=ReliabilityPolicy.RELIABLE)
WHOLE_NUMBERS_WIDEN = hasattr(Node, 'add_pre_set_parameters_callback')
"""Not on Humble."""


class Domain:
    """One ROS domain that nobody on this machine has as long as this lives: a file is locked."""

    def __init__(self):
        for self.number in DOMAINS:
            path = Path(tempfile.gettempdir()) / f'binclf_ros_test_domain_{self.number}.lock'
            try:
                self._file = self._open(path)
            except PermissionError:
                continue  # somebody else's, who lets nobody look
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                os.close(self._file)
        raise RuntimeError(f'all domains of {DOMAINS} are taken')

    @staticmethod
    def _open(path):
        try:
            return os.open(path, os.O_RDONLY)  # enough to lock it, also where another user made it
        except FileNotFoundError:
            return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)

    def free(self):
        os.close(self._file)


def environment(domain):
    return {
        **{key: value for key, value in os.environ.items() if key not in CLIENT_ALONE},
        **LOCAL,
        'ROS_DOMAIN_ID': str(domain),
        'PYTHONPATH': os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get('PYTHONPATH')])),
        'PYTHONUNBUFFERED': '1',
    }


def run_program(program, domain):
    """Run Python in a process of its own; return what it printed last, as JSON, and its standard error."""
    done = subprocess.run(
        [sys.executable, '-c', program],
        env=environment(domain),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


class Process:
    """One process in a domain."""

    def __init__(self, name, command, folder, domain):
        self.name = name
        self._stderr = folder / f'{name}-{time.monotonic_ns()}.stderr'
        self._stdout = self._stderr.with_suffix('.stdout')
        with open(self._stderr, 'wb') as stderr, open(self._stdout, 'wb') as stdout:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment(domain), stdout=stdout, stderr=stderr
            )
        self.began = time.monotonic()
        self.pid = self._process.pid
        self.shared = set()

    @property
    def stdout(self):
        return self._stdout.read_text(errors='replace')

    @property
    def stderr(self):
        return self._stderr.read_text(errors='replace')

    @property
    def code(self):
        return self._process.poll()

    def cpu_sec(self):
        fields = Path(f'/proc/{self.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def memory_bytes(self):
        """Return what it has in memory (RSS)."""
        pages = int(Path(f'/proc/{self.pid}/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE')

    def heeds_signals(self):
        """Return whether it has a handler for SIGTERM by now."""
        status = Path(f'/proc/{self.pid}/status').read_text()
        caught = int(status.split('SigCgt:')[1].split()[0], 16)
        return bool(caught >> (signal.SIGTERM - 1) & 1)

    def signal(self, *numbers, apart_sec=0.02):
        """Send signals and return the seconds from the first of them to the end of the process."""
        self.shared |= shared_memory.names_of(self.pid)
        began = time.monotonic()
        for i, number in enumerate(numbers):
            if i:
                time.sleep(apart_sec)  # what is asked for is two signals in quick succession
            if self.code is None:
                self._process.send_signal(number)
        self.wait()
        return time.monotonic() - began

    def wait(self, timeout=HANG_SEC):
        return self._process.wait(timeout)

    def kill(self):
        self.signal(signal.SIGKILL)

    def end(self):
        """End it as a user would, or by force where that does nothing; complain if it was so."""
        if self.code is not None:
            return
        try:
            self.signal(signal.SIGINT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait()
        assert self.code == 0, f'{self.name} ended with {self.code} on SIGINT: {self.stderr[-2000:]}'


class Ground:
    """A domain, processes in it, and a client node that hears what they say."""

    def __init__(self, folder):
        self.folder = folder
        self._lock = Domain()
        self.domain = self._lock.number
        self._shared_before = shared_memory.names()
        self.processes = []
        self.prefix = ()
        self.context = Context()
        self.context.init(domain_id=self.domain)
        self.node = Node('client', context=self.context, enable_rosout=False)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self._clients = {}
        self._answered = set()
        self._publishers = {}
        self.status = {}
        self.severity = {}
        self.text = {}
        self.reports = {}
        self.unbalanced = []
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 100)

    def start(self, name, *arguments, **parameters):
        """Start a node; parameters are given as text, as on a command line."""
        return self.start_script(['-m', 'binclf_ros', name], name, *arguments, **parameters)

    def start_script(self, script, name, *arguments, **parameters):
        """Start what Python is to run, as `start` does."""
        given = [each for key, value in parameters.items() for each in ('-p', f'{key}:={value}')]
        command = [*self.prefix, sys.executable, *script, '--ros-args', *arguments, *given]
        process = Process(name, command, self.folder, self.domain)
        self.processes.append(process)
        return process

    def end(self):
        try:
            failures = []
            for process in self.processes:
                try:
                    process.end()
                except AssertionError as error:
                    failures.append(str(error))
            assert not failures, '\n'.join(failures)
            assert not self.unbalanced, f'received is not what became of it: {self.unbalanced[0]}'
        finally:
            own = shared_memory.names_of(os.getpid())
            self.executor.shutdown()
            self.node.destroy_node()
            self.context.try_shutdown()
            theirs = set().union(*(process.shared for process in self.processes))
            shared_memory.sweep(theirs - self._shared_before, own - self._shared_before)
            self._lock.free()

    # what is heard

    def _on_diagnostics(self, message):
        status = message.status[0]
        values = {each.key: each.value for each in status.values}
        self.status[status.name] = values
        self.severity[status.name] = int.from_bytes(status.level, 'little')
        self.text[status.name] = status.message
        self.reports[status.name] = self.reports.get(status.name, 0) + 1
        if 'received' in values:
            done = int(values.get('accepted', values.get('answered', 0)))
            rejected = sum(int(v) for k, v in values.items() if k.startswith('rejected/'))
            if int(values['received']) != done + rejected:
                self.unbalanced.append(values)

    def subscribe(self, kind, topic, qos=100, read=lambda message: message):
        """Return the list that grows with what a topic says."""
        heard = []
        self.node.create_subscription(kind, topic, lambda m: heard.append(read(m)), qos)
        return heard

    def hear_models(self):
        return self.subscribe(String, 'model', LATCHED, lambda m: json.loads(m.data))

    def hear_probabilities(self, topic='probability'):
        return self.subscribe(Float64, topic, read=lambda m: m.data)

    def hear_decisions(self):
        return self.subscribe(UInt8, 'decision', read=lambda m: m.data)

    def shown(self, node, key):
        """Return what diagnostics last showed; '' for nothing."""
        return self.status.get(node, {}).get(key, '')

    def count(self, node, key):
        """Return a counter as diagnostics last showed it."""
        return int(self.shown(node, key) or 0)

    # what is said

    def publisher(self, kind, topic, qos=DEEP, subscribers=1):
        """Return a publisher that somebody hears."""
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(kind, topic, qos)
        publisher = self._publishers[topic]
        self.wait_until(lambda: publisher.get_subscription_count() >= subscribers, f'ears on {topic}')
        return publisher

    def teach(self, X, y, names=()):
        publisher = self.publisher(Float64MultiArray, 'labeled_features')
        for x, label in zip(X, y):
            publisher.publish(vector([*x, label], names))

    def ask(self, x, names=()):
        self.publisher(Float64MultiArray, 'features').publish(vector(x, names))

    def ask_until(self, condition, x, names=()):
        """Ask again and again: who hears best effort may not know of us yet when we know of it."""
        self.wait_until(condition, 'an answer', meanwhile=lambda: self.ask(x, names), every_sec=0.5)

    # waiting

    def spin(self, timeout=0.05):
        self.executor.spin_once(timeout_sec=timeout)

    def wait_until(self, condition, what='', timeout=HANG_SEC, meanwhile=None, every_sec=0.02):
        """Spin until the condition holds, and return it; `meanwhile` is done again and again."""
        ends = time.monotonic() + timeout
        again = 0.0
        while not (result := condition()):
            now = time.monotonic()
            if now > ends:
                raise AssertionError(f'waited {timeout:g} s for {what or condition}; {self._scene()}')
            if meanwhile is not None and now >= again:
                meanwhile()
                again = now + every_sec
            self.spin(0.01 if meanwhile else 0.05)
        return result

    def wait_for_nodes(self, *names):
        self.wait_until(lambda: all(name in self.status for name in names), f'status of {names}')

    def wait_for_reports(self, name, count=2):
        """Wait until a node has reported `count` times more: so long, nothing of what it did is missed."""
        wanted = self.reports.get(name, 0) + count
        self.wait_until(lambda: self.reports.get(name, 0) >= wanted, f'reports of {name}')

    def wait_until_shown(self, node, key, value):
        self.wait_until(lambda: self.shown(node, key) == str(value), f'{key} {value} of {node}')

    def drain(self):
        """Take in what has arrived already."""
        for _ in range(50):
            self.spin(0.0)

    def _scene(self):
        ends = [(each.name, each.code, each.stderr[-1000:]) for each in self.processes]
        return f'diagnostics {self.text} {self.status}; processes {ends}'

    # services

    def call_async(self, kind, name, request):
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.node.create_client(kind, name)
        self.wait_until(client.service_is_ready, f'service {name}')
        return client.call_async(request)

    def call(self, kind, name, request=None):
        """Call a service and return its answer.

        The first request is repeated: a server that does not know yet of the client that it hears
        loses the answer (rmw_fastrtps: "client will not receive response").
        """
        request = kind.Request() if request is None else request
        futures = []

        def ask():
            futures.append(self.call_async(kind, name, request))

        every_sec = 2 * HANG_SEC if name in self._answered else 3.0
        self.wait_until(
            lambda: any(each.done() for each in futures),
            f'answer of {name}',
            meanwhile=ask,
            every_sec=every_sec,
        )
        self._answered.add(name)
        return next(each for each in futures if each.done()).result()

    def trigger(self, name):
        """Call a std_srvs/Trigger and return success and message."""
        answer = self.call(Trigger, name)
        return answer.success, answer.message

    def pause(self, paused=True):
        assert self.call(SetBool, '/trainer/pause', SetBool.Request(data=paused)).success

    def set_parameter(self, node, name, value):
        """Set one as `ros2 param set` does; return '' or the reason why not."""
        request = SetParameters.Request(parameters=[parameter(name, value)])
        result = self.call(SetParameters, f'/{node}/set_parameters', request).results[0]
        assert result.successful or result.reason, 'refused without a reason'
        return '' if result.successful else result.reason

    def set_atomically(self, node, values):
        request = SetParametersAtomically.Request(parameters=[parameter(*each) for each in values.items()])
        result = self.call(SetParametersAtomically, f'/{node}/set_parameters_atomically', request).result
        return '' if result.successful else result.reason

    def parameter_values(self, node, *names):
        request = GetParameters.Request(names=list(names))
        return [
            value_of(each) for each in self.call(GetParameters, f'/{node}/get_parameters', request).values
        ]

    def descriptors(self, node):
        names = self.call(ListParameters, f'/{node}/list_parameters').result.names
        request = DescribeParameters.Request(names=names)
        return self.call(DescribeParameters, f'/{node}/describe_parameters', request).descriptors


def vector(values, names=(), size=None, offset=0):
    """Return a Float64MultiArray; `names` is a list, or the text of the layout."""
    message = Float64MultiArray(data=array.array('d', np.asarray(values, dtype=float).tobytes()))
    message.layout.data_offset = offset
    label = names if isinstance(names, str) else ','.join(names)
    if label or size is not None:
        message.layout.dim = [MultiArrayDimension(label=label, size=size or 0)]
    return message


_KINDS = {
    bool: ('bool_value', ParameterType.PARAMETER_BOOL),
    int: ('integer_value', ParameterType.PARAMETER_INTEGER),
    float: ('double_value', ParameterType.PARAMETER_DOUBLE),
    str: ('string_value', ParameterType.PARAMETER_STRING),
    list: ('string_array_value', ParameterType.PARAMETER_STRING_ARRAY),
    bytes: ('byte_array_value', ParameterType.PARAMETER_BYTE_ARRAY),
}


def parameter(name, value):
    """Return a parameter as it is on the wire; None unsets it."""
    if value is None:
        return Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_NOT_SET))
    field, number = _KINDS[type(value)]
    return Parameter(name=name, value=ParameterValue(**{'type': number, field: value}))


def value_of(value):
    for kind, (field, number) in _KINDS.items():
        if value.type == number:
            return kind(getattr(value, field))
    return None


def blobs(count, n_features=2, seed=0):
    """Return X and y of two classes that overlap, taking turns."""
    generator = np.random.default_rng(seed)
    y = np.arange(count) % 2.0
    return generator.normal(size=(count, n_features)) + 1.5 * y[:, None], y


def probability_of(model, x):
    """sigmoid(weights·x + bias), as anybody would compute it who reads the model."""
    z = math.fsum(w * v for w, v in zip(model['weights'], x)) + model['bias']
    return 1.0 / (1.0 + math.exp(-z)) if z > 0 else math.exp(z) / (1.0 + math.exp(z))


def model_dict(weights=(1.0, -2.0), bias=0.25, step=1, run='run', **other):
    """Return a model that is good, but for what `other` says."""
    n = len(weights)
    return {
        'format': 'binclf_ros/model', 'version': 1, 'run': run, 'step': step, 'stamp': 1.7e9,
        'features': [f'x{i}' for i in range(n)], 'weights': list(weights), 'bias': bias,
        'mean': [0.0] * n, 'scale': [1.0] * n, 'samples': 10, 'positives': 5, 'loss': 0.5,
        'converged': True, **other,
    }  # fmt: skip
