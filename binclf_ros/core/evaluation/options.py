# SPDX-License-Identifier: Apache-2.0
"""What can be set of evaluation: how scores look back, what drift does, and where a decision is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ParameterError
from ..options import Options, option
from .thresholds import parse_objective


@dataclass(frozen=True)
class EvaluationOptions(Options):
    """How predictions are judged that were made before their label was learned from."""

    score_window: int = option(
        1000,
        'The scores on the topics look back on this many labelled samples.',
        minimum=1,
        maximum=1_000_000,
    )
    on_drift: str = option(
        'report',
        'When the scores get worse for good, report warns in diagnostics; forget also lets the older half '
        'of the samples of each class go.',
        choices=('report', 'forget'),
    )
    threshold_objective: str = option(
        'balanced_accuracy',
        'The recommended threshold is the best for this: balanced_accuracy, f1, precision>=0.99, '
        'recall>=0.99 or cost:FP=1,FN=10, with numbers of your own.',
    )

    def check(self) -> None:
        """Parse the objective. Raises ParameterError."""
        super().check()
        parse_objective(self.threshold_objective)


@dataclass(frozen=True)
class DecisionOptions(Options):
    """How a probability becomes a decision."""

    threshold: float = option(
        0.5, 'The decision is 1 where the probability is at least this.', minimum=0.0, maximum=1.0
    )
    hysteresis: float = option(
        0.0,
        'The decision holds while the probability is nearer to the threshold than this.',
        minimum=0.0,
        maximum=0.5,
    )

    on_outside: str = option(
        'answer',
        'Features outside the range that was taught are answered like any others with answer; hold keeps '
        'the last decision, and the probability as computed; silent publishes nothing. They are always '
        'counted and explained.',
        choices=('answer', 'hold', 'silent'),
    )
    classification: bool = option(
        False,
        'Each answer goes out on classification as well, as vision_msgs/Classification with the hypotheses '
        '1 and 0; this needs vision_msgs.',
        read_only=True,
    )

    def check(self) -> None:
        """Check that both decisions are possible. Raises ParameterError."""
        super().check()
        lower, upper = self.threshold - self.hysteresis, self.threshold + self.hysteresis
        if self.hysteresis and (lower <= 0.0 or upper > 1.0):
            never = 1 if upper > 1.0 else 0
            raise ParameterError(
                f'threshold {self.threshold:g} with hysteresis {self.hysteresis:g} makes a dead band from '
                f'{lower:g} to {upper:g}, and decision {never} is impossible: set a hysteresis below '
                f'{min(self.threshold, 1.0 - self.threshold):g}'
            )
