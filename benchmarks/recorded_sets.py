# SPDX-License-Identifier: Apache-2.0
"""Recordings with whole parts held out: a name, and splits (X, y, X held out, y held out)."""

# ruff: noqa: ANN001, ANN201
# What comes from csv and npz has no types.

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from binclf_ros.recordings import basic_motions

HZ = 100


def table(path: Path):
    """Return the rows of a csv.gz as a dict of columns of text."""
    with gzip.open(path, 'rt', encoding='utf-8') as file:
        rows = list(csv.reader(file))
    return {name: np.array(column) for name, column in zip(rows[0], zip(*rows[1:]))}


def windows(X, size: int):
    """Return mean and std of whole windows of `size` rows, (n, 2N)."""
    n = len(X) // size
    cut = X[: n * size].reshape(n, size, -1)
    return np.hstack([cut.mean(axis=1), cut.std(axis=1)])


def husky(folder: Path) -> Iterator[tuple]:
    """One second each; the four test recordings are held out, and each recording in turn."""
    rows = table(folder / 'husky_surface_imu' / 'imu.csv.gz')
    X = np.stack([rows[name].astype(float) for name in ('wx', 'wy', 'wz', 'ax', 'ay', 'az')], axis=1)
    parts = []
    for name in dict.fromkeys(rows['recording'].tolist()):
        which = np.flatnonzero(rows['recording'] == name)
        found = windows(X[which], HZ)
        label, split = float(rows['label'][which[0]]), rows['split'][which[0]]
        parts.append((found, np.full(len(found), label), split == 'test'))
    for kind, columns in (('std', slice(6, 12)), ('mean+std', slice(0, 12))):
        some = [(X[:, columns], y, test) for X, y, test in parts]
        yield f'husky, {kind}', [parted(some)]
        if kind == 'std':
            turns = [[(X, y, j == i) for j, (X, y, _) in enumerate(some)] for i in range(len(some))]
            yield f'husky, {kind}, each recording in turn', list(map(parted, turns))


def parted(parts):
    """Return X, y of what teaches, and X, y of what is held out, of (X, y, is held out)."""
    return tuple(
        np.concatenate([part[which] for part in parts if part[2] == held])
        for held in (False, True)
        for which in (0, 1)
    )


def room(folder: Path) -> Iterator[tuple]:
    """Temperature, humidity, light, CO2; the weeks that are called test are held out."""
    rows = table(folder / 'room_occupancy' / 'occupancy.csv.gz')
    names = ('temperature_c', 'humidity_pct', 'light_lux', 'co2_ppm')
    X, y = np.stack([rows[name].astype(float) for name in names], axis=1), rows['label'].astype(float)
    train = rows['split'] == 'train'
    for what, columns in (('', [0, 1, 2, 3]), (' without light', [0, 1, 3])):
        for test in ('test1', 'test2'):
            held = rows['split'] == test
            yield (
                f'room{what}, {test}',
                [(X[train][:, columns], y[train], X[held][:, columns], y[held])],
            )


def lidar(folder: Path) -> Iterator[tuple]:
    """Points of two tiles; height is above the lowest point of cells of 1 m and of 10 m."""
    found = {}
    for part in ('train', 'test'):
        with np.load(folder / 'lidar_ground' / f'points_{part}.npz') as file:
            xyz = file['xyz_cm'] / 100.0
            rest = [
                file[name].astype(float) for name in ('intensity', 'return_number', 'number_of_returns')
            ]
            y = file['label'].astype(float)
        heights = np.stack([xyz[:, 2] - lowest(xyz, size) for size in (1.0, 10.0)], axis=1)
        raw = np.stack([xyz[:, 2], *rest], axis=1)
        found[part] = raw, np.hstack([raw, heights]), y
    for i, name in enumerate(('raw', 'with height')):
        train, test = found['train'], found['test']
        yield f'lidar, {name}', [(train[i], train[2], test[i], test[2])]


def lowest(xyz, size: float):
    """Return the lowest z of the cell that each point is in, (M,)."""
    cell = np.unique(np.floor(xyz[:, :2] / size), axis=0, return_inverse=True)[1].ravel()
    found = np.full(cell.max() + 1, np.inf)
    np.minimum.at(found, cell, xyz[:, 2])
    return found[cell]


def motions() -> Iterator[tuple]:
    """One second each of smart-watch recordings, half of which are held out; each activity in turn."""
    sides = {part: basic_motions.labelled(part) for part in ('TRAIN', 'TEST')}
    for activity in sorted({name for _, name in sides['TRAIN']}):
        found = []
        for side in sides.values():
            cut = [windows(X, 10) for X, _ in side]
            y = [np.full(len(X), float(name == activity)) for X, (_, name) in zip(cut, side)]
            found += [np.concatenate(cut), np.concatenate(y)]
        yield f'motions, {activity.lower()}', [tuple(found)]


def all_sets(folder: Path) -> Iterator[tuple]:
    """Yield those that are there."""
    yield from motions()
    for name, some in (('husky_surface_imu', husky), ('room_occupancy', room), ('lidar_ground', lidar)):
        if (folder / name).is_dir():
            yield from some(folder)
