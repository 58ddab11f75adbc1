# SPDX-License-Identifier: Apache-2.0
"""What the offline commands share: arguments, exit codes, and the way from recordings to samples."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from ..arguments import Parser
from ..core.errors import BinclfError
from ..core.storage.files import replace_file
from . import store
from .config import Config, read_config
from .errors import OfflineFailed
from .extraction import run
from .inputs import Inputs, Source
from .job import Job, Outcome
from .labeled_topics import NAMES, read_remaps
from .labels import Range, ranges_of, read_ranges
from .progress import Bar
from .rows import Part
from .stored import check_stored
from .work import Work

FAILED, MISTAKE, MISSED, INTERRUPTED = 1, 2, 3, 130
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""What is nobody's mistake."""


@dataclass(frozen=True)
class Samples:
    """Labelled samples by recording, of these features; the longest window, and what a sample is."""

    parts: tuple[Part, ...]
    names: tuple[str, ...]
    window_sec: float
    kind: str


def guarded(name: str, command: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run a command; return 0, 1 where it failed, 2 for a mistake of the user, 130 after Ctrl-C."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return command(arguments)
    except BinclfError as error:
        print(f'{name}: {error}', file=sys.stderr)
        return FAILED if getattr(error.__cause__, 'errno', None) in OF_THE_DISK else MISTAKE
    except (OfflineFailed, OSError, MemoryError) as error:
        print(f'{name}: {error or type(error).__name__}', file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f'\n{name}: interrupted; what is finished stays', file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def parser_of(
    name: str, about: str, what: str = 'folders of rosbag2 recordings, .mcap, .db3, patterns'
) -> Parser:
    """Return a parser with what all commands take."""
    parser = Parser(prog=name, description=about)
    parser.add_argument('bags', nargs='+', metavar='BAGS', help=what)
    parser.add_argument('--quiet', action='store_true', help='say nothing but what went wrong')
    return parser


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """Add what says how to make samples of recordings."""
    add = parser.add_argument
    add('--params', type=Path, metavar='FILE', help='the YAML that runs on the robot')
    add('--set', action='append', default=[], metavar='NAME=VALUE', help='change one of its parameters')
    add('--namespace', default='/', metavar='NS', help='of paths without a leading slash (default: /)')
    add(
        '-r',
        '--remap',
        action='append',
        default=[],
        metavar='FROM:=TO',
        help=f'other names of topics, as for nodes; FROM is one of {", ".join(NAMES)}',
    )
    add('--labels', type=Path, metavar='FILE', help='recording,start,end,label as CSV or YAML')
    add('--jobs', type=int, default=0, metavar='N', help='processes (default: one a core)')
    add('--cluster', default='', metavar='URL', help='a Dask scheduler, tcp://… or tls://…')


def work_of(given: argparse.Namespace, n_tasks: int) -> Work:
    """Return what runs tasks. Raises BinclfError for a number of processes that makes no sense."""
    if not 0 <= given.jobs <= 1024:
        raise BinclfError(f'--jobs is {given.jobs}, expected 1 to 1024')
    return Work(given.jobs or max(1, min(os.cpu_count() or 1, n_tasks)), given.cluster)


def config_of(given: argparse.Namespace) -> Config:
    """Return the options that are given. Raises BinclfError."""
    return read_config(given.params, given.set)


def say(given: argparse.Namespace, text: str) -> None:
    """Print what is not an error, unless it has to be quiet."""
    if not given.quiet:
        print(text, flush=True)


def warn(text: str) -> None:
    """Print a sentence about what could not be used."""
    print(text, file=sys.stderr, flush=True)


def _jobs(
    given: argparse.Namespace, config: Config, folder: Path, sources: Sequence[Source], wants_labels: bool
) -> list[Job]:
    """Return the job of each recording. Raises BinclfError where `--labels` is none of these recordings."""
    ranges = read_ranges(given.labels) if given.labels is not None else None
    jobs = [
        replace(_job(given, config, folder, source, ranges), wants_labels=wants_labels)
        for source in sources
    ]
    if ranges is not None and not any(job.labels and job.labels[1] for job in jobs):
        raise BinclfError(
            f'{given.labels} names none of these recordings: it names '
            f'{", ".join(sorted({each.recording for each in ranges})[:5])}, they are called '
            f'{", ".join(source.name for source in sources[:5])}'
        )
    for job in jobs:
        if job.labels is not None:
            ranges_of(*job.labels, 0)  # a mistake in the file is told before anything is read
    return jobs


def samples_of(
    given: argparse.Namespace,
    config: Config,
    folder: Path,
    sources: Sequence[Source],
    work: Work,
    *,
    wants_labels: bool = True,
) -> list[Outcome]:
    """Return the samples of recordings, made where they are not there yet, and say what could not be used.

    Raises BinclfError where no recording gives any.
    """
    jobs = _jobs(given, config, folder, sources, wants_labels)
    work.check_cluster(sources[0].files[0])
    with Bar('extracting', sum(source.n_bytes for source in sources), 'B', given.quiet) as bar:
        if work.parallel:
            outcomes = work.map(run, jobs, lambda number, _: bar.advance(sources[number].n_bytes))
        else:
            outcomes = work.map(lambda job: _run_here(job, bar), jobs)
    if len(outcomes) == 1 and outcomes[0].meta is None:
        raise BinclfError(outcomes[0].problem)
    for outcome in outcomes:
        for note in outcome.meta.notes if outcome.meta else (outcome.problem,):
            warn(note)
    if all(outcome.meta is None for outcome in outcomes):
        raise BinclfError('no recording could be used')
    return [outcome for outcome in outcomes if outcome.meta is not None]


def _run_here(job: Job, bar: Bar) -> Outcome:
    """Extract a recording in this process, and show how many of its bytes are done."""
    n_bytes, told = job.source.n_bytes, 0.0

    def tell(share: float) -> None:
        nonlocal told
        if share > told:
            bar.advance((share - told) * n_bytes)
            told = share

    outcome = run(job, tell)
    tell(1.0)
    return outcome


def _job(
    given: argparse.Namespace, config: Config, folder: Path, source: Source, ranges: Sequence[Range] | None
) -> Job:
    labels = None
    if ranges is not None:
        labels = given.labels, tuple(each for each in ranges if source.is_called(each.recording))
    taught = config.taught and replace(config.taught, remap=read_remaps(given.remap))
    return Job(source, config.sampling, given.namespace, folder, labels, taught=taught)


def parts_of(
    given: argparse.Namespace, config: Config, folder: Path, inputs: Inputs, work: Work
) -> Samples:
    """Return the labelled samples of BAGS.

    BAGS are recordings, whose samples go to a folder, or samples that are there. Raises BinclfError where
    they are of different features, or none has a label.
    """
    sources, folders = inputs
    if sources:
        found = samples_of(given, config, folder, sources, work)
        folders = [outcome.folder for outcome in found]
    metas = [store.read_meta(each) for each in folders]
    if not sources:
        named = config.sampling.features if given.params is not None or given.set else ()
        check_stored(folders, metas, named, given.labels)
    for meta in metas:
        if meta.features != metas[0].features:
            raise BinclfError(
                f'{meta.name} has samples of other features than {metas[0].name}: '
                f'{_difference(meta.features, metas[0].features)}; extract them again with one --params'
            )
    parts = [Part(each, meta.name, meta.group) for each, meta in zip(folders, metas) if meta.labeled]
    if not parts:
        raise BinclfError('no sample of any recording has a label: set label, or give --labels FILE')
    window_sec = max(meta.window_sec for meta in metas)
    return Samples(tuple(parts), metas[0].features, window_sec, metas[0].kind)


def _difference(some: Sequence[str], others: Sequence[str]) -> str:
    extra = [name for name in (*some, *others) if (name in some) != (name in others)]
    return f'{extra[0]} is in one alone' if extra else 'they stand in another order'


def write_json(path: Path, fields: Mapping[str, Any]) -> None:
    """Write figures. Raises StorageError."""
    replace_file(path, [json.dumps(fields, indent=1, allow_nan=False).encode() + b'\n'])
