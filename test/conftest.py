# SPDX-License-Identifier: Apache-2.0
"""How much a test does, short or with `make soak`; and what is held by `make latencies` alone."""

from __future__ import annotations

import signal

import pytest

LONG = ('recordings', 'nodes', 'demo')


def pytest_configure(config):
    """Have SIGINT mean what it means in a terminal, also where the tests were started with it ignored.

    `nohup make test &` and cron do that, and every process that a test starts would inherit it.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption('--soak', action='store_true', help='only tests that have a long form, in that form')
    parser.addoption(
        '--latencies', action='store_true', help='only tests that measure latencies, held against limits'
    )


def pytest_collection_modifyitems(config, items):
    for option, fixture in (('--soak', 'volume'), ('--latencies', 'latency')):
        if config.getoption(option):
            others = [item for item in items if fixture not in item.fixturenames]
            config.hook.pytest_deselected(items=others)
            items[:] = [item for item in items if fixture in item.fixturenames]
    # the files that take longest come first, so that no worker is left with one of them at the end
    items.sort(key=lambda item: [each not in item.path.parts for each in LONG])


def pytest_terminal_summary(terminalreporter):
    """Show what the tests measured, and told by `record_property`."""
    for report in terminalreporter.getreports('passed'):
        for name, value in report.user_properties if report.when == 'call' else ():
            terminalreporter.write_line(f'{report.nodeid.split("::")[1]}: {name}: {value}')


@pytest.fixture
def volume(request):
    """Choose how often: volume(3000, soak=100_000)."""
    return lambda short, soak: soak if request.config.getoption('--soak') else short


@pytest.fixture
def latency(request, record_property):
    """Measure: latency('SIGINT to the end', took_sec, limit_sec).

    A busy machine makes everything late, so the limit is held with --latencies alone, on a quiet one; a
    test that hangs fails anyway. Elsewhere what is beyond its limit is shown.
    """

    def measure(what, took_sec, limit_sec):
        strict = request.config.getoption('--latencies')
        if strict or took_sec > limit_sec:
            record_property(f'{what} (s)', f'{took_sec:.3f}, limit {limit_sec:g}')
        assert took_sec <= limit_sec or not strict, f'{what}: {took_sec:.3f} s, limit {limit_sec:g} s'

    return measure
