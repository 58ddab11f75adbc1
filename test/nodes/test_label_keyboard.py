# SPDX-License-Identifier: Apache-2.0
"""The label keyboard in a terminal of its own: keys in, labels out, and the terminal as it was."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import termios

import pytest
from ros_harness import environment
from std_msgs.msg import Int8

COMMAND = [sys.executable, '-m', 'binclf_ros', 'label_keyboard']


class Keyboard:
    """A label keyboard, and the other end of its terminal."""

    def __init__(self, ground):
        self.ground = ground
        self.labels = ground.subscribe(Int8, 'label', read=lambda m: m.data)
        self._ours, self._its = pty.openpty()
        os.set_blocking(self._ours, False)
        self._screen = b''
        self.before = self.terminal()
        self.process = subprocess.Popen(
            COMMAND,
            env=environment(ground.domain),
            stdin=self._its,
            stdout=self._its,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def terminal(self):
        return termios.tcgetattr(self._its)

    def press(self, keys):
        os.write(self._ours, keys.encode())

    def screen(self):
        with contextlib.suppress(BlockingIOError):  # nothing new
            self._screen += os.read(self._ours, 100_000)
        return self._screen.decode(errors='replace')

    def until(self, condition):
        self.ground.wait_until(lambda: (self.screen(), condition())[1], self.screen())

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)
        os.close(self._its)


@pytest.fixture
def keyboard(ground):
    keyboard = Keyboard(ground)
    yield keyboard
    keyboard.end()


def test_keys_are_labels_and_the_terminal_is_as_it_was(keyboard):
    keyboard.until(lambda: keyboard.labels)
    assert set(keyboard.labels) == {-1}
    for key, label in (('1', 1), ('0', 0), ('x', 0), ('1', 1), (' ', -1)):
        said = len(keyboard.labels)
        keyboard.press(key)
        keyboard.until(lambda s=said, v=label: keyboard.labels[s:][-3:] == [v] * 3)  # again and again
    keyboard.press('10')  # at once
    keyboard.until(lambda: keyboard.labels[-1] == 0)
    assert keyboard.terminal() != keyboard.before
    keyboard.press('q')
    keyboard.until(lambda: keyboard.process.poll() is not None)
    assert keyboard.process.returncode == 0
    assert keyboard.terminal() == keyboard.before
    assert set(keyboard.labels) == {-1, 0, 1}
    for text in ('label: /label/data', 'label: 1 (yes)', 'label: 0 (no)', 'label: none'):
        assert text in keyboard.screen()


def test_what_the_nodes_say_of_their_work_is_shown(keyboard):
    keyboard.until(lambda: keyboard.labels)
    keyboard.ground.start('featurizer')
    keyboard.until(lambda: 'WARN featurizer: no features yet: set the parameter' in keyboard.screen())
    keyboard.press('q')
    keyboard.until(lambda: keyboard.process.poll() is not None)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_and_the_terminal_is_as_it_was(keyboard, number):
    keyboard.until(lambda: keyboard.labels)
    keyboard.process.send_signal(number)
    keyboard.until(lambda: keyboard.process.poll() is not None)
    assert keyboard.process.returncode == 0, keyboard.screen()
    assert keyboard.terminal() == keyboard.before
    assert 'Traceback' not in keyboard.screen()


def test_without_a_terminal_it_says_so(ground):
    done = subprocess.run(
        COMMAND,
        env=environment(ground.domain),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert 'terminal' in done.stderr
    assert 'Traceback' not in done.stderr
