# SPDX-License-Identifier: Apache-2.0
"""What is written twice because others read it: versions, documentation, configuration, launch."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

import binclf_ros
from binclf_ros.__main__ import PROGRAMS, start
from binclf_ros.core.features.functions import FUNCTIONS
from binclf_ros.core.features.statistics import STATISTICS
from binclf_ros.ros.options import KINDS, Words, configuration, table

ROOT = Path(__file__).resolve().parents[1]
PARTS = ('binclf_ros', 'benchmarks', 'examples', 'launch', 'test')
UNITS = {'sec': '(s)', 'hz': '(Hz)', 'bytes': '(bytes)'}
EMPTY_IN_YAML = ('features', 'point_features', 'hosts')
"""Lists whose default is empty, which a file of ROS parameters cannot say."""


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_the_version_is_one() -> None:
    package = ElementTree.parse(ROOT / 'package.xml').findtext('version')
    setup = re.search(r"version='([^']+)'", (ROOT / 'setup.py').read_text())
    assert setup is not None
    assert binclf_ros.__version__ == package == setup.group(1)
    assert package in (ROOT / 'CHANGELOG.rst').read_text()


# catkin_pkg walks docutils' trees by a name that docutils will drop
@pytest.mark.filterwarnings('ignore:nodes.Node.traverse:DeprecationWarning')
def test_a_release_can_read_the_changelog_and_the_manifest() -> None:
    changelog = pytest.importorskip('catkin_pkg.changelog', reason='catkin_pkg is not installed')
    from catkin_pkg.package import parse_package

    found = changelog.get_changelog_from_path(str(ROOT / 'CHANGELOG.rst'), 'binclf_ros')
    warnings: list[str] = []
    package = parse_package(str(ROOT / 'package.xml'), warnings=warnings)
    package.validate(warnings=warnings)
    versions = {version: date for version, date, content in found.foreach_version() if content}
    assert isinstance(versions[package.version], datetime), 'the version has no date'
    assert warnings == []


def test_the_table_of_parameters_is_up_to_date() -> None:
    assert (ROOT / 'doc' / 'reference' / 'parameters.md').read_text().strip() == table().strip(), (
        'run make docs'
    )


def test_the_configuration_is_up_to_date() -> None:
    assert (ROOT / 'config' / 'binclf.yaml').read_text() == configuration(), 'run make docs'


def test_every_parameter_says_what_it_is() -> None:
    for kind in KINDS.values():
        for each in fields(kind):
            about = each.metadata['description']
            assert about[0].isupper() and about[-1] == '.', f'{each.name} is not described by a sentence'
            unit = UNITS.get(each.name.split('_')[-1], '')
            assert unit in about, f'{each.name} has no unit'
            if isinstance(each.default, (int, float)) and not isinstance(each.default, bool):
                assert each.metadata['range'], f'{each.name} has no range'


@pytest.mark.parametrize('node', KINDS)
def test_the_configuration_shows_every_default(node: str) -> None:
    shown = load(ROOT / 'config' / 'binclf.yaml')['/**'][node]['ros__parameters']
    defaults = {each.name: each.default for each in fields(KINDS[node])}
    defaults = {k: list(v) if isinstance(v, tuple) else v for k, v in defaults.items()}
    expected = {k: v for k, v in defaults.items() if k not in EMPTY_IN_YAML}
    assert shown == expected


@pytest.mark.parametrize(
    'path', sorted([*ROOT.glob('config/*.yaml'), *ROOT.glob('examples/*.yaml')]), ids=str
)
def test_every_file_of_parameters_is_valid(path: Path) -> None:
    for node, given in load(path)['/**'].items():
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in given['ros__parameters'].items()}
        {**KINDS, 'demo': Words}[node](**values).check()


def test_the_question_of_the_readme_can_be_loaded_while_a_node_runs(tmp_path: Path) -> None:
    rclpy_parameter = pytest.importorskip('rclpy.parameter')
    question = re.search(r'```yaml\n(/\*\*:\n.*?)```', (ROOT / 'README.md').read_text(), re.DOTALL)
    assert question is not None
    file = tmp_path / 'mine.yaml'
    file.write_text(question[1])
    read = rclpy_parameter.parameter_dict_from_yaml_file
    found = read(str(file), use_wildcard=True, target_nodes=['/terrain/featurizer'])
    assert set(found) == {'features', 'label_positive', 'label_negative'}
    given = load(file)['/**']['ros__parameters']
    KINDS['featurizer'](**{**given, 'features': tuple(given['features'])}).check()


def test_the_readme_is_short_and_keeps_its_two_commands() -> None:
    text = (ROOT / 'README.md').read_text()
    assert len(text.splitlines()) <= 150
    assert re.search(r'^make demo ', text, re.MULTILINE) and re.search(r'^make test ', text, re.MULTILINE)


def test_the_page_on_the_language_tells_of_each_function_and_statistic() -> None:
    text = (ROOT / 'doc' / 'reference' / 'expressions.md').read_text()
    told = {
        kind: re.findall(
            r'^\| `(\w+)` \| .+ \|$', text.split(f'## {kind}\n')[1].split('\n## ')[0], re.MULTILINE
        )
        for kind in ('Statistics', 'Functions')
    }
    assert sorted(told['Statistics']) == sorted([*STATISTICS, 'band'])
    assert sorted(told['Functions']) == sorted(FUNCTIONS)


def test_the_executables_of_setup_and_of_the_module_are_the_same() -> None:
    block = (ROOT / 'setup.py').read_text().split('PROGRAMS = (')[1].split(')')[0]
    assert re.findall(r"'(\w+)'", block) == list(PROGRAMS)
    for name in PROGRAMS:
        assert callable(getattr(binclf_ros.__main__, name))


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for document in (*ROOT.glob('*.md'), *ROOT.glob('doc/**/*.md'), *ROOT.glob('examples/*.md')):
        for link in re.findall(r'\]\(([^)#]+)[^)]*\)', document.read_text()):
            if '://' not in link:
                assert (document.parent / link).exists(), f'{document.name}: {link}'


@pytest.mark.parametrize('arguments', [[], ['nonsense']])
def test_an_unknown_program_is_a_usage_error(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'binclf_ros', *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 2
    assert 'usage' in done.stderr
    assert 'Traceback' not in done.stderr


OPTIONS = {
    **{name: [kind] for name, kind in KINDS.items()},
    'classifier': [KINDS['featurizer'], KINDS['predictor']],
}


@pytest.mark.parametrize('name', OPTIONS)
def test_help_lists_the_parameters_and_ends(name: str) -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'binclf_ros', name, '--help'],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 0
    for kind in OPTIONS[name]:
        for each in fields(kind):
            assert each.name in done.stdout


@pytest.mark.parametrize('name', ['classifier', 'train'])
def test_help_that_nobody_reads_to_its_end_is_no_error(name: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, '-m', 'binclf_ros', name, '--help'],
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    os.close(writes)
    assert not done.stderr


def test_help_of_the_keyboard_needs_no_terminal() -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'binclf_ros', 'label_keyboard', '--help'],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 0 and not done.stderr
    assert 'yes, from now on' in done.stdout


@pytest.mark.parametrize('name', PROGRAMS)
def test_a_wrong_argument_is_one_line_and_the_code_of_a_mistake(name: str, capsys: Any) -> None:
    assert start(name, ['--nonsense']) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f'{name}: ') and len(said.err.strip().splitlines()) == 1
    assert not said.out


@pytest.mark.parametrize('name', [name for name, module in PROGRAMS.items() if 'nodes' not in module])
def test_help_of_a_command_explains_its_arguments(name: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        start(name, ['--help'])
    assert not ended.value.code
    assert capsys.readouterr().out.startswith(f'usage: {name} ')


def test_a_program_says_what_it_needs_where_ros_is_missing() -> None:
    program = (
        'import sys; sys.modules["rclpy"] = None\n'
        'from binclf_ros.__main__ import start\n'
        'print(*(start(name, []) for name in ("featurizer", "predictor", "web", "label_keyboard", "demo")))'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.split() == ['1'] * 5, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 5 and all('needs rclpy' in line and 'pip install' in line for line in lines)


def test_the_example_against_mse_shows_the_difference() -> None:
    done = subprocess.run(
        [sys.executable, 'examples/why_not_mse.py'],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={'PYTHONPATH': str(ROOT), 'PYTHONIOENCODING': 'utf-8'},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    *_, surest = done.stdout.strip().splitlines()
    _, bce, mse = (part.split() for part in surest.split('|'))
    assert abs(float(bce[0])) > 0.9
    assert float(bce[1]) > 0.99
    assert abs(float(mse[0])) < 1e-6
    assert float(mse[1]) < 0.01


def launch_description() -> Any:
    pytest.importorskip('launch_ros', reason='launch is not installed: it is part of a ROS installation')
    pytest.importorskip('ament_index_python', reason='ament is not installed')
    spec = importlib.util.spec_from_file_location('binclf_launch', ROOT / 'launch' / 'binclf.launch.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except LookupError:
        pytest.skip('the package is not installed in a workspace: colcon build')
    return module


@pytest.mark.parametrize(
    ('given', 'wanted'),
    [
        ({}, ['featurizer', 'trainer', 'predictor']),
        ({'train': 'false', 'web': 'true'}, ['featurizer', 'predictor', 'web']),
        ({'one_process': 'true'}, ['trainer', 'classifier']),
    ],
)
def test_the_launch_file_starts_the_nodes(given: dict[str, str], wanted: list[str]) -> None:
    module = launch_description()
    from launch import LaunchContext

    context = LaunchContext()
    context.launch_configurations.update({name: default for name, (default, _) in module.ARGUMENTS.items()})
    context.launch_configurations.update(given)
    assert module.generate_launch_description().entities
    assert [each.node_executable for each in module._nodes(context)] == wanted


def threads_of_a_node(**given: str) -> tuple[str, int]:
    """What a node asks BLAS for, and how many threads there are of all kinds."""
    program = (
        'import os; from binclf_ros.__main__ import start; start("predictor", ["--help"])\n'
        'print(os.environ["OMP_NUM_THREADS"], len(os.listdir("/proc/self/task")))'
    )
    environment = {k: v for k, v in os.environ.items() if not k.endswith('_NUM_THREADS')} | given
    found = subprocess.run(
        [sys.executable, '-c', program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    asked, alive = found.stdout.splitlines()[-1].split()
    return asked, int(alive)


@pytest.mark.skipif(
    (os.cpu_count() or 1) < 2 or sys.platform != 'linux', reason='one processor, or no /proc'
)
def test_blas_has_one_thread_unless_the_user_says_otherwise() -> None:
    (asked, alive), (told, more) = threads_of_a_node(), threads_of_a_node(OMP_NUM_THREADS='2')
    assert (asked, told) == ('1', '2')
    assert alive < more


def test_every_file_of_code_names_its_licence() -> None:
    for path in (*ROOT.glob('*.py'), *(each for part in PARTS for each in (ROOT / part).rglob('*.py'))):
        assert 'SPDX-License-Identifier: Apache-2.0' in path.read_text()[:200], path


def test_help_lists_the_programs() -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'binclf_ros', '--help'], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0 and not done.stderr
    assert set(PROGRAMS) <= set(done.stdout.split())
