# SPDX-License-Identifier: Apache-2.0
"""How fast recordings become a model: ratios within one run, on a quiet machine (make bench-offline).

Extraction by message and by stretches, in times of real time a core, and beside
clouds; the fit from disk beside scikit-learn's newton-cholesky
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


def extract(bag: Path, folder: Path, name: str, by_message: bool = False) -> float:
    """Extract a recording; print how many times faster than it was recorded, and return the CPU (s)."""
    (source,), _ = find_sources([str(bag)])
    options = SamplingOptions(features=FEATURES, label='/label/data')
    by_stretches = extraction._sample_stretches
    if by_message:
        extraction._sample_stretches = lambda *given: False
    started = time.process_time()
    outcome = extraction.run(extraction.Job(source, options, '/', folder / name))
    seconds = time.process_time() - started
    extraction._sample_stretches = by_stretches
    assert outcome.meta is not None, outcome.problem
    speed = outcome.meta.duration_sec / seconds
    print(
        f'read and extract {name}, 12 windows: {speed:.0f} × real time a core '
        f'({outcome.meta.samples} samples, {seconds:.2f} s)'
    )
    return seconds


def with_clouds(bag: Path, folder: Path) -> Path:
    """Write the recording again with a cloud of 100 kB ten times a second; return where."""
    from rosbags.rosbag2 import Reader, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    types = get_typestore(Stores.LATEST)
    cloud = os.urandom(100_000)
    with Reader(bag) as of, Writer(folder / 'clouds', version=9, storage_plugin=StoragePlugin.MCAP) as to:
        kinds = {each.topic: each.msgtype for each in of.connections}
        out = {topic: to.add_connection(topic, kind, typestore=types) for topic, kind in kinds.items()}
        out_of_clouds = to.add_connection('/points', 'sensor_msgs/msg/PointCloud2', typestore=types)
        for number, (connection, time_ns, data) in enumerate(of.messages()):
            to.write(out[connection.topic], time_ns, data)
            if number % 11 == 0:
                to.write(out_of_clouds, time_ns, cloud)
    return folder / 'clouds'


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
        started = time.process_time()
        model = fit([part], names, LearningOptions(sample_dependence=1.0), work)
        own = time.process_time() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    started = time.process_time()
    other = LogisticRegression(solver='newton-cholesky', C=1.0, tol=1e-6).fit(X, y)
    theirs = time.process_time() - started
    gap = float(np.abs(np.array(model.weights) - other.coef_[0]).max())
    print(
        f'fit of {rows} × {N_FEATURES}: {own / theirs:.2f} of the CPU of newton-cholesky ({own:.2f} s, '
        f'{theirs:.2f} s), peak memory + {grown:.0f} MiB, weights within {gap:.1e}'
    )
    compare_processes(part, names)


def compare_processes(part: Part, names: tuple[str, ...], turns: int = 5) -> None:
    """Print what two processes gain: by the clock, and by the CPU of the one that is busiest."""
    options = LearningOptions(sample_dependence=1.0)
    with Work(1) as alone, Work(2) as two:
        fit([part], names, options, alone)
        fit([part], names, options, two, n_parts=2)
        started, clock = time.process_time(), time.perf_counter()
        for _ in range(turns):
            fit([part], names, options, alone)
        one_cpu, one_clock = time.process_time() - started, time.perf_counter() - clock
        before, started, clock = cpu_of_workers(two), time.process_time(), time.perf_counter()
        for _ in range(turns):
            fit([part], names, options, two, n_parts=2)
        here, two_clock = time.process_time() - started, time.perf_counter() - clock
        most = max(now - then for now, then in zip(cpu_of_workers(two), before))
    print(
        f'fit, 1 → 2 processes: {one_clock / two_clock:.2f} × by the clock; '
        f'{one_cpu / (here + most):.2f} × by CPU '
        f'({one_cpu:.2f} s alone; {here:.2f} s in the first and {most:.2f} s in the busier worker)'
    )


def cpu_of_workers(work: Work) -> list[float]:
    """Return the CPU that each process of a pool has used (s), where /proc says it."""
    found = []
    for number in work._executor._processes:
        fields = Path(f'/proc/{number}/stat').read_text().rpartition(')')[2].split()
        found.append((int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK'))
    return found


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bag', type=Path, help='a recording with /imu/data and /label')
    parser.add_argument('--rows', type=int, default=1_000_000)
    given = parser.parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    with tempfile.TemporaryDirectory() as folder:
        if given.bag:
            extract(given.bag, Path(folder), 'by message', by_message=True)
            extract(given.bag, Path(folder), 'by stretches')
            clouds = with_clouds(given.bag, Path(folder))
            size = sum(each.stat().st_size for each in clouds.iterdir())
            plain = min(extract(given.bag, Path(folder), f'again ({n})') for n in range(3))
            beside = min(extract(clouds, Path(folder), f'beside clouds ({n})') for n in range(3))
            print(f'Imu from {size / 2**20:.0f} MiB with clouds: {beside / plain:.2f} of the time without')
        compare(Path(folder), given.rows)


if __name__ == '__main__':
    main()
