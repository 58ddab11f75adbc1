# SPDX-License-Identifier: Apache-2.0
"""Texts from outside: one printable line, whatever they hold; and how much a sampler may be asked to do."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from binclf_ros.core.errors import BinclfError, ExpressionError, ParameterError
from binclf_ros.core.evaluation.options import DecisionOptions
from binclf_ros.core.features.bounds import MAX_FEATURES, size_of
from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.core.text import MAX_LINE, is_name, printable, printable_lines, shown

HARMLESS = {'L', 'M', 'N', 'P', 'S'}
"""Major categories of what may reach a terminal as it is; of separators the blank alone."""


def a_few_of_each_category() -> list[str]:
    found: dict[str, list[str]] = {}
    for code in range(sys.maxunicode + 1):
        of_kind = found.setdefault(unicodedata.category(chr(code)), [])
        if len(of_kind) < 20:
            of_kind.append(chr(code))
    assert len(found) >= 30, 'every category there is'
    return [each for of_kind in found.values() for each in of_kind]


@pytest.mark.parametrize('escape', [printable, shown, printable_lines])
def test_every_category_of_unicode_becomes_a_line_that_can_be_logged(escape) -> None:
    for character in a_few_of_each_category():
        line = escape(f'a{character}b')
        line.encode()
        bad = [each for each in line if unicodedata.category(each)[0] not in HARMLESS and each != ' ']
        assert not bad or (escape is printable_lines and bad == ['\n']), (character, line)


def test_a_forged_line_of_a_log_and_an_escape_sequence_stay_text() -> None:
    assert (
        printable('run\n[ERROR] [1.0] [trainer]: fire\x1b[2J')
        == r'run\n[ERROR] [1.0] [trainer]: fire\x1b[2J'
    )


def test_a_line_is_bounded_and_what_cannot_be_told_is_named() -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    assert len(printable('x' * 10**7)) == MAX_LINE + 1
    assert len(shown(['x' * 10**6] * 1000)) < 200
    assert printable(Mute()) == shown(Mute()) == printable_lines(Mute()) == '<Mute>'


@pytest.mark.parametrize('bad', ['', 'a\n', '\ud800', 'a\x1b[31m', '\u202e', 'x' * 501, '\x00'])
def test_what_is_no_name(bad) -> None:
    assert not is_name(bad)


def test_an_expression_error_shows_one_line_of_its_text() -> None:
    error = ExpressionError('/a\n[ERROR]\ud800', 2, 'expected / here')
    assert len(str(error).splitlines()) == 3
    str(error).encode()


@pytest.mark.parametrize(
    ('text', 'size'),
    [
        ('/a/b', (1, 0)),
        ('/a/b[3]', (1, 0)),
        ('/a/b[0:90:10]', (9, 0)),
        ('/a/b[:2]/c[1:4]', (6, 0)),
        ('/a/b[ 0 : 90 ]', (90, 0)),
        ('std(/a/b[0:90], 1.0) - /c/d', (1, 90)),
        ('mean(/image[hue, 0.5:1.0, :])', (1, 0)),
    ],
)
def test_size_of_an_expression(text, size) -> None:
    assert size_of(text) == size


TOO_MUCH = {
    'forty slices of 100,000 elements': [f'/t{i}/a[0:100000]' for i in range(40)],
    'slices within slices': ['/a/b[0:100000]/c[0:100000]/d[0:100000]'],
    'a slice without end in a statistic': ['min(/a/b[0:9999999999999999999999])'],
    'more digits than a slice can have': ['/a/b[0:' + '9' * 400 + ']'],
    'a path of 20,000 segments': ['/a' * 20_000],
    'a path of 200 segments': ['/a' * 200],
    'a name of 501 characters': ['/a/' + 'b' * 499],
    'a newline': ['/a/b\n[ERROR]'],
    'half of a surrogate pair': ['/a/\ud800'],
    'ten thousand expressions': [f'/a/b{i}' for i in range(10_000)],
}


@pytest.mark.parametrize('features', TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_too_much_is_refused_at_once_by_a_sentence(features) -> None:
    with pytest.raises(BinclfError) as caught:
        SamplingOptions(features=tuple(features)).check()
    assert 'expected' in str(caught.value) or 'at most' in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_what_a_laser_scanner_and_a_camera_have_is_not_too_much() -> None:
    SamplingOptions(features=('/scan/ranges[0:1080]', 'mean(/camera/image_raw/data[0:100000])')).check()
    SamplingOptions(features=(f'/a/b[0:{MAX_FEATURES}]',)).check()


@pytest.mark.parametrize(
    ('threshold', 'hysteresis', 'never'), [(0.95, 0.1, 1), (0.1, 0.1, 0), (0.05, 0.2, 0)]
)
def test_a_dead_band_that_makes_a_decision_impossible_is_refused(threshold, hysteresis, never) -> None:
    with pytest.raises(ParameterError, match=f'decision {never} is impossible'):
        DecisionOptions(threshold=threshold, hysteresis=hysteresis).check()


@pytest.mark.parametrize(('threshold', 'hysteresis'), [(0.0, 0.0), (1.0, 0.0), (0.5, 0.2), (0.9, 0.1)])
def test_a_dead_band_that_leaves_both_decisions_is_taken(threshold, hysteresis) -> None:
    DecisionOptions(threshold=threshold, hysteresis=hysteresis).check()
