# SPDX-License-Identifier: Apache-2.0
"""What our code uses of ROS: the names that it imports, the attributes and keywords of what it imported.

Types are followed as far as annotations, constructors and `self` say them; what is behind
`try … except ImportError`, or `if hasattr(…)`, is guarded and not counted.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGES = (
    'rclpy', 'rcl_interfaces', 'launch', 'launch_ros', 'ament_index_python', 'std_msgs', 'sensor_msgs',
    'geometry_msgs', 'diagnostic_msgs', 'std_srvs', 'builtin_interfaces', 'rosgraph_msgs',
)  # fmt: skip
RETURNED = {
    'create_publisher': 'rclpy.publisher.Publisher',
    'create_subscription': 'rclpy.subscription.Subscription',
    'create_timer': 'rclpy.timer.Timer',
    'create_client': 'rclpy.client.Client',
    'get_clock': 'rclpy.clock.Clock',
    'get_logger': 'rclpy.impl.rcutils_logger.RcutilsLogger',
    'now': 'rclpy.time.Time',
}
"""Of what type the answer of a method is, where that is a class of rclpy."""
UNKNOWN = '?'
"""What is written for an object whose type cannot be read."""
GUARDS = {'ImportError', 'ModuleNotFoundError', 'AttributeError', 'Exception', 'TypeError'}


class Use(NamedTuple):
    """A name of a distribution, `module.Class.member` or `module.Class.method(keyword)`, and where."""

    name: str
    path: Path
    line: int


def tabled(name: str | None) -> bool:
    return name is not None and name.split('.')[0] in PACKAGES


class OwnClass:
    """A class of ours: its bases, the members that it gives itself, and their types where known."""

    def __init__(self, bases: list[str]) -> None:
        self.bases = bases
        self.members: dict[str, str | None] = {}


class Scope:
    """The names of a file or a function, each with the dotted name of its class or module."""

    def __init__(self, types: dict[str, str | None]) -> None:
        self.types = types

    def of(self, node: ast.expr | None) -> str | None:
        """Return what an annotation or a base names."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.of(ast.parse(node.value, mode='eval').body)
        if isinstance(node, ast.Name):
            return self.types.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.of(node.value)
            return f'{base}.{node.attr}' if base else None
        if isinstance(node, ast.Subscript):
            return self.of(node.value)
        if isinstance(node, ast.BinOp):
            return self.of(node.left) or self.of(node.right)
        return None


class Reader(ast.NodeVisitor):
    """Walks one file; `visit` of an expression returns the dotted name of its type, or None."""

    def __init__(self, path: Path, own: dict[str, OwnClass], uses: list[Use]) -> None:
        self.path, self.own, self.uses = path, own, uses
        self.scope = Scope({name: f'own.{name}' for name in own})
        self.guarded = 0
        self.inside: OwnClass | None = None

    def use(self, name: str, node: ast.AST) -> None:
        known = tabled(name) and not inside_a_member(name)
        if (known or name.startswith(UNKNOWN)) and not self.guarded:
            self.uses.append(Use(name, self.path, getattr(node, 'lineno', 0)))

    # imports

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            self.use(each.name, node)
            bound = each.name if each.asname else each.name.split('.')[0]
            self.scope.types[each.asname or bound] = bound if tabled(bound) else None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for each in node.names:
            name = f'{node.module}.{each.name}'
            own = f'own.{each.name}' if each.name in self.own else None
            foreign = tabled(name) and not node.level
            self.scope.types[each.asname or each.name] = name if foreign else own
            if foreign:
                self.use(str(node.module), node)
                self.use(name, node)

    # what guards

    def visit_Try(self, node: ast.Try) -> None:
        caught = {each.id for handler in node.handlers if handler.type
                  for each in ast.walk(handler.type) if isinstance(each, ast.Name)}  # fmt: skip
        self.guarded += bool(caught & GUARDS)
        for each in node.body:
            self.visit(each)
        self.guarded -= bool(caught & GUARDS)
        for each in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(each)

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        self.visit(node.test)
        asks = any(isinstance(each, ast.Name) and each.id == 'hasattr' for each in ast.walk(node.test))
        self.guarded += asks
        for each in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(each)
        self.guarded -= asks
        for each in node.orelse if isinstance(node.orelse, list) else [node.orelse]:
            self.visit(each)

    visit_IfExp = visit_If

    # what binds

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        outer, self.scope = self.scope, Scope(dict(self.scope.types))
        arguments = node.args
        for i, each in enumerate((*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)):
            self.scope.types[each.arg] = self.scope.of(each.annotation)
            if i == 0 and each.arg == 'self' and self.inside is not None:
                self.scope.types['self'] = next(f'own.{k}' for k, v in self.own.items() if v is self.inside)
        for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
            self.visit(default)
        for part in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(part)
        self.scope = outer

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for each in (*node.bases, *node.decorator_list):
            self.visit(each)
        outer, self.inside = self.inside, self.own.get(node.name)
        for part in node.body:
            self.visit(part)
        self.inside = outer

    def bind(self, target: ast.expr, kind: str | None) -> None:
        if isinstance(target, ast.Name):
            self.scope.types[target.id] = kind
        elif isinstance(target, ast.Attribute) and self.inside is not None and is_self(target):
            self.inside.members[target.attr] = kind or self.inside.members.get(target.attr)
        else:
            self.visit(target)

    def visit_Assign(self, node: ast.Assign) -> None:
        kind = self.visit(node.value)
        for each in node.targets:
            self.bind(each, kind)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        kind = self.visit(node.value) if node.value else None
        self.bind(node.target, self.scope.of(node.annotation) or kind)

    # expressions

    def visit_Name(self, node: ast.Name) -> str | None:
        return self.scope.types.get(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> str | None:
        base = self.visit(node.value)
        if base is None:
            self.use(f'{UNKNOWN}.{node.attr}', node)
            return None
        if base.startswith('own.'):
            kind, base = member_of(self.own, base.removeprefix('own.'), node.attr)
            if base is None:
                return kind
        self.use(f'{base}.{node.attr}', node)
        return f'{base}.{node.attr}'

    def visit_Subscript(self, node: ast.Subscript) -> None:
        kind = self.visit(node.value)
        if kind and isinstance(node.value, ast.Name) and kind.endswith(f'.{node.value.id}'):
            self.use(f'{kind}.__class_getitem__', node)
        self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> str | None:
        called = self.visit(node.func)
        for each in node.args:
            self.visit(each)
        for keyword in node.keywords:
            self.visit(keyword.value)
            if called and keyword.arg:
                self.use(f'{called}({keyword.arg})', node)
        if called is None:
            return None
        last = called.rpartition('.')[2]
        return called if last[:1].isupper() else RETURNED.get(last)


def inside_a_member(name: str) -> bool:
    """Return whether a name goes on after a member of a class, whose own type is not known."""
    parts = name.partition('(')[0].split('.')
    classes = [i for i, each in enumerate(parts) if each[:1].isupper()]
    return bool(classes) and len(parts) > next(i for i in classes if i + 1 not in classes) + 2


def is_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == 'self'


def member_of(own: dict[str, OwnClass], name: str, attribute: str) -> tuple[str | None, str | None]:
    """Return the type of a member of ours, or the base of ROS that has to have it."""
    foreign = None
    for each in (queue := [name]):
        kind = own.get(each)
        if kind is None:
            continue
        if attribute in kind.members:
            return kind.members[attribute], None
        for base in kind.bases:
            if base.startswith('own.'):
                queue.append(base.removeprefix('own.'))
            else:
                foreign = foreign or base
    return None, foreign


def own_classes(trees: dict[Path, ast.Module]) -> dict[str, OwnClass]:
    """Return the classes of ours with their bases and what each defines."""
    classes = {
        path: [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        for path, tree in trees.items()
    }
    own = {node.name: OwnClass([]) for nodes in classes.values() for node in nodes}
    for path, nodes in classes.items():
        reader = Reader(Path(), own, [])
        for each in ast.walk(trees[path]):
            if isinstance(each, (ast.Import, ast.ImportFrom)):
                reader.visit(each)
        for node in nodes:
            read_class(node, own[node.name], reader)
    return own


def read_class(node: ast.ClassDef, kind: OwnClass, reader: Reader) -> None:
    """Note the bases of a class, its members, and of what types they are."""
    kind.bases = [base for base in map(reader.scope.of, node.bases) if base]
    for each in node.body:
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            kind.members[each.name] = None
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            kind.members[each.target.id] = reader.scope.of(each.annotation)
        elif isinstance(each, ast.Assign):
            kind.members |= {t.id: None for t in each.targets if isinstance(t, ast.Name)}
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and is_self(each):
            kind.members.setdefault(each.attr, None)


@cache
def uses_of(paths: tuple[Path, ...]) -> list[Use]:
    """Return every use of a name of ROS in these files."""
    trees = {path: ast.parse(path.read_text(encoding='utf-8')) for path in paths}
    own, uses = own_classes(trees), []
    for tell in (False, True):  # what __init__ says of `self` is known to the methods before it by then
        uses.clear()
        for path, tree in trees.items():
            Reader(path, own, uses).visit(tree)
    return sorted(set(uses))
