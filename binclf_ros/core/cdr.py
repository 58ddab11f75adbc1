# SPDX-License-Identifier: Apache-2.0
"""Messages of any type from their bytes, for where microseconds count.

A message in CDR is one piece: where a field is depends on nothing but how long the strings and lists before
it are. As long as these lengths stay the same, the numbers that are wanted are taken with one `struct`.
Rules: OMG DDS-XTypes 1.3, 7.4.3 (plain CDR): a number lies at a multiple of its size, after the four
bytes that say the encoding; a string or list has its length in front, a string its NUL at the end.

Nothing here knows a message class: the fields of a type come from `FieldTypes`, and messages that have no
shape from a decoder. On a robot both are rclpy's, offline those of a recording.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .errors import SampleError
from .features.fields import ARRAY, FieldTypes, has_header
from .features.paths import Segment, elements_of
from .features.pools import as_slice
from .features.readings import LONG, Fields, Readings, Values, indexed, stamp_ns

Decode = Callable[[bytes], Any]
"""Makes a message of one type, with its fields as attributes, from its bytes; raises SampleError:
`unreadable`."""

LITTLE_ENDIAN = b'\x00\x01'
"""How bytes begin that are plain CDR, the least significant one first."""
FRONT = 4
TIME = struct.Struct('<iI')
LETTERS = {
    'boolean': '?', 'octet': 'B', 'uint8': 'B', 'int8': 'b', 'uint16': 'H', 'int16': 'h', 'uint32': 'I',
    'int32': 'i', 'uint64': 'Q', 'int64': 'q', 'float': 'f', 'double': 'd',
}  # fmt: skip
MAX_STEPS = 20_000
"""At most this many fields and elements are gone through to find where those after them are."""
MAX_TRIES = 8
"""After this many messages in a row without a shape that fits, none is looked for any more."""
MAX_SHAPES = 4
Wanted = list[tuple[int, Fields]]
STAMP = (
    (Segment('header'), Segment('stamp'), Segment('sec')),
    (Segment('header'), Segment('stamp'), Segment('nanosec')),
)


def stamp_in_front(data: bytes) -> int | None:
    """Return the stamp (ns) of a message whose first field is a header; None where it is not plain CDR."""
    if data[:2] != LITTLE_ENDIAN or len(data) < FRONT + TIME.size:
        return None
    return stamp_ns(*TIME.unpack_from(data, FRONT))


class SerializedReadings:
    """Reads the messages of one topic as `Readings` does, from their bytes.

    A length that comes twice running is worth a `Shape`. It is used only where it reads from that message
    what the message itself says, and only for messages that it fits; any other goes the long way. A few
    shapes are kept, for topics that several nodes publish.
    """

    def __init__(self, kind: str, paths: Sequence[Fields], types: FieldTypes, decode: Decode) -> None:
        self._kind, self._types, self._decode = kind, types, decode
        self._stamped = has_header(types(kind))
        self._paths = [*STAMP, *paths] if self._stamped else list(paths)
        self._long_way = Readings(paths, self._stamped)
        self._shapes: list[Shape] = []
        self._tries = 0
        self._length = -1

    def read(self, data: bytes) -> tuple[int | None, list[Values], dict[int, SampleError]]:
        """Return stamp, numbers of each path, and what cannot be read: see `core.readings.Read`.

        Raises SampleError: `unreadable`.
        """
        for shape in self._shapes:
            values = shape.read(data)
            if values is not None:
                self._tries = 0
                return self._stamp_first(values)
        message = self._decode(data)
        found = self._long_way.read(message)
        if len(data) == self._length and not found[2] and self._tries < MAX_TRIES:
            self._tries += 1
            learnt = self._learn(data, message, found)
            self._shapes = [*learnt, *self._shapes][:MAX_SHAPES]
        self._length = len(data)
        return found

    def columns(self, data: Sequence[bytes]) -> tuple[NDArray[np.int64], list[Array]] | None:
        """Return the stamps (M,) of messages and their numbers, (M,) a path, each as `read` would.

        None where one of them has no stamp, cannot be read, has another shape than the others, or not one
        number a path.
        """
        try:
            for each in data[:3]:  # a shape is learned from lengths that come twice
                self.read(each)
        except SampleError:
            return None
        if not self._stamped or len(set(map(len, data))) > 1:
            return None
        rows = np.frombuffer(b''.join(data), np.uint8).reshape(len(data), -1)
        for shape in self._shapes:
            found = shape.columns(rows)
            if found is not None:
                sec, nanosec, *values = found
                stamps = sec.astype(np.int64) * 1_000_000_000 + nanosec.astype(np.int64)
                return stamps, [each.astype(float) for each in values]
        return None

    def _stamp_first(self, values: list[Values]) -> tuple[int | None, list[Values], dict[int, SampleError]]:
        if not self._stamped:
            return None, values, {}
        (sec,), (nanosec,), *of_paths = values
        return stamp_ns(sec, nanosec), of_paths, {}

    def _learn(self, data: bytes, message: Any, found: tuple[int | None, list[Values], Any]) -> list[Shape]:
        """Return the shape of a message, if there is one that reads the same."""
        try:
            shape = Shape(self._kind, [indexed(message, path) for path in self._paths], data, self._types)
        except (NoShapeError, struct.error, LookupError, AttributeError):
            return []
        stamp, values, _ = self._stamp_first(shape.read(data) or [])
        return [shape] if stamp == found[0] and all(map(_same, values, found[1])) else []


class Shape:
    """Where the wanted numbers are in messages whose strings and lists have the lengths of this one.

    Paths whose elements were named by keys, which `indexed` has replaced, are in their places only as
    long as the strings themselves stay the same; None is the path of an element that is not there.
    """

    def __init__(
        self, kind: str, paths: Sequence[tuple[Fields, bool] | None], data: bytes, types: FieldTypes
    ) -> None:
        """Find the wanted numbers in one message. Raises NoShapeError, struct.error."""
        are_keyed = any(path is None or path[1] for path in paths)
        walk = Walk(data, len(paths), types, are_keyed)
        walk.message(kind, [(number, path[0]) for number, path in enumerate(paths) if path is not None])
        if data[:2] != LITTLE_ENDIAN or len(data) < walk.at:
            raise NoShapeError
        self._n_bytes = len(data)
        self._lengths = _struct_of([(0, f'{FRONT}s'), *walk.lengths])
        self._known = self._lengths.unpack_from(data)
        self._numbers = _struct_of(sorted(walk.letters.items()))
        order = {at: i for i, at in enumerate(sorted(walk.letters))}
        self._of_path = [_getter([order[at] for at in places]) for places in walk.places]
        self._runs = list(walk.runs.items())
        self._places = [[(at, walk.letters[at]) for at in places] for places in walk.places]
        fixed = [(0, f'{FRONT}s'), *walk.lengths]
        self._fixed = [at + i for at, letter in fixed for i in range(struct.calcsize(f'<{letter}'))]
        self._first = np.frombuffer(data, np.uint8)

    def read(self, data: bytes) -> list[Values] | None:
        """Return the numbers of each path; None for a message of another shape."""
        if len(data) != self._n_bytes or self._lengths.unpack_from(data) != self._known:
            return None
        numbers = self._numbers.unpack_from(data)
        values = [get(numbers) for get in self._of_path]
        for path, (at, letter, count, step) in self._runs:
            values[path] = np.frombuffer(data, '<' + letter, count, at)[::step]
        return values

    def columns(self, data: NDArray[np.uint8]) -> list[NDArray[Any]] | None:
        """Return the number of each path in messages (M, n), (M,) each; None where not all fit."""
        if data.shape[1] != self._n_bytes or self._runs or any(len(each) != 1 for each in self._places):
            return None
        if not (data[:, self._fixed] == self._first[self._fixed]).all():
            return None
        return [_column(data, *of_path[0]) for of_path in self._places]


class NoShapeError(Exception):
    """The message has something that this reader does not know, or too much of it."""


class Walk:
    """Goes through one message by its type, and notes where its lengths and the wanted numbers are.

    `wanted` are paths by number, each what is left of it from here on; `places` are those of its numbers,
    `runs` the first place, the type, the count and the step of many that follow one another. With
    `keep_strings`, strings themselves are noted beside their lengths.
    """

    def __init__(self, data: bytes, n_paths: int, types: FieldTypes, keep_strings: bool = False) -> None:
        self.at = FRONT
        self.runs: dict[int, tuple[int, str, int, int]] = {}
        self._keep_strings = keep_strings
        self.lengths: list[tuple[int, str]] = []
        self.letters: dict[int, str] = {}
        self.places: list[list[int]] = [[] for _ in range(n_paths)]
        self._data, self._types = data, types
        self._steps = 0

    def message(self, kind: str, wanted: Wanted) -> None:
        """Go through a message of a kind. Raises NoShapeError, struct.error."""
        for name, of in self._types(kind).items():
            self._field(of, [(number, path) for number, path in wanted if path[0].name == name])

    def _field(self, of: str, wanted: Wanted) -> None:
        match = ARRAY.match(of)
        if match is None:
            self._item(of, [(number, path[1:]) for number, path in wanted])
            return
        item = match['of'] or match['item']
        count = int(match['length']) if match['length'] else self._length()
        chosen = [(number, path[1:], elements_of(path[0], count)) for number, path in wanted]
        if item in LETTERS:
            self._numbers(LETTERS[item], count, [(number, which) for number, _, which in chosen])
            return
        for i in range(count):
            self._item(item, [(number, path) for number, path, which in chosen if i in which])

    def _item(self, of: str, wanted: Wanted) -> None:
        self._step()
        if of in LETTERS:
            self._numbers(LETTERS[of], 1, [(number, range(1)) for number, _ in wanted])
        elif '/' in of:
            self.message(of, wanted)
        elif of.startswith('string'):
            n_bytes = self._length()
            if self._keep_strings and n_bytes:
                self.lengths.append((self.at, f'{n_bytes}s'))
            self.at += n_bytes
            if wanted:
                raise NoShapeError  # a string that is a number
        else:
            raise NoShapeError

    def _numbers(self, letter: str, count: int, wanted: list[tuple[int, range]]) -> None:
        size = struct.calcsize(letter)
        if count:
            self.at += -(self.at - FRONT) % size
        for number, which in wanted:
            if len(which) > LONG and not self.places[number] and number not in self.runs:
                self._step()
                length = which[-1] + 1 - which.start
                self.runs[number] = (self.at + which.start * size, letter, length, which.step)
                continue
            if number in self.runs:
                raise NoShapeError  # several long lists of one path
            for i in which:
                self._step()
                self.letters[self.at + i * size] = letter
                self.places[number].append(self.at + i * size)
        self.at += count * size

    def _length(self) -> int:
        self.at += -(self.at - FRONT) % 4
        (length,) = struct.unpack_from('<I', self._data, self.at)
        self.lengths.append((self.at, 'I'))
        self.at += 4
        return int(length)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS or self.at > len(self._data):
            raise NoShapeError


def _struct_of(places: Sequence[tuple[int, str]]) -> struct.Struct:
    """Return what takes all that lies at these places, which rise, at once."""
    text, end = '<', 0
    for at, letter in places:
        text += f'{at - end}x{letter}'
        end = at + struct.calcsize(f'<{letter}')
    return struct.Struct(text)


def _column(data: NDArray[np.uint8], at: int, letter: str) -> NDArray[Any]:
    """Return the numbers at one place of messages (M, n), (M,)."""
    raw = np.ascontiguousarray(data[:, at : at + struct.calcsize(f'<{letter}')])
    return raw[:, 0] != 0 if letter == '?' else raw.view(f'<{letter}')[:, 0]


def _getter(numbers: list[int]) -> Callable[[Any], Values]:
    """Return what takes these of a tuple, as a tuple."""
    chosen = as_slice(numbers)
    return itemgetter(chosen) if isinstance(chosen, slice) else itemgetter(*chosen)


def _same(some: Values, others: Values) -> bool:
    return np.array_equal(np.array(some, dtype=float), np.array(others, dtype=float), equal_nan=True)
