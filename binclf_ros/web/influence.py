# SPDX-License-Identifier: Apache-2.0
"""What a model makes of each feature, for people: weights × scale, or the curve that was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

SHOWN = 10


def influences(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the ten features that matter most, the largest first, of a model's JSON object.

    `weight` is what one standard deviation adds to z; where the model has curves, `curve` is [[x, z], …]
    at the knots, and `weight` is its height, with the sign of its ends.
    """
    curves = _curves(model)
    found = []
    for j, name in enumerate(model['features']):
        if curves:
            each = {'name': name, 'weight': _height(curves[j]), 'curve': curves[j]}
        else:
            each = {'name': name, 'weight': model['weights'][j] * model['scale'][j]}
        found.append(each)
    return sorted(found, key=lambda each: -abs(each['weight']))[:SHOWN]


def _curves(model: Mapping[str, Any]) -> list[list[list[float]]]:
    """Return for each feature what its columns add to z at its knots; [] for a model without a map.

    With K + 1 knots q the columns of a feature are clip(x, q₀, q_K) and K ramps from 0 to 1.
    """
    knots = model.get('map', {}).get('knots')
    if not knots:
        return []
    found, at = [], 0
    for q in knots:
        columns = model['weights'][at : at + len(q)]
        at += len(q)
        found.append(_curve(q, columns))
    return found


def _curve(q: Sequence[float], columns: Sequence[float]) -> list[list[float]]:
    slope, *steps = columns
    z = [0.0]
    for (low, high), step in zip(pairwise(q), steps):
        z.append(z[-1] + slope * (high - low) + step)
    middle = (min(z) + max(z)) / 2.0
    return [[x, value - middle] for x, value in zip(q, z)]


def _height(curve: Sequence[Sequence[float]]) -> float:
    z = [value for _, value in curve]
    height = max(z) - min(z)
    return height if z[-1] >= z[0] else -height
