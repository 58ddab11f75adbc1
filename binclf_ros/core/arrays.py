# SPDX-License-Identifier: Apache-2.0
"""The array types that the package computes with."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats: TypeAlias = 'NDArray[np.floating[Any]]'  # in quotes: numpy 1.21 has no such subscript
"""Of single or double precision."""
