# SPDX-License-Identifier: Apache-2.0
"""What a node was given at its start and has no use for: misspelt parameters, files of other nodes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rclpy.node import Node

from ..core.health.findings import Finding, near
from ..core.text import MAX_NAME, printable
from .options import KINDS

QOS = 'qos_overrides.'
_OF_RCLPY = ('use_sim_time', 'start_type_description_service', 'diagnostic_updater.')


def overrides(node: Node) -> Mapping[str, Any]:
    """Return all parameters that the node was started with, declared or not."""
    return getattr(node, '_parameter_overrides', {})


class Given:
    """Holds what a node was started with against what it knows."""

    def __init__(self, node: Node, names: Sequence[str], arguments: Sequence[str] | None = None) -> None:
        self._node, self._names = node, names
        arguments = sys.argv[1:] if arguments is None else arguments
        self._findings = [*self._unknown(), *self._files(arguments)]

    def find(self, all_topics_are_there: bool) -> list[Finding]:
        """Return what is of no use; of topics only where all that the node needs are there."""
        return [*self._findings, *(self._unused_qos() if all_topics_are_there else ())]

    def is_unknown(self, name: str) -> str:
        """Return that there is no such parameter, and which may have been meant."""
        return f'{printable(name, MAX_NAME)} is an undeclared parameter{near(name, self._names)}'

    def _unknown(self) -> Iterator[Finding]:
        known = {name for kind in KINDS.values() for name in kind.__dataclass_fields__}
        for name in overrides(self._node):
            if name not in known and name not in self._names and not name.startswith((QOS, *_OF_RCLPY)):
                text = f'the parameter {name} was given and is not known{near(name, self._names)}'
                yield Finding(f'given/{name}', text)

    def _unused_qos(self) -> Iterator[Finding]:
        for name in overrides(self._node):
            if name.startswith(QOS) and not self._node.has_parameter(name):
                text = f'{name} changes nothing: there is no such subscription, publisher or policy here'
                yield Finding(f'given/{name}', text)

    def _files(self, arguments: Sequence[str]) -> Iterator[Finding]:
        full_name = self._node.get_fully_qualified_name()
        for before, path in pairwise(arguments):
            if before == '--params-file':
                nodes = nodes_of(path)
                if nodes and not any(_fits(each, full_name) for each in nodes):
                    yield from _of_others(path, nodes, full_name)


def _of_others(path: str, nodes: Sequence[str], full_name: str) -> Iterator[Finding]:
    """Yield that a file is of a node of the same or nearly the same name."""
    name = full_name.rsplit('/', 1)[-1]
    same = [each for each in nodes if each.rsplit('/', 1)[-1] == name]
    if same:
        text = f'{path} has parameters of {same[0]}, and this node is {full_name}: in the file, write /**: '
        yield Finding(f'given/{path}', f'{text}above {name}: (and indent what follows)')
    elif meant := near(name, [each.rsplit('/', 1)[-1] for each in nodes]):
        text = f'{path} has no parameters of {full_name}, only of {", ".join(nodes)}{meant}'
        yield Finding(f'given/{path}', text)


def nodes_of(path: str) -> list[str]:
    """Return the names of nodes in a file of parameters, such as /**/featurizer."""
    try:
        import yaml

        found = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except Exception:  # rcl has read it, or has said why not
        return []
    return list(_nodes(found, ''))


def _nodes(value: Any, name: str) -> Iterator[str]:
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key == 'ros__parameters':
            yield name or '/'
        else:
            yield from _nodes(inner, f'{name}/{str(key).strip("/")}')


def _fits(pattern: str, full_name: str) -> bool:
    """Return whether rcl takes the parameters of a name in a file for a node."""
    wanted, there = pattern.strip('/').split('/'), full_name.strip('/').split('/')
    return _fit(wanted, there)


def _fit(wanted: list[str], there: list[str]) -> bool:
    if not wanted:
        return not there
    if wanted[0] == '**':
        return any(_fit(wanted[1:], there[n:]) for n in range(len(there) + 1))
    return bool(there) and wanted[0] in ('*', there[0]) and _fit(wanted[1:], there[1:])
