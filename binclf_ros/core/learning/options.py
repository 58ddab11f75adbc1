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
        'The update has this step size α; 0 takes the largest constant step that provably descends on this '
        'data (1/L), or with the solver curvature 1, halved until the objective falls.',
        minimum=0.0,
        maximum=1e6,
    )
    solver: str = option(
        'curvature',
        "The update is the lecture's with gradient, w := w − α ∂L/∂w; with curvature it is "
        'w := w − α P ∂L/∂w, where P is the inverse of the curvature, which needs far fewer steps.',
        choices=SOLVERS,
    )
    loss: str = option(
        'bce',
        'The loss of a sample is the binary cross entropy with bce; with mse it is the squared error, '
        'for teaching, as the lecture advises against it.',
        choices=LOSSES,
    )
    l2: float = option(
        1.0,
        'This ridge is on the weights in standardised units, never on the bias: '
        "objective = mean loss + l2/(2M) · ‖w‖², so that it is scikit-learn's 1/C.",
        minimum=0.0,
        maximum=1e9,
    )
    class_weight: str = option(
        'none',
        'With none, each sample has the same weight in the loss; with balanced, each class has half of '
        'the weight, however many samples it has.',
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
        'At most this many samples are kept to learn from.',
        minimum=2,
        maximum=10_000_000,
    )
    buffer_policy: str = option(
        'spread',
        'A sample leaves a full buffer for each new one: with fifo the oldest; with balanced the oldest of '
        'the larger class; with reservoir one at random, so that those kept are uniform over all seen; '
        'with spread one in turn, so that each class is kept evenly over all the time seen.',
        choices=POLICIES,
    )
    min_samples_per_class: int = option(
        5,
        'There is no model before each class has this many samples.',
        minimum=1,
        maximum=1_000_000,
    )
    feature_map: str = option(
        'line',
        "The model takes each feature as it is with line, the lecture's; with curves through ramps between "
        'its quantiles, so that its effect may rise and fall; curves+pairs adds products of two features. '
        'The descent is the same for all.',
        choices=FEATURE_MAPS,
    )
    knots: int = option(
        8,
        'With curves, each feature goes through at most this many ramps.',
        minimum=1,
        maximum=MAX_KNOTS,
    )
    sample_dependence: float = option(
        0.0,
        'This many neighbouring samples count as one, as they are alike: l2 is multiplied by it; with 1, '
        'each counts; 0 estimates it from gradients of consecutive samples, and leaves the ridge of a line '
        'as it is.',
        minimum=0.0,
        maximum=1e6,
    )
    seed: int = option(
        0,
        'This seeds the random numbers of initial weights and of the policy reservoir.',
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
