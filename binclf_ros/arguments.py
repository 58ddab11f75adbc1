# SPDX-License-Identifier: Apache-2.0
"""What the commands share beside their arguments."""

from __future__ import annotations

import argparse
from dataclasses import Field
from typing import Any, NoReturn

from .core.errors import BinclfError
from .core.options import checked, meaning


def number(text: str) -> int | float:
    """Read a number as it was written: whole, or not. Raises ValueError."""
    try:
        return int(text)
    except ValueError:
        return float(text)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, and whose arguments may be made from options."""

    def __init__(self, prog: str, **given: Any) -> None:
        super().__init__(prog, **given)
        self._options: dict[str, Field[Any]] = {}

    def add_option(self, each: Field[Any], flag: str = '', may_be_missing: bool = False) -> None:
        """Add an argument of the type, default, range and choices of an option.

        `flag` is another name than the option's. What `may_be_missing` is None where it is not given.
        """
        flag = flag or f'--{each.name.replace("_", "-")}'
        kind: type[Any] = type(each.default)
        default = None if may_be_missing else each.default
        form: dict[str, Any] = {'type': {int: int, float: number}[kind]} if kind in (int, float) else {}
        if kind is bool:
            form = {'action': argparse.BooleanOptionalAction}
        elif kind is tuple:
            form = {'nargs': '+', 'metavar': 'TEXT'}
        elif each.metadata['choices']:
            form = {'choices': each.metadata['choices']}
        about = meaning(each).replace('%', '%%')
        action = self.add_argument(flag, default=default, help=about, **form)
        self._options[action.dest] = each

    def parse_checked(self, arguments: list[str]) -> argparse.Namespace:
        """Parse arguments, and check those made from options. Raises BinclfError."""
        given = self.parse_args(arguments)
        for dest, each in self._options.items():
            value = getattr(given, dest)
            if value is not None:
                setattr(given, dest, checked(each, value, f'--{dest.replace("_", "-")}'))
        return given

    def error(self, message: str) -> NoReturn:
        """Raise BinclfError."""
        raise BinclfError(f'{message}; -h explains the arguments')
