# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with what a user gives, as one tree.

::

    BinclfError                  everything below; a ValueError
     ├── Rejected                an input that is refused and changes nothing; has a `reason`
     │    ├── SampleError        … a sample, labelled or not
     │    ├── ModelError         … a model, from the topic or from a file
     │    └── RequestError       … what a page asks for
     ├── ExpressionError         a feature expression; has `text` and `position`, shows a caret
     ├── DescentError            a descent that cannot go on; the parameters before it stand
     ├── ParameterError          a parameter value, or a combination of them
     └── StorageError            a file that cannot be read or written

Every message says what came, what was expected and what to do.
"""

from __future__ import annotations


class BinclfError(ValueError):
    """Base of every error that this package raises on purpose."""


class Rejected(BinclfError):
    """An input that is refused, counted under ``rejected/<reason>``, and changes nothing."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SampleError(Rejected):
    """A sample that is refused."""


class ModelError(Rejected):
    """A model that is refused; the model in use stays."""


class RequestError(Rejected):
    """A request of a page that is refused."""


class ExpressionError(BinclfError):
    """A feature expression that does not parse or does not fit; points at the place."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        shown = ''.join(each if each.isprintable() else '\N{REPLACEMENT CHARACTER}' for each in text)
        super().__init__(f'{problem}\n  {shown}\n  {" " * position}^')
        self.text = text
        self.position = position
        self.problem = problem

    @property
    def line(self) -> str:
        """What is wrong in one line, for places that have no more.

        >>> ExpressionError('/imu/q', 5, 'Imu has no field q').line
        '/imu/q: Imu has no field q'
        """
        return f'{self.text}: {self.problem}'


class DescentError(BinclfError):
    """A descent that cannot go on."""


class ParameterError(BinclfError):
    """A parameter value, or a combination of values, that is refused."""


class StorageError(BinclfError):
    """A file that cannot be read or written."""
