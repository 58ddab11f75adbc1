# SPDX-License-Identifier: Apache-2.0
"""Evaluation: how well it learns, whether it still holds, and which threshold keeps a promise."""
