# SPDX-License-Identifier: Apache-2.0
"""Paths of messages, as rqt_plot and PlotJuggler write them: a topic, and then fields of its messages.

::

    path    = [ "/" ] segment { "/" segment } [ region ]
    segment = name [ "[" ( index | slice | key | field "=" key ) "]" ]
    slice   = [start] ":" end [ ":" step ]
    key     = word | index | '"' text '"' | "'" text "'"

Which part is the topic is decided by the topics that there are: the longest that fits. `effort[gripper]` is
the element whose sibling `name` (`names`, `joint_names`) says gripper, looked up in each message;
`transforms[child_frame_id=tool0]` the entry of a list of messages whose field has that value. A region of
an image (regions.py) stands after its topic.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container
from dataclasses import dataclass
from itertools import product

from .regions import EXAMPLE, Region, read_region
from .scanner import NAME, Scanner

MAX_ELEMENTS = 100_000
"""Elements that slices stand for: those of one path, and those of all features together."""
NAME_LISTS = ('name', 'names', 'joint_names')
"""The siblings of an array that may say what its elements are called."""


@dataclass(frozen=True)
class Key:
    """An element by what a sibling calls it, or, with `fields`, an entry by what its field says."""

    text: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        quote = "'" if '"' in self.text else '"'
        plain = _WORD.fullmatch(self.text) or (self.fields and _INTEGER.fullmatch(self.text))
        key = self.text if plain else f'{quote}{self.text}{quote}'
        return f'{"/".join(self.fields)}={key}' if self.fields else key

    def is_said_by(self, value: object) -> bool:
        """Return whether the value of a field, a text, a number or a byte, is this key."""
        if isinstance(value, str):
            return value == self.text
        if isinstance(value, bytes):
            value = value[0] if len(value) == 1 else None
        try:
            return float(self.text) == value
        except ValueError:
            return False


@dataclass(frozen=True)
class Segment:
    """One step of a path: a name and, for an array, which elements: an index, a slice, a key or all.

    A region of an image is a step without a name.

    `pooled`: it is inside a statistic, where a slice takes what is there.
    """

    name: str
    index: int | slice | Key | Region | None = None
    position: int = 0
    pooled: bool = False

    def __str__(self) -> str:
        return f'{self.name}{_brackets(self.index)}'


@dataclass(frozen=True)
class Path:
    """A topic and fields of its messages; `start` and `end` are where it stands in the text.

    `pooled`: it is inside a statistic, so that all its elements together make one value.
    """

    absolute: bool
    segments: tuple[Segment, ...]
    start: int = 0
    end: int = 0
    pooled: bool = False

    def __str__(self) -> str:
        steps = ''.join(f'/{each}' if each.name else str(each) for each in self.segments)
        return steps if self.absolute else steps[1:]

    @property
    def n_elements(self) -> int:
        """How many elements its slices stand for; an array as a whole counts as one."""
        return math.prod(len(elements(s.index)) for s in self.segments if isinstance(s.index, slice))

    @property
    def is_keyed(self) -> bool:
        """Whether it names an element by a key, which not every message has."""
        return any(isinstance(segment.index, Key) for segment in self.segments)

    @property
    def region(self) -> Region | None:
        """The region of an image that it is, if it is one."""
        last = self.segments[-1].index
        return last if isinstance(last, Region) else None

    def names(self) -> list[str]:
        """Return one path for each of its elements, as texts, in the order of reading."""
        choices = [
            [f'{s.name}[{i}]' for i in elements(s.index)] if isinstance(s.index, slice) else [str(s)]
            for s in self.segments
        ]
        return [('/' if self.absolute else '') + '/'.join(each) for each in product(*choices)]

    def split(self, topics: Container[str], namespace: str = '/') -> tuple[str, tuple[Segment, ...]]:
        """Return the topic and the fields: the longest of `topics` (fully qualified) that fits.

        Raises LookupError where none does (yet).
        """
        prefix = '' if self.absolute else namespace.rstrip('/')
        for count in range(len(self.segments) - 1, 0, -1):
            head = self.segments[:count]
            topic = prefix + '/' + '/'.join(segment.name for segment in head)
            if all(segment.index is None for segment in head) and topic in topics:
                return topic, self.segments[count:]
        raise LookupError(f'waiting for the topic of {prefix}{"" if self.absolute else "/"}{self}')


def elements(index: slice) -> range:
    """Return the element numbers that a slice of an expression stands for."""
    return range(index.start or 0, index.stop, index.step or 1)


def elements_of(segment: Segment, count: int) -> range:
    """Return which of `count` elements an index or a slice stands for; those there are, if it is pooled."""
    if segment.index is None or isinstance(segment.index, (Key, Region)):
        return range(count)
    if isinstance(segment.index, int):
        return range(segment.index, segment.index + 1)
    which = elements(segment.index)
    return range(which.start, min(which.stop, count), which.step) if segment.pooled else which


_WORD = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
_INTEGER = re.compile(r'[0-9]{1,9}')
_QUOTED = re.compile(r'"[^"\x00-\x1f\x7f]+"|\'[^\'\x00-\x1f\x7f]+\'')


def read_path(scanner: Scanner, pooled: bool = False) -> Path:
    """Read a path off the front of a text. Raises ExpressionError, which points at the place."""
    start = scanner.position
    absolute = bool(scanner.skip('/'))
    segments = _steps(scanner, pooled)
    while segments[-1].name and scanner.skip('/'):
        segments += _steps(scanner, pooled)
    if len(segments) < 2:
        raise scanner.fail('a path is a topic and at least one field, such as /label/data')
    path = Path(absolute, tuple(segments), start, scanner.position, pooled)
    if path.n_elements > MAX_ELEMENTS:
        raise scanner.fail(f'{path.n_elements} elements; a path may stand for {MAX_ELEMENTS} at most')
    return path


def _steps(scanner: Scanner, pooled: bool) -> list[Segment]:
    """Read a segment; with a region after it these are two steps."""
    start = scanner.position
    name = scanner.take(NAME)
    if name is None:
        blanks = ', or blanks around / where it divides' if start else ''
        raise scanner.fail(f'expected a name here: letters, digits and _, not a digit first{blanks}')
    bracket = scanner.position
    if not scanner.skip('['):
        return [Segment(name, None, start, pooled)]
    region = read_region(scanner)
    if region is None:
        return [Segment(name, _index(scanner), start, pooled)]
    if not pooled:
        raise scanner.fail(f'a region of an image is many pixels: name a statistic, as in {EXAMPLE}', start)
    return [Segment(name, None, start, pooled), Segment('', region, bracket, pooled)]


def _index(scanner: Scanner) -> int | slice | Key:
    """Read what stands in brackets, where it is no region."""
    start = scanner.position
    key = _key(scanner)
    if key is not None:
        if not scanner.skip(']'):
            raise scanner.fail('expected ] here')
        return key
    first = scanner.take(_INTEGER)
    if first is not None and scanner.skip(']'):
        return int(first)
    if not scanner.skip(':'):
        raise scanner.fail(
            'expected an element [3], a slice [0:90] or [0:90:10], or a key [gripper] or [id=tool0] here'
        )
    stop = scanner.take(_INTEGER)
    if stop is None:
        raise scanner.fail('a slice needs its end, such as [0:90]: names have to be known beforehand')
    step = None
    if scanner.skip(':'):
        step = scanner.take(_INTEGER)
        if step is None or int(step) == 0:
            raise scanner.fail('expected a step of 1 or more here')
    if not scanner.skip(']'):
        raise scanner.fail('expected ] here')
    found = slice(None if first is None else int(first), int(stop), step and int(step))
    if not elements(found):
        raise scanner.fail('this slice has no elements: its end has to be above its start', start)
    return found


def _key(scanner: Scanner) -> Key | None:
    """Read a key, or a field and its key; None where there is no word and no quote."""
    quoted = scanner.take(_QUOTED)
    if quoted is not None:
        return Key(quoted[1:-1])
    word = scanner.take(NAME)
    if word is None:
        return None
    fields = [word]
    while scanner.skip('/'):
        name = scanner.take(NAME)
        if name is None:
            raise scanner.fail('expected the name of a field here')
        fields.append(name)
    if scanner.skip('='):
        value = scanner.take(_QUOTED)
        key = value[1:-1] if value else scanner.take(NAME) or scanner.take(_INTEGER)
        if key is None:
            raise scanner.fail('expected a word, a number or a text in quotes here')
        return Key(key, tuple(fields))
    if len(fields) > 1:
        raise scanner.fail('expected = and a value here, or quotes round a key that is not a word')
    return Key(word)


def _brackets(index: int | slice | Key | Region | None) -> str:
    if index is None:
        return ''
    if not isinstance(index, slice):
        return f'[{index}]'
    start = '' if index.start is None else index.start
    step = '' if index.step is None else f':{index.step}'
    return f'[{start}:{index.stop}{step}]'
