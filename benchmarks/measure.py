# SPDX-License-Identifier: Apache-2.0
"""Clocks, tables and our side of the comparison."""

# ruff: noqa: ANN001, ANN201
# Peers come without types, and what a loop makes is called in that same turn.

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import numpy as np

from binclf_ros.core.learning.descent import Curvature, descend
from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.objective import Objective
from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.core.learning.scaler import Moments


def clock(call):
    """Return (seconds, result)."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def alternate(calls: dict, seconds: float) -> dict[str, float]:
    """Return the median seconds of each call: all take turns, for about so long, three at least."""
    times = {name: [] for name in calls}
    began = time.perf_counter()
    while len(times[next(iter(calls))]) < 3 or time.perf_counter() - began < seconds:
        for name, call in calls.items():
            times[name].append(clock(call)[0])
        if len(times[next(iter(calls))]) >= 200:
            break
    return {name: float(np.median(each)) for name, each in times.items()}


class Ours:
    """The solver on samples of which mean and scale are known, as a trainer knows them at all times."""

    def __init__(self, X, y, moments: Moments | None = None) -> None:
        if moments is None:
            moments = Moments(X.shape[1])
            for start in range(0, len(X), 4096):
                moments.add(X[start : start + 4096])
        self.X, self.y, self.mean, self.scale = X, y, moments.mean, moments.scale

    def objective(self) -> Objective:
        return Objective(self.X, self.y, mean=self.mean, scale=self.scale, l2=1.0)

    def fit(self, tolerance: float):
        for point in descend(
            self.objective(), np.zeros(self.X.shape[1] + 1), Curvature(), tolerance=tolerance
        ):
            pass
        return point.theta

    def from_raw(self) -> Learner:
        """Copy into a buffer, standardise, and fit as the trainer does."""
        learner = Learner('bench', LearningOptions(buffer_capacity=len(self.X)))
        learner.take(tuple(f'x{i}' for i in range(self.X.shape[1])), self.X, self.y)
        learner.descend()
        return learner

    def standardised(self, model):
        w = np.array(model.weights)
        return np.append(w * self.scale, model.bias + w @ self.mean)


def optimum(objective: Objective) -> float:
    """Return the optimal value, from a descent to the end of the digits."""
    for step, point in enumerate(
        descend(objective, np.zeros(objective.n_features + 1), Curvature(), tolerance=1e-10)
    ):
        if step > 60:
            break
    return point.value


class Table:
    """Rows of markdown."""

    def __init__(self, *head: str) -> None:
        self.head, self.rows = head, []

    def add(self, *cells: str, ratio: float | None = None) -> None:
        row = [*cells, *([f'{ratio:.2f}'] if ratio is not None else [])]
        self.rows.append(row + [''] * (len(self.head) - len(row)))

    def text(self) -> str:
        lines = [self.head, ['---'] * len(self.head), *self.rows]
        return '\n'.join('| ' + ' | '.join(each) + ' |' for each in lines)


def machine() -> str:
    cpu = platform.processor() or platform.machine()
    info = Path('/proc/cpuinfo')
    if info.exists():
        names = [
            line.split(':')[1].strip() for line in info.read_text().splitlines() if 'model name' in line
        ]
        cpu = names[0] if names else cpu
    return f'{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}'


LOAD = f'{os.getloadavg()[0]:.1f}'
START, END = '<!-- training: written by make bench-train -->', '<!-- end of training -->'

TEXT = """## Training

One run of `make bench-train` on {machine}. Peers: {versions}. Repeat it rather than quote it: ratios
within a run hold up, milliseconds do not. Peers that are not installed have no rows.

### Cold fit

From zero to within 1e-6 (relative) of the optimal objective, l2 = 1, each with its own stopping test: the
loosest tolerance of 1e-1, 1e-2, … 1e-8 that gets there, for us and for them. The peers get the samples
standardised beforehand; we get them raw, with mean and scale, which a trainer keeps up to date. "As it
comes" is our default tolerance of 1e-6, whatever it reaches. "From raw" is the whole way for both:
copying and standardising included (a `Learner` with our default, against `StandardScaler` and
newton-cholesky with its own). "gap" is what was reached of the optimum. Medians of alternating repeats.
"ill" is correlated (condition 1e4 and more), with scales from 1e-2 to 1e3. Where other programs keep the
cores busy, peers with threaded BLAS lose more by it than we do: the load average was {load} at the start.

{Cold fit}

![Cold fit, ratios](../pictures/benchmarks_train.png)

### Warm refit

100 new samples in a ring of 10,000 × 20, again and again; peers with `warm_start`, on samples standardised
beforehand; those that reach 1e-6 every time. Target: ≤ 0.1.
Where a refit begins, value and gradient are known from what came and left alone; its steps look at all
samples.

{Warm refit}

### Stream

Each sample is predicted before it is learned, N = 20. Ours refits the buffer of 10,000 (`balanced`) behind
the predictions, as the trainer does. Targets: ≥ 3 × River one by one, ≥ 20 × in micro-batches.

{Stream}

### One gradient pass

Value and gradient of all samples, against reading X once: by `X.sum()`, and by `X.max()`, which is
faster. Target: ≤ 3.5. Means that are more than 100 scales off have to be taken off the rows.

{One pass}

### Budget

CPU seconds a second of a process that descends without an end (`gradient`, tolerance 1e-12), and paused.
A pass over 1,000,000 × 20 takes about as long as the smaller budget.

{Budget}

### Every cold fit

<details><summary>All solvers, fastest first</summary>

{All}

</details>
"""


def write_section(file: Path, tables: dict[str, str], versions: str) -> None:
    """Write the section on training, and leave the rest of the file alone."""
    text = TEXT
    for name, value in {**tables, 'machine': machine(), 'versions': versions, 'load': LOAD}.items():
        text = text.replace('{' + name + '}', value)
    put_section(file, START, text, END)


def put_section(file: Path, start: str, text: str, end: str) -> None:
    """Write what is between two lines of a file, and leave the rest alone."""
    section = f'{start}\n{text}{end}\n'
    old = file.read_text() if file.exists() else '# Benchmarks\n\n'
    if start in old and end in old:
        old = old[: old.index(start)] + section + old[old.index(end) + len(end) + 1 :]
    else:
        old = old.rstrip() + '\n\n' + section
    file.write_text(old)
