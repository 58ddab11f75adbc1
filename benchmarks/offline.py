# SPDX-License-Identifier: Apache-2.0
"""How fast recordings become a model: ratios within one run, on a quiet machine (make bench-offline).

Extraction by message, in times of real time a core; the fit from disk beside scikit-learn's newton-cholesky
on the array; one process against two. `--rows` scales the fit.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from binclf_ros.core.features.options import SamplingOptions
from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.offline import extraction, store
from binclf_ros.offline.fit import fit
from binclf_ros.offline.inputs import find_sources
from binclf_ros.offline.rows import Part
from binclf_ros.offline.work import Work

FIELDS = [f'{part}/{axis}' for part in ('linear_acceleration', 'angular_velocity') for axis in 'xyz']
FEATURES = tuple(f'{name}(/imu/data/{field}, 1.0)' for name in ('mean', 'std') for field in FIELDS)
N_FEATURES = 20


def extract(bag: Path, folder: Path) -> None:
    """Print how many times faster than it was recorded a bag is extracted."""
    (source,), _ = find_sources([str(bag)])
    options = SamplingOptions(features=FEATURES, label='/label/data')
    started = time.process_time()
    outcome = extraction.run(extraction.Job(source, options, '/', folder))
    seconds = time.process_time() - started
    assert outcome.meta is not None, outcome.problem
    speed = outcome.meta.duration_sec / seconds
    print(
        f'read and extract by message, 12 windows: {speed:.0f} × real time a core '
        f'({outcome.meta.samples} samples, {seconds:.2f} s)'
    )


def samples(folder: Path, rows: int) -> tuple[Part, np.ndarray, np.ndarray]:
    """Write samples of a known model; return them on disk, and as arrays."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(rows, N_FEATURES))
    y = (X @ generator.normal(size=N_FEATURES) + generator.logistic(size=rows) > 0.0).astype(float)
    names = tuple(f'x{i}' for i in range(N_FEATURES))
    meta = store.Meta('made', names, '', rows, rows, int(y.sum()), 0.0, float(rows), 0.0)
    store.write(folder / 'made', X, y, np.arange(rows) * 1.0, meta)
    return Part(folder / 'made', 'made'), X, y


def compare(folder: Path, rows: int) -> None:
    """Print the CPU of the fit beside that of scikit-learn, and what two processes gain."""
    part, X, y = samples(folder, rows)
    names = tuple(f'x{i}' for i in range(N_FEATURES))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Work(1) as work:
        started, clock = time.process_time(), time.perf_counter()
        model = fit([part], names, LearningOptions(sample_dependence=1.0), work)
        own, one = time.process_time() - started, time.perf_counter() - clock
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    started = time.process_time()
    other = LogisticRegression(solver='newton-cholesky', C=1.0, tol=1e-6).fit(X, y)
    theirs = time.process_time() - started
    gap = float(np.abs(np.array(model.weights) - other.coef_[0]).max())
    print(
        f'fit of {rows} × {N_FEATURES}: {own / theirs:.2f} of the CPU of newton-cholesky ({own:.2f} s, '
        f'{theirs:.2f} s), peak memory + {grown:.0f} MiB, weights within {gap:.1e}'
    )
    with Work(2) as work:
        fit([part], names, LearningOptions(sample_dependence=1.0), work, n_parts=2)
        clock = time.perf_counter()
        fit([part], names, LearningOptions(sample_dependence=1.0), work, n_parts=2)
        two = time.perf_counter() - clock
    print(f'fit, 1 → 2 processes: {one / two:.2f} ×')


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bag', type=Path, help='a recording with /imu/data and /label')
    parser.add_argument('--rows', type=int, default=1_000_000)
    given = parser.parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    with tempfile.TemporaryDirectory() as folder:
        if given.bag:
            extract(given.bag, Path(folder))
        compare(Path(folder), given.rows)


if __name__ == '__main__':
    main()
