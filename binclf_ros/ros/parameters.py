# SPDX-License-Identifier: Apache-2.0
"""Every parameter of every node, once: type, default, range, description; and their declaration.

To add one: a field here, and the line that uses it. Descriptor, range check and the table in the
documentation come by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from ..core.errors import ParameterError
from ..core.evaluation.thresholds import parse_objective
from ..core.features.sampler import SamplingOptions
from ..core.learning.buffer import POLICIES
from ..core.learning.descent import SOLVERS
from ..core.learning.losses import LOSSES

MAX_SEC = 86_400.0


def parameter(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Iterable[str] = (),
    read_only: bool = False,
) -> Any:
    """Return a dataclass field that is a ROS parameter; its type is that of the default."""
    metadata = {
        'description': description,
        'range': None if minimum is None else (minimum, maximum),
        'choices': tuple(choices),
        'read_only': read_only,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class NodeParameters:
    """What all nodes have."""

    executor: str = parameter(
        'auto',
        'how callbacks are run: events, single, or auto: the faster one that is sound here',
        choices=('auto', 'events', 'single'),
        read_only=True,
    )

    def check(self) -> None:
        """Check what no single value shows. Raises BinclfError."""


@dataclass(frozen=True)
class TrainerParameters(NodeParameters):
    """Parameters of the trainer."""

    learning_rate: float = parameter(
        0.0,
        'α of the update; 0: the largest constant step that provably descends on this data (1/L), '
        'or 1 with curvature, halved until the objective falls',
        minimum=0.0,
        maximum=1e6,
    )
    solver: str = parameter(
        'curvature',
        'gradient: w := w − α ∂L/∂w; curvature: w := w − α P ∂L/∂w, P the inverse curvature',
        choices=SOLVERS,
    )
    loss: str = parameter('bce', 'bce, or mse (for teaching)', choices=LOSSES)
    l2: float = parameter(
        1.0,
        "ridge on the weights, never on the bias, in standardised units; scikit-learn's 1/C",
        minimum=0.0,
        maximum=1e9,
    )
    class_weight: str = parameter(
        'none', 'none, or balanced: each class weighs half', choices=('none', 'balanced')
    )
    standardize: bool = parameter(True, 'descend on (x − mean)/scale')
    tolerance: float = parameter(
        1e-6,
        'converged when the largest gradient component falls below this',
        minimum=1e-12,
        maximum=1.0,
    )
    buffer_capacity: int = parameter(10000, 'samples kept', minimum=2, maximum=10_000_000)
    buffer_policy: str = parameter(
        'balanced',
        'what leaves a full buffer: fifo: the oldest; balanced: the oldest of the larger class; '
        'reservoir: at random, so that what is kept is uniform over all seen',
        choices=POLICIES,
    )
    min_samples_per_class: int = parameter(5, 'no model before', minimum=1, maximum=1_000_000)
    train_rate_hz: float = parameter(
        5.0, 'descents a second, on the steady clock (Hz)', minimum=0.01, maximum=1000.0
    )
    train_budget_sec: float = parameter(
        0.05, 'time that one descent may take before it yields (s)', minimum=0.001, maximum=60.0
    )
    point_features: tuple[str, ...] = parameter(
        (),
        'the cloud columns that are features: fields, or expressions such as z - min_cell(z, 5.0); '
        'empty: all fields but label',
        read_only=True,
    )
    model_file: str = parameter('', "where the model is kept; '': in memory alone", read_only=True)
    dataset_file: str = parameter('', "where the samples are kept; '': in memory alone", read_only=True)
    score_window: int = parameter(
        1000,
        'labelled samples that the scores on the topics look back on',
        minimum=1,
        maximum=100_000,
    )
    on_drift: str = parameter(
        'report',
        'when scores get worse for good: report: diagnostics warn; forget: let the older half of the '
        'samples of each class go as well',
        choices=('report', 'forget'),
    )
    threshold_objective: str = parameter(
        'balanced_accuracy',
        'what ~/recommend_threshold looks for: balanced_accuracy, f1, precision>=0.99, recall>=0.99 or '
        'cost:FP=1,FN=10, with numbers of your own',
    )
    seed: int = parameter(
        0, 'of initial weights and reservoir', minimum=0, maximum=2**31 - 1, read_only=True
    )

    def check(self) -> None:
        """Parse the objective. Raises ParameterError."""
        parse_objective(self.threshold_objective)


@dataclass(frozen=True)
class PredictorParameters(NodeParameters):
    """Parameters of the predictor."""

    threshold: float = parameter(0.5, 'decision 1 at and above', minimum=0.0, maximum=1.0)
    hysteresis: float = parameter(
        0.0,
        'half width of a dead band round the threshold in which the decision holds',
        minimum=0.0,
        maximum=0.5,
    )
    model_file: str = parameter(
        '', 'the model to start from; the newest good one received is kept there', read_only=True
    )


@dataclass(frozen=True)
class FeaturizerParameters(NodeParameters):
    """Parameters of the featurizer; those of sampling are `SamplingOptions`."""

    features: tuple[str, ...] = parameter(
        (), 'what to sample: feature expressions, such as std(/imu/data/angular_velocity/x, 1.0)'
    )
    label: str = parameter('', 'path of the label, such as /label/data: 1 and 0 label, else nothing')
    label_positive: str = parameter('', 'path of what labels 1 while held, such as /joy/buttons[0]')
    label_negative: str = parameter('', 'path of what labels 0 while held, such as /joy/buttons[1]')
    label_timeout_sec: float = parameter(
        0.5, 'a label older than this labels nothing; 0: it holds (s)', minimum=0.0, maximum=MAX_SEC
    )
    label_delay_sec: float = parameter(
        0.0, 'the label speaks of the sensors this long ago (s)', minimum=0.0, maximum=3600.0
    )
    trigger: str = parameter('', "the topic at whose messages a sample is taken; '': the first feature's")
    max_rate_hz: float = parameter(
        0.0, 'samples a second at most; 0: no limit (Hz)', minimum=0.0, maximum=1e6
    )
    max_age_sec: float = parameter(
        0.0,
        'a feature whose topic was silent longer drops the sample; 0: no limit (s)',
        minimum=0.0,
        maximum=MAX_SEC,
    )

    stamped: bool = parameter(
        False,
        "publish samples as one-point clouds with the sensor's header, on points and labeled_points",
        read_only=True,
    )

    def sampling(self) -> SamplingOptions:
        """Return what the core samples by."""
        return SamplingOptions(**{each.name: getattr(self, each.name) for each in fields(SamplingOptions)})

    def check(self) -> None:
        """Parse every expression. Raises ExpressionError and BinclfError."""
        self.sampling().check()


P = TypeVar('P', bound=NodeParameters)


def describe(kind: type[NodeParameters]) -> list[tuple[str, str, str]]:
    """Return name, default and description of every parameter, with what it may be."""
    rows = []
    for each in fields(kind):
        bounds, choices = each.metadata['range'], each.metadata['choices']
        allowed = f' ({bounds[0]:g} to {bounds[1]:g})' if bounds else ''
        allowed = f' ({", ".join(choices)})' if choices else allowed
        fixed = ' ⊘' if each.metadata['read_only'] else ''
        default = (
            '[]'
            if each.default == ()
            else str(each.default).lower()
            if isinstance(each.default, bool)
            else repr(each.default)
        )
        rows.append((each.name + fixed, default, each.metadata['description'] + allowed))
    return rows


_TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
    tuple: Parameter.Type.STRING_ARRAY,
}
_WORDS = {
    bool: 'true or false',
    int: 'a whole number',
    float: 'a number',
    str: 'a text',
    tuple: 'a list of texts',
}


class DeclaredParameters(Generic[P]):
    """The parameters of a node as one immutable value, `current`, that changes whole or not at all.

    `accept` is called with a new value before it becomes the current one, and may refuse it by a
    BinclfError, whose text becomes the reason.
    """

    def __init__(self, node: Node, kind: type[P], accept: Callable[[P], None]) -> None:
        self._fields = {each.name: each for each in fields(kind)}
        self._accept = accept
        self.current = kind(**{name: _declare(node, each) for name, each in self._fields.items()})
        self.current.check()
        node.add_on_set_parameters_callback(self._on_set)

    def in_declared_types(self, changes: Sequence[Parameter[Any]]) -> list[Parameter[Any]]:
        """Return the changes, whole numbers as floats and empty lists as those of texts where declared.

        Raises ParameterError for another type, which rclpy itself would refuse in numbers for types.
        """
        return [
            _in_declared_type(self._fields[each.name], each) if each.name in self._fields else each
            for each in changes
        ]

    def _on_set(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        try:
            new = replace(
                self.current,
                **{
                    p.name: _checked(self._fields[p.name], p.value)
                    for p in changes
                    if p.name in self._fields
                },
            )
            new.check()
            if new != self.current:
                self._accept(new)
                self.current = new
        except Exception as error:  # an exception here would end the node: rclpy lets it through
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def _declare(node: Node, each: Field[Any]) -> Any:
    """Declare one parameter with what it was started with, whole numbers included; return its value."""
    open_minded = ParameterDescriptor(dynamic_typing=True)
    given = node.declare_parameter(each.name, None, open_minded).value
    node.undeclare_parameter(each.name)
    value = _checked(each, each.default if given is None else given)
    stored = list(value) if isinstance(value, tuple) else value
    descriptor = _descriptor(each)
    if stored == []:  # an empty list would be taken for one of bytes
        node.declare_parameter(each.name, Parameter.Type.STRING_ARRAY, ignore_override=True)
        node.set_parameters([Parameter(each.name, Parameter.Type.STRING_ARRAY, stored)])
        descriptor.type = Parameter.Type.STRING_ARRAY.value
        node.set_descriptor(each.name, descriptor)
    else:
        node.declare_parameter(each.name, stored, descriptor, ignore_override=True)
    return value


def _descriptor(each: Field[Any]) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=each.metadata['description'], read_only=each.metadata['read_only']
    )
    bounds = each.metadata['range']
    if bounds and isinstance(each.default, float):
        span = FloatingPointRange(from_value=float(bounds[0]), to_value=float(bounds[1]))
        descriptor.floating_point_range = [span]
    elif bounds:
        descriptor.integer_range = [
            IntegerRange(from_value=int(bounds[0]), to_value=int(bounds[1]), step=1)
        ]
    if each.metadata['choices']:
        descriptor.additional_constraints = 'one of: ' + ', '.join(each.metadata['choices'])
    return descriptor


def _in_declared_type(each: Field[Any], given: Parameter[Any]) -> Parameter[Any]:
    if given.type_ == Parameter.Type.NOT_SET:
        return given
    kind = type(each.default)
    is_list = given.type_.value >= Parameter.Type.BYTE_ARRAY.value  # an empty one may be of any type
    value = _typed(each, [] if kind is tuple and is_list and not given.value else given.value)
    return Parameter(given.name, _TYPES[kind], list(value) if kind is tuple else value)


def _checked(each: Field[Any], value: Any) -> Any:
    """Return a value in the field's type and range. Raises ParameterError."""
    value = _typed(each, value)
    choices, bounds = each.metadata['choices'], each.metadata['range']
    if choices and value not in choices:
        raise ParameterError(f'{each.name} is {value!r}, expected one of {", ".join(choices)}')
    if bounds and not bounds[0] <= value <= bounds[1]:
        raise ParameterError(f'{each.name} is {value}, expected {bounds[0]:g} to {bounds[1]:g}')
    return value


def _typed(each: Field[Any], value: Any) -> Any:
    """Return a value in the field's type. Raises ParameterError: what came, what is expected."""
    kind = type(each.default)
    if kind is float and type(value) is int:
        value = float(value)
    if kind is tuple and isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        value = tuple(value)
    if type(value) is not kind:
        raise ParameterError(f'{each.name} is {value!r}, expected {_WORDS[kind]}')
    return value


def tables() -> str:
    """Return docs/parameters.md: every parameter of every node."""
    lines = [
        '# Parameters',
        '',
        'Made by `make docs` from `binclf_ros/ros/parameters.py`. All can be changed while the node runs,',
        'but those marked ⊘. A refused change names the reason and changes nothing.',
    ]
    for kind in (FeaturizerParameters, TrainerParameters, PredictorParameters):
        title = kind.__name__.removesuffix('Parameters').lower()
        lines += ['', f'## {title}', '', '| parameter | default | meaning |', '| --- | --- | --- |']
        lines += [f'| `{name}` | `{default}` | {text} |' for name, default, text in describe(kind)]
    return '\n'.join(lines)


if __name__ == '__main__':
    print(tables())
