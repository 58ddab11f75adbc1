# SPDX-License-Identifier: Apache-2.0
"""The samples that the training is measured on: made here, or recorded."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np

DATA = Path(os.environ.get('BINCLF_DATA', Path(__file__).resolve().parents[2] / 'shared' / 'data'))


def made(M: int, N: int, ill: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return X and y: independent normal features, or (ill) strongly correlated ones in all scales.

    The ill-conditioned have a correlation matrix of condition 1e4 or so, scales from 1e-2 to 1e3 and
    means of the size of the scales. About 45 % of the labels are 1; the best accuracy is about 85 %.
    """
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((M, N))
    if ill:
        mix = np.linalg.qr(generator.standard_normal((N, N)))[0]
        X *= np.logspace(0.0, -2.0, N)
        X = X @ mix
    w = generator.standard_normal(N)
    z = X @ w
    z *= 2.5 / z.std()
    y = (z + generator.logistic(size=M) > 0.3).astype(float)
    if ill:
        scales = np.logspace(-2.0, 3.0, N)
        X *= scales
        X += scales * generator.standard_normal(N)
    return X, y


def recorded() -> tuple[np.ndarray, np.ndarray] | None:
    """Return the husky's surfaces as features a robot would use, or None where there is no recording.

    Mean, deviation and peak-to-peak of the last second of each axis: 95,000 x 18, from consecutive
    samples, so far from independent.
    """
    file = DATA / 'husky_surface_imu' / 'imu.csv.gz'
    if not file.exists():
        return None
    with gzip.open(file, 'rt') as lines:
        header = lines.readline().strip().split(',')
        axes = [header.index(name) for name in ('wx', 'wy', 'wz', 'ax', 'ay', 'az')]
        values = np.loadtxt(lines, delimiter=',', usecols=[*axes, header.index('label')])
    windows = np.lib.stride_tricks.sliding_window_view(values[:, :6], 100, axis=0)
    X = np.concatenate([windows.mean(-1), windows.std(-1), np.ptp(windows, axis=-1)], axis=1)
    return X, values[99:, 6].copy()
