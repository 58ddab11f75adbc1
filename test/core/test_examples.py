# SPDX-License-Identifier: Apache-2.0
"""The examples in docstrings are run, and the classes that a user of core meets have one."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import binclf_ros.core as core

HAVE_ONE = {
    'binclf_ros.core.learning.buffer': 'Buffer',
    'binclf_ros.core.learning.learner': 'Learner',
    'binclf_ros.core.learning.model': 'Model',
    'binclf_ros.core.storage.dataset': 'Dataset',
    'binclf_ros.core.storage.model_file': 'ModelFile',
}


def modules() -> list[ModuleType]:
    names = [each.name for each in pkgutil.walk_packages(core.__path__, core.__name__ + '.')]
    return [importlib.import_module(name) for name in names]


def examples() -> list[doctest.DocTest]:
    found = (test for module in modules() for test in doctest.DocTestFinder().find(module))
    return [test for test in found if test.examples]


@pytest.mark.parametrize('example', examples(), ids=lambda example: example.name)
def test_an_example_says_what_happens(example: doctest.DocTest) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(example, out=said.append).failed == 0, ''.join(said)


@pytest.mark.parametrize(('module', 'name'), HAVE_ONE.items())
def test_what_a_user_of_core_meets_has_an_example(module: str, name: str) -> None:
    assert f'{module}.{name}' in {example.name for example in examples()}
