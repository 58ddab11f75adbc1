# SPDX-License-Identifier: Apache-2.0
"""The wheel has all that the package needs, and runs where nothing else is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ('binclf_ros', 'config', 'launch', 'resource', 'setup.py', 'setup.cfg', 'package.xml', 'LICENSE')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, without network."""
    setuptools = pytest.importorskip('setuptools', reason='setuptools is not installed')
    if int(setuptools.__version__.split('.')[0]) < 71:
        pytest.importorskip('wheel', reason='setuptools is too old to build a wheel by itself')
    folder = tmp_path_factory.mktemp('wheel')
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    done = subprocess.run(
        [
            sys.executable,
            '-m',
            'pip',
            'wheel',
            '-q',
            '.',
            '--no-deps',
            '--no-index',
            '--no-build-isolation',
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob('*.whl'))


def test_the_wheel_has_every_file(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / 'binclf_ros').rglob('*')
        if path.is_file() and path.suffix != '.pyc'
    }
    share = {
        each.name for folder in ('config', 'launch') for each in (ROOT / folder).iterdir() if each.is_file()
    }
    assert package <= names
    assert share <= {name.rsplit('/', 1)[-1] for name in names if '/share/binclf_ros/' in name}
    assert wheel.stat().st_size < 1_000_000


@pytest.mark.parametrize(
    ('arguments', 'code', 'words'),
    [
        (['--help'], 0, 'usage: python -m binclf_ros NAME'),
        (['featurizer'], 1, 'featurizer needs'),
        (['train', '--help'], 1, 'train needs numpy'),
        (['trainer', '--nonsense'], 2, '--nonsense is not an argument'),
    ],
)
def test_the_wheel_runs_where_nothing_else_is(
    wheel: Path, arguments: list[str], code: int, words: str
) -> None:
    done = subprocess.run(
        [sys.executable, '-S', '-m', 'binclf_ros', *arguments],  # -S: no site-packages
        env={**os.environ, 'PYTHONPATH': str(wheel)},
        cwd=wheel.parent / 'resource',
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr and 'Traceback' not in done.stderr
