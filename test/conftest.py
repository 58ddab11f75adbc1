# SPDX-License-Identifier: Apache-2.0
"""How much a test does: its short form in `make test`, its long one in `make soak`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser):
    parser.addoption('--soak', action='store_true', help='only tests that have a long form, in that form')


def pytest_collection_modifyitems(config, items):
    if config.getoption('--soak'):
        short_only = [item for item in items if 'volume' not in item.fixturenames]
        config.hook.pytest_deselected(items=short_only)
        items[:] = [item for item in items if 'volume' in item.fixturenames]


def pytest_terminal_summary(terminalreporter):
    """Show what the tests measured, and told by `record_property`."""
    for report in terminalreporter.getreports('passed'):
        for name, value in report.user_properties if report.when == 'call' else ():
            terminalreporter.write_line(f'{report.nodeid.split("::")[1]}: {name}: {value}')


@pytest.fixture
def volume(request):
    """Choose how often: volume(3000, soak=100_000)."""
    return lambda short, soak: soak if request.config.getoption('--soak') else short
