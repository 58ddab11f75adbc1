# SPDX-License-Identifier: Apache-2.0
"""Options: declared once, checked with a sentence."""

from __future__ import annotations

import doctest
from collections import Counter

import pytest

from binclf_ros.core import options
from binclf_ros.core.errors import ParameterError
from binclf_ros.core.evaluation.options import DecisionOptions, EvaluationOptions
from binclf_ros.core.features.options import PointOptions, SamplingOptions
from binclf_ros.core.learning.options import LearningOptions, WorkerOptions
from binclf_ros.core.options import as_yaml, checked, named, pick
from binclf_ros.core.storage.options import DatasetFileOptions, ModelFileOptions

ROOMS = (
    LearningOptions, WorkerOptions, PointOptions, SamplingOptions, EvaluationOptions, DecisionOptions,
    ModelFileOptions, DatasetFileOptions,
)  # fmt: skip


def test_the_example_of_the_module_runs():
    assert doctest.testmod(options).failed == 0


def test_no_option_is_declared_twice():
    names = Counter(name for kind in ROOMS for name in named(kind))
    assert set(names.values()) == {1}, names.most_common(3)


@pytest.mark.parametrize('kind', ROOMS)
def test_every_default_is_allowed(kind):
    for each in named(kind).values():
        assert checked(each, each.default) == each.default


@pytest.mark.parametrize(
    ('kind', 'name', 'value', 'words'),
    [
        (LearningOptions, 'l2', -1.0, 'l2 is -1.0, expected 0 to 1e+09'),
        (LearningOptions, 'l2', float('nan'), 'l2 is nan, expected 0 to 1e+09'),
        (LearningOptions, 'l2', True, 'l2 is True, expected a number'),
        (LearningOptions, 'seed', 1.0, 'seed is 1.0, expected a whole number'),
        (LearningOptions, 'solver', 'newton', "solver is 'newton', expected one of gradient, curvature"),
        (SamplingOptions, 'features', ['/a/b', 1], 'expected a list of texts'),
    ],
)
def test_what_is_refused_is_named_with_what_is_expected(kind, name, value, words):
    with pytest.raises(ParameterError) as caught:
        checked(named(kind)[name], value)
    assert words in str(caught.value)


def test_a_kind_is_picked_out_of_one_that_includes_it():
    class Both(LearningOptions, WorkerOptions):
        pass

    assert pick(LearningOptions, Both(l2=3.0)) == LearningOptions(l2=3.0)


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        (1e-6, '1.0e-06'), (0.5, '0.5'), (True, 'true'), ('', "''"), ('bce', 'bce'), ('a b', "'a b'"),
        (3, '3'), (('x', 'y z'), "[x, 'y z']"),
    ],
)  # fmt: skip
def test_values_are_written_as_yaml_reads_them(value, text):
    assert as_yaml(value) == text
