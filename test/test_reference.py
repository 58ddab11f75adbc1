# SPDX-License-Identifier: Apache-2.0
"""The reference says what the code does: each reason, count, finding, topic, service and exit code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from binclf_ros.__main__ import PROGRAMS
from binclf_ros.core.evaluation.scores import SCORES
from binclf_ros.core.learning.model import Model

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / 'doc' / 'reference'
ERRORS = {'SampleError': 'Samples, clouds', 'ModelError': 'Models', 'RequestError': 'The page'}
"""Of each kind of refusal, the section that tells of its reasons."""


@cache
def nodes() -> tuple[ast.AST, ...]:
    """The syntax of the whole package."""
    trees = (ast.parse(path.read_text()) for path in sorted((ROOT / 'binclf_ros').rglob('*.py')))
    return tuple(each for tree in trees for each in ast.walk(tree))


@cache
def calls() -> tuple[tuple[ast.Call, ast.FunctionDef], ...]:
    """Each call with the function that it is in."""
    scopes = (each for each in nodes() if isinstance(each, ast.FunctionDef))
    return tuple(
        (each, scope) for scope in scopes for each in ast.walk(scope) if isinstance(each, ast.Call)
    )


def texts(node: ast.AST, scope: ast.AST | None = None) -> Iterator[str]:
    """The texts that an expression may be, as far as they stand there: of an f-string what is constant."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body, scope)
        yield from texts(node.orelse, scope)
    elif isinstance(node, ast.JoinedStr):
        parts = (each.value if isinstance(each, ast.Constant) else '…' for each in node.values)
        yield ''.join(map(str, parts))
    elif isinstance(node, ast.BinOp):
        yield from (left + right for left in texts(node.left) for right in texts(node.right))
    elif isinstance(node, ast.Name) and scope is not None:
        for each in ast.walk(scope):
            if isinstance(each, ast.Assign) and getattr(each.targets[0], 'id', '') == node.id:
                yield from texts(each.value)


def first_arguments(name: str) -> set[str]:
    """The texts that are given first to calls of a function or class, in all of the package."""
    found: set[str] = set()
    for each, scope in calls():
        if each.args and getattr(each.func, 'id', '') == name:
            found.update(texts(each.args[0], scope))
    return found


def counted() -> set[str]:
    """The names of counts, where `…` stands for what the code puts in."""
    found: set[str] = set()
    for each in nodes():
        if isinstance(each, ast.Subscript) and getattr(each.value, 'attr', '') == 'counts':
            found.update(texts(each.slice))
    return found


def page(name: str) -> str:
    return (PAGES / f'{name}.md').read_text()


def rows(text: str, heading: str = '') -> list[list[str]]:
    """The rows of the tables below headings that begin so, without the first row of each table."""
    found = []
    for section in re.split(r'^## ', text, flags=re.MULTILINE):
        if not section.startswith(heading):
            continue
        for table in re.findall(r'(?:^\|.*\n)+', section, re.MULTILINE):
            lines = [re.split(r'(?<!\\)\|', line.strip()[1:-1]) for line in table.splitlines()[2:]]
            found += [[cell.strip() for cell in cells] for cells in lines]
    return found


def named(cell: str) -> list[str]:
    return re.findall(r'`([^`]+)`', cell)


def reasons(heading: str) -> set[str]:
    """The reasons below a heading, each of which has to have a meaning and a cure."""
    found: set[str] = set()
    for first, *others in rows(page('diagnostics'), heading):
        assert others and all(others), f'{first} has an empty cell'
        found.update(re.sub('/[A-Z]+$', '', each) for each in named(first))
    return found


@pytest.mark.parametrize('error', ERRORS)
def test_every_reason_for_a_refusal_is_told_with_its_cure(error: str) -> None:
    wanted = {each.rstrip('…') for each in first_arguments(error)}
    wanted |= {'max_rate', 'internal_error'} if error == 'SampleError' else set()
    wanted |= refused_requests() if error == 'RequestError' else set()
    assert wanted and reasons(ERRORS[error]) == wanted


def refused_requests() -> set[str]:
    """The reasons for which a request of HTTP is answered by no page."""
    return {
        text
        for each, _ in calls()
        if getattr(each.func, 'attr', '') == 'refuse' and len(each.args) == 3
        for text in texts(each.args[1])
    }


def test_every_reason_for_no_label_is_told_with_its_cure() -> None:
    tree = ast.parse((ROOT / 'binclf_ros' / 'core' / 'features' / 'labels.py').read_text())
    said = {
        text
        for each in ast.walk(tree)
        if isinstance(each, (ast.Return, ast.Call))
        for part in (each.args if isinstance(each, ast.Call) else filter(None, [each.value]))
        for text in (*texts(part), *(t for e in getattr(part, 'elts', ()) for t in texts(e)))
    }
    assert said - {'Waiting', 'label', 'positive'} == reasons('Samples without a label')


def test_every_finding_is_told_with_its_cure() -> None:
    told = {named(first)[0]: others for first, *others in rows(page('diagnostics'), 'What it finds')}
    assert all(all(others) for others in told.values())
    assert {each.rstrip('…/') for each in first_arguments('Finding')} == told.keys() - {
        'incompatible',  # those whose kind is their sentence
        'double',
    }


def test_what_the_page_quotes_is_what_the_code_says() -> None:
    strings = '\n'.join(
        each.value for each in nodes() if isinstance(each, ast.Constant) and isinstance(each.value, str)
    )
    quotes = [row[0] for row in rows(page('diagnostics'), 'What a node says')]
    quotes += [row[1] for row in rows(page('diagnostics'), 'What it finds')]
    for quote in (text for cell in quotes for text in named(cell)):
        for part in re.split(r'…|NAME\.|-1|5 samples| than ', quote):
            assert part.strip(' ;,:') in strings, f'{part!r} of {quote!r} is not said anywhere'


def test_every_state_of_a_node_is_told() -> None:
    said: set[str] = set()
    for path in (ROOT / 'binclf_ros' / 'nodes').glob('*.py'):
        for scope in ast.walk(ast.parse(path.read_text())):
            if isinstance(scope, ast.FunctionDef) and scope.name == 'status':
                for each in ast.walk(scope):
                    if isinstance(each, ast.Constant) and isinstance(each.value, str) and ' ' in each.value:
                        said.add(each.value)
    said -= {ast.get_docstring(each) for each in nodes() if isinstance(each, ast.FunctionDef)}
    told = page('diagnostics')
    for each in said - {'; '}:
        assert each.strip() in told, each


def test_every_count_is_told() -> None:
    told = {each for row in rows(page('diagnostics')) for each in named(row[0])}
    assert told >= set(SCORES)
    prefixes = ('dropped', 'rejected', 'refused', 'unlabeled', 'unread', 'failed', 'ignored')
    assert all(f'`{each}/' in page('diagnostics') for each in (*prefixes, 'model_rejected'))
    for each in counted():
        if not each.startswith(('…', *(f'{prefix}…' for prefix in prefixes))) and '…' not in each:
            kind, _, reason = each.partition('/')
            assert each in told or (kind in prefixes and reason in told), each


def test_every_key_of_a_model_is_told() -> None:
    told = {each for first, *_ in rows(page('model_file')) for each in named(first)}
    fields = {*Model.__dataclass_fields__, 'format', 'version', 'map'} - {'feature_map', 'knots'}
    assert told == fields


def test_every_command_and_code_is_told() -> None:
    text = page('exit_codes')
    assert [named(first)[0] for first, *_ in rows(text, 'Commands')] == list(PROGRAMS)
    assert [first for first, *_ in rows(text, 'Exit codes')] == ['0', '1', '2', '3', '130']


def test_every_argument_of_the_launch_file_is_told_with_its_default() -> None:
    launch = ast.parse((ROOT / 'launch' / 'binclf.launch.py').read_text())
    arguments = next(
        each.value
        for each in launch.body
        if isinstance(each, ast.Assign) and getattr(each.targets[0], 'id', '') == 'ARGUMENTS'
    )
    assert isinstance(arguments, ast.Dict)
    wanted = {
        name: next(texts(value.elts[0]), None)
        for key, value in zip(arguments.keys, arguments.values)
        if key is not None and isinstance(value, ast.Tuple)
        for name in texts(key)
    }
    told = {
        named(first)[0]: default.strip('`') for first, default, _ in rows(page('exit_codes'), 'The launch')
    }
    assert told == {**wanted, 'params_file': 'config/binclf.yaml'}  # which is in the share folder


def test_every_room_is_told() -> None:
    package = ROOT / 'binclf_ros'
    rooms = {str(path.parent.relative_to(package)) for path in package.rglob('__init__.py')} - {'.'}
    text = (ROOT / 'doc' / 'explanation' / 'architecture.md').read_text()
    told = {named(first)[0].rstrip('/') for first, *_ in rows(text, 'Inside') if '/`' in first}
    assert told == rooms
