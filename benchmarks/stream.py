# SPDX-License-Identifier: Apache-2.0
"""Test, then train: every sample is predicted before it is learned."""

# ruff: noqa: ANN001, ANN201, ANN204
# Peers come without types, and what a loop makes is called in that same turn.

from __future__ import annotations

import time

import numpy as np
import peers
from problems import made

from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.options import LearningOptions

N = 20
NAMES = tuple(f'x{i}' for i in range(N))


class Ours:
    """What trainer and worker do, without threads: predict by the model in use, stage, refit behind.

    A refit is due once an eighth of what was seen is staged, 4096 samples at most: so the share of
    time that goes into refits is bounded, and the model is never far behind.
    """

    def __init__(self) -> None:
        self._learner = Learner('bench', LearningOptions(tolerance=1e-3))
        self._X, self._y, self._staged, self._seen = [], [], 0, 0
        self._weights, self._bias = np.zeros(N), 0.0

    def __call__(self, X, y):
        z = X @ self._weights + self._bias
        self._X.append(X)
        self._y.append(y)
        self._staged += len(y)
        if self._staged >= min(4096, max(32, self._seen // 8)):
            self._refit()
        return z

    def _refit(self) -> None:
        self._learner.take(NAMES, np.concatenate(self._X), np.concatenate(self._y))
        self._seen += self._staged
        self._X, self._y, self._staged = [], [], 0
        if self._learner.has_work:
            self._learner.descend()
            model = self._learner.model
            self._weights, self._bias = np.array(model.weights), model.bias


def ours(X, y, size: int):
    learn, z = Ours(), np.empty(len(y))
    began = time.perf_counter()
    for start in range(0, len(y), size):
        rows = slice(start, start + size)
        z[rows] = learn(X[rows], y[rows])
    return time.perf_counter() - began, z


def river_one(X, y):
    from river import linear_model, preprocessing

    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    samples = [dict(zip(NAMES, row)) for row in X.tolist()]
    labels = [bool(each) for each in y]
    p = np.empty(len(y))
    began = time.perf_counter()
    for i, (x, label) in enumerate(zip(samples, labels)):
        p[i] = model.predict_proba_one(x)[True]
        model.learn_one(x, label)
    seconds = time.perf_counter() - began
    return seconds, logit(p)


def river_many(X, y, size: int):
    import pandas
    from river import linear_model, preprocessing

    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    frames = [pandas.DataFrame(X[i : i + size], columns=NAMES) for i in range(0, len(y), size)]
    labels = [pandas.Series(y[i : i + size] > 0.5) for i in range(0, len(y), size)]
    model.learn_many(frames[0], labels[0])
    p = np.full(len(y), 0.5)
    began = time.perf_counter()
    for i in range(1, len(frames)):
        p[i * size : i * size + len(frames[i])] = model.predict_proba_many(frames[i])[True]
        model.learn_many(frames[i], labels[i])
    return time.perf_counter() - began, logit(p)


def vowpal_wabbit(X, y):
    from vowpalwabbit import Workspace

    model = Workspace('--loss_function logistic --quiet')
    rows = X.tolist()
    z = np.empty(len(y))
    began = time.perf_counter()
    for i, (row, label) in enumerate(zip(rows, y.tolist())):
        text = ('1 |' if label else '-1 |') + ''.join(f' {k}:{v:.6g}' for k, v in zip(NAMES, row))
        example = model.parse(text)
        z[i] = model.predict(example)
        model.learn(example)
        model.finish_example(example)
    seconds = time.perf_counter() - began
    model.finish()
    return seconds, z


def logit(p):
    p = np.clip(p, 1e-12, 1.0 - 1e-12)
    return np.log(p / (1.0 - p))


def run(table, M: int, say) -> None:
    X, y = made(M, N, False)
    runs = {
        'binclf_ros, one by one': lambda: ours(X, y, 1),
        'binclf_ros, micro-batches of 32': lambda: ours(X, y, 32),
    }
    if peers.has('river'):
        runs['River, one by one'] = lambda: river_one(X, y)
        runs['River, micro-batches of 32'] = lambda: river_many(X, y, 32)
    if peers.has('vowpalwabbit'):
        runs['Vowpal Wabbit, text included'] = lambda: vowpal_wabbit(X, y)
    times, scores = {k: [] for k in runs}, {}
    for _ in range(3):
        for name, call in runs.items():
            seconds, z = call()
            times[name].append(seconds)
            scores[name] = (np.mean(np.logaddexp(0.0, z) - y * z), np.mean((z > 0.0) == (y > 0.5)))
    rates = {name: M / float(np.median(each)) for name, each in times.items()}
    river = rates.get('River, one by one', np.nan)
    for name, rate in sorted(rates.items(), key=lambda each: -each[1]):
        table.add(
            name,
            f'{rate:,.0f}',
            f'**{rate / river:.1f}**',
            f'{scores[name][0]:.4f}',
            f'{scores[name][1]:.4f}',
        )
        say(f'stream {name}: {rate:,.0f}/s, {rate / river:.1f} x River, loss {scores[name][0]:.4f}')
