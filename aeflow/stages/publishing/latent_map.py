"""The latent map: the examples' positions along the two principal directions of their latents."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np

from aeflow.datasets.shards import Shard
from aeflow.stages.publishing.results import Results
from aeflow.stages.publishing.sprites import draw_sprite

__all__ = ["draw_map"]

MOST_POINTS, THUMBNAIL_SIDE, DIGITS = 2000, 32, 3


def draw_map(results: Results, shards: Sequence[Shard]) -> dict[str, Any] | None:
    """Returns the data that the report's script draws, as plain JSON.

    The data covers at most 2,000 evaluated examples. `points` are [x, y] in [0, 1], with one scale
    for both axes. `sprite`, a picture of all thumbnails, is a PNG as a data URL, or None if the
    examples are not images. The sprite has `columns` thumbnails per row, and each thumbnail has
    `width` by `height` pixels. Returns None if there are fewer than three latents, or if a latent
    is not finite.
    """
    rows = results.examples.num_rows
    indices = np.linspace(0, rows - 1, min(MOST_POINTS, rows)).round().astype(int)
    latents = results.latents[indices].astype(np.float64)
    if len(latents) < 3 or not np.isfinite(latents).all():
        return None
    examples = results.examples.take(indices)
    ids = examples["id"].to_pylist()
    positions, explained = _principal(latents)
    map_data: dict[str, Any] = {
        "points": positions.round(4).tolist(),
        "explained": explained,
        "ids": ids,
        "errors": [float(f"{error:.{DIGITS}g}") for error in examples["mse"].to_pylist()],
        "labels": None,
        "names": [],
        "sprite": None,
    }
    if "label" in examples.column_names:
        labels = examples["label"].to_pylist()
        distinct_labels = sorted(set(labels), key=lambda label: (label is None, label))
        indices_of_labels = {label: place for place, label in enumerate(distinct_labels)}
        map_data["labels"] = [indices_of_labels[label] for label in labels]
        map_data["names"] = [results.label_name(label) or "no label" for label in distinct_labels]
    schema = results.dataset.example_schema
    if schema.is_image:
        map_data |= _sprite(ids, shards, results)
    return map_data


def _principal(latents: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns points [N, 2] in [0, 1], and the share of variance that their two axes explain."""
    centred = latents - latents.mean(axis=0)
    variances, vectors = np.linalg.eigh(centred.T @ centred)
    directions = vectors[:, ::-1][:, :2]
    # The sign of a direction is arbitrary. It is fixed so that the map is the same each time.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, range(directions.shape[1])])
    flat = centred @ directions
    if flat.shape[1] == 1:
        flat = np.column_stack([flat, np.zeros(len(flat))])
    low, size = flat.min(axis=0), float(np.ptp(flat, axis=0).max()) or 1.0
    positions = (flat - low - np.ptp(flat, axis=0) / 2) / size + 0.5
    explained = variances[::-1][:2].sum() / (variances.sum() or 1.0)
    return positions, round(float(explained), 4)


def _sprite(ids: Sequence[str], shards: Sequence[Shard], results: Results) -> dict[str, Any]:
    schema = results.dataset.example_schema
    picture, (width, height) = draw_sprite(ids, shards, schema, max_side=THUMBNAIL_SIDE)
    content = BytesIO()
    picture.save(content, format="PNG", optimize=True)
    address = f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"
    columns = picture.width // width
    return {"sprite": address, "width": width, "height": height, "columns": columns}
