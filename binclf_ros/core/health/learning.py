# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the work of trainer and predictor, from their counts over the last seconds."""

from __future__ import annotations

from collections.abc import Mapping

from .findings import Finding, Pulse, hertz, refused

Counts = Mapping[str, int]


def find_of_trainer(now: Counts, then: Counts, seconds: float, said: Mapping[str, str]) -> list[Finding]:
    """Return that labelled samples are refused, where more than half are."""
    return refused('labelled samples', now, then, seconds, said)


def find_of_predictor(now: Counts, then: Counts, seconds: float, said: Mapping[str, str]) -> list[Finding]:
    """Return that what comes to be answered is refused, where more than half is."""
    return refused('messages to answer', now, then, seconds, said)


def find_outside(now: Counts, then: Counts, seconds: float, said: str) -> list[Finding]:
    """Return that more than half of what came was outside the range that was taught, and which feature."""
    came, outside = (now.get(k, 0) - then.get(k, 0) for k in ('received', 'outside'))
    if not outside or 2 * outside <= came:
        return []
    text = f'{outside} of {came} samples in the last {seconds:.0f} s are {said}'
    return [Finding('outside', f'{text}: look at that sensor, or teach it')]


def nothing_to_answer(pulse: Pulse, time: float) -> list[Finding]:
    """Return that neither features nor points come, where none have come for 3 s, or for 10 periods."""
    silent = pulse.silent_sec(time)
    if silent < pulse.window_sec:
        return []
    came = f' (they came at {hertz(1 / pulse.period_sec)})' if pulse.period_sec else ''
    text = f'nothing on features or points for {silent:.0f} s{came}, so there is nothing to answer'
    return [Finding('silent', f'{text}: does the featurizer sample? See its diagnostics')]
