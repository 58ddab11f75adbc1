# SPDX-License-Identifier: Apache-2.0
"""Which names the sources of a distribution have: modules, names in them, members, keywords.

The sources are folders of Python packages and of .msg and .srv files, as a clone or a prefix has them. They
are read, not imported; `if TYPE_CHECKING:` counts as absent.
"""

from __future__ import annotations

import ast
import builtins
from functools import cache
from pathlib import Path

from distribution_uses import PACKAGES

ANYTHING = '*'
"""The member of a class whose members are written in C++: there may be any."""
KNOWN_BASES = {
    'Enum': ('name', 'value'),
    'IntEnum': ('name', 'value'),
    'Generic': ('__class_getitem__',),
    'Protocol': ('__class_getitem__',),
    'ContextManager': ('__class_getitem__', '__enter__', '__exit__'),
}
MESSAGE = {'get_fields_and_field_types', 'SLOT_TYPES'}


class Sources:
    """The sources of one distribution."""

    def __init__(self, roots: list[Path]) -> None:
        self.roots = roots
        self.packages: dict[str, Path] = {}
        self._finding: list[tuple[str, str]] = []
        for pattern in ('*', '*/*', '*/*/*', '*/*/*/*', '*/*/*/*/*'):
            for path in (path for root in roots for path in sorted(root.glob(pattern))):
                if path.name in PACKAGES and ((path / '__init__.py').exists() or (path / 'msg').is_dir()):
                    self.packages.setdefault(path.name, path)
        self.interfaces = {
            f'{path.parent.parent.name}.{path.parent.name}.{path.stem}': path
            for root in roots
            for kind in ('msg', 'srv')
            for path in sorted(root.rglob(f'{kind}/*.{kind}'))
        }

    def has(self, name: str) -> bool | None:
        """Return whether there is such a name; None where the package was not read."""
        name, _, keyword = name.rstrip(')').partition('(')
        parts = name.split('.')
        if parts[0] not in self.packages and not any(
            each.startswith(f'{parts[0]}.') for each in self.interfaces
        ):
            return None
        if len(parts) > 1 and parts[1] in ('msg', 'srv'):
            return self._has_interface(parts, keyword)
        depth = max((i for i in range(1, len(parts) + 1) if self.module('.'.join(parts[:i]))), default=0)
        if depth == len(parts):
            return True
        found = self.find('.'.join(parts[:depth]), parts[depth]) if depth else None
        return found is not None and self._has_member(found, parts[depth + 1 :], keyword)

    def _has_interface(self, parts: list[str], keyword: str) -> bool:
        if len(parts) == 2:
            return any(each.startswith('.'.join(parts)) for each in self.interfaces)
        path = self.interfaces.get('.'.join(parts[:3]))
        if path is None:
            return False
        rest = [each for each in parts[3:] if each not in ('Request', 'Response')]
        return {*rest, *filter(None, [keyword])} <= fields_of(path) | MESSAGE

    def modules(self, package: str) -> set[str]:
        """Return the names of the public modules of a package."""
        base = self.packages[package]
        parts = (path.relative_to(base.parent).with_suffix('').parts for path in base.rglob('*.py'))
        public = (each for each in parts if not any(part.startswith('_') for part in each))
        return {'.'.join(each) for each in public if not {'test', 'impl'} & set(each)}

    @cache  # noqa: B019  # there are four of these, for the length of a script
    def module(self, name: str) -> ast.Module | None:
        """Return the syntax tree of a module."""
        first, *rest = name.split('.')
        if first not in self.packages:
            return None
        base = self.packages[first].joinpath(*rest)
        path = next(
            (each for each in (base.with_suffix('.py'), base / '__init__.py') if each.is_file()), None
        )
        return ast.parse(path.read_text(encoding='utf-8')) if path else None

    @cache  # noqa: B019
    def find(self, module: str, name: str) -> tuple[str, ast.AST] | None:
        """Return what a name of a module stands for, and in which module; imports are followed."""
        if (module, name) in self._finding:  # modules that import each other
            return None
        self._finding.append((module, name))
        try:
            return self._find(module, name)
        finally:
            self._finding.pop()

    def _find(self, module: str, name: str) -> tuple[str, ast.AST] | None:
        tree = self.module(module)
        for node in statements(tree.body if tree else []):
            if (
                isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
                and node.name == name
            ):
                return module, node
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for each in node.names:
                    if (each.asname or each.name) == name:
                        return self._follow(module, node, each.name)
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, 'target', None)]
            if any(isinstance(each, ast.Name) and each.id == name for each in targets):
                value = getattr(node, 'value', None)
                alias = self.find(module, value.id) if isinstance(value, ast.Name) else None
                return alias or (module, node)
        return None

    def _follow(self, module: str, node: ast.Import | ast.ImportFrom, name: str) -> tuple[str, ast.AST]:
        if isinstance(node, ast.Import):
            return module, node
        parts = module.split('.')
        is_package = self.packages[parts[0]].joinpath(*parts[1:]).is_dir()
        parent = parts[: len(parts) - node.level + is_package] if node.level else []
        origin = '.'.join([*parent, *(node.module or '').split('.')]).strip('.')
        return self.find(origin, name) or (module, node)

    def _has_member(self, found: tuple[str, ast.AST], parts: list[str], keyword: str) -> bool:
        module, node = found
        if parts and isinstance(node, ast.ClassDef):
            members = self.members(module, node)
            if parts[0] not in members:
                return ANYTHING in members
            inner = members[parts[0]]
            return inner is None or self._has_member((module, inner), parts[1:], keyword)
        if not keyword:
            return True
        if isinstance(node, ast.ClassDef):
            members = self.members(module, node)
            makers = [members[each] for each in ('__init__', '__new__') if each in members]
            return ANYTHING in members or any(each is not None and takes(each, keyword) for each in makers)
        return takes(node, keyword)

    def members(self, module: str, node: ast.ClassDef) -> dict[str, ast.AST | None]:
        """Return the members of a class by name, inherited ones too; ANYTHING where one cannot know."""
        found: dict[str, ast.AST | None] = {}
        for base in node.bases:
            bare = base.value if isinstance(base, ast.Subscript) else base
            name = bare.id if isinstance(bare, ast.Name) else ''
            parent = self.find(module, name) if name else None
            if parent and isinstance(parent[1], ast.ClassDef):
                found |= self.members(*parent)
            elif name in KNOWN_BASES:
                found |= dict.fromkeys(KNOWN_BASES[name])
            elif hasattr(builtins, name):
                found |= dict.fromkeys(dir(getattr(builtins, name)))
            else:
                found[ANYTHING] = None
        for part in statements(node.body):
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found[part.name] = part
            for each in part.targets if isinstance(part, ast.Assign) else [getattr(part, 'target', None)]:
                found |= {each.id: None} if isinstance(each, ast.Name) else {}
        for each in ast.walk(node):
            is_own = isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
            if is_own and isinstance(each.value, ast.Name) and each.value.id == 'self':
                found.setdefault(each.attr, None)
        return found


def statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements, with those inside `if` and `try`; not what is for type checkers alone."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, ast.If):
            names = {each.id for each in ast.walk(node.test) if isinstance(each, ast.Name)}
            attributes = {each.attr for each in ast.walk(node.test) if isinstance(each, ast.Attribute)}
            typing_alone = 'TYPE_CHECKING' in names | attributes
            found += [*([] if typing_alone else statements(node.body)), *statements(node.orelse)]
        elif isinstance(node, ast.Try):
            found += statements(
                [*node.body, *(each for h in node.handlers for each in h.body), *node.orelse]
            )
    return found


def takes(node: ast.AST, keyword: str) -> bool:
    """Return whether a function takes a keyword; of what is no function, one cannot know."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return True
    arguments = node.args
    names = {each.arg for each in (*arguments.args, *arguments.kwonlyargs)}
    return keyword in names or arguments.kwarg is not None


def fields_of(path: Path) -> set[str]:
    """Return the fields and constants of a .msg or .srv file."""
    lines = (line.split('#')[0].split() for line in path.read_text(encoding='utf-8').splitlines())
    return {words[1].partition('=')[0] for words in lines if len(words) > 1 and words[0] != '---'}
