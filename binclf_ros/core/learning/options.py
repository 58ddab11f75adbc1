# SPDX-License-Identifier: Apache-2.0
"""What can be set of learning."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Options, option
from .descent import SOLVERS
from .feature_maps import FEATURE_MAPS, MAX_KNOTS
from .losses import LOSSES
from .policies import POLICIES


@dataclass(frozen=True)
class LearningOptions(Options):
    """What to descend, and how."""

    learning_rate: float = option(
        0.0,
        'The step size α of the update; 0 takes the largest constant step that provably descends on this '
        'data (1/L), or with the solver curvature 1, halved until the objective falls.',
        minimum=0.0,
        maximum=1e6,
    )
    solver: str = option(
        'curvature',
        'The update: gradient is that of the lecture, w := w − α ∂L/∂w; curvature is '
        'w := w − α P ∂L/∂w, where P is the inverse of the curvature, and needs far fewer steps.',
        choices=SOLVERS,
    )
    loss: str = option(
        'bce',
        'The loss of a sample: bce is the binary cross entropy; mse is the squared error, for teaching, '
        'as the lecture advises against it.',
        choices=LOSSES,
    )
    l2: float = option(
        1.0,
        'The ridge on the weights in standardised units, never on the bias: '
        "objective = mean loss + l2/(2M) · ‖w‖², so that it is scikit-learn's 1/C.",
        minimum=0.0,
        maximum=1e9,
    )
    class_weight: str = option(
        'none',
        'The weight of a class in the loss: none weighs each sample alike; balanced has each class weigh '
        'half, however many samples it has.',
        choices=('none', 'balanced'),
    )
    standardize: bool = option(
        True, 'The descent works on (x − mean)/scale, which makes it quick; the model is of x either way.'
    )
    tolerance: float = option(
        1e-6,
        'A descent has converged when the largest component of the gradient is below this.',
        minimum=1e-12,
        maximum=1.0,
    )
    buffer_capacity: int = option(
        10_000,
        'At most so many samples are kept to learn from.',
        minimum=2,
        maximum=10_000_000,
    )
    buffer_policy: str = option(
        'spread',
        'The sample that leaves a full buffer: with fifo the oldest; with balanced the oldest of the '
        'larger class; with reservoir one at random, so that what is kept is uniform over all seen; with '
        'spread one in turn, so that each class is kept evenly over all the time seen.',
        choices=POLICIES,
    )
    min_samples_per_class: int = option(
        5,
        'There is no model before each class has so many samples.',
        minimum=1,
        maximum=1_000_000,
    )
    feature_map: str = option(
        'line',
        "What the model sees of a feature: line is the feature itself, the lecture's; curves takes each "
        'through ramps between its quantiles, so that it may rise and fall; curves+pairs adds products of '
        'two features. All are descended on alike.',
        choices=FEATURE_MAPS,
    )
    knots: int = option(
        8,
        'With curves, each feature goes through at most so many ramps.',
        minimum=1,
        maximum=MAX_KNOTS,
    )
    sample_dependence: float = option(
        0.0,
        'How many neighbouring samples count as one, as they are alike: l2 is multiplied by it; 1 is none; '
        '0 estimates it from gradients of consecutive samples, and leaves the ridge of a line as it is.',
        minimum=0.0,
        maximum=1e6,
    )
    seed: int = option(
        0,
        'The seed of the random numbers for initial weights and the policy reservoir.',
        minimum=0,
        maximum=2**31 - 1,
        read_only=True,
    )


@dataclass(frozen=True)
class WorkerOptions(Options):
    """When the thread that learns may work."""

    train_rate_hz: float = option(
        5.0,
        'Descents are begun at most this often, on the steady clock (Hz).',
        minimum=0.01,
        maximum=1000.0,
    )
    train_budget_sec: float = option(
        0.05,
        'A descent yields after this time, and goes on the next time (s).',
        minimum=0.001,
        maximum=60.0,
    )
