# SPDX-License-Identifier: Apache-2.0
"""The language of pixels: channels, windows around a pixel, and the operators of all expressions."""

from __future__ import annotations

import re

import pytest

from binclf_ros.core.errors import ExpressionError
from binclf_ros.core.features.images import (
    MAX_FEATURES,
    Around,
    parse_pixel_expression,
    parse_pixel_features,
)


@pytest.mark.parametrize(
    ('text', 'leaf', 'channels'),
    [
        ('lab_a', 'lab_a', ['lab_a']),
        ('  hue ', 'hue', ['hue']),
        ('abs(col - 0.5)', None, ['col']),
        ('red / (green + 1)', None, ['red', 'green']),
        ('std(gray, 7) > 3', None, ['gray']),
        ('edge(blur(red - blue, 5), 3) * 2', None, ['red', 'blue']),
    ],
)
def test_what_parses_is_its_own_name(text, leaf, channels):
    parsed = parse_pixel_expression(text)
    assert str(parsed) == text.strip() and parse_pixel_expression(str(parsed)) == parsed
    assert parsed.leaf == leaf and list(parsed.channels()) == channels


def test_a_window_around_a_pixel_is_a_leaf():
    blur = parse_pixel_expression('blur(red - 1, 25)').leaf
    assert isinstance(blur, Around)
    assert (blur.name, blur.of.text, blur.px) == ('blur', 'red - 1', 25.0)


@pytest.mark.parametrize(
    ('text', 'at', 'problem'),
    [
        ('', 0, 'an empty feature'),
        ('labb_a', 0, 'labb_a is no channel; there are lab_a'),
        ('red +', 5, 'expected a channel'),
        ('blurr(red, 3)', 0, 'blurr is no function of pixels; there are blur'),
        ('blur(red)', 8, 'expected , and the side of a window in pixels'),
        ('blur(red, 0.5)', 10, 'the side of a window is 1 to 1000 pixels'),
        ('blur(red, green)', 10, 'the side of a window is 1 to 1000 pixels'),
        ('blur(3, 3)', 5, 'no channel is in it'),
        ('blur(red, 3', 11, 'expected )'),
        ('3 + 4', 0, 'no channel is in it'),
        ('/camera/image/red', 0, 'expected a channel'),
    ],
)
def test_errors_point_at_the_place(text, at, problem):
    with pytest.raises(ExpressionError, match=re.escape(problem)) as raised:
        parse_pixel_expression(text)
    assert raised.value.position == at


def test_lists_of_features_are_bounded_and_without_doubles():
    assert [each.text for each in parse_pixel_features(['red', 'row'])] == ['red', 'row']
    with pytest.raises(ExpressionError, match='there twice'):
        parse_pixel_features(['red', 'row', 'red'])
    with pytest.raises(ExpressionError, match='200 features at most'):
        parse_pixel_features([f'red + {i}' for i in range(MAX_FEATURES + 1)])
    with pytest.raises(ExpressionError):
        parse_pixel_expression('blur(' * 100 + 'red' + ', 3)' * 100)
