# SPDX-License-Identifier: Apache-2.0
"""Which threshold to take: for an objective, from predictions made before their label was learned from.

What is promised holds with the confidence 1 − α on further samples that are drawn as these were. Where
neighbours are alike, as τ of them count as one, what stands below is of M/τ samples, and of as many errors:
τ of z less its mean for the label, and for what a share of labels goes into also that of the labels. It
holds although the threshold was chosen by the same samples:

- ``recall>=r`` lets the positives below the threshold be so few that even their share's upper bound is
  1 − r (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934). Recall only falls as the threshold rises, so
  the bound at the last threshold that passes needs no correction.
- ``precision>=p`` goes down from the most certain samples, as many as a faultless record needs, and stops
  before the first threshold whose lower bound is below p: tests in an order fixed beforehand need no
  correction (A. N. Angelopoulos et al., "Learn then Test", 2021).
- the others take the best threshold there is. Their bound comes from cells of the confusion matrix that
  are wrong by ε at most, at all thresholds at once: ε = √(ln(c/α)/(2n)) for c of them (P. Massart,
  Annals of Probability 18, 1990).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import BinclfError, ParameterError
from ..learning.losses import sigmoid
from .correlation import dependence
from .curves import auc

ALPHA = 0.05
MIN_COUNT = 20
"""A recommendation rests on at least this many samples of each class."""
MIN_EFFECTIVE = 4
"""And on this many of each class, once neighbours that are alike count as one."""
CHANCE = 2.5
"""Standard errors of the AUC that may be chance."""
MAX_TESTS = 500
"""Thresholds that are tested for a precision."""
_HELP = 'expected balanced_accuracy, f1, precision>=0.99, recall>=0.99 or cost:FP=1,FN=10'
_NUMBER = r'(\d+(?:\.\d*)?(?:e[+-]?\d+)?)'


@dataclass(frozen=True)
class Objective:
    """What a threshold is chosen for; `level` of precision and recall, `costs` of a FP and a FN."""

    kind: str
    level: float = 0.0
    costs: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Recommendation:
    """A threshold: decision 1 where ŷ ≥ `threshold`; and what it rests on.

    `score` is the objective's on the samples at hand; `bound` is what it is at least (a cost: at most) on
    further samples, with the `confidence`, as `assumes` says: they are worth `effective_samples`.
    """

    objective: str
    threshold: float
    score: float
    bound: float
    confidence: float
    samples: int
    positives: int
    precision: float
    recall: float
    effective_samples: float
    assumes: str


def parse_objective(text: str) -> Objective:
    """Read an objective. Raises ParameterError."""
    plain = text.replace(' ', '')
    if plain in ('balanced_accuracy', 'f1'):
        return Objective(plain)
    if found := re.fullmatch(rf'(precision|recall)>={_NUMBER}', plain):
        level = float(found[2])
        if 0.0 < level < 1.0:
            return Objective(found[1], level)
        raise ParameterError(f'threshold_objective is {text!r:.60}, but {level:g} is not between 0 and 1')
    if found := re.fullmatch(rf'cost:FP={_NUMBER},FN={_NUMBER}', plain):
        costs = float(found[1]), float(found[2])
        if min(costs) > 0.0 and max(costs) <= 1e9:
            return Objective('cost', costs=costs)
        raise ParameterError(f'threshold_objective is {text!r:.60}, but costs are above 0, up to 1e9')
    raise ParameterError(f'threshold_objective is {text!r:.60}, {_HELP}')


def recommend(y: Array, z: Array, objective: str) -> Recommendation:
    """Return the threshold for an objective from labels y (M,) and z (M,), the oldest first.

    Raises ParameterError for the objective, BinclfError where the samples are too few for it or where
    it cannot be reached.
    """
    wanted = parse_objective(objective)
    positives = int(np.sum(y))
    if min(positives, len(y) - positives) < MIN_COUNT:
        raise BinclfError(
            f'{positives} positives and {len(y) - positives} negatives were predicted before they '
            f'were learned, a recommendation needs {MIN_COUNT} of each: go on labelling'
        )
    tau = _dependence(y, z, wanted)
    ladder = _Ladder(y, z, tau)
    _check_effective(ladder)
    if wanted.kind != 'precision':  # that says more where it is not reached
        _check_is_of_use(y, z, ladder)
    if wanted.kind == 'recall':
        i, score, bound = _recall(ladder, wanted.level)
    elif wanted.kind == 'precision':
        i, score, bound = _precision(ladder, wanted.level)
    else:
        i, score, bound = _best(ladder, wanted)
    _check_is_of_use(y, z, ladder)
    return Recommendation(
        objective=objective,
        threshold=float(ladder.threshold[i]),
        score=score,
        bound=bound,
        confidence=1.0 - ALPHA,
        samples=len(y),
        positives=ladder.positives,
        precision=float(ladder.tp[i] / (ladder.tp[i] + ladder.fp[i])),
        recall=float(ladder.tp[i] / ladder.positives),
        effective_samples=len(y) / tau,
        assumes=_assumed(len(y), tau),
    )


def _dependence(y: Array, z: Array, wanted: Objective) -> float:
    """Return τ of what the objective is made of, which are shares of a class, or also shares of classes."""
    p = sigmoid(z)
    within = p - np.where(y > 0.5, p[y > 0.5].mean(), p[y <= 0.5].mean())
    tau = max(dependence(within), dependence(np.argsort(np.argsort(within)).astype(float)))
    of_class = wanted.kind in ('recall', 'balanced_accuracy')
    return tau if of_class else max(tau, dependence(y))


def _assumed(n: int, tau: float) -> str:
    """Say what the promise rests on."""
    alike = 'each on its own' if tau <= 1.0 else f'as alike as these, of which {tau:.3g} count as one'
    return f'further samples from where these {n} came, {alike}'


def _check_effective(ladder: _Ladder) -> None:
    """Raise BinclfError where what counts as one is too little."""
    counts = [n / ladder.tau for n in (ladder.positives, ladder.negatives)]
    if min(counts) < MIN_EFFECTIVE:
        raise BinclfError(
            f'neighbours are alike, {ladder.tau:.3g} samples count as one: {counts[0]:.1f} positives and '
            f'{counts[1]:.1f} negatives, a recommendation needs {MIN_EFFECTIVE} of each: label for longer, '
            'in more places, and set score_window to hold it'
        )


def _check_is_of_use(y: Array, z: Array, ladder: _Ladder) -> None:
    """Raise BinclfError for z that orders the labels no better than chance does (Mann and Whitney's U)."""
    P, N = ladder.positives / ladder.tau, ladder.negatives / ladder.tau
    area, error = auc(y, z), math.sqrt((P + N + 1.0) / (12.0 * P * N))
    if not area > 0.5 + CHANCE * error:
        raise BinclfError(
            f'no threshold does better than always 1: the AUC is {area:.2f}, which may be chance of '
            f'{P + N:.0f} samples that count: first see that it learns'
        )


class _Ladder:
    """All thresholds that make a difference, falling, what each calls 1 (tp and fp), and τ."""

    def __init__(self, y: Array, z: Array, tau: float) -> None:
        self.tau = tau
        p = sigmoid(z)
        order = np.argsort(-p, kind='stable')
        ends = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
        self.threshold = p[order][ends]
        self.tp = np.cumsum(y[order])[ends]
        self.fp = ends + 1 - self.tp
        self.positives, self.negatives = int(self.tp[-1]), int(self.fp[-1])


def _recall(ladder: _Ladder, level: float) -> tuple[int, float, float]:
    n = ladder.positives
    missed = _max_failures(int(n / ladder.tau), 1.0 - level)
    if missed < 0:
        raise BinclfError(_too_few('recall', level, f'{n} positives', ladder.tau))
    i = int(np.argmax(ladder.tp >= n - missed * ladder.tau))
    return i, float(ladder.tp[i] / n), level


def _precision(ladder: _Ladder, level: float) -> tuple[int, float, float]:
    called, tau = ladder.tp + ladder.fp, ladder.tau
    first = int(np.searchsorted(called, _min_faultless(level) * tau))
    if first == len(called):
        raise BinclfError(_too_few('precision', level, f'{len(called)} samples', tau))
    steps = np.unique(np.linspace(first, len(called) - 1, MAX_TESTS).astype(int))
    passed = -1
    for i in steps.tolist():
        if binomial_cdf(math.ceil(ladder.fp[i] / tau), int(called[i] / tau), 1.0 - level) > ALPHA:
            break
        passed = i
    if passed < 0:
        raise BinclfError(
            f'precision>={level:g} is not reached: of the {called[first]:.0f} samples that are most '
            f'certainly 1, {ladder.fp[first]:.0f} are 0'
        )
    return passed, float(ladder.tp[passed] / called[passed]), level


def _best(ladder: _Ladder, wanted: Objective) -> tuple[int, float, float]:
    """Return the best threshold of all, its score, and the score with every cell wrong by ε."""
    P, N = ladder.positives, ladder.negatives
    M = P + N
    tp, fp, fn = ladder.tp / M, ladder.fp / M, (P - ladder.tp) / M
    if wanted.kind == 'cost':
        cost_fp, cost_fn = wanted.costs
        cost = cost_fp * fp + cost_fn * fn
        i = int(np.argmin(cost))
        return i, float(cost[i]), float(cost[i]) + (cost_fp + cost_fn) * _epsilon(M / ladder.tau, 2)
    if wanted.kind == 'f1':
        score = 2.0 * tp / (2.0 * tp + fp + fn)
        i, e = int(np.argmax(score)), _epsilon(M / ladder.tau, 3)
        least = max(0.0, float(tp[i]) - e)
        return i, float(score[i]), 2.0 * least / (2.0 * least + float(fp[i] + fn[i]) + 2.0 * e)
    score = 0.5 * (ladder.tp / P + 1.0 - ladder.fp / N)
    i = int(np.argmax(score))
    off = 0.5 * (_epsilon(P / ladder.tau, 2) + _epsilon(N / ladder.tau, 2))
    return i, float(score[i]), float(score[i]) - off


def _epsilon(n: float, cells: int) -> float:
    return math.sqrt(math.log(cells / ALPHA) / (2.0 * n))


def _too_few(kind: str, level: float, there: str, tau: float) -> str:
    needed, what = _min_faultless(level), 'positives' if kind == 'recall' else 'samples called 1'
    alike = f', of which {tau:.3g} neighbours count as one' if tau > 1.0 else ''
    return (
        f'{kind}>={level:g} with {1.0 - ALPHA:.0%} confidence needs {needed} {what} at least, there '
        f'are {there}{alike}: label more, and set score_window to hold them'
    )


def _min_faultless(level: float) -> int:
    """Return the least n with levelⁿ ≤ α: so many without a fault say that the share is above level."""
    return math.ceil(math.log(ALPHA) / math.log(level))


def _max_failures(n: int, share: float) -> int:
    """Return the most failures among n that say that their share is below; -1: not even none do."""
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if binomial_cdf(middle, n, share) <= ALPHA else (low, middle)
    return low


def binomial_cdf(k: int, n: int, share: float) -> float:
    """Return P(K ≤ k) of a binomial K: n trials, each of the chance `share` in (0, 1)."""
    i = np.arange(1, k + 1)
    steps = np.log(n + 1.0 - i) - np.log(i) + math.log(share) - math.log1p(-share)
    logs = n * math.log1p(-share) + np.append(0.0, np.cumsum(steps))
    return min(1.0, float(np.sum(np.exp(logs))))
