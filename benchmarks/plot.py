# SPDX-License-Identifier: Apache-2.0
"""The ratios of the cold fits as a picture."""

from __future__ import annotations

from pathlib import Path


def draw(rows: list[dict], file: Path) -> None:
    import matplotlib

    matplotlib.use('agg')
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 0.3 * len(rows) + 1.6))
    names = sorted({peer for row in rows for peer in row['peers']})
    for i, peer in enumerate(names):
        points = [(row['peers'][peer], -k) for k, row in enumerate(rows) if peer in row['peers']]
        axes.plot(*zip(*points), 'o', ms=4, alpha=0.6, color=f'C{i + 1}', label=peer)
    axes.plot(
        [row['ratio'] for row in rows], [-k for k in range(len(rows))], 'D', color='C0', label='binclf_ros'
    )
    for k, row in enumerate(rows):
        axes.plot([row['target']] * 2, [-k - 0.4, -k + 0.4], color='black', lw=1.5)
    axes.set_xscale('log')
    axes.axvline(1.0, color='grey', lw=0.8)
    axes.set_yticks([-k for k in range(len(rows))], [row['name'] for row in rows], fontsize=8)
    axes.set_xlabel('time to 1e-6 of the optimum ÷ best scikit-learn solver (bar: target)')
    axes.legend(fontsize=7, loc='lower right')
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def draw_live(rows: list[tuple[str, float, float, float | None]], file: Path) -> None:
    """Draw (name, ours ÷ echo, echo again ÷ echo, target) of each row."""
    import matplotlib

    matplotlib.use('agg')
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 0.24 * len(rows) + 1.4))
    places = [-k for k in range(len(rows))]
    axes.plot([row[2] for row in rows], places, 'o', ms=4, color='grey', label='the same echo again')
    axes.plot([row[1] for row in rows], places, 'D', color='C0', label='binclf_ros')
    for place, row in zip(places, rows):
        if row[3] is not None:
            axes.plot([row[3]] * 2, [place - 0.4, place + 0.4], color='black', lw=1.5)
    axes.axvline(1.0, color='grey', lw=0.8)
    axes.set_xscale('log')
    axes.set_yticks(places, [row[0] for row in rows], fontsize=8)
    axes.set_xticks([0.3, 0.5, 1, 2, 4], ['0.3', '0.5', '1', '2', '4'])
    axes.set_xticks([], minor=True)
    axes.set_xlabel('÷ the echo (bar: target; right of 1 is better for messages a second alone)')
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
