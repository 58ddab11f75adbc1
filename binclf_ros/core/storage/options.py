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
        'The path of the file to start from, in which the newest good model is then kept; empty keeps it '
        'in memory alone, and only then may the path of a new file be set while the node runs.',
        set_once=True,
    )


@dataclass(frozen=True)
class DatasetFileOptions(Options):
    """Where the samples live."""

    dataset_file: str = option(
        '',
        'The path of the file to start from, in which the labelled samples are then kept; '
        'empty keeps them in memory alone.',
        read_only=True,
    )
