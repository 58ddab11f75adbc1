# SPDX-License-Identifier: Apache-2.0
"""The demo: three real nodes learn a yes/no question from recordings, and are scored on others."""

from .command import main

__all__ = ['main']
