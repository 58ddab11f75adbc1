# SPDX-License-Identifier: Apache-2.0
"""What clock the stamps of a topic come from: whether it goes at all, and how far it is from another one.

The clocks of two topics are compared by stamp − arrival. In a recording that is replayed at some speed both
drift alike, so a topic's stamp is held against what the other's would have been at the same arrival,
between its message before and the one after. While messages come in bursts (a replay as fast as it can)
that is known only to lie between these two stamps, and no difference is seen where it does.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

STILL_NS = 1_500_000_000
"""Stamps that do not change for this long, over at least `MIN_STILL` messages, stand still: longer than
those do that have whole seconds alone, and short enough to be said within 3 s."""
MIN_STILL = 10
RATES = 20
"""Arrivals that the rate of a topic is taken from."""
STEPS = 9
"""Steps from one arrival to the next that its period is taken from."""
LIVE_NS = 200_000_000
"""Arrivals over at least this time tell how fast stamps go."""
ANCHOR_NS = 2_000_000_000
MEASURES = 5
MIN_MEASURES = 3


class TopicClock:
    """The stamps and arrivals of one topic."""

    def __init__(self, has_header: bool) -> None:
        self.state = 'stamps' if has_header else 'none'
        self.received = 0
        self.stamp_ns = self.arrival_ns = 0
        self.before: tuple[int, int] | None = None
        self._same_since = self._n_same = 0
        self._anchors: deque[tuple[int, int]] = deque(maxlen=2)
        self._arrivals: deque[int] = deque(maxlen=RATES)

    @property
    def has_stamps(self) -> bool:
        """Whether its stamps tell the time."""
        return self.state == 'stamps'

    @property
    def rate_hz(self) -> float | None:
        """How often it arrives (Hz), over the last messages."""
        if len(self._arrivals) < 2 or self._arrivals[-1] <= self._arrivals[0]:
            return None
        return (len(self._arrivals) - 1) * 1e9 / (self._arrivals[-1] - self._arrivals[0])

    @property
    def period_ns(self) -> int | None:
        """How long it is from one arrival to the next (ns), in the median: a break does not count."""
        arrivals = list(self._arrivals)[-STEPS - 1 :]
        steps = sorted(after - before for before, after in pairwise(arrivals))
        return steps[len(steps) // 2] if steps and steps[-1] > 0 else None

    @property
    def is_live(self) -> bool:
        """Whether stamps are known to go about as fast as arrivals."""
        if not self._anchors:
            return False
        stamp, arrival = self._anchors[0]
        passed = self.arrival_ns - arrival
        return passed >= LIVE_NS and 0.5 * passed <= self.stamp_ns - stamp <= 2 * passed

    def note(self, stamp_ns: int | None, arrival_ns: int) -> bool:
        """Take in one message; return whether it has changed whether its stamps tell the time."""
        self.received += 1
        self._arrivals.append(arrival_ns)
        if stamp_ns is None:
            self.arrival_ns = arrival_ns
            return False
        self.before = (self.stamp_ns, self.arrival_ns) if self.received > 1 else None
        if stamp_ns != self.stamp_ns or self.received == 1:
            self._same_since, self._n_same = arrival_ns, 0
        self._n_same += 1
        self.stamp_ns, self.arrival_ns = stamp_ns, arrival_ns
        self._note_anchor(stamp_ns, arrival_ns)
        state = self._judge(arrival_ns)
        changed = (state == 'stamps') != self.has_stamps
        self.state = state
        return changed

    def _judge(self, arrival_ns: int) -> str:
        if self._n_same == 1:
            return 'stamps' if self.stamp_ns else self.state
        if not self.stamp_ns:
            return 'zero'
        if self.state == 'stamps':
            still = self._n_same >= MIN_STILL and arrival_ns - self._same_since >= STILL_NS
            return 'still' if still else 'stamps'
        return self.state

    def _note_anchor(self, stamp_ns: int, arrival_ns: int) -> None:
        """Keep a message of some seconds ago, after the last step back of stamps or arrivals."""
        if self.before and (stamp_ns < self.before[0] or arrival_ns < self.before[1]):
            self._anchors.clear()
        if not self._anchors or arrival_ns - self._anchors[-1][1] >= ANCHOR_NS:
            self._anchors.append((stamp_ns, arrival_ns))


class ClockDifference:
    """How far the clock of a topic is ahead of that of the trigger (ns).

    `note_other` and `note_trigger` are called after `TopicClock.note` of these.
    """

    def __init__(self, trigger: TopicClock, other: TopicClock) -> None:
        self._trigger, self._other = trigger, other
        self._pending: tuple[int, int, tuple[int, int] | None] | None = None
        self._measured: deque[int] = deque(maxlen=MEASURES)

    def note_other(self) -> None:
        """Keep the newest message of the other topic until the trigger comes."""
        trigger, other = self._trigger, self._other
        before = (trigger.stamp_ns, trigger.arrival_ns) if trigger.received else None
        self._pending = (other.stamp_ns, other.arrival_ns, before)

    def note_trigger(self) -> bool:
        """Compare the two; return whether there is a new measure."""
        if self._pending is None or not self.tells:
            return False
        stamp, arrival, before = self._pending
        self._pending = None
        measure = self._compare(stamp, arrival, before)
        if measure is None:
            return False
        self._measured.append(measure)
        return True

    def _compare(self, stamp: int, arrival: int, before: tuple[int, int] | None) -> int | None:
        after = self._trigger.stamp_ns, self._trigger.arrival_ns
        if before is None:
            return (stamp - after[0]) - (arrival - after[1])
        if after[0] < before[0] or after[1] < before[1]:
            return None  # a step back
        if self._trigger.is_live:
            passed = after[1] - before[1]
            share = (arrival - before[1]) / passed if passed else 0.0
            return round(stamp - before[0] - share * (after[0] - before[0]))
        return max(0, stamp - after[0]) - max(0, before[0] - stamp)

    @property
    def tells(self) -> bool:
        """Whether both have stamps that tell the time, so that there is something to compare."""
        return self._trigger.has_stamps and self._other.has_stamps

    @property
    def ns(self) -> int | None:
        """The difference: the median of the last measures; None before there is one."""
        found = sorted(self._measured)
        return found[len(found) // 2] if found else None

    def exceeds(self, tolerance_ns: int) -> bool:
        """Return whether all of the last measures, and several, are beyond a tolerance."""
        return len(self._measured) >= MIN_MEASURES and min(map(abs, self._measured)) > tolerance_ns

    def is_within(self, tolerance_ns: int) -> bool:
        """Return whether all of as many measures as are kept are within a tolerance."""
        return len(self._measured) == MEASURES and max(map(abs, self._measured)) <= tolerance_ns
