# SPDX-License-Identifier: Apache-2.0
"""Options from the YAML that runs on the robot, and from `--set name=value`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from ..core.errors import BinclfError, ParameterError, StorageError
from ..core.evaluation.options import EvaluationOptions
from ..core.features.options import PointOptions, SamplingOptions
from ..core.learning.options import LearningOptions
from ..core.options import Options, checked, named
from ..core.storage.files import why
from ..vision.options import PixelOptions
from .job import Taught

MAX_BYTES = 2**24
_TRUE, _FALSE = ('true', 'yes', 'on', '1'), ('false', 'no', 'off', '0')


@dataclass(frozen=True)
class Config:
    """What to sample, how to learn, and how to judge."""

    sampling: SamplingOptions
    learning: LearningOptions
    evaluation: EvaluationOptions
    taught: Taught | None = None
    """How to take labelled clouds and images; None where features are named."""


KINDS: dict[str, tuple[type[Options], ...]] = {
    'featurizer': (SamplingOptions,),
    'trainer': (LearningOptions, EvaluationOptions, PixelOptions, PointOptions),
}
"""Node → the options that it has of it."""
O = TypeVar('O', bound=Options)  # noqa: E741


def read_config(params: Path | None, changes: Sequence[str]) -> Config:
    """Return the options of a file, changed by `name=value`. Raises StorageError, ParameterError."""
    tree = _load(params) if params is not None else {}
    known = {name: each for kinds in KINDS.values() for kind in kinds for name, each in named(kind).items()}
    given = {name: value for node in KINDS for name, value in _of_node(tree, node).items()}
    for change in changes:
        name, equals, text = change.partition('=')
        name = name.strip().rpartition('.')[2]
        if not equals or name not in known:
            raise ParameterError(f'--set {change!r:.100}: expected name=value; {_hint(name, known)}')
        given[name] = _parsed(text.strip(), known[name])
    sampling = _made(SamplingOptions, given)
    columns = tuple(name for name in ('point_features', 'pixel_features') if name in given)
    taught = Taught(_made(PointOptions, given), _made(PixelOptions, given), columns)
    learning, evaluation = _made(LearningOptions, given), _made(EvaluationOptions, given)
    return Config(sampling, learning, evaluation, None if sampling.features else taught)


def _hint(name: str, known: Iterable[str]) -> str:
    if name in known:
        return 'the value is missing'
    near = get_close_matches(name, known, 1)
    return f'did you mean {near[0]}?' if near else f'there are {", ".join(known)}'


def _made(kind: type[O], given: Mapping[str, Any]) -> O:
    options = kind(
        **{name: checked(each, given[name]) for name, each in named(kind).items() if name in given}
    )
    options.check()
    return options


def _load(path: Path) -> Mapping[str, Any]:
    try:
        yaml = import_module('yaml')
    except ImportError as error:
        raise BinclfError('--params is read with PyYAML: pip install PyYAML') from error
    try:
        with open(path, encoding='utf-8') as file:
            tree = yaml.safe_load(file.read(MAX_BYTES))
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f'--params {path} cannot be read: {why(error)}') from error
    except yaml.YAMLError as error:
        problem = ' '.join(str(error).split())
        raise ParameterError(f'--params {path} is no YAML: {problem}') from error
    if not isinstance(tree, dict) or not any(True for _ in _nodes(tree)):
        raise ParameterError(
            f'--params {path} has no ros__parameters: expected the file that runs on the robot'
        )
    return tree


def _nodes(tree: Mapping[Any, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the pattern of each node, in parts, and its parameters."""
    for key, value in tree.items():
        if key == 'ros__parameters':
            yield path, value
        elif isinstance(value, dict):
            yield from _nodes(value, (*path, *(part for part in str(key).split('/') if part)))


def _of_node(tree: Mapping[Any, Any], node: str) -> dict[str, Any]:
    """Return the parameters of a node: those of patterns first, then those of its name."""
    found = [(path, value) for path, value in _nodes(tree) if path and path[-1] in (node, '*', '**')]
    found.sort(key=lambda each: each[0][-1] == node)
    merged: dict[str, Any] = {}
    for _, value in found:
        if not isinstance(value, dict):
            raise ParameterError(
                f'ros__parameters of the {node} is {value!r:.60}, expected names and values'
            )
        merged.update({str(name): each for name, each in value.items()})
    return merged


def _parsed(text: str, each: Field[Any]) -> Any:
    """Return the value that a text of the command line stands for, in the type of an option."""
    kind = type(each.default)
    if kind is tuple:
        return _items(text)
    if kind is bool and text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise ParameterError(f'{each.name} is {text!r:.60}, expected a number') from None
    return text


def _items(text: str) -> tuple[str, ...]:
    """Return the items of `[a, b]` or `a, b`, split at the commas that are in no brackets."""
    if text.startswith('[') and text.endswith(']'):
        text = text[1:-1]
    items, depth, start = [], 0, 0
    for place, symbol in enumerate(text):
        depth += (symbol in '([') - (symbol in ')]')
        if symbol == ',' and depth <= 0:
            items.append(text[start:place])
            start = place + 1
    items.append(text[start:])
    return tuple(item.strip().strip('\'"') for item in items if item.strip())
