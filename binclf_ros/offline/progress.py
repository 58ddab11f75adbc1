# SPDX-License-Identifier: Apache-2.0
"""How far it is: a bar on a terminal, elsewhere a line every 10 s; nothing with `--quiet`."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Any

EVERY_SEC = 10.0


class Bar:
    """Counts up to a total; for `with`."""

    def __init__(self, what: str, total: float, unit: str, quiet: bool) -> None:
        self._what, self._total, self._unit, self._quiet = what, total, unit, quiet
        self._done = self._started = 0.0
        self._said = time.monotonic()
        self._bar: Any = None
        if not quiet and sys.stderr.isatty():
            with suppress(ImportError):
                self._bar = import_module('tqdm').tqdm(
                    total=total or None, desc=what, unit=unit, unit_scale=True, leave=False
                )

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, by: float, note: str = '') -> None:
        """Count on."""
        self._done += by
        if self._bar is not None:
            self._bar.update(by)
            if note:
                self._bar.set_postfix_str(note)
        elif not self._quiet and time.monotonic() - self._said >= EVERY_SEC:
            self._said = time.monotonic()
            share = f'{self._done / self._total:.0%}' if self._total else f'{self._done:g} {self._unit}'
            print(f'{self._what}: {share} {note}'.rstrip(), file=sys.stderr, flush=True)
