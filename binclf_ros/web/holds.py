# SPDX-License-Identifier: Apache-2.0
"""The dead man's switch: which label is held now, by clients that may fall silent, be late or disagree."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

from ..core.errors import RequestError

YES, NO, NO_LABEL = 1, 0, -1
CLOCK_DRIFT = 1e-4
"""By how much the clock of a page may run apart from ours (s per s); quartz stays below."""


@dataclass(frozen=True)
class Hold:
    """What a page says while a button is held: `label` is 1, 0, or −1 where none is; its own clock (s)."""

    label: int
    sequence: int
    clock_sec: float


@dataclass
class _Client:
    label: int = NO_LABEL
    sequence: int = -1
    ends: float = -math.inf
    offset: float = math.inf
    """Our clock − theirs at the frame that was least delayed of all so far (s)."""
    noted: float = -math.inf

    def delay(self, clock_sec: float, now: float) -> float:
        """Return by how much a frame was delayed more than the fastest one was (s, ≥ 0)."""
        if self.offset < math.inf:
            self.offset += CLOCK_DRIFT * (now - self.noted)
        self.noted = now
        self.offset = min(self.offset, now - clock_sec)
        return now - clock_sec - self.offset


class Holds:
    """What all clients hold. A hold ends `hold_sec` after the moment at which its page last said so.

    A frame that was held up for longer than that is dropped: it never labels late. The delay is measured
    against the fastest frame of the same client, as its clock is not ours. All times are in seconds.

    >>> holds = Holds(hold_sec=0.4)
    >>> holds.take('phone', Hold(YES, sequence=0, clock_sec=100.0), now=5.0)
    >>> holds.label(now=5.3), holds.label(now=5.5)
    (1, -1)
    """

    def __init__(self, hold_sec: float) -> None:
        self._hold_sec = hold_sec
        self._clients: dict[Hashable, _Client] = {}

    def take(self, client: Hashable, hold: Hold, now: float) -> None:
        """Take one frame in. Raises RequestError, `sequence` or `late`; a release is never refused."""
        state = self._clients.setdefault(client, _Client())
        delay = state.delay(hold.clock_sec, now)
        in_order = hold.sequence > state.sequence
        state.sequence = max(state.sequence, hold.sequence)
        if hold.label == NO_LABEL or not in_order or delay > self._hold_sec:
            state.label = NO_LABEL
        else:
            state.label, state.ends = hold.label, now - delay + self._hold_sec
            return
        if not in_order:
            raise RequestError('sequence', f'hold {hold.sequence} came after {state.sequence}')
        if hold.label != NO_LABEL:
            raise RequestError('late', f'a hold came {delay:.1f} s late: let go and press again')

    def note_clock(self, client: Hashable, clock_sec: float, now: float) -> None:
        """Learn the offset of a client's clock from a frame that holds nothing."""
        self._clients.setdefault(client, _Client()).delay(clock_sec, now)

    def leave(self, client: Hashable) -> None:
        """End what a client holds: it is gone."""
        self._clients.pop(client, None)

    def label(self, now: float) -> int:
        """Return the label that is held: 1, 0, or −1 where nobody holds one, or two disagree."""
        held = self._held(now)
        return held.pop() if len(held) == 1 else NO_LABEL

    def disagree(self, now: float) -> bool:
        """Return whether both labels are held."""
        return len(self._held(now)) > 1

    def _held(self, now: float) -> set[int]:
        labels = {each.label for each in self._clients.values() if now < each.ends}
        return labels - {NO_LABEL}
