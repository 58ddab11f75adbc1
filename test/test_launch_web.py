# SPDX-License-Identifier: Apache-2.0
"""The launch file where `launch` is not installed: run against stand-ins that note what it asks for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

LAUNCH = Path(__file__).resolve().parents[1] / 'launch' / 'binclf.launch.py'


class Noted:
    """Keeps what it was made from; as a substitution it takes its text from the context."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.given, self.named = given, named

    def perform(self, context: dict[str, str]) -> str:
        return context[self.given[0]]


STAND_INS = {
    'ament_index_python': {},
    'ament_index_python.packages': {'get_package_share_directory': lambda name: f'/share/{name}'},
    'launch': {'LaunchContext': Noted, 'LaunchDescription': Noted},
    'launch.actions': {'DeclareLaunchArgument': Noted, 'OpaqueFunction': Noted},
    'launch.substitutions': {'LaunchConfiguration': Noted},
    'launch_ros': {},
    'launch_ros.actions': {'Node': Noted},
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what starts the launch file with arguments, and gives the nodes that it asks for by name."""
    for name, members in STAND_INS.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location('binclf_launch_stand_in', LAUNCH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def start(**given: str) -> dict[str, SimpleNamespace]:
        declared = {name: default for name, (default, _) in module.ARGUMENTS.items()}
        assert not given.keys() - declared.keys()
        nodes = module._nodes({**declared, **given})
        return {each.named['executable']: SimpleNamespace(**each.named) for each in nodes}

    return start


def test_web_is_started_where_it_is_asked_for(started: Any) -> None:
    assert set(started()) == {'featurizer', 'trainer', 'predictor'}
    nodes = started(web='true', namespace='terrain', params_file='/mine.yaml')
    assert set(nodes) == {'featurizer', 'trainer', 'predictor', 'web'}
    web = nodes['web']
    assert (web.package, web.name, web.namespace) == ('binclf_ros', 'web', 'terrain')
    assert web.parameters == ['/mine.yaml', {'use_sim_time': False}]
    assert web.respawn and web.output == 'screen'  # the address with the token is printed there
    with pytest.raises(ValueError, match='web:=yes: expected true or false'):
        started(web='yes')
