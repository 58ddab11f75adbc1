# SPDX-License-Identifier: Apache-2.0
"""What can be set of features: what is sampled of messages, and what of clouds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..errors import BinclfError, ExpressionError
from ..options import MAX_SEC, Options, option
from .bounds import check_expressions
from .expressions import Expression, parse


@dataclass(frozen=True)
class SamplingOptions(Options):
    """What to sample, and how it is labelled."""

    features: tuple[str, ...] = option(
        (),
        'What to sample: each text defines a feature, and is its name.',
        example=('std(/imu/data/angular_velocity/x, 1.0)', 'min(/scan/ranges[0:90])'),
    )
    label: str = option(
        '',
        'The path of the label, such as /label/data: 1 and 0 (true and false) label, '
        'anything else labels nothing.',
    )
    label_positive: str = option(
        '', 'Instead of label: what labels 1 as long as it is held, such as /joy/buttons[0].'
    )
    label_negative: str = option(
        '', 'Instead of label: what labels 0 as long as it is held, such as /joy/buttons[1].'
    )
    label_timeout_sec: float = option(
        0.5,
        'A label expires after this time; with 0 it holds until the next one (s).',
        minimum=0.0,
        maximum=MAX_SEC,
    )
    label_delay_sec: float = option(
        0.0,
        'A label speaks of what the sensors said this long before it (s).',
        minimum=0.0,
        maximum=3600.0,
    )
    trigger: str = option(
        '', "A sample is taken at each message of this topic; empty takes the first feature's topic."
    )
    max_rate_hz: float = option(
        0.0,
        'At most so many samples are taken a second; 0 sets no limit (Hz).',
        minimum=0.0,
        maximum=1e6,
    )
    max_age_sec: float = option(
        0.0,
        'A sample is dropped where the topic of a feature was silent for longer; 0 sets no limit (s).',
        minimum=0.0,
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
        """Parse the label paths, by role. Raises ExpressionError; BinclfError where they contradict."""
        texts = {'label': self.label, 'positive': self.label_positive, 'negative': self.label_negative}
        parsed = {role: parse(text) for role, text in texts.items() if text}
        if 'label' in parsed and len(parsed) > 1:
            raise BinclfError('label and label_positive or label_negative are both set: set one way')
        for each in parsed.values():
            if each.window_sec is not None or len(each.names()) > 1:
                raise ExpressionError(each.text, 0, 'a label is one value of one message')
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
        'The columns of a labelled cloud that are features: fields, or expressions such as '
        'z - min_cell(z, 5.0); empty takes all fields but label.',
        read_only=True,
        example=('intensity', 'z - min_cell(z, 5.0)'),
    )
