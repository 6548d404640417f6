"""The figures of a run: reconstructions, errors, training. Equal arrays give equal bytes.

Figures are drawn with matplotlib's objects and never with pyplot, because pyplot's state is global.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

__all__ = [
    "drift_histogram",
    "error_histogram",
    "new_figure",
    "reconstruction_panel",
    "styled_axes",
    "training_curves",
    "write_figure",
]

INK, MUTED, FAINT = "#1f2933", "#6b7785", "#e3e7ec"
BLUE, ORANGE, PAPER = "#2262a8", "#c8571b", "#ffffff"
SMALL_TEXT: dict[str, Any] = {"fontsize": 8, "color": INK}
DPI = 144
BINS, MANY_EPOCHS, WIDE, FAR = (12, 60), 40, 4, 10
COLUMNS, PROFILE_COLUMNS = 10, 4
PICTURE_INCHES = 0.86
GAP, MARGIN, CAPTION_HEIGHT = 0.06, 0.3, 0.42  # in widths of a picture


def reconstruction_panel(
    originals: np.ndarray,
    reconstructions: np.ndarray,
    path: Path,
    *,
    captions: Sequence[str] | None = None,
) -> None:
    """Draws a PNG image: originals above their reconstructions, ten pairs per row.

    Images are [N, H, W, C] in [0, 1] and clipped to that range. Vectors are [N, D]; each is drawn
    as a profile with its reconstruction on top. `captions` [N] are drawn below the pairs.
    """
    captions = captions or [""] * len(originals)
    if originals.ndim == 4:
        figure = _image_pairs(_pixels(originals), _pixels(reconstructions), captions)
    else:
        figure = _profiles(originals, reconstructions, captions)
    write_figure(figure, path)


def error_histogram(errors: np.ndarray, path: Path, *, baselines: Mapping[str, float]) -> None:
    """Draws a PNG image: the histogram of errors [N], with median, mean and 95th percentile.

    `baselines` maps names to mean errors to compare with. A baseline far beyond the errors is not
    drawn, but named at the end of the axis.
    """
    figure = new_figure(8, 4)
    axes = styled_axes(figure.subplots())
    ordinary = float(np.quantile(errors, 0.995)) or 1.0
    inside = {name: value for name, value in baselines.items() if value <= 2 * ordinary}
    end = 1.08 * max(ordinary, *inside.values(), float(np.mean(errors)))
    bins = int(np.clip(2 * np.sqrt(len(errors)), *BINS))
    counts, _, _ = axes.hist(errors, bins=bins, range=(0, end), color=BLUE, alpha=0.85)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.5 * max(float(np.max(counts)), 1))
    marks = [
        (float(np.median(errors)), "median", INK, "-"),
        (float(np.mean(errors)), "mean", INK, "--"),
        (float(np.quantile(errors, 0.95)), "95 % are below", INK, ":"),
        *((value, name, ORANGE, "--") for name, value in inside.items()),
    ]
    for line, (value, name, color, style) in enumerate(sorted(marks)):
        _mark(axes, f"{name} {value:.3g}", value, color=color, linestyle=style, line=line)
    axes.set_xlabel("mean squared error of one example")
    axes.set_ylabel("examples")
    outside = {name: value for name, value in baselines.items() if name not in inside}
    _note_beyond(axes, errors, end, outside)
    write_figure(figure, path)


def drift_histogram(reference: np.ndarray, errors: np.ndarray, path: Path) -> None:
    """Draws a PNG image: the histograms of the errors of new rows [N] and of a reference [M].

    Each histogram is in percent of its rows, so that sets of any size can be compared.
    """
    figure = new_figure(8, 4)
    axes = styled_axes(figure.subplots())
    reference_end = np.quantile(reference, 0.995)
    new_end = np.quantile(errors, 0.95, method="lower")
    end = 1.08 * float(np.clip(new_end, reference_end, FAR * reference_end) or 1.0)
    bins = int(np.clip(2 * np.sqrt(min(len(reference), len(errors))), *BINS))
    sets = [(reference, "held out in training", MUTED), (errors, "new rows", ORANGE)]
    for values, _, color in sets:
        weights = np.full(len(values), 100 / len(values))
        shape: dict[str, Any] = {"bins": bins, "range": (0, end), "weights": weights}
        axes.hist(values, **shape, histtype="stepfilled", color=color, alpha=0.45)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
    medians = [(float(np.median(v)), f"{n}, median", c) for v, n, c in sets]
    for line, (value, name, color) in enumerate(medians):
        if value <= end:
            _mark(axes, f"{name} {value:.3g}", value, color=color, linestyle="--", line=line)
    axes.set_xlabel("mean squared error of one example")
    axes.set_ylabel("percent of the rows")
    outside = {name: value for value, name, _ in medians if value > end}
    _note_beyond(axes, errors, end, outside)
    write_figure(figure, path)


def training_curves(
    history: pa.Table, path: Path, *, baselines: Mapping[str, float] | None = None
) -> None:
    """Draws a PNG image: the losses of each epoch, and a smaller panel of the learning rate.

    `history` has the columns `epoch`, `loss`, `validation_loss` and `learning_rate`.
    """
    names = ("epoch", "loss", "validation_loss", "learning_rate")
    epochs, loss, validation_loss, rate = (history[name].to_numpy() for name in names)
    best = int(np.argmin(validation_loss))
    label = f"validation, best {validation_loss[best]:.4g} after epoch {epochs[best]}"
    point = {"marker": "." if len(epochs) <= MANY_EPOCHS else "", "linewidth": 1.6}
    figure = new_figure(8, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    above.plot(epochs, loss, color=MUTED, label="train", **point)
    above.plot(epochs, validation_loss, color=BLUE, label=label, **point)
    above.plot(epochs[best], validation_loss[best], "o", color=BLUE, markersize=7)
    for (name, value), style in zip((baselines or {}).items(), cycle(("--", ":", "-."))):
        above.axhline(value, color=ORANGE, linestyle=style, linewidth=1.3, label=name)
    _scale_losses(above, np.concatenate([loss, validation_loss]))
    above.legend(frameon=False, labelcolor=INK, fontsize=9)
    below.plot(epochs, rate, color=MUTED, **point)
    below.set_ylim(bottom=0)
    below.set_ylabel("learning rate")
    below.set_xlabel("epoch")
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in (above, below):
        styled_axes(axes)
    figure.align_ylabels()
    write_figure(figure, path)


def _scale_losses(axes: Axes, losses: np.ndarray) -> None:
    """Chooses a logarithmic axis if the last epochs would otherwise look like a flat line."""
    axes.set_ylabel("loss")
    if 0 < WIDE * losses.min() < losses.max():
        axes.set_ylabel("loss, logarithmic")
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())


def _pixels(images: np.ndarray) -> np.ndarray:
    """Returns images [N, H, W, C] as RGB in [0, 1]; if C is not 3, the channels are averaged."""
    if images.shape[-1] != 3:
        images = np.repeat(images.mean(axis=-1, keepdims=True), 3, axis=-1)
    return np.clip(images, 0, 1)


def _image_pairs(
    originals: np.ndarray, reconstructions: np.ndarray, captions: Sequence[str]
) -> Figure:
    """Draws all pairs on one `Axes`, in which the unit of length is the width of a picture."""
    high = originals.shape[1] / originals.shape[2]
    below = CAPTION_HEIGHT if any(captions) else 2 * GAP
    pitch = 2 * high + GAP + below
    columns = min(COLUMNS, len(originals))
    width, height = MARGIN + columns * (1 + GAP), ceil(len(originals) / columns) * pitch
    figure = new_figure(width * PICTURE_INCHES, height * PICTURE_INCHES, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for number, pair in enumerate(zip(originals, reconstructions, strict=True)):
        line, column = divmod(number, columns)
        left, tops = column * (1 + GAP), (line * pitch, line * pitch + high + GAP)
        for image, top in zip(pair, tops, strict=True):
            axes.imshow(image, extent=(left, left + 1, top + high, top), aspect="auto")
        bottom = tops[1] + high + GAP / 2
        axes.text(left + 0.5, bottom, captions[number], ha="center", va="top", **SMALL_TEXT)
        if column == 0:
            for name, top in zip(("original", "reconstructed"), tops, strict=True):
                style = {**SMALL_TEXT, "rotation": 90, "fontsize": min(8, 9 * high)}
                axes.text(-GAP, top + high / 2, name, ha="right", va="center", **style)
    axes.set(xlim=(-MARGIN, width - MARGIN), ylim=(height, -GAP))
    return figure


def _profiles(
    originals: np.ndarray, reconstructions: np.ndarray, captions: Sequence[str]
) -> Figure:
    columns = min(PROFILE_COLUMNS, len(originals))
    lines = ceil(len(originals) / columns)
    figure = new_figure(2.4 * columns, 0.5 + 1.6 * lines)
    grid = figure.subplots(lines, columns, sharex=True, squeeze=False).ravel()
    features = np.arange(originals.shape[1])
    for number, axes in enumerate(grid):
        if number >= len(originals):
            axes.set_axis_off()
            continue
        styled_axes(axes)
        axes.fill_between(features, originals[number], step="mid", color=MUTED, alpha=0.35, lw=0)
        axes.step(features, reconstructions[number], where="mid", color=BLUE, linewidth=1.3)
        axes.set_title(captions[number], **SMALL_TEXT)
        axes.tick_params(labelsize=7)
    figure.supxlabel("feature (grey: original, blue: reconstructed)", **SMALL_TEXT)
    figure.supylabel("value", **SMALL_TEXT)
    return figure


def _mark(axes: Axes, text: str, x: float, *, line: int, **style: Any) -> None:
    """Draws a vertical line with a label at its top. A larger `line` puts the label lower."""
    top = 0.97 - 0.085 * line
    axes.axvline(x, ymax=top, linewidth=1.4, **style)
    near_end = x > 0.82 * axes.get_xlim()[1]
    axes.annotate(
        text,
        (x, top),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if near_end else 5, 0),
        textcoords="offset points",
        ha="right" if near_end else "left",
        va="top",
        fontsize=9,
        color=style["color"],
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
    )


def _note_beyond(
    axes: Axes, errors: np.ndarray, end: float, baselines: Mapping[str, float]
) -> None:
    """Writes how many errors, and which baselines, lie beyond the end of the axis."""
    count = int(np.sum(errors > end))
    notes = [f"{count:,} example{'s' * (count > 1)}, up to {errors.max():.3g}"] * (count > 0)
    notes += [f"{name} {value:.3g}" for name, value in baselines.items()]
    if notes:
        text = "beyond the axis: " + "; ".join(notes) + " →"
        axes.text(1, 1.02, text, transform=axes.transAxes, ha="right", va="bottom", **SMALL_TEXT)


def new_figure(
    width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """Returns an empty figure of this size in inches."""
    return Figure((width, height), dpi=DPI, facecolor=PAPER, layout=layout)


def styled_axes(axes: Axes) -> Axes:
    """Styles the axes and removes the lines that carry no values."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=9, length=3)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=INK, fontsize=10)
    return axes


def write_figure(figure: Figure, file: Path | BinaryIO) -> None:
    """Writes a figure as PNG."""
    # The name and version of the software are left out, so that equal pictures are equal files.
    figure.savefig(file, format="png", metadata={"Software": None})
