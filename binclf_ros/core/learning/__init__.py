# SPDX-License-Identifier: Apache-2.0
"""Learning: the lecture, its losses, the objective, the descent, and the learner that they make up."""
