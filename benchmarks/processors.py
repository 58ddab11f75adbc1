# SPDX-License-Identifier: Apache-2.0
"""Training with and without AVX-512, which most robots lack: writes doc/explanation/benchmarks.md.

python benchmarks/processors.py [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure import LOAD, Table, machine, put_section

DOC = Path(__file__).resolve().parents[1] / 'doc'
SIZES = (1_000, 10_000, 100_000)
N = 20
BEFORE_2_4 = 'AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL'
TEXT = """## Training without AVX-512

Of {machine}; without: numpy told not to use it (`NPY_DISABLE_CPU_FEATURES`, whose names are others from
numpy 2.4 on). Ours: a trainer's learner as it comes takes samples in and descends, standardising and all,
as `~/train` has it: how many samples count as one is estimated after the answer.
Theirs, as they come: the fastest of scikit-learn's lbfgs and newton-cholesky, on raw and on standardised
samples, the standardising counted. Medians of processor time with one thread of BLAS, in turns, so that
what else runs on the machine counts little; the load average was {load}.

{Rows}
"""


def fits(M: int) -> dict:
    """Return who: a fit of M × N samples."""
    import warnings

    from problems import made
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from binclf_ros.core.learning.learner import Learner
    from binclf_ros.core.learning.options import LearningOptions

    warnings.simplefilter('ignore')
    X, y = made(M, N, False)
    names = tuple(f'x{i}' for i in range(N))

    def take() -> Learner:
        learner = Learner('bench', LearningOptions(buffer_capacity=max(10_000, M)))
        learner.take(names, X, y)
        return learner

    def peer(solver: str, standardised: bool) -> Callable[[], object]:
        model = LogisticRegression(solver=solver, max_iter=1000)
        return lambda: (make_pipeline(StandardScaler(), model) if standardised else model).fit(X, y)

    found = {'ours': lambda: take().descend(later=True), 'take': take}  # as ~/train does
    for solver in ('lbfgs', 'newton-cholesky'):
        found[solver], found[f'{solver}, standardised'] = peer(solver, False), peer(solver, True)
    return found


def measured(quick: bool) -> dict:
    """Return by size and who: the median processor time (s)."""
    result = {}
    for M in SIZES[:2] if quick else SIZES:
        times: dict[str, list[float]] = {}
        for _ in range(5 if quick else 15):
            for name, fit in fits(M).items():
                began = time.process_time()
                fit()
                times.setdefault(name, []).append(time.process_time() - began)
        result[M] = {name: float(np.median(each[1:])) for name, each in times.items()}
    return result


def in_a_process(quick: bool, disabled: str) -> dict:
    command = [sys.executable, __file__, '--measure', *(['--quick'] if quick else [])]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'NPY_DISABLE_CPU_FEATURES': disabled}
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--quick', action='store_true', help='small sizes alone; writes nothing')
    parser.add_argument('--measure', action='store_true', help='print the times of this process')
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measured(given.quick)))
        return 0
    table = Table('samples', 'AVX-512', 'take ms', 'ours ms', 'scikit-learn ms', 'ours ÷ best', 'target')
    newer = tuple(map(int, np.__version__.split('.')[:2])) >= (2, 4)
    for about, disabled in (('with', ''), ('without', 'X86_V4' if newer else BEFORE_2_4)):
        for M, of in in_a_process(given.quick, disabled).items():
            best = min((k for k in of if k not in ('ours', 'take')), key=of.__getitem__)
            ratio, target = of['ours'] / of[best], 0.6 if int(M) <= 10_000 else 0.25
            table.add(
                f'{int(M):,} × {N}', about, f'{1e3 * of["take"]:.2f}', f'{1e3 * of["ours"]:.2f}',
                f'{best} {1e3 * of[best]:.2f}', f'**{ratio:.2f}**',
                f'{target} {"met" if ratio <= target else "MISSED"}',
            )  # fmt: skip
    print(table.text())
    if not given.quick:
        text = TEXT.replace('{Rows}', table.text()).replace('{machine}', machine()).replace('{load}', LOAD)
        start, end = '<!-- processors: written by make bench-train -->', '<!-- end of processors -->'
        put_section(DOC / 'explanation' / 'benchmarks.md', start, text, end)
    return 0


if __name__ == '__main__':
    sys.exit(main())
