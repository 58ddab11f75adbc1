# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a sampler's work, from two of its status objects some seconds apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..features.status import SamplerStatus, TopicStatus
from .findings import PERIODS, WINDOW_SEC, Finding, hertz, rise

CONSTANT_SEC = 10.0
"""A feature that does not change for this long is named: it may be frozen, or the robot may stand still."""
OPERATOR_SEC = 0.1
"""A label whose clock differs from the trigger's by more than this is joined by arrival."""
FIRST_SEC = 120.0
MAX_NAMED = 3
_KEY = re.compile(r'\[["\'A-Za-z_][^],:]*\]')
_WHY = {
    'key': '{feature} had no reading: is an element of that name in the messages? '
    'See ros2 topic echo --once {topic}',
    'missing': 'nothing has come from {topic} yet: is its driver running? See ros2 topic hz {topic}',
    'max_age': 'the newest message of {topic} was too old (max_age_sec): is the sensor unplugged? '
    'See ros2 topic hz {topic}',
    'unreadable': 'messages of {trigger} could not be read: have publisher and robot the same definition '
    'of its type?',
    'window': 'windows were not filled: messages come too seldom for {feature}; make the window longer',
    'empty': '{feature} had no reading in its window (not finite, or outside the range of the sensor): '
    'default({feature}, 0.0), with a value of yours, stands in for it',
    'not_finite': '{feature} had no reading (not finite, or outside the range of the sensor): '
    'default({feature}, 0.0), with a value of yours, stands in for it',
    'element': '{feature} was not one number in each message: name an element that is there, or a '
    'statistic',
    'field': '{feature} was not in the messages: look at ros2 interface show',
    'type': '{feature} is no number',
    'crowded': 'a window held too many readings: make it shorter',
}


@dataclass(frozen=True)
class Labelling:
    """What is set of the label, how many samples it has labelled 0 and 1 so far, and who still says it."""

    text: str = ''
    labeled: tuple[int, int] = (0, 0)
    clock_tolerance_sec: float = 0.5
    published: Collection[str] = ()
    """The topics of labels that still have a publisher."""


def window_sec(now: SamplerStatus) -> float:
    """Return what time is judged: the last 3 s, or that of 10 messages of the trigger if it is longer."""
    return limit_sec(next((each for each in now.topics if each.name == now.trigger), None))


def limit_sec(topic: TopicStatus | None) -> float:
    """Return after which time a topic is called silent: 3 s, or 10 of its periods.

    One message tells no period yet: some sensors speak once a minute.
    """
    if topic is None or not topic.received:
        return WINDOW_SEC
    return max(WINDOW_SEC, PERIODS / topic.rate_hz) if topic.rate_hz else FIRST_SEC


def find(
    now: SamplerStatus, then: SamplerStatus, seconds: float, began_sec: float, label: Labelling
) -> list[Finding]:
    """Return what is wrong; `seconds` lie between the two, and `began_sec` since the sampler began."""
    silent = list(_silent(now, began_sec))
    return [
        *silent,
        *(_dropped(now, then, seconds, began_sec) if not silent else ()),
        *_unlabeled(now, then, seconds, label),
        *_clocks(now, label),
    ]


def notes(now: SamplerStatus, constant: Sequence[str]) -> list[str]:
    """Return what is worth a word, and no fault: labels that do not come, features that do not change."""
    found = []
    missing = [*now.label.missing, *(each.name for each in _label_topics(now) if _stopped(each))]
    if missing:
        found.append(f'no label from {", ".join(missing)}: samples go out unlabelled')
    if constant:
        named = ', '.join(constant[:MAX_NAMED]) + ' …' * (len(constant) > MAX_NAMED)
        found.append(f'the same value for {CONSTANT_SEC:.0f} s: {named} (frozen, or standing still?)')
    for topic in _label_topics(now):
        ahead = topic.difference_sec
        if now.label.join == 'arrival' and ahead is not None and abs(ahead) > OPERATOR_SEC:
            found.append(f'the label is joined by arrival: {_clock_of(topic, now.trigger)}')
    return found


def _silent(now: SamplerStatus, began_sec: float) -> Iterator[Finding]:
    """Yield the topics that features need and that do not come."""
    for each in now.topics:
        if not each.join and each.name != now.trigger:
            continue  # a label is no condition of sampling
        so = ', so no samples are taken' if each.name == now.trigger else ''
        look = f'See ros2 topic hz {each.name}'
        if each.age_sec is None and began_sec >= WINDOW_SEC:
            text = f'nothing has come from {each.name} yet{so}: is its driver running? {look}'
            yield Finding(f'silent{each.name}', text)
        elif each.age_sec is not None and each.age_sec > limit_sec(each):
            came = f' (it came at {hertz(each.rate_hz)})' if each.rate_hz else ''
            text = f'nothing from {each.name} for {each.age_sec:.0f} s{came}{so}: is the sensor unplugged?'
            yield Finding(f'silent{each.name}', f'{text} {look}')


def _dropped(now: SamplerStatus, then: SamplerStatus, seconds: float, began_sec: float) -> list[Finding]:
    lost = rise(now.dropped, then.dropped)
    lost.pop('max_rate', None)
    if began_sec < WINDOW_SEC + 2 * longest_window_sec(now.features):
        lost.pop('window', None)  # they fill up
    n = sum(lost.values())
    total = n + now.sampled - then.sampled
    if not n or 2 * n <= total:
        return []
    reason, most = next(iter(lost.items()))
    of = '' if most == n else f', most of them ({most}) so'
    text = f'{n} of {total} samples dropped in the last {seconds:.0f} s{of}: {_why(reason, now, then)}'
    return [Finding(f'dropped/{reason}', text)]


def _why(reason: str, now: SamplerStatus, then: SamplerStatus) -> str:
    kind, _, topic = reason.partition('/')
    windowed = [each for each in now.features if re.search(r', \d', each)]
    named = [*rise(now.no_reading, then.no_reading), *(windowed if kind == 'window' else now.features)]
    feature = named[0] if named else 'a feature'
    if kind in ('not_finite', 'empty') and _KEY.search(feature):
        kind, topic = 'key', _topic_of(feature, now).lstrip('/')
    text = _WHY.get(kind, kind.replace('_', ' '))
    return text.format(topic=f'/{topic}', trigger=now.trigger, feature=feature)


def _topic_of(feature: str, now: SamplerStatus) -> str:
    """Return the longest topic that stands in the text of a feature; the trigger where none does."""
    found = [each.name for each in now.topics if f'{each.name}/' in feature]
    return max(found, key=len, default=now.trigger)


def longest_window_sec(features: Sequence[str]) -> float:
    """Return the longest window that the names of features tell of: they are their definitions.

    >>> longest_window_sec(['std(/imu/x, 2.5)', '/odom/y'])
    2.5
    """
    found = [float(each) for name in features for each in re.findall(r', (\d+(?:\.\d+)?)', name)]
    return min(max(found, default=0.0), 3600.0)


def _unlabeled(now: SamplerStatus, then: SamplerStatus, seconds: float, label: Labelling) -> list[Finding]:
    lost = rise(now.unlabeled, then.unlabeled)
    n = sum(lost.values())
    total = n + now.labeled - then.labeled
    share = f'{n} of {total} samples unlabelled in the last {seconds:.0f} s'
    if 3 * lost.get('stale', 0) >= total > 0 and (found := _stale(now, share)):
        return found
    if not n or 2 * n <= total or not (now.label.topics or now.label.missing):
        return []
    reason = next(iter(lost))
    if reason == 'stale':
        return _broken_off(now, share, label)
    if reason == 'not_0_or_1':
        return _other_values(now, then, share, label)
    if reason == 'both':
        return [Finding('both', f'label_positive and label_negative are true at once: {share}')]
    if reason == 'no_reading':
        return _no_number(now, 'label_positive or label_negative', share)
    return []


def _no_number(now: SamplerStatus, what: str, share: str) -> list[Finding]:
    """Return that a label was in no message: an element that is not there, a text, NaN."""
    topic = (now.label.topics or ('/label',))[0]
    text = f'{what} had no number in the messages: {share}; see ros2 topic echo --once {topic}'
    return [Finding('not_0_or_1', text)]


def _stale(now: SamplerStatus, share: str) -> list[Finding]:
    """Return that a label expires between its messages; not where what it said was taken back."""
    period, timeout = now.label.period_sec, now.label.timeout_sec
    if period is None or period <= timeout or not now.label.held or all(map(_stopped, _label_topics(now))):
        return []
    text = f'the label comes every {period:.1f} s, label_timeout_sec is {timeout:g}: {share}; set it to'
    return [Finding('stale', f'{text} {2 * period:.1f}, or to 0, so that a label holds until the next one')]


def _broken_off(now: SamplerStatus, share: str, label: Labelling) -> list[Finding]:
    """Return that a label fell silent whose publisher is there, and which nobody has taken back.

    Who has stopped labelling on purpose is gone, or has said a value that does not label: no fault. What
    is made of several topics is made by sensors, which may be silent.
    """
    topics = [each for each in _label_topics(now) if each.name in label.published]
    silent_sec = (topics[0].age_sec or 0.0) if len(topics) == len(now.label.topics) == 1 else 0.0
    if silent_sec <= WINDOW_SEC or not now.label.held:
        return []
    (topic,) = topics
    came = f' (it came at {hertz(topic.rate_hz)})' if topic.rate_hz else ''
    text = f'nothing from {topic.name} for {silent_sec:.0f} s{came}: {share}, as a label expires after'
    after = f'{text} label_timeout_sec, {now.label.timeout_sec:g} s: publish it as long as it holds'
    return [Finding(f'silent{topic.name}', f'{after}, or set that to 0')]


def _other_values(now: SamplerStatus, then: SamplerStatus, share: str, label: Labelling) -> list[Finding]:
    """Return that values came which do not label, unless that is the operator's way to label nothing."""
    now_values = {f'{value:g}': n for value, n in (now.label.other_values or {}).items()}
    then_values = {f'{value:g}': n for value, n in (then.label.other_values or {}).items()}
    values = rise(now_values, then_values)
    negatives, positives = label.labeled
    if not values or (negatives and positives) or (set(values) == {'-1'} and not (negatives or positives)):
        return []
    path = label.text or (now.label.topics or ('/label/data',))[0]
    if 'nan' in values and values.pop('nan') and not values:
        return _no_number(now, path, share)
    came = ', '.join(f'{value} ({n} times)' for value, n in list(values.items())[:MAX_NAMED])
    there = sorted({*map(float, values), *([0.0] if negatives else []), *([1.0] if positives else [])})
    middle = (there[0] + there[-1]) / 2 if len(there) > 1 else 0.5
    text = f'1 and 0 label, {path} came as {came}: {share}; such as'
    return [Finding('not_0_or_1', f'{text} label: {path} > {middle:g} would label')]


def _clocks(now: SamplerStatus, label: Labelling) -> Iterator[Finding]:
    """Yield the topics whose stamps do not tell the time that others tell."""
    for each in now.topics:
        is_label = each.name in now.label.topics
        if each.clock in ('zero', 'still'):
            are = 'are all 0' if each.clock == 'zero' else 'stand still'
            text = (
                f'the stamps of {each.name} {are}: it is joined by the time of arrival; stamp its messages'
            )
            yield Finding(f'clock{each.name}', text)
        elif (
            each.difference_sec is not None
            and 0 < label.clock_tolerance_sec < abs(each.difference_sec)
            and 'arrival' in (each.join, now.label.join if is_label else '')
        ):
            text = (
                f'{_clock_of(each, now.trigger)}: they are joined by the time of arrival; synchronise the'
            )
            yield Finding(f'clock{each.name}', f'{text} clocks (chrony, or use_sim_time on both sides)')


def _clock_of(topic: TopicStatus, trigger: str) -> str:
    seconds = topic.difference_sec or 0.0
    way = 'ahead of' if seconds > 0 else 'behind'
    return f'the clock of {topic.name} is {abs(seconds):.1f} s {way} that of {trigger}'


def _label_topics(now: SamplerStatus) -> list[TopicStatus]:
    return [each for each in now.topics if each.name in now.label.topics]


def _stopped(topic: TopicStatus) -> bool:
    return topic.age_sec is None or topic.age_sec > limit_sec(topic)


def facts(topics: Sequence[TopicStatus]) -> Mapping[str, str]:
    """Return rate, age and clock of each topic, as diagnostics show them."""
    shown = {}
    for each in topics:
        parts = [f'{each.received} messages']
        parts += [hertz(each.rate_hz)] if each.rate_hz is not None else []
        parts += [f'newest {each.age_sec:.1f} s ago'] if each.age_sec is not None else []
        parts += [f'by {each.join}'] if each.join else []
        parts += [f'clock {each.difference_sec:+.3f} s'] if each.difference_sec is not None else []
        parts += [f'stamps {each.clock}'] if each.clock in ('zero', 'still') else []
        parts += [f'dropped after {each.max_age_sec:.1f} s'] if each.max_age_sec is not None else []
        shown[f'topic{each.name}'] = ', '.join(parts)
    return shown
