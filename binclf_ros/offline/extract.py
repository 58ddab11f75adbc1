# SPDX-License-Identifier: Apache-2.0
"""The command line: `extract BAGS… --params mine.yaml --output DIR|x.parquet|x.csv|x.data`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..arguments import Parser
from ..core.errors import BinclfError
from .command import add_sampling, config_of, guarded, parser_of, samples_of, say, work_of
from .inputs import find_sources
from .job import Outcome
from .tables import WRITERS


def _parser() -> Parser:
    parser = parser_of('extract', 'Make samples of recordings, as the featurizer would.')
    add_sampling(parser)
    parser.add_argument(
        '--output',
        type=Path,
        default=Path('samples'),
        metavar='DIR|FILE',
        help='a folder, or a file .csv, .parquet or .data (default: the folder samples)',
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Extract; return the exit code."""
    return guarded('extract', _run, arguments)


def _run(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    config = config_of(given)
    sources, stores = find_sources(given.bags)
    if stores:
        raise BinclfError(f'{stores[0]} holds samples already: extract takes recordings')
    writer = WRITERS.get(given.output.suffix)
    if writer is not None and given.output.is_dir():
        raise BinclfError(f'--output {given.output} is a folder: give a file, or a name without a suffix')
    if writer is None and given.output.suffix and not given.output.is_dir():
        raise BinclfError(f'--output {given.output}: expected a folder, or {", ".join(WRITERS)}')
    with work_of(given, len(sources)) as work:
        if writer is None:
            _tell(given.quiet, samples_of(given, config, given.output, sources, work))
            return 0
        with tempfile.TemporaryDirectory(prefix='binclf_ros-') as folder:
            found = samples_of(given, config, Path(folder), sources, work)
            writer(given.output, found)
            _tell(given.quiet, found)
    say(given, f'written: {given.output}')
    return 0


def _tell(quiet: bool, found: Sequence[Outcome]) -> None:
    for outcome in found if not quiet else ():
        meta = outcome.meta
        assert meta is not None
        before = ' (made before)' if outcome.reused else ''
        print(
            f'{meta.name}: {meta.samples} samples, {meta.labeled} labelled, '
            f'{meta.positives} of them 1{before}'
        )
