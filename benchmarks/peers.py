# SPDX-License-Identifier: Apache-2.0
"""Those we compare with. Each one that is not installed has no rows."""

# ruff: noqa: ANN001, ANN201, ANN202
# Peers come without types, and what a loop makes is called in that same turn.

from __future__ import annotations

import importlib
import importlib.metadata

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SKLEARN = ('newton-cholesky', 'lbfgs', 'newton-cg', 'sag', 'saga', 'liblinear')
WARM = ('newton-cholesky', 'lbfgs', 'newton-cg')


def has(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def versions() -> str:
    names = ('scikit-learn', 'river', 'vowpalwabbit', 'statsmodels', 'torch')
    found = []
    for name in names:
        try:
            found.append(f'{name} {importlib.metadata.version(name)}')
        except importlib.metadata.PackageNotFoundError:
            found.append(f'{name} (not installed)')
    return ', '.join(found)


def cold(Z, y) -> dict:
    """Return name: fit(tolerance) -> theta, all with l2 = 1 but the bias, from zero."""

    def sklearn(solver: str):
        def fit(tolerance: float):
            model = LogisticRegression(solver=solver, tol=tolerance, max_iter=2000).fit(Z, y)
            return np.append(model.coef_, model.intercept_)

        return fit

    found = {solver: sklearn(solver) for solver in SKLEARN}
    if has('statsmodels.api') and len(y) * Z.shape[1] <= 6_000_000:
        found['statsmodels Logit, no ridge'] = statsmodels_newton(Z, y)
    if has('torch'):
        found['PyTorch LBFGS'] = torch_lbfgs(Z, y)
    return found


def statsmodels_newton(Z, y):
    import statsmodels.api

    def fit(tolerance: float):
        design = np.column_stack([Z, np.ones(len(Z))])
        return statsmodels.api.Logit(y, design).fit(method='newton', tol=tolerance, disp=0).params

    return fit


def torch_lbfgs(Z, y):
    import torch

    X, target = torch.from_numpy(np.ascontiguousarray(Z)), torch.from_numpy(y)

    def fit(tolerance: float):
        theta = torch.zeros(Z.shape[1] + 1, dtype=torch.float64, requires_grad=True)
        solver = torch.optim.LBFGS(
            [theta],
            max_iter=2000,
            tolerance_grad=tolerance * 1e-2,
            tolerance_change=0.0,
            line_search_fn='strong_wolfe',
        )

        def closure():
            solver.zero_grad()
            z = X @ theta[:-1] + theta[-1]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(z, target)
            loss = loss + (theta[:-1] @ theta[:-1]) / (2 * len(target))
            loss.backward()
            return loss

        solver.step(closure)
        return theta.detach().numpy()

    return fit


def from_raw(X, y):
    def fit():
        return make_pipeline(StandardScaler(), LogisticRegression(solver='newton-cholesky')).fit(X, y)

    return fit


class Warm:
    """A peer that starts from its own last optimum."""

    def __init__(self, solver: str, tolerance: float) -> None:
        self._model = LogisticRegression(solver=solver, tol=tolerance, max_iter=2000, warm_start=True)

    def fit(self, Z, y):
        self._model.fit(Z, y)
        return np.append(self._model.coef_, self._model.intercept_)
