# SPDX-License-Identifier: Apache-2.0
"""What the commands share beside their arguments."""

from __future__ import annotations

import argparse
from typing import NoReturn

from .core.errors import BinclfError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise BinclfError."""
        raise BinclfError(f'{message}; -h explains the arguments')
