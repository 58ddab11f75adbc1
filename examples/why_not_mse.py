# SPDX-License-Identifier: Apache-2.0
"""Why the lecture advises against the MSE: a confident wrong answer hardly moves under it.

Run: .venv/bin/python examples/why_not_mse.py (make demo has made .venv)

One sample, x = 1, y = 1, and a model that is sure of the contrary: z = w·x + b is far below 0, so
ŷ = σ(z) is almost 0. The gradient of the BCE by w is (ŷ − y)·x, almost −1: the larger the mistake,
the larger the step. The gradient of the MSE is (ŷ − y) ∗ ŷ ∗ (1 − ŷ)·x: the factor ŷ ∗ (1 − ŷ) is
almost 0 where the model is sure, right or wrong.
"""

from __future__ import annotations

import numpy as np

from binclf_ros.core.learning.lecture import Gradient, bce_gradient, mse_gradient, predict

ALPHA = 0.5
STEPS = 1000


def train(gradient: Gradient, z_at_start: float) -> tuple[float, float]:
    """Return the first gradient by w, and ŷ after the lecture's loop of STEPS steps."""
    X, y = np.array([[1.0]]), np.array([[1.0]])
    w, b = np.array([[z_at_start]]), 0.0
    first = gradient(X, predict(X, w, b), y)[0].item()
    for _ in range(STEPS):
        dw, db = gradient(X, predict(X, w, b), y)
        w = w - ALPHA * dw
        b = b - ALPHA * db
    return first, predict(X, w, b).item()


def main() -> None:
    """Print one row for each starting point."""
    print(f'y = 1; {STEPS} steps with α = {ALPHA}\n')
    print(f'{"z":>5} {"ŷ":>9} | {"∂L/∂w BCE":>10} {"then ŷ":>7} | {"∂L/∂w MSE":>10} {"then ŷ":>7}')
    for z in (-1.0, -5.0, -10.0, -20.0):
        start = predict(np.array([[1.0]]), np.array([[z]]), 0.0).item()
        (bce, bce_end), (mse, mse_end) = train(bce_gradient, z), train(mse_gradient, z)
        print(f'{z:5.0f} {start:9.2e} | {bce:10.2e} {bce_end:7.3f} | {mse:10.2e} {mse_end:7.3f}')


if __name__ == '__main__':
    main()
