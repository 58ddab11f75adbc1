"""Evaluation: how well it learns, whether it still holds, and which threshold keeps a promise."""
