# SPDX-License-Identifier: Apache-2.0
"""How well curves answer on recordings that are held out, beside a line and the peers.

python benchmarks/accuracy.py [DATA]     writes its section of doc/explanation/benchmarks.md
"""

# ruff: noqa: ANN001, ANN201, ANN202
# Peers come without types.

from __future__ import annotations

import argparse
import re
import time
import warnings
from pathlib import Path

import numpy as np
from measure import Table, machine
from peers import SKLEARN, has, versions
from recorded_sets import all_sets
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from binclf_ros.core.evaluation.scores import scores_of
from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.options import LearningOptions

ROOT = Path(__file__).resolve().parents[1]
MAX_SLOW = 5_000
"""Samples that the SVC and the stream learner get: what they take grows too fast."""
MAX_MLP = 20_000
OURS = ('line', 'curves', 'curves+pairs')
TARGETS = {
    'husky, std': (0.895, 0.40),
    'husky, mean+std': (0.91, 0.34),
    'room, test1': (0.97, 0.10),
    'room, test2': (0.97, 0.10),
    'lidar, raw': (0.945, 0.17),
    'lidar, with height': (0.97, 0.085),
    'motions, badminton': (0.945, 0.13),
}
MAX_Z = 30.0
START, END = '<!-- accuracy: written by make bench-accuracy -->', '<!-- end of accuracy -->'


def say(text: str) -> None:
    print(f'{time.strftime("%H:%M:%S")} {text}', flush=True)


def learned(X, y, feature_map: str, sample_dependence: float = 0.0):
    """Return our model of all samples, with the defaults but for the map."""
    options = LearningOptions(
        feature_map=feature_map, buffer_capacity=max(2, len(X)), sample_dependence=sample_dependence
    )
    learner = Learner('bench', options)
    learner.take(tuple(f'x{i}' for i in range(X.shape[1])), X, y)
    learner.descend()
    return learner.model


def ours(feature_map: str):
    return lambda X, y, T: learned(X, y, feature_map).decision_function(T)


def sklearns(make, most: int | None = None):
    """Return fit-and-predict of a scikit-learn estimator, as z of its probabilities."""

    def fit(X, y, T):
        every = -(-len(X) // most) if most else 1
        model = make().fit(X[::every], y[::every])
        p = model.predict_proba(T)[:, 1]
        with np.errstate(divide='ignore'):
            return np.clip(np.log(p) - np.log1p(-p), -MAX_Z, MAX_Z)

    return fit


def rivers(X, y, T):
    """Return the same of River's adaptive random forest, which sees each sample once, in order."""
    from river import forest

    model = forest.ARFClassifier(seed=0)
    names = list(range(X.shape[1]))
    for x, label in zip(X[:: -(-len(X) // MAX_SLOW)], y[:: -(-len(X) // MAX_SLOW)]):
        model.learn_one(dict(zip(names, x.tolist())), int(label))
    every = -(-len(T) // MAX_SLOW)
    p = np.array([model.predict_proba_one(dict(zip(names, x.tolist()))).get(1, 0.0) for x in T[::every]])
    p = np.repeat(p, every)[: len(T)]
    with np.errstate(divide='ignore'):
        return np.clip(np.log(p) - np.log1p(-p), -MAX_Z, MAX_Z)


def contestants() -> dict:
    scaled = StandardScaler
    found = {name: ours(name) for name in OURS}
    found |= {
        'LogisticRegression': sklearns(lambda: make_pipeline(scaled(), LogisticRegression(max_iter=2000))),
        'SVC': sklearns(lambda: make_pipeline(scaled(), SVC(probability=True, random_state=0)), MAX_SLOW),
        'RandomForest': sklearns(lambda: RandomForestClassifier(random_state=0)),
        'ExtraTrees': sklearns(lambda: ExtraTreesClassifier(random_state=0)),
        'HistGradientBoosting': sklearns(lambda: HistGradientBoostingClassifier(random_state=0)),
        'MLP': sklearns(
            lambda: make_pipeline(scaled(), MLPClassifier(max_iter=500, random_state=0)), MAX_MLP
        ),
    }
    if has('river'):
        found['River ARF, one pass'] = rivers
    return found


def score(fit, splits) -> dict[str, float]:
    """Return the scores over all that is held out, of all splits together."""
    y = np.concatenate([split[3] for split in splits])
    z = np.concatenate([fit(*split[:3]) for split in splits])
    return scores_of(y, z, ('accuracy', 'log_loss', 'auc', 'ece'))


def compare(folder: Path, only: str) -> tuple[Table, Table, list[str]]:
    """Return accuracy and log loss of all on all sets, the means, and which figures are reached."""
    who = contestants()
    table, verdicts, found = Table('held out', *who), [], {name: [] for name in who}
    for name, splits in all_sets(folder):
        if only not in name:
            continue
        scores = {}
        for each, fit in who.items():
            began = time.monotonic()
            scores[each] = score(fit, splits)
            found[each].append(scores[each])
            seconds = time.monotonic() - began
            say(f'{name}: {each} {_cell(scores[each], best=False)} ({seconds:.1f} s)')
        best = max(each['accuracy'] for each in scores.values())
        cells = [_cell(each, best=each['accuracy'] == best) for each in scores.values()]
        table.add(f'{name} ({sum(len(split[3]) for split in splits):,})', *cells)
        verdicts += _verdict(name, scores)
    means = Table('mean over the sets', *who)
    for key in ('accuracy', 'log_loss', 'auc', 'ece'):
        means.add(key, *(f'{np.nanmean([s[key] for s in each]):.3f}' for each in found.values()))
    return table, means, verdicts


def _cell(scores: dict[str, float], *, best: bool) -> str:
    text = f'{scores["accuracy"]:.3f} / {scores["log_loss"]:.3f}'
    return f'**{text}**' if best else text


def _verdict(name: str, scores) -> list[str]:
    """Return what was asked of this set, and whether it is reached."""
    line, curves, found = scores['line'], scores['curves'], []
    if name in TARGETS:
        accuracy, loss = TARGETS[name]
        reached = curves['accuracy'] >= accuracy and curves['log_loss'] <= loss
        found.append(
            f'- {name}: {curves["accuracy"]:.3f} / {curves["log_loss"]:.3f}, '
            f'asked {accuracy:g} / {loss:g}: {"reached" if reached else "MISSED"}'
        )
    if curves['accuracy'] < line['accuracy'] - 0.02:
        gap = line['accuracy'] - curves['accuracy']
        found.append(f'- {name}: curves are {gap:.3f} below the line, at most .02 was asked: MISSED')
    return found


def labels_needed(split, asks: bool, seed: int, pool: int = 1500, step: int = 5) -> int:
    """Return how many labels come until the accuracy is twice within 5 % of that of all."""
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(split[0]))[:pool]
    X, y, T, t = split[0][rows], split[1][rows], *split[2:]
    some = generator.permutation(len(T))[:4000]
    T, t = T[some], t[some]

    def accuracy(which):
        return float(np.mean((learned(X[which], y[which], 'line').decision_function(T) >= 0) == (t > 0.5)))

    goal, known = 0.95 * accuracy(np.arange(len(X))), np.zeros(len(X), dtype=bool)
    for label in (0, 1):
        known[np.flatnonzero(y == label)[:5]] = True
    reached = 0
    while not known.all():
        reached = reached + 1 if accuracy(known) >= goal else 0
        if reached == 2:
            break
        left = np.flatnonzero(~known)
        if asks:
            z = learned(X[known], y[known], 'line').decision_function(X[left])
            left = left[np.argsort(np.abs(z), kind='stable')]
        known[left[:step]] = True
    return int(known.sum())


def ask(folder: Path) -> Table:
    """Return labels that are needed where |z| is smallest, and at random."""
    table = Table('set', 'asked', 'at random', 'asked ÷ random', 'target')
    for name, splits in all_sets(folder):
        if name in ('motions, badminton', 'husky, std', 'lidar, raw'):
            asked, random = (
                np.mean([labels_needed(splits[0], asks, seed) for seed in range(10)])
                for asks in (True, False)
            )
            ratio = asked / random
            table.add(name, f'{asked:.0f}', f'{random:.0f}', f'{ratio:.2f}', _met(ratio, 0.5))
            say(f'ask, {name}: {asked:.0f} against {random:.0f}')
    return table


def _ratio(times, target: float) -> str:
    return _met(times['curves'] / times['line'], target)


def _met(value: float, target: float) -> str:
    return f'{target:g} {"met" if value <= target else "MISSED"}'


def costs() -> Table:
    """Return what curves cost beside a line: a vector, a cloud, a cold fit."""
    table, generator = Table('what', 'line', 'curves', 'ratio', 'target'), np.random.default_rng(0)
    X = generator.normal(size=(10_000, 64))
    y = (X[:, 0] + generator.normal(size=10_000) > 0).astype(float)
    line, curves = (learned(X, y, each) for each in ('line', 'curves'))
    x = X[0].copy()
    times = least({m.feature_map: _times(lambda m=m: m.score(x), 1000) for m in (line, curves)}, 100)
    _add(table, 'vector of 64, µs', {k: 1e3 * v for k, v in times.items()}, _ratio(times, 3.0))
    points = generator.normal(size=(100_000, 4)).astype(np.float32)
    line, curves = (learned(X[:, :4].copy(), y, each) for each in ('line', 'curves'))
    out = np.empty(len(points), dtype=np.float32)
    times = least(
        {m.feature_map: _times(lambda m=m: m.predict_proba(points, out), 1) for m in (line, curves)}, 50
    )
    times = {k: 1e3 * v for k, v in times.items()}
    _add(table, 'cloud 100,000 × 4, ms', times, f'curves: {_met(times["curves"], 10.0)}')
    return table


def _times(call, n: int):
    """Return what does it n times."""
    return lambda: [call() for _ in range(n)]


def least(calls: dict, rounds: int) -> dict[str, float]:
    """Return the least CPU seconds of each call, all taking turns: other programs count for little."""
    found = dict.fromkeys(calls, np.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.process_time()
            call()
            found[name] = min(found[name], time.process_time() - began)
    return found


def _add(table: Table, what: str, times: dict[str, float], target: str) -> None:
    ratio = times['curves'] / times['line']
    table.add(what, f'{times["line"]:.2f}', f'{times["curves"]:.2f}', f'{ratio:.2f}', target)
    say(f'{what}: {times}')


def cold() -> Table:
    """Return the cold fit through 8 knots, against scikit-learn's solvers on the same columns."""
    table, generator = Table('who', 'ms', '÷ best scikit-learn', 'target'), np.random.default_rng(1)
    X = generator.normal(size=(10_000, 24))
    y = (np.sin(2 * X[:, 0]) + X[:, 1] + generator.normal(size=10_000) > 0).astype(float)
    model = learned(X, y, 'curves')
    columns = model.map.columns(X)
    units = np.ones(columns.shape[1])
    units[model.map.starts[:-1]] = model.scale
    columns = columns / units
    calls = {
        each: lambda each=each: LogisticRegression(solver=each, tol=1e-4, max_iter=500).fit(columns, y)
        for each in SKLEARN
        if each not in ('sag', 'saga')
    }
    ours = {
        'binclf_ros, curves from raw': lambda: learned(X, y, 'curves'),
        'binclf_ros, the same with sample_dependence 1': lambda: learned(X, y, 'curves', 1.0),
    }
    times = least({**ours, **calls}, 5)
    best = min(seconds for name, seconds in times.items() if name in calls)
    for name, seconds in sorted(times.items(), key=lambda item: item[1]):
        target = '' if name in calls else _met(seconds / best, 0.5)
        table.add(name, f'{1e3 * seconds:.1f}', f'{seconds / best:.2f}', target)
        say(f'cold: {name} {1e3 * seconds:.1f} ms')
    return table


TEXT = """## Accuracy

One run of `make bench-accuracy` on {machine}. Peers: {versions}, with their defaults.

Accuracy / log loss on what is held out: whole recordings, tiles, weeks or persons; each learns from the
rest alone. The first three columns are ours, by `feature_map`, with the defaults. The best accuracy of a
row is bold. In brackets: samples held out. The SVC and River learn from at most {most:,} samples, evenly
taken, the MLP from at most 20,000, and River sees each once.

{table}

{means}

Figures that were asked of `curves`:

{verdicts}

### Where to teach next

Labels until a line comes within 5 % of the accuracy that it has with all labels of a pool of 1,500, in
steps of five from five of each class, means of 10 runs: each where |z| is smallest (`~/ask` is largest
there), and at random.

{ask}

### What curves cost

CPU time of one thread, the least of repeats, without messages: `Model.score`, `Model.predict_proba`.

{costs}

Cold fit of 10,000 × 24 through 8 knots, 217 columns with the bias; the peers get the columns.

{cold}
"""


def write(text: str) -> None:
    """Put the section into doc/explanation/benchmarks.md, in place of the one before, or at its end."""
    path = ROOT / 'doc' / 'explanation' / 'benchmarks.md'
    said, section = path.read_text(encoding='utf-8'), f'{START}\n{text}\n{END}'
    pattern = re.compile(f'{re.escape(START)}.*?{re.escape(END)}', re.DOTALL)
    found = pattern.sub(lambda _: section, said) if START in said else f'{said.rstrip()}\n\n{section}\n'
    path.write_text(found, encoding='utf-8')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('data', nargs='?', type=Path, default=Path('data'))
    parser.add_argument('--only', default='', help='sets whose name has this in it')
    parser.add_argument('--dry-run', action='store_true', help='print the section, write nothing')
    given = parser.parse_args()
    warnings.simplefilter('ignore')
    found = {'ask': ask(given.data), 'costs': costs(), 'cold': cold()}
    table, means, verdicts = compare(given.data, given.only)
    text = TEXT.format(
        machine=machine(),
        versions=versions(),
        most=MAX_SLOW,
        table=table.text(),
        means=means.text(),
        verdicts='\n'.join(verdicts) or '- none of these sets is there',
        **{name: each.text() for name, each in found.items()},
    )
    print(text)
    if not given.dry_run:
        write(text)


if __name__ == '__main__':
    main()
