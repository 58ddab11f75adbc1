# SPDX-License-Identifier: Apache-2.0
"""What can be set of storage: the files."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Options, option


@dataclass(frozen=True)
class ModelFileOptions(Options):
    """Where the model lives."""

    model_file: str = option(
        '',
        'The node starts from the model in this file, and keeps the newest good one there; empty keeps it '
        'in memory alone, and only then may the path of a new file be set while the node runs.',
        set_once=True,
    )


@dataclass(frozen=True)
class DatasetFileOptions(Options):
    """Where the samples live."""

    dataset_file: str = option(
        '',
        'The trainer starts from the labelled samples in this file, and keeps them there; '
        'empty keeps them in memory alone.',
        read_only=True,
    )
