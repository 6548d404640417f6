"""The figure of a dataset's trend: errors and outcomes of its runs over time, and their drift."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes

from aeflow.pictures.figures import BLUE, INK, MUTED, ORANGE, new_figure, styled_axes, write_figure

__all__ = ["trend_curves"]

OUTCOMES = {
    **{"promoted": "o", "passed": "s", "unchanged": ".", "not judged": "."},
    **{"refused": "X", "held": "D", "failed": "x", "cancelled": "+"},
}
"""The marker of each outcome."""
ALARMING = ("refused", "held", "failed")

Columns = Mapping[str, Sequence[Any]]


def trend_curves(columns: Columns, file: BinaryIO) -> None:
    """Draws a PNG image of runs [N] over time: errors and outcomes above, the largest PSI below.

    `columns` has `when`, `mse`, `mse_pca`, `champion_mse`, `fixed_mse`, `fixed_mse_pca`, `max_psi`,
    `drifted` and `outcome`. The errors on the fixed rows are drawn if there are any. A run without
    an error has its mark on the axis.
    """
    runs, psi = np.arange(len(columns["when"])), np.array(columns["max_psi"], float)
    figure = new_figure(8, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
    _draw_errors(above, columns, runs)
    below.bar(runs, psi, width=0.5, color=[ORANGE if d else MUTED for d in columns["drifted"]])
    below.set_ylabel("largest PSI")
    below.set_ylim(0, max(0.25, 1.1 * np.max(psi, initial=0, where=np.isfinite(psi))))
    shown = np.unique(np.linspace(0, len(runs) - 1, min(6, len(runs))).round().astype(int))
    below.set_xticks(shown, [f"{columns['when'][run]:%b %d\n%H:%M}" for run in shown])
    below.set_xlim(-0.7, len(runs) - 0.3)
    for axes in (above, below):
        styled_axes(axes)
    figure.align_ylabels()
    write_figure(figure, file)


def _draw_errors(axes: Axes, columns: Columns, runs: np.ndarray) -> None:
    """Draws the errors as lines, and the outcomes as marks on the line of the error."""
    outcomes, mse = np.array(columns["outcome"]), np.array(columns["mse"], float)
    axes.plot(runs, np.array(columns["mse_pca"], float), ".--", color=ORANGE, label="PCA")
    champion = np.array(columns["champion_mse"], float)
    axes.plot(runs, champion, ".:", color=MUTED, label="champion then")
    axes.plot(runs, mse, color=BLUE, linewidth=1.2)
    for name, line in {"fixed_mse": "-", "fixed_mse_pca": "--"}.items():
        on_fixed = np.array(columns[name], float)
        if np.isfinite(on_fixed).any():
            label = f"{'PCA ' if line == '--' else ''}on fixed rows"
            axes.plot(runs, on_fixed, line, marker=".", color=MUTED, linewidth=1, label=label)
    for outcome, marker in OUTCOMES.items():
        mask, color = outcomes == outcome, ORANGE if outcome in ALARMING else BLUE
        if mask.any():
            axes.plot(runs[mask], mse[mask], marker, ms=9, color=color, label=outcome)
            axis, missing = axes.get_xaxis_transform(), runs[mask & np.isnan(mse)]
            style = {"color": color, "transform": axis, "clip_on": False}
            axes.plot(missing, np.zeros(len(missing)), marker, ms=9, **style)
    axes.set_ylabel("mean squared error")
    place: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 6}
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, **place)
