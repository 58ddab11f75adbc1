# SPDX-License-Identifier: Apache-2.0
"""Whether samples that are there are those that are asked for: nothing given is ignored in silence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.errors import BinclfError
from . import store
from .labels import Range, labels_at, ranges_of, read_ranges
from .store import Meta


def check_stored(
    folders: Sequence[Path], metas: Sequence[Meta], features: Sequence[str], labels: Path | None
) -> None:
    """Compare samples with the features and the file of labels that are given, if any.

    Raises BinclfError where they are of other features, or labelled otherwise.
    """
    for folder, meta in zip(folders, metas):
        made_of = meta.options.get('features', meta.features)
        if features and tuple(features) not in (tuple(made_of), meta.features):
            extra = [name for name in (*features, *made_of) if (name in features) != (name in made_of)]
            raise BinclfError(
                f'the samples in {folder} are of other features than --params names: '
                f'{f"{extra[0]} is in one alone" if extra else "they stand in another order"}; '
                'leave it out, or give the recordings'
            )
    if labels is not None:
        ranges = read_ranges(labels)
        for folder, meta in zip(folders, metas):
            own = [each for each in ranges if _is_called(meta.name, each.recording)]
            _check_labels(folder, meta, labels, own)


def _check_labels(folder: Path, meta: Meta, labels: Path, own: Sequence[Range]) -> None:
    start_ns = round(meta.start_sec * 1e9)
    _, y, t = store.arrays(folder)
    times_ns = start_ns + np.rint(t * 1e9).astype(np.int64)
    wanted = labels_at(ranges_of(labels, own, start_ns).spans, times_ns)
    n_other = int(np.sum(~((wanted == y) | (np.isnan(wanted) & np.isnan(y)))))
    if n_other > 2 * len(own):  # a float of seconds since the epoch may miss a border by a sample
        raise BinclfError(
            f'the samples in {folder} are labelled already, {n_other} of {len(y)} otherwise than {labels} '
            'says: leave --labels out, or give the recordings'
        )


def _is_called(name: str, text: str) -> bool:
    """Return whether a line of a file of labels means the recording of this name."""
    given, own = Path(text).with_suffix('').parts, Path(name).parts
    return bool(given) and (own[-len(given) :] == given or given[-len(own) :] == own or text == name)
