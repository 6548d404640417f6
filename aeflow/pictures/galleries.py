"""Galleries: pictures that show many images. Equal arrays give equal bytes."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["image_grid", "neighbour_panel"]

INK, PAPER = "#1f2933", "#ffffff"
TEXT: dict[str, Any] = {"fontsize": 7, "color": INK, "ha": "center", "va": "top"}
COLUMNS = 5
CAPTION_LINE = 0.1  # in widths of a picture
GAP, MARGIN = 0.12, 0.1
PICTURE_INCHES = 1.25
DPI = 144
CELL_PIXELS, GAP_PIXELS = 84, 4


def neighbour_panel(images: np.ndarray, captions: Sequence[str], path: Path) -> None:
    """Draws a PNG image: the first image in a frame, the others to its right, five per row.

    Images are [N, H, W, C] in [0, 1]; if C is not 3, the channels are averaged. Captions [N] are
    drawn below the images and may have several lines.
    """
    high = images.shape[1] / images.shape[2]
    below = CAPTION_LINE * max(1, *(caption.count("\n") + 1 for caption in captions)) + GAP
    others = len(images) - 1
    lines, columns = max(1, ceil(others / COLUMNS)), min(COLUMNS, others)
    width = 1 + 2 * GAP + columns * (1 + GAP) + 2 * MARGIN
    height = lines * (high + below) + 2 * MARGIN
    figure = Figure((width * PICTURE_INCHES, height * PICTURE_INCHES), dpi=DPI, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for number, (image, caption) in enumerate(zip(_pixels(images), captions, strict=True)):
        line, column = divmod(number - 1, COLUMNS) if number else (0, 0)
        left = 1 + 3 * GAP + column * (1 + GAP) if number else 0
        top = line * (high + below)
        axes.imshow(image, extent=(left, left + 1, top + high, top), aspect="auto")
        axes.text(left + 0.5, top + high + GAP / 3, caption, **TEXT)
    axes.plot([0, 1, 1, 0, 0], [0, 0, high, high, 0], color=INK, linewidth=2)
    axes.set(xlim=(-MARGIN, width - MARGIN), ylim=(height - MARGIN, -MARGIN))
    # The name and version of the software are left out, so that equal pictures are equal files.
    figure.savefig(path, format="png", metadata={"Software": None})


def image_grid(images: np.ndarray, path: Path) -> None:
    """Writes images [R, C, H, W, channels] in [0, 1] as a PNG image, in R rows of C images.

    Small images are enlarged by a whole factor. If there are not 3 channels, the channels are
    averaged.
    """
    lines, columns, height, width = images.shape[:4]
    scale = max(1, CELL_PIXELS // max(height, width))
    cells = np.rint(255 * _pixels(images)).astype(np.uint8)
    cells = cells.repeat(scale, axis=2).repeat(scale, axis=3)
    gap = (0, GAP_PIXELS)
    cells = np.pad(cells, ((0, 0), (0, 0), gap, gap, (0, 0)), constant_values=255)
    size = (lines * cells.shape[2], columns * cells.shape[3], 3)
    Image.fromarray(cells.swapaxes(1, 2).reshape(size)).save(path, format="PNG")


def _pixels(images: np.ndarray) -> np.ndarray:
    if images.shape[-1] != 3:
        images = np.repeat(images.mean(axis=-1, keepdims=True), 3, axis=-1)
    return np.clip(images, 0, 1)
