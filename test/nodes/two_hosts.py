# SPDX-License-Identifier: Apache-2.0
"""Two hosts, here two network namespaces and a cable between them, that is pulled out and put back.

python two_hosts.py FOLDER, with the environment APART: it prints after how many seconds all is well
again. It ends with NOT_PERMITTED, and says why, where there can be no namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import ros_harness
from ros_harness import CLIENT_ALONE, Ground, blobs

NOT_PERMITTED = 77
CUT_SEC = 6.0
CLONE_NEWNET = 0x40000000
APART = {
    **CLIENT_ALONE,
    'PYTHONPATH': str(Path(__file__).resolve().parents[1]),
    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET',
    'ROS_LOCALHOST_ONLY': '0',
    'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4',  # shared memory would go round the cable
}


def ip(command):
    done = subprocess.run(['ip', *command.split()], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f'ip {command}: {done.stderr.strip()}')


def enter(namespace):
    """Have this thread, and those that it starts, live in another network namespace."""
    with open(namespace) as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'setns')


class Cable:
    """Two hosts, `robot` and `desk`, and a cable between them."""

    def __init__(self):
        self.robot, self.desk = (f'binclf-{each}-{os.getpid()}' for each in ('robot', 'desk'))
        try:
            self._lay()
        except OSError:
            self.remove()
            raise

    def _lay(self):
        for host in (self.robot, self.desk):
            ip(f'netns add {host}')
        ip(f'-n {self.robot} link add wire type veth peer name wire netns {self.desk}')
        for host, address in ((self.robot, '10.213.7.1/24'), (self.desk, '10.213.7.2/24')):
            ip(f'-n {host} address add {address} dev wire')
            for link in ('lo', 'wire'):
                ip(f'-n {host} link set {link} up')
            ip(f'-n {host} route add default dev wire')

    def plug(self, state):
        ip(f'-n {self.robot} link set wire {state}')

    def remove(self):
        for host in (self.robot, self.desk):
            with contextlib.suppress(OSError):
                ip(f'netns delete {host}')


def heal(cable, ground):
    """Cut and mend the cable; return the seconds after which the predictor hears the trainer again."""
    ground.start('predictor')
    ground.prefix = ('ip', 'netns', 'exec', cable.robot)
    ground.start('trainer')
    ground.wait_for_nodes('trainer', 'predictor')
    X, y = blobs(60)
    ground.teach(X[:40], y[:40])
    ground.wait_until(lambda: ground.shown('predictor', 'model_step') and ground.severity['predictor'] == 0)
    probabilities = ground.hear_probabilities()
    ground.ask_until(lambda: probabilities, X[0])
    cable.plug('down')
    ends = time.monotonic() + CUT_SEC
    ground.wait_until(lambda: ground.severity['predictor'] == 1, 'the predictor misses the trainer')
    assert 'trainer gone' in ground.text['predictor']
    probabilities.clear()
    ground.ask_until(lambda: probabilities, X[0])
    ground.teach(X[40:], y[40:])  # into the cut
    ground.wait_until(lambda: time.monotonic() > ends, 'the end of the cut')
    cable.plug('up')
    began = time.monotonic()
    ground.wait_until(lambda: ground.severity['predictor'] == 0, 'the predictor hears the trainer again')
    healed_sec = time.monotonic() - began
    ground.wait_until_shown('trainer', 'accepted', 60)
    ground.wait_until(
        lambda: ground.shown('predictor', 'model_step') == ground.shown('trainer', 'step'),
        'the last model, which the trainer may still have come to meanwhile',
    )
    return healed_sec


def main(folder):
    cable = None
    try:
        cable = Cable()
        enter(f'/run/netns/{cable.desk}')
    except OSError as error:
        if cable:
            cable.remove()
        print(f'no network namespaces here: {error}')
        return NOT_PERMITTED
    ros_harness.LOCAL = APART
    try:
        ground = Ground(folder)
        try:
            print(f'{heal(cable, ground):.2f}')
        finally:
            ground.end()
    finally:
        cable.remove()
    return 0


if __name__ == '__main__':
    sys.exit(main(Path(sys.argv[1])))
