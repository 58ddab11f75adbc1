# SPDX-License-Identifier: Apache-2.0
"""What is seen while it runs: a panel on a terminal, else a plain line every few seconds."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from typing import TextIO

from .player import Feedback

REDRAW_SEC = 0.1
LINE_SEC = 3.0
BAR_CHARS = 30


@dataclass
class View:
    """What is shown: the phase of the demo, its progress (0 to 1), and what the nodes say."""

    phase: str = ''
    progress: float = 0.0
    samples: int = 0
    steps: int = 0
    loss: float | None = None
    accuracy: float | None = None
    probability: float | None = None
    truth: int | None = None

    def take(self, feedback: Feedback) -> None:
        """Take over what has been received; a probability stays until there is another."""
        self.samples = feedback.labeled
        if feedback.model is not None:
            self.steps, self.loss = feedback.model.step, feedback.model.loss
        if accuracy := feedback.curves['accuracy']:
            self.accuracy = accuracy[-1][1]
        self.probability = self.probability if feedback.probability is None else feedback.probability

    def lines(self) -> list[str]:
        """Return it as three lines."""
        truth = '' if self.truth is None else f'   truth {self.truth}'
        return [
            f'{self.phase:<11}{_bar(self.progress)} {self.progress:4.0%}',
            f'samples {self.samples}   steps {self.steps}   loss {_number(self.loss)}   '
            f'accuracy (tested, then taught) {_number(self.accuracy)}',
            f'probability{_bar(self.probability or 0.0)} {_number(self.probability)}{truth}',
        ]

    def line(self) -> str:
        """Return it as one line."""
        return (
            f'{self.phase} {self.progress:.0%}: {self.samples} samples, {self.steps} steps, '
            f'loss {_number(self.loss)}, accuracy {_number(self.accuracy)}, '
            f'probability {_number(self.probability)}'
        )


def _bar(share: float) -> str:
    filled = round(share * BAR_CHARS)  # in ASCII, which every terminal shows
    return f'[{"#" * filled}{"." * (BAR_CHARS - filled)}]'


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'


class Panel:
    """Draws views on a stream, not too often."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._drawn = 0
        self._looked = self._printed = 0.0

    def is_due(self) -> bool:
        """Return whether it is time to look again."""
        now = time.monotonic()
        if now - self._looked < REDRAW_SEC:
            return False
        self._looked = now
        return True

    def show(self, view: View, last: bool = False) -> None:
        """Draw the view over the one before; a plain line only every few seconds, and the last one."""
        if self._stream.isatty():
            width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be drawn over
            up = f'\x1b[{self._drawn}A' if self._drawn else ''
            lines = view.lines()
            self._stream.write(up + ''.join(f'\x1b[2K{line[:width]}\n' for line in lines))
            self._stream.flush()
            self._drawn = len(lines)
        elif last or self._looked - self._printed >= LINE_SEC:
            self._printed = self._looked
            print(view.line(), file=self._stream, flush=True)
