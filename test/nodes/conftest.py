# SPDX-License-Identifier: Apache-2.0
"""The ground that a test stands on: of its own, or shared by the tests of one file."""

from __future__ import annotations

import os
import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)  # lark, which this needs, imports sre_parse
    import rosidl_generator_py  # noqa: F401

from ros_harness import CLIENT_ALONE, LOCAL, Ground

os.environ.update({**LOCAL, **CLIENT_ALONE})  # read when the first context of this process is made


@pytest.fixture
def ground(tmp_path):
    """A domain for one test; its processes have to end well."""
    ground = Ground(tmp_path)
    yield ground
    ground.end()


@pytest.fixture(scope='module')
def shared_ground(tmp_path_factory):
    """A domain for the tests of one file, which find the nodes as the test before left them."""
    ground = Ground(tmp_path_factory.mktemp('ground'))
    yield ground
    ground.end()
