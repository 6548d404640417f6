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
WITHOUT_ERROR = ("refused", "failed", "cancelled")
"""The outcomes of nights that may have no error. Their marks are then on the axis."""
LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "mse_pca": (".--", {"color": ORANGE, "label": "PCA"}),
    "champion_mse": (".:", {"color": MUTED, "label": "champion then"}),
    "fixed_mse": (".-", {"color": MUTED, "linewidth": 1, "label": "on fixed rows"}),
    "fixed_mse_pca": (".--", {"color": MUTED, "linewidth": 1, "label": "PCA on fixed rows"}),
}
"""The lines of errors other than that of the model, with their styles."""

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
    errors = {name: np.array(columns[name], float) for name in LINES}
    has_fixed = bool(np.isfinite(errors["fixed_mse"]).any())
    for name, (line, style) in LINES.items():
        is_shown = np.isfinite(errors[name]).any() if has_fixed else "fixed" not in name
        if is_shown:
            axes.plot(runs, errors[name], line, **style)
    axes.plot(runs, mse, color=BLUE, linewidth=1.2)
    for outcome, marker in OUTCOMES.items():
        mask, color = outcomes == outcome, ORANGE if outcome in ALARMING else BLUE
        if mask.any():
            axes.plot(runs[mask], mse[mask], marker, ms=9, color=color, label=outcome)
        for run in runs[mask & np.isnan(mse)] if outcome in WITHOUT_ERROR else ():
            mark = {"ms": 9, "color": color, "clip_on": False, "in_layout": False}
            axes.plot(run, 0, marker, transform=axes.get_xaxis_transform(), **mark)
    axes.set_ylabel("mean squared error")
    place: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    columns_of_legend = 4 if has_fixed else 6
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, ncols=columns_of_legend, **place)
