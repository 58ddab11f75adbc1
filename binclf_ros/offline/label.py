# SPDX-License-Identifier: Apache-2.0
"""The command line: `label BAGS… (--from-topic PATH | --plot EXPR… | --check | …) --labels FILE`."""

from __future__ import annotations

import argparse
import csv
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import Parser
from ..core.arrays import Array
from ..core.errors import BinclfError, StorageError
from ..core.storage.files import replace_file, why
from . import store
from .command import add_sampling, config_of, guarded, parser_of, samples_of, say, work_of
from .extraction import Outcome
from .inputs import Source, find_sources
from .labels import COLUMNS, Range, ranges_of, read_ranges

MAX_JSON = 2**28
MEANINGS = {'1': 1, 'yes': 1, 'true': 1, 'positive': 1, '0': 0, 'no': 0, 'false': 0, 'negative': 0}


def _parser() -> Parser:
    parser = parser_of('label', 'Write, import, draw or check the file that says what is 0 and what is 1.')
    add_sampling(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    add = which.add_argument
    add('--from-topic', metavar='PATH', help='write ranges of what a topic says, to be edited')
    add('--import-label-studio', type=Path, metavar='FILE', help='take over what was exported as JSON')
    add('--plot', nargs='+', metavar='EXPR', help='draw these, and select by mouse: keys 1, 0, space')
    add('--check', action='store_true', help='say how many seconds are 0, 1 and neither')
    return parser


def main(arguments: Sequence[str]) -> int:
    """Label; return the exit code."""
    return guarded('label', _run, arguments)


def _run(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    if given.labels is None:
        raise BinclfError('--labels FILE is needed: the file that is written, or checked')
    sources, _ = find_sources(given.bags)
    if not sources:
        raise BinclfError('label takes recordings, not samples')
    if given.check:
        for line in check(given.labels, sources):
            print(line)
        return 0
    if given.plot:
        return _plot(given, sources)
    if given.labels.exists():
        raise BinclfError(f'{given.labels} is there already, and may have been edited: give another name')
    if given.from_topic:
        ranges = list(_from_topic(given, sources))
    else:
        ranges = list(_imported(given.import_label_studio, sources))
    if not ranges:
        raise BinclfError('nothing there labels 0 or 1: no file is written')
    write_ranges(given.labels, ranges)
    say(given, f'written: {given.labels}: {len(ranges)} ranges')
    return 0


def write_ranges(path: Path, ranges: Iterable[Range]) -> None:
    """Write a file of labels, YAML or CSV by the end of its name. Raises StorageError."""
    if path.suffix.lower() in ('.yaml', '.yml'):
        replace_file(path, [_as_yaml(each).encode() for each in ranges])
        return
    text = io.StringIO()
    rows = csv.writer(text, lineterminator='\n')
    rows.writerow(COLUMNS)
    rows.writerows(
        [each.recording, repr(each.start), repr(each.end), each.label, each.group] for each in ranges
    )
    replace_file(path, [text.getvalue().encode()])


def _as_yaml(each: Range) -> str:
    """Return a line of YAML; JSON is YAML."""
    fields = {name: getattr(each, name) for name in COLUMNS if name != 'group' or each.group}
    return f'- {json.dumps(fields, ensure_ascii=False)}\n'


def check(path: Path, sources: Sequence[Source]) -> Iterator[str]:
    """Yield a line a recording: seconds of 0, of 1, and of neither. Raises BinclfError."""
    ranges = read_ranges(path)
    width = max(len(source.name) for source in sources)
    yield f'{"recording":<{width}} {"0 (s)":>10} {"1 (s)":>10} {"none (s)":>10}  group'
    named = 0
    for source in sources:
        recording = source.open()
        own = [each for each in ranges if source.is_called(each.recording)]
        named += len(own)
        found = ranges_of(path, own, recording.start_ns)
        whole = (recording.end_ns - recording.start_ns) / 1e9
        seconds = [
            sum(end - start for start, end, of in found.spans if of == label) / 1e9 for label in (0, 1)
        ]
        none = max(0.0, whole - sum(seconds))
        yield f'{source.name:<{width}} {seconds[0]:10.2f} {seconds[1]:10.2f} {none:10.2f}  {found.group}'
    if named < len(ranges):
        others = sorted({r.recording for r in ranges if not any(s.is_called(r.recording) for s in sources)})
        yield f'{len(ranges) - named} ranges are of recordings that are not here: {", ".join(others[:5])}'


def _values(
    given: argparse.Namespace, sources: Sequence[Source], features: Sequence[str]
) -> Iterator[tuple[Outcome, Array, Array]]:
    """Yield X (M, N) and t (M,) of features of each recording."""
    config = config_of(given)
    plain = replace(
        config.sampling, features=tuple(features), label='', label_positive='', label_negative=''
    )
    unlabeled = argparse.Namespace(**{**vars(given), 'labels': None, 'quiet': True})
    with tempfile.TemporaryDirectory(prefix='binclf_ros-') as folder:
        with work_of(given, len(sources)) as work:
            config = replace(config, sampling=plain, taught=None)
            found = samples_of(unlabeled, config, Path(folder), sources, work, wants_labels=False)
        for outcome in found:
            X, _, t = store.arrays(outcome.folder)
            yield outcome, np.array(X), np.array(t)


def _from_topic(given: argparse.Namespace, sources: Sequence[Source]) -> Iterator[Range]:
    """Yield what a topic says, as ranges: each holds until another value, or until it expires."""
    timeout = config_of(given).sampling.label_timeout_sec
    for outcome, X, t in _values(given, sources, [given.from_topic]):
        assert outcome.meta is not None
        ends = np.append(t[1:], max(outcome.meta.duration_sec, t[-1] + 1e-9) if len(t) else 0.0)[: len(t)]
        if timeout:
            ends = np.minimum(ends, t + timeout)
        yield from _stretches(outcome.name, X[:, 0], t, ends)


def _stretches(name: str, values: Array, starts: Array, ends: Array) -> Iterator[Range]:
    """Yield the values 0 and 1 as ranges, one for as long as one value goes on without a gap."""
    current: tuple[float, float, float] | None = None
    for value, start, end in zip(values.tolist(), starts.tolist(), ends.tolist()):
        if current is not None and current[2] == value and start <= current[1]:
            current = current[0], end, value
            continue
        if current is not None and current[2] in (0.0, 1.0):
            yield Range(0, name, current[0], current[1], int(current[2]))
        current = start, end, value
    if current is not None and current[2] in (0.0, 1.0):
        yield Range(0, name, current[0], current[1], int(current[2]))


def _imported(path: Path, sources: Sequence[Source]) -> Iterator[Range]:
    """Yield the ranges of a JSON export of Label Studio. Raises StorageError, BinclfError."""
    try:
        with open(path, encoding='utf-8') as file:
            tasks = json.loads(file.read(MAX_JSON))
    except (OSError, ValueError) as error:
        raise StorageError(f'{path} cannot be read as JSON: {why(error)}') from error
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise BinclfError(f'{path} is no export of Label Studio: expected a list of tasks, as JSON')
    for number, task in enumerate(tasks, 1):
        name = _recording_of(path, number, task, sources)
        for annotation in task.get('annotations') or []:
            for result in annotation.get('result') or []:
                if 'timeserieslabels' in (value := result.get('value') or {}):
                    yield _imported_range(path, number, name, value)


def _recording_of(path: Path, number: int, task: dict[str, Any], sources: Sequence[Source]) -> str:
    """Return which recording a task is about: something of its data ends as the path of one does."""
    texts = [text for text in (task.get('data') or {}).values() if isinstance(text, str)]
    for text in [*texts, str(task.get('file_upload') or '')]:
        stem = Path(text).stem
        for source in sources:
            if text and (source.is_called(text) or stem == source.name or stem.endswith(f'-{source.name}')):
                return source.name
    raise BinclfError(f'{path}, task {number}: its data {texts!r:.100} name none of the recordings')


def _imported_range(path: Path, number: int, name: str, value: dict[str, Any]) -> Range:
    label = str((value['timeserieslabels'] or [''])[0]).strip().lower()
    try:
        found = Range(number, name, float(value['start']), float(value['end']), MEANINGS[label])
    except (KeyError, TypeError, ValueError):
        raise BinclfError(
            f'{path}, task {number}: {value!r:.100}; expected start and end in seconds, and a label such '
            'as 1, 0, yes or no'
        ) from None
    return found


def _plot(given: argparse.Namespace, sources: Sequence[Source]) -> int:
    """Draw each recording in turn, and keep what is selected."""
    try:
        from ..plots.labelling import Selection, show
    except ImportError as error:
        raise BinclfError('--plot draws with matplotlib: pip install matplotlib') from error
    known = read_ranges(given.labels) if given.labels.exists() else []
    for outcome, X, t in _values(given, sources, given.plot):
        source = next(source for source in sources if source.name == outcome.name)
        own = [each for each in known if source.is_called(each.recording)]
        begin = source.open().start_ns
        spans = [
            ((start - begin) / 1e9, (end - begin) / 1e9, label)
            for start, end, label in ranges_of(given.labels, own, begin).spans
        ]
        assert outcome.meta is not None
        selection = Selection(spans)
        show(outcome.name, outcome.meta.features, X, t, selection)
        group = next((each.group for each in own if each.group), '')
        known = [each for each in known if each not in own]
        known += [Range(0, outcome.name, *span, group) for span in selection.spans]
        write_ranges(given.labels, known)
    return 0
