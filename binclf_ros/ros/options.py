# SPDX-License-Identifier: Apache-2.0
"""What can be set of each node: the options of the rooms that it uses, and the few that are its own.

`python -m binclf_ros.ros.options` writes doc/reference/parameters.md and config/binclf.yaml, in which
the bases of a class stand from the last to the first.
"""

from __future__ import annotations

import textwrap
from dataclasses import Field, dataclass
from pathlib import Path
from typing import Any

from ..core.evaluation.options import DecisionOptions, EvaluationOptions
from ..core.features.options import PointOptions, SamplingOptions
from ..core.learning.options import LearningOptions, WorkerOptions
from ..core.options import Options, allowed, as_yaml, meaning, named, option
from ..core.storage.options import DatasetFileOptions, ModelFileOptions
from ..vision.options import ImageOptions, PixelOptions, TransportOptions
from ..web.options import WebOptions

WIDTH = 100


@dataclass(frozen=True)
class NodeOptions(Options):
    """What all nodes have."""

    executor: str = option(
        'auto',
        'This executor of rclpy runs the callbacks: events or single; auto takes the faster one that is '
        'sound here.',
        choices=('auto', 'events', 'single'),
        read_only=True,
    )


@dataclass(frozen=True)
class OutputOptions(Options):
    """How the featurizer publishes."""

    stamped: bool = option(
        False,
        "Samples are published as one-point clouds with the sensor's header, on points and labeled_points.",
        read_only=True,
    )


@dataclass(frozen=True)
class FeaturizerParameters(NodeOptions, OutputOptions, SamplingOptions):
    """Parameters of the featurizer."""


@dataclass(frozen=True)
class TrainerParameters(
    NodeOptions,
    EvaluationOptions,
    DatasetFileOptions,
    ModelFileOptions,
    PixelOptions,
    PointOptions,
    WorkerOptions,
    LearningOptions,
):
    """Parameters of the trainer."""


@dataclass(frozen=True)
class PredictorParameters(NodeOptions, ImageOptions, ModelFileOptions, DecisionOptions):
    """Parameters of the predictor."""


@dataclass(frozen=True)
class Words(NodeOptions):
    """What a file of parameters may set of the node `demo`: words for the report."""

    question: str = option('', 'This is the title of the report.')
    positive: str = option('1', 'The label 1 is called this in the report.')
    negative: str = option('0', 'The label 0 is called this in the report.')


@dataclass(frozen=True)
class WebParameters(NodeOptions, TransportOptions, WebOptions):
    """Parameters of the page to teach from."""


KINDS: dict[str, type[NodeOptions]] = {
    'featurizer': FeaturizerParameters,
    'trainer': TrainerParameters,
    'predictor': PredictorParameters,
    'web': WebParameters,
}


def usage(kind: type[NodeOptions]) -> str:
    """Return what `--help` says of the parameters of a node."""
    lines = []
    for name, each in named(kind).items():
        lines += [f'  {name}{_mark(each)}', *textwrap.wrap(meaning(each), WIDTH, **_indents('      '))]
    return '\n'.join(['Parameters, as --ros-args -p NAME:=VALUE (⊘: at the start alone):', '', *lines])


def table() -> str:
    """Return doc/reference/parameters.md: every parameter of every node."""
    lines = [
        '# Parameters',
        '',
        'Made by `make docs` from the options in the code. All can be changed while the node runs,',
        'but those marked ⊘. A refused change names the reason and changes nothing.',
    ]
    for node, kind in KINDS.items():
        lines += ['', f'## {node}', '', '| parameter | default | meaning |', '| --- | --- | --- |']
        for name, each in named(kind).items():
            may_be = f' ({allowed(each)})' if allowed(each) else ''
            meaning = each.metadata['description'].replace('|', '\\|')
            lines.append(f'| `{name}`{_mark(each)} | `{as_yaml(each.default)}` | {meaning}{may_be} |')
    return '\n'.join(lines) + '\n'


def configuration() -> str:
    """Return config/binclf.yaml: every parameter with its default."""
    lines = [
        '# SPDX-License-Identifier: Apache-2.0',
        '# Every parameter with its default, made by `make docs`. Copy what you change; start with',
        '#   ros2 launch binclf_ros binclf.launch.py params_file:=/path/to/yours.yaml',
        '# All but those marked ⊘ can be changed while the nodes run: ros2 param set /trainer l2 0.1',
        '# For ros2 param load, write those of one node under /**: and ros__parameters: at once.',
        '',
        '/**:',
    ]
    for node, kind in KINDS.items():
        lines += [f'  {node}:', '    ros__parameters:']
        for name, each in named(kind).items():
            lines += _entry(name, each)
        lines.append('')
    return '\n'.join(lines)


def _entry(name: str, each: Field[Any]) -> list[str]:
    """Return the lines of a parameter in YAML; an empty list cannot be written there, its example can."""
    may_be = f' ({allowed(each)})' if allowed(each) else ''
    about = textwrap.wrap(f'{_mark(each)} {each.metadata["description"]}{may_be}'.strip(), WIDTH - 8)
    lines = [f'      # {line}' for line in about]
    if each.default == ():
        return [*lines, f'      # {name}:', *(f'      #   - {_text(v)}' for v in each.metadata['example'])]
    return [*lines, f'      {name}: {as_yaml(each.default)}']


def _text(value: str) -> str:
    return f"'{value}'" if ', ' in value or ': ' in value else value


def _mark(each: Field[Any]) -> str:
    return ' ⊘' if each.metadata['read_only'] else ''


def _indents(blanks: str) -> dict[str, Any]:
    return {'initial_indent': blanks, 'subsequent_indent': blanks}


def write(root: Path) -> None:
    """Write the files that are made from the options into a copy of the repository."""
    (root / 'doc' / 'reference' / 'parameters.md').write_text(table(), encoding='utf-8')
    (root / 'config' / 'binclf.yaml').write_text(configuration(), encoding='utf-8')


if __name__ == '__main__':
    write(Path())
