# SPDX-License-Identifier: Apache-2.0
"""What we use of ROS is there on Humble, Jazzy, Kilted and Rolling, as their sources say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import distribution_facts as facts
import pytest
from distribution_uses import UNKNOWN, Use, uses_of

FILES = facts.files()
FACTS = facts.load()
PARTIAL_CLASSES = ('rclpy.', 'launch', 'rcl_interfaces.')


def read(name: str) -> set[str]:
    """The distributions whose package of that name was read."""
    return set(FACTS.get(f'{facts.READ}.{name.split(".")[0]}', ''))


def letters_of(name: str) -> set[str] | None:
    """The distributions that have a name, None for what the table lacks."""
    owner, last = facts.split(name)
    is_message = '.msg.' in name or '.srv.' in name
    nested = [each for each in name.partition('(')[0].split('.') if each not in ('Request', 'Response')]
    if is_message and len(nested) > 3:
        name = '.'.join(nested)
    if is_message and owner.endswith('()'):
        name = f'{".".join(nested)}.{last}'
    if owner == '.':
        return read(name)
    found = FACTS.get(name) or FACTS.get(f'{owner}.*')
    return None if found is None else set(found)


def partial_names() -> set[str]:
    """Names that classes of some distributions have, and no class of every one."""
    rows = [
        (*facts.split(name), letters) for name, letters in FACTS.items() if name.startswith(PARTIAL_CLASSES)
    ]
    of_classes = [(last, set(k)) for owner, last, k in rows if owner.rpartition('.')[2][:1].isupper()]
    everywhere = {last for last, k in of_classes if k >= set('HJR')}
    return {last for last, k in of_classes if last not in everywhere and not last.startswith('*')}


def own_names(paths: list[Path]) -> set[str]:
    """Names that we define, of functions and of attributes."""
    nodes = [each for path in paths for each in ast.walk(ast.parse(path.read_text(encoding='utf-8')))]
    functions = {each.name for each in nodes if isinstance(each, (ast.FunctionDef, ast.ClassDef))}
    stored = {
        each.attr for each in nodes if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
    }
    declared = {each.target.id for each in nodes
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)}  # fmt: skip
    return functions | stored | declared


def complaints(paths: list[Path]) -> Iterator[str]:
    """What is not there on each distribution, and not guarded."""
    partial = partial_names() - own_names(paths)
    for use in uses_of(tuple(paths)):
        wrong = complaint(use, partial)
        if wrong:
            yield f'{use.path}:{use.line}: {wrong}'


def complaint(use: Use, partial: set[str]) -> str:
    if use.name.startswith(UNKNOWN):
        last = use.name.rpartition('.')[2]
        return f'.{last}: not every distribution has it; guard it' if last in partial else ''
    letters = letters_of(use.name)
    if letters is None:
        return f'{use.name} is not in facts.txt: look it up, and add it (architecture.md says how)'
    missing = read(use.name) - letters
    return f'{use.name} is missing on {"".join(sorted(missing))} (facts.txt): guard it' if missing else ''


def test_whatever_we_use_of_ros_is_there_on_every_distribution() -> None:
    found = list(complaints(FILES))
    assert not found, '\n'.join(found)


def test_the_table_knows_what_is_new() -> None:
    assert FACTS['rclpy.clock.ClockType'] == 'HJKR'
    assert FACTS['rclpy.clock_type.ClockType'] == 'JKR'
    assert len({each.name for each in uses_of(tuple(FILES))}) > 150


@pytest.mark.parametrize(
    ('source', 'name'),
    [
        ('from rclpy.clock_type import ClockType', 'rclpy.clock_type'),
        ('import rclpy.clock_type', 'rclpy.clock_type'),
        ('from rclpy.node import Nodes', 'rclpy.node.Nodes'),
        ('from rclpy.node import Node\nNode.count_clients', 'Node.count_clients is missing on H'),
        (
            'from rclpy.node import Node\ndef f(n: Node | None): n.wait_for_node',
            'Node.wait_for_node is missing',
        ),
        ('import rclpy.node\nclass A(rclpy.node.Node):\n def f(self): self.wait_for_node', 'missing on H'),
        ('from rclpy.node import Node\nclass A(Node):\n def f(self): self.nothing', 'Node.nothing'),
        (
            'from rclpy.node import Node\nNode("a").create_timer(1, f, autostart=False)',
            'create_timer(autostart)',
        ),
        ('from rclpy.task import Future\nx = Future[int]()', 'Future.__class_getitem__'),
        ('from std_msgs.msg import Float65', 'std_msgs.msg.Float65'),
        ('from std_msgs.msg import Header\nHeader(seq=1)', 'Header(seq)'),
        ('from std_msgs.msg import Header\nx = Header()\nx.seq = 1', 'Header.seq'),
        ('from std_srvs.srv import SetBool\nSetBool.Request(dat=True)', 'SetBool.Request(dat)'),
        ('def f(node): node.add_pre_set_parameters_callback(1)', 'add_pre_set_parameters_callback'),
        ('from launch import LaunchDescriptor', 'launch.LaunchDescriptor'),
    ],
)
def test_what_a_distribution_lacks_is_found(tmp_path: Path, source: str, name: str) -> None:
    path = tmp_path / 'new.py'
    path.write_text(source)
    found = list(complaints([path]))
    assert len(found) >= 1
    assert name in found[0]


@pytest.mark.parametrize(
    'source',
    [
        'try:\n from rclpy.clock_type import ClockType\nexcept ImportError:\n ClockType = None',
        'def f(node):\n if hasattr(node, "wait_for_node"): node.wait_for_node("x", 1)',
        'from rclpy.node import Node\nclass A(Node):\n def new(self): pass\n def f(self): self.new()',
        'from rclpy.node import Node\nclass A(Node):\n def g(self): self.mine = 1\n def f(self): self.mine',
        'from sensor_msgs.msg import Imu\nx = Imu()\nx.header.stamp.sec = 1',
        'from rclpy.qos import QoSProfile\nQoSProfile(depth=1, reliability=2)',
        'from std_srvs.srv import SetBool\nSetBool.Request(data=True)',
    ],
)  # fmt: skip
def test_what_is_there_or_guarded_is_taken(tmp_path: Path, source: str) -> None:
    path = tmp_path / 'new.py'
    path.write_text(source)
    assert not list(complaints([path]))
