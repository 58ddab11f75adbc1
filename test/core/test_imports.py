# SPDX-License-Identifier: Apache-2.0
"""Who may import whom: nodes → ros, web, plots, core; ros → plots, core; web, plots, report → core."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / 'binclf_ros'
FILES = sorted(path for path in PACKAGE.rglob('*.py'))


def name_of(path: Path) -> str:
    return '.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts)


def imports_of(source: str, module: str) -> set[str]:
    """The absolute names of all that a module imports, wherever in it; `from x import y` is x.y."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parent = module.split('.')[: -node.level]
                base = '.'.join([*parent, base] if base else parent)
            found.update(f'{base}.{each.name}' for each in node.names)
    return found


def folder(name: str) -> list[Path]:
    return [path for path in FILES if PACKAGE / name in path.parents]


def imports(path: Path) -> set[str]:
    return imports_of(path.read_text(encoding='utf-8'), name_of(path))


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + '.')


def test_relative_imports_are_resolved() -> None:
    source = 'from . import a\nfrom .b import c\nfrom ..core.d import e\nimport f.g'
    expected = {'p.ros.a', 'p.ros.b.c', 'p.core.d.e', 'f.g'}
    assert imports_of(source, 'p.ros.x') == expected


def test_there_is_a_core_to_look_at() -> None:
    assert len(folder('core')) > 10


@pytest.mark.parametrize('path', folder('core'), ids=name_of)
def test_core_imports_numpy_the_standard_library_and_itself(path: Path) -> None:
    for name in imports(path):
        top = name.split('.')[0]
        assert inside(name, 'binclf_ros.core') or top == 'numpy' or top in sys.stdlib_module_names, name


@pytest.mark.parametrize('path', folder('ros'), ids=name_of)
def test_ros_imports_no_nodes(path: Path) -> None:
    assert not [name for name in imports(path) if inside(name, 'binclf_ros.nodes')]


@pytest.mark.parametrize('path', [*folder('plots'), *folder('report')], ids=name_of)
def test_plots_and_the_report_import_no_ros(path: Path) -> None:
    for name in imports(path):
        own = any(inside(name, f'binclf_ros.{each}') for each in ('core', 'plots', 'report', 'arguments'))
        top = name.split('.')[0]
        assert own or top in {'numpy', 'matplotlib', 'PIL'} or top in sys.stdlib_module_names, name


@pytest.mark.parametrize('path', folder('vision'), ids=name_of)
def test_vision_imports_core_and_no_ros(path: Path) -> None:
    for name in imports(path):
        own = any(inside(name, f'binclf_ros.{each}') for each in ('core', 'vision'))
        top = name.split('.')[0]
        assert own or top in {'numpy', 'cv2'} or top in sys.stdlib_module_names, name


@pytest.mark.parametrize('path', folder('recordings'), ids=name_of)
def test_recordings_import_no_ros(path: Path) -> None:
    for name in imports(path):
        own = any(inside(name, f'binclf_ros.{each}') for each in ('core', 'recordings'))
        top = name.split('.')[0]
        assert own or top in {'numpy', 'rosbags'} or top in sys.stdlib_module_names, name


@pytest.mark.parametrize('path', [*folder('offline'), PACKAGE / 'estimator.py'], ids=name_of)
def test_offline_imports_no_ros(path: Path) -> None:
    rooms = ('core', 'recordings', 'vision', 'plots', 'report', 'offline', 'arguments', '__version__')
    extras = {'numpy', 'matplotlib', 'sklearn'} if path.name == 'estimator.py' else {'numpy', 'matplotlib'}
    for name in imports(path):
        own = any(inside(name, f'binclf_ros.{each}') for each in rooms)
        top = name.split('.')[0]
        assert own or top in extras or top in sys.stdlib_module_names, name


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_scikit_learn_is_imported_by_the_estimator_alone(path: Path) -> None:
    if path.name != 'estimator.py':
        assert not [name for name in imports(path) if inside(name, 'sklearn')]


@pytest.mark.parametrize('path', folder('web'), ids=name_of)
def test_the_page_imports_core_and_tornado_alone(path: Path) -> None:
    for name in imports(path):
        own = any(inside(name, f'binclf_ros.{each}') for each in ('core', 'web'))
        top = name.split('.')[0]
        assert own or top == 'tornado' or top in sys.stdlib_module_names, name


@pytest.mark.parametrize('path', [*folder('core'), *folder('ros'), *folder('plots')], ids=name_of)
def test_only_options_of_the_page_are_known_elsewhere(path: Path) -> None:
    known = ('binclf_ros.web.options',)
    found = [name for name in imports(path) if inside(name, 'binclf_ros.web')]
    assert all(any(inside(name, each) for each in known) for name in found), found


@pytest.mark.parametrize('path', folder('nodes'), ids=name_of)
def test_nodes_never_import_each_other_but_for_the_one_that_is_two(path: Path) -> None:
    found = {name.split('.')[2] for name in imports(path) if inside(name, 'binclf_ros.nodes')}
    assert found == ({'featurizer', 'predictor'} if path.stem == 'classifier' else set())


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_nothing_refers_to_what_lies_beside_the_repository(path: Path) -> None:
    assert '../shared' not in path.read_text(encoding='utf-8')


def test_files_and_functions_are_short_enough_to_be_read_at_once() -> None:
    lengths = []
    for path in FILES:
        text = path.read_text(encoding='utf-8')
        assert text.count('\n') <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lengths.append(((node.end_lineno or 0) - node.lineno + 1, f'{name_of(path)}.{node.name}'))
    lengths.sort()
    assert lengths[-1][0] <= 40, lengths[-3:]
    assert lengths[len(lengths) // 2][0] <= 8 and lengths[9 * len(lengths) // 10][0] <= 20
