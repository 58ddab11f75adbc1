# SPDX-License-Identifier: Apache-2.0
"""The nodes as processes: started, watched, and always ended, each by its id."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from .errors import DemoFailed

END_SEC = 3.0
LAST_LINES = 8
MAX_SAID = 2**20
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PACKAGE = Path(__file__).resolve().parents[2]
HIGHEST_DOMAIN = 101
"""The ports of higher domain ids are those that Linux hands out to any program."""


def ros_arguments(parameters: Mapping[str, object], params_file: str = '') -> list[str]:
    """Return what a node is started with: a file of parameters, and parameters that override it."""
    arguments = ['--params-file', params_file] if params_file else []
    for name, value in parameters.items():
        arguments += ['-p', f'{name}:={json.dumps(value)}']  # JSON is YAML
    return ['--ros-args', *arguments] if arguments else []


def unused_domain() -> int:
    """Return a ROS domain id whose first ports nobody has on this machine."""
    domains = random.sample(range(1, HIGHEST_DOMAIN + 1), HIGHEST_DOMAIN)
    return next((each for each in domains if _is_unused(each)), domains[0])


def _is_unused(domain: int) -> bool:
    base = 7400 + 250 * domain  # of the DDS standard: discovery for all, and of the first participant
    for port in (base, base + 10, base + 11):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(('', port))
            except OSError:
                return False
    return True


def stay_local(domain: int) -> None:
    """Let this process and those it starts talk in one domain on this machine, and nowhere else."""
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    if os.environ.get('ROS_DISTRO') == 'humble':
        os.environ['ROS_LOCALHOST_ONLY'] = '1'


def make_room_for_clouds() -> None:
    """Have Fast DDS hand large clouds over in shared memory, if nobody has said yet how it should."""
    older = os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy')
    name = ('FASTRTPS' if older else 'FASTDDS') + '_DEFAULT_PROFILES_FILE'
    for folder in Path(__file__).resolve().parents:
        for place in ('config', 'share/binclf_ros/config'):
            profile = folder / place / 'fastdds_large_clouds.xml'
            if profile.is_file():
                os.environ.setdefault(name, str(profile))
                return


class Processes:
    """The nodes, running, by their names."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._said: dict[str, IO[bytes]] = {}

    def start(self, name: str, arguments: Sequence[str], shown: bool = False) -> None:
        """Start one node of this package; what it logs goes to a file that nobody else sees.

        `shown`: what it prints goes to the terminal.
        """
        paths = [str(PACKAGE), *filter(None, [os.environ.get('PYTHONPATH')])]
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
        said = self._said[name] = tempfile.TemporaryFile()  # noqa: SIM115 (`end` closes it)
        command = [sys.executable, '-m', 'binclf_ros', name, *arguments]
        self._running[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=None if shown else said, stderr=said, env=environment
        )

    def check(self) -> None:
        """Raise DemoFailed with its last words where a node has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                said = os.pread(self._said[name].fileno(), MAX_SAID, 0).decode(errors='replace')
                last = '\n'.join(f'  {line}' for line in said.strip().splitlines()[-LAST_LINES:])
                raise DemoFailed(
                    f'the {name} ended unexpectedly, with exit code {process.returncode}; '
                    f'its last lines:\n{last or "  (none)"}'
                )

    def names(self) -> list[str]:
        """Return the names of the nodes."""
        return list(self._running)

    def end(self) -> None:
        """End all nodes: SIGINT, and after a few seconds SIGKILL."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + END_SEC
        for process in self._running.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for said in self._said.values():
            said.close()


@contextmanager
def running(starts: Mapping[str, Sequence[str]], shown: str = '') -> Iterator[Processes]:
    """Run nodes, each with its arguments; they are ended whatever happens, and no signal interrupts that.

    What the node `shown` prints goes to the terminal.
    """
    nodes = Processes()
    try:
        for name, arguments in starts.items():
            nodes.start(name, arguments, name == shown)
        yield nodes
    finally:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
        nodes.end()
        for number, handler in before.items():
            signal.signal(number, handler)


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this program as Ctrl-C does, so that the nodes are ended too."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in ENDING[1:]:
        signal.signal(number, leave)
