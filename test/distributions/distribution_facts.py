# SPDX-License-Identifier: Apache-2.0
"""The table of which names each distribution has: read it, or make it again.

python distribution_facts.py H=FOLDER,… J=FOLDER,… K=FOLDER,… R=FOLDER,… writes facts.txt beside this file,
from the sources of Humble, Jazzy, Kilted and Rolling, for what our code uses now.
doc/explanation/architecture.md says from which.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

from distribution_sources import ANYTHING, MESSAGE, Sources, fields_of, statements
from distribution_uses import PACKAGES, uses_of

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name('facts.txt')
FOLDERS = ('binclf_ros', 'launch', 'examples', 'test/nodes', 'test/ros')
WIDTH = 108
READ = 'read'


def files() -> list[Path]:
    """Return our files that run on a robot, and the tests that run there."""
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob('*.py'))


def load() -> dict[str, str]:
    """Return the letters of the distributions that have each name; `read.PACKAGE`: those that were read."""
    facts = {}
    for line in TABLE.read_text(encoding='utf-8').splitlines():
        if line and not line.startswith('#'):
            owner, letters, *names = line.split()
            facts |= {joined(owner, each): letters for each in names}
    return facts


def joined(owner: str, name: str) -> str:
    """`rclpy.node` and `Node` are `rclpy.node.Node`; `a.b()` and `keyword` are `a.b(keyword)`."""
    return f'{owner[:-1]}{name})' if owner.endswith('()') else f'{owner}.{name}'


def split(name: str) -> tuple[str, str]:
    """Return owner and name, which `joined` puts together."""
    if name.endswith(')'):
        owner, _, keyword = name[:-1].partition('(')
        return f'{owner}()', keyword
    owner, _, last = name.rpartition('.')
    return owner or '.', last


def candidates(sources: Sources, used: set[str]) -> set[str]:
    """Return what the modules, classes and messages that we use have beside what we use of them."""
    found = set()
    for name, path in sources.interfaces.items():
        if name.split('.')[0] in PACKAGES:
            found |= {
                name,
                name.rpartition('.')[0],
                *(f'{name}.{each}' for each in (*fields_of(path), *MESSAGE)),
            }
            found |= {f'{name}.{each}' for each in ('Request', 'Response') if '.srv.' in name}
    for name in used | sources.modules('rclpy'):
        found |= {name} - used
        tree = None if name.endswith(')') else sources.module(name)
        if tree:
            names = {getattr(node, 'name', '') for node in statements(tree.body)}
            found |= {f'{name}.{each}' for each in names if each and not each.startswith('_')}
    for name in sorted(used | found):
        owner, last = split(name)
        at = None if name.endswith(')') or not sources.module(owner) else sources.find(owner, last)
        if at and isinstance(at[1], ast.ClassDef) and name in used:
            found |= members_of(sources, name, at)
    return found


def members_of(sources: Sources, name: str, at: tuple[str, ast.ClassDef]) -> set[str]:
    """Return the public members of a class and the keywords of each."""
    found = set()
    for member, node in sources.members(*at).items():
        if member == ANYTHING or not member.startswith('_'):
            found.add(f'{name}.{member}')
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not member.startswith('_'):
            arguments = (*node.args.args[1:], *node.args.kwonlyargs)
            found |= {f'{name}.{member}({each.arg})' for each in arguments}
    return found


def make(distributions: dict[str, Sources]) -> str:
    """Return the table as text."""
    used = {each.name for each in uses_of(files()) if not each.name.startswith('?')}
    wanted = set().union(used, *(candidates(each, used) for each in distributions.values()))
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for package in PACKAGES:
        letters = ''.join(k for k, each in distributions.items() if each.has(package) is not None)
        rows[READ, letters].append(package)
    for name in sorted(wanted):
        letters = ''.join(k for k, each in distributions.items() if each.has(name))
        if letters:
            owner, last = split(name)
            rows[owner, letters].append(last)
    head = (
        '# Made by distribution_facts.py: an owner, who has it (Humble, Jazzy, Kilted, Rolling), the names'
    )
    return '\n'.join([head, *(line for row in sorted(rows) for line in wrapped(row, rows[row]))]) + '\n'


def wrapped(row: tuple[str, str], names: list[str]) -> list[str]:
    """Return a row as lines of a width that one can read."""
    lines, line = [], ' '.join(row)
    for each in names:
        if len(line) + len(each) >= WIDTH:
            lines.append(line)
            line = ' '.join(row)
        line += f' {each}'
    return [*lines, line]


def main(arguments: list[str]) -> None:
    """Make the table from the folders that the arguments name."""
    given = dict(each.split('=', 1) for each in arguments)
    made = make({k: Sources([Path(each) for each in v.split(',')]) for k, v in given.items()})
    TABLE.write_text(made, encoding='utf-8')


if __name__ == '__main__':
    main(sys.argv[1:])
