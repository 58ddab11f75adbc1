# SPDX-License-Identifier: Apache-2.0
"""What can be set of features: what is sampled of messages, and what of clouds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass

from ..errors import BinclfError, ExpressionError
from ..options import MAX_SEC, Options, option
from .bounds import check_expressions
from .expressions import Call, Expression, parse

LABEL_JOINS = ('auto', 'stamp', 'arrival')
OWN_PERIOD = -1.0
"""Of `max_age_sec`: 5 of the topic's own periods, at least 1 s."""


@dataclass(frozen=True)
class SamplingOptions(Options):
    """What to sample, and how it is labelled."""

    features: tuple[str, ...] = option(
        (),
        'These expressions are sampled: each text defines a feature, and is its name.',
        example=('std(/imu/data/angular_velocity/x, 1.0)', 'min(/scan/ranges[0:90])'),
    )
    label: str = option(
        '',
        'The label is the value of this expression, such as /label/data: 1 and 0 (true and false) label, '
        'anything else does not.',
    )
    label_positive: str = option(
        '', 'Instead of label, this expression labels 1 while it is true, such as /joy/buttons[0].'
    )
    label_negative: str = option(
        '', 'Instead of label, this expression labels 0 while it is true, such as /joy/buttons[1].'
    )
    label_timeout_sec: float = option(
        0.5,
        'A label expires after this time; with 0 it holds until the next one (s).',
        minimum=0.0,
        maximum=MAX_SEC,
    )
    label_delay_sec: float = option(
        0.0,
        'A label belongs to what the sensors measured this long before it (s).',
        minimum=0.0,
        maximum=3600.0,
    )
    label_join: str = option(
        'auto',
        'Labels are joined by the stamps of headers (stamp) or by arrival (arrival); auto takes '
        'stamps where the clocks of the label and the trigger agree to within 0.1 s, else arrival.',
        choices=LABEL_JOINS,
    )
    clock_tolerance_sec: float = option(
        0.5,
        'Topics whose clocks (stamp − arrival) differ by more than this are joined by arrival; with 0 they '
        'are not compared (s).',
        minimum=0.0,
        maximum=MAX_SEC,
    )
    trigger: str = option(
        '', "A sample is taken at each message of this topic; empty takes the first feature's topic."
    )
    max_rate_hz: float = option(
        0.0,
        'At most this many samples are taken a second; 0 sets no limit (Hz).',
        minimum=0.0,
        maximum=1e6,
    )
    max_age_sec: float = option(
        OWN_PERIOD,
        'A sample is dropped where the topic of a feature was silent for longer than this; 0 sets no '
        "limit, and a negative number takes 5 of the topic's own periods, at least 1 s (s).",
        minimum=-1.0,
        maximum=MAX_SEC,
    )

    def expressions(self) -> tuple[Expression, ...]:
        """Parse the features. Raises ExpressionError; BinclfError where a name is there twice."""
        parsed = tuple(parse(text) for text in self.features)
        counts = Counter(name for each in parsed for name in each.names())
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise BinclfError(f'the feature {twice[0]} is there twice: leave one of the two out')
        return parsed

    def label_paths(self) -> dict[str, Expression]:
        """Parse the label expressions, by role.

        Raises ExpressionError; BinclfError where they contradict each other.
        """
        texts = {'label': self.label, 'positive': self.label_positive, 'negative': self.label_negative}
        parsed = {role: parse(text) for role, text in texts.items() if text}
        if 'label' in parsed and len(parsed) > 1:
            raise BinclfError('label and label_positive or label_negative are both set: set one way')
        for each in parsed.values():
            if each.n_features > 1:
                raise ExpressionError(each.text, 0, 'a label is one value: name one element')
            if isinstance(each.leaf, Call) and each.window_ns is not None:
                raise ExpressionError(each.text, 0, f'a label is 1 or 0: compare it, as in {each} > 0.5')
        return parsed

    def check(self) -> None:
        """Check everything that can be checked without a topic. Raises BinclfError."""
        super().check()
        labels = self.label, self.label_positive, self.label_negative, self.trigger
        check_expressions((*self.features, *labels), self.features)
        self.expressions()
        self.label_paths()


@dataclass(frozen=True)
class PointOptions(Options):
    """What is taken of a cloud."""

    point_features: tuple[str, ...] = option(
        (),
        'These columns of a labelled cloud are features: fields, or expressions such as '
        'z - min_cell(z, 5.0); empty takes all fields but label, clocks and packed colours.',
        read_only=True,
        example=('intensity', 'z - min_cell(z, 5.0)'),
    )


def trigger_topic(text: str, topics: Container[str], namespace: str) -> str:
    """Return the topic that the option `trigger` names, '' for none. Raises LookupError."""
    if not text:
        return ''
    name = text if text.startswith('/') else f'{namespace.rstrip("/")}/{text}'
    if name not in topics:
        raise LookupError(f'waiting for the topic {name}')
    return name
