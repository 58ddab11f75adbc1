# SPDX-License-Identifier: Apache-2.0
"""What is found, over which time, and what is shown and logged of it.

>>> judge = Judge()
>>> judge.take(0.0, [], 'sampling').text
'sampling'
>>> judge.take(1.0, [Finding('silent', 'nothing from /imu for 3 s')], 'sampling')
Verdict(level=1, text='nothing from /imu for 3 s', log=((1, 'nothing from /imu for 3 s'),))
>>> judge.take(1.5, [], 'sampling').level, judge.take(9.0, [], 'sampling').level
(1, 0)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import Generic, TypeVar

OK, WARN, ERROR = 0, 1, 2
LEVELS = ('OK', 'WARN', 'ERROR')
WINDOW_SEC = 3.0
"""What happened in this time is judged, or in the time of this many messages:"""
PERIODS = 10
HOLD_SEC = 1.0
"""A finding that comes and goes within this time is shown all the time, so that a level does not flap."""
LOG_SEC = 10.0
"""One kind of finding is logged at most this often, while the level stays."""
MAX_SHOWN = 5
LOOK_SEC = 0.2
MAX_MEMORY_SEC = 600.0
FINE_SEC, COARSE_SEC = 15.0, 1.0
SMOOTHING = 0.3

S = TypeVar('S')


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: a sentence with numbers, names and what to do.

    Findings of one `kind` are logged at most every 10 s. What `holds` is shown for a second after it
    was last found.
    """

    kind: str
    text: str
    level: int = WARN
    holds: bool = True


@dataclass(frozen=True)
class Verdict:
    """What is shown, and what is to be logged: pairs of level and text."""

    level: int
    text: str
    log: tuple[tuple[int, str], ...] = ()


class Judge:
    """Makes of findings over time what is shown and logged."""

    def __init__(self) -> None:
        self._level: int | None = None
        self._held: dict[str, tuple[float, Finding]] = {}
        self._logged: dict[str, float] = {}

    def take(self, now: float, findings: Sequence[Finding], fine: str) -> Verdict:
        """Judge what is found at a time (s); `fine` is what is said where nothing is."""
        here = {each.kind: each for each in findings}
        self._held = {
            kind: (time, each)
            for kind, (time, each) in self._held.items()
            if kind not in here and now - time < HOLD_SEC
        }
        shown = [*here.values(), *(each for _, each in self._held.values())]
        self._held.update((each.kind, (now, each)) for each in findings if each.holds)
        shown.sort(key=lambda each: -each.level)
        level = max((each.level for each in shown), default=OK)
        text = '; '.join(each.text for each in shown[:MAX_SHOWN]) or fine
        return Verdict(level, text, tuple(self._log(now, level, shown, fine)))

    def _log(self, now: float, level: int, shown: list[Finding], fine: str) -> list[tuple[int, str]]:
        """Return what is to be logged: each kind at most every 10 s, and each change of level."""
        before, self._level = self._level, level
        rises = before is not None and level > before
        log = []
        for each in shown[:MAX_SHOWN]:
            if rises or now - self._logged.get(each.kind, -LOG_SEC) >= LOG_SEC:
                self._logged[each.kind] = now
                log.append((each.level, each.text))
        if before and level == OK:
            log.append((OK, f'now OK: {fine}'))
        return log


class Recent(Generic[S]):
    """Snapshots of the last minutes, of which the one that is a given time old is wanted.

    Of those that are older than `FINE_SEC` one a second is kept.
    """

    def __init__(self) -> None:
        self._taken: deque[tuple[float, S]] = deque()
        self._older: deque[tuple[float, S]] = deque()

    def clear(self) -> None:
        """Begin again."""
        self._taken.clear()
        self._older.clear()

    def add(self, now: float, snapshot: S) -> None:
        """Take a snapshot in, and forget those that are older than ten minutes."""
        self._taken.append((now, snapshot))
        while now - self._taken[0][0] > FINE_SEC:
            old = self._taken.popleft()
            if not self._older or old[0] - self._older[-1][0] >= COARSE_SEC:
                self._older.append(old)
        while self._older and now - self._older[0][0] > MAX_MEMORY_SEC:
            self._older.popleft()

    def before(self, now: float, seconds: float) -> tuple[float, S] | None:
        """Return the newest that is at least `seconds` old, with its age; None where none is."""
        for time, snapshot in chain(reversed(self._taken), reversed(self._older)):
            if now - time >= min(seconds, MAX_MEMORY_SEC - 1.0) - 1e-9:
                return now - time, snapshot
        return None


class Pulse:
    """How long nothing has come, and how often it comes, from a count that is looked at now and then."""

    def __init__(self) -> None:
        self._count = 0
        self._changed: float | None = None
        self._began: float | None = None
        self.period_sec = 0.0

    def look(self, now: float, count: int) -> None:
        """Look at the count at a time (s)."""
        self._began = now if self._began is None else self._began
        if count != self._count:
            if self._changed is not None and count > self._count:
                period = (now - self._changed) / (count - self._count)
                self.period_sec += SMOOTHING * (period - self.period_sec) if self.period_sec else period
            self._count, self._changed = count, now

    def silent_sec(self, now: float) -> float:
        """Return for how long nothing has come."""
        since = self._changed if self._changed is not None else self._began
        return 0.0 if since is None else now - since

    @property
    def window_sec(self) -> float:
        """What is judged: the last 3 s, or the time of 10 messages where that is longer."""
        return max(WINDOW_SEC, PERIODS * self.period_sec)


class StatusLog:
    """What is worth a line of what nodes say of themselves: each change, and at most every 10 s what stays.

    >>> log = StatusLog()
    >>> log.take(0.0, 'trainer', 1, 'no samples'), log.take(1.0, 'trainer', 0, 'learning')
    ('WARN trainer: no samples', 'OK trainer: learning')
    """

    def __init__(self) -> None:
        self._levels: dict[str, int] = {}
        self._said: dict[str, float] = {}

    def take(self, now: float, name: str, level: int, text: str) -> str:
        """Return the line that a status is worth at a time (s); '' for none."""
        changed = self._levels.get(name, OK) != level
        self._levels[name] = level
        if not changed and (level == OK or now - self._said[name] < LOG_SEC):
            return ''
        self._said[name] = now
        return f'{LEVELS[min(level, ERROR)]} {name}: {text}'


def hertz(rate: float) -> str:
    """Return a rate in words.

    >>> hertz(19.98), hertz(1000.4)
    ('20 Hz', '1000 Hz')
    """
    return f'{rate:.3g} Hz' if rate < 999.5 else f'{rate:.0f} Hz'


def rise(now: Mapping[str, int], then: Mapping[str, int]) -> dict[str, int]:
    """Return what has been counted between two moments, the most first."""
    rises = {key: n - then.get(key, 0) for key, n in now.items() if n > then.get(key, 0)}
    return dict(sorted(rises.items(), key=lambda item: -item[1]))


def refused(
    what: str, now: Mapping[str, int], then: Mapping[str, int], seconds: float, said: Mapping[str, str]
) -> list[Finding]:
    """Return that more than half of what was received was refused, by the main reason; else nothing.

    The counts are `received` and `rejected/<reason>`; `said` is the newest sentence of each reason.
    """
    counts = rise(now, then)
    lost = {k.removeprefix('rejected/'): n for k, n in counts.items() if k.startswith('rejected/')}
    n, total = sum(lost.values()), counts.get('received', 0)
    if 2 * n <= total or not n:
        return []
    reason, most = next(iter(lost.items()))
    of = '' if most == n else f', most of them ({most}) so'
    why = said.get(reason, reason.replace('_', ' '))
    return [Finding('refused', f'{n} of {total} {what} refused in the last {seconds:.0f} s{of}: {why}')]


def near_topic(path: str, topics: Sequence[str]) -> str:
    """Return what may have been meant by a path of fields of which no topic is there; '' for nothing.

    >>> near_topic('/imu/dat/linear_acceleration/z', ['/imu/data', '/odom'])
    ': is /imu/data meant?'
    """
    parts = path.split('/')
    heads = ['/'.join(parts[: n + 1]) for n in range(len(parts) - 1, 0, -1)]
    found = (near(head, topics, 0.8) for head in heads)
    return next(filter(None, found), '')


def near(name: str, names: Sequence[str], cutoff: float = 0.6) -> str:
    """Return the one or two names that may have been meant: ': is /imu/data meant?'; '' for none.

    >>> near('/imu/dat', ['/imu/data', '/rosout'])
    ': is /imu/data meant?'
    >>> near('/imu', ['/label'])
    ''
    """
    lowered = {each.lower(): each for each in names if each != name}
    found = [lowered[each] for each in get_close_matches(name.lower(), list(lowered), 2, cutoff)]
    if not found:  # the same last part in another namespace
        last = name.rsplit('/', 1)[-1]
        found = [each for each in names if last and each != name and each.rsplit('/', 1)[-1] == last][:2]
    return f': is {" or ".join(found)} meant?' if found else ''
