"""Latents for TensorBoard's embedding projector, each shown as its image and named by its label."""

from collections.abc import Iterator, Sequence
from math import ceil, sqrt
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from tensorboard.plugins import projector

from aeflow.datasets.shards import Shard
from aeflow.publishing.results import Results
from aeflow.schema import ExampleSchema

__all__ = ["METADATA", "SPRITE", "TENSORS", "write_projector"]

TENSORS, METADATA, SPRITE = "tensors.tsv", "metadata.tsv", "sprite.png"
SPRITE_SIDE = 4096  # pixels; more than that not every graphics card can hold
THUMBNAIL_SIDE = 64


def write_projector(
    folder: Path, results: Results, shards: Sequence[Shard], *, max_rows: int
) -> None:
    """Writes at most `max_rows` latents, evenly spaced, and how TensorBoard is to show them.

    `shards` are the split that was judged; images become a sprite, vectors have none. Paths in
    the config are relative to it, and it names no checkpoint.
    """
    rows = results.examples.num_rows
    chosen = np.linspace(0, rows - 1, min(max_rows, rows)).round().astype(int)
    examples = results.examples.take(chosen)
    np.savetxt(folder / TENSORS, results.latents[chosen], fmt="%.6g", delimiter="\t")
    _write_metadata(folder / METADATA, examples, results)
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add(
        tensor_name=f"{results.evaluation.split} latents",
        tensor_path=TENSORS,
        metadata_path=METADATA,
    )
    schema = results.dataset.example_schema
    if schema.is_image:
        size = _write_sprite(folder / SPRITE, examples["id"].to_pylist(), shards, schema)
        embedding.sprite.image_path = SPRITE
        embedding.sprite.single_image_dim.extend(size)
    projector.visualize_embeddings(str(folder), config)


def _write_metadata(path: Path, examples: pa.Table, results: Results) -> None:
    """Writes one line an example below a header, which TensorBoard wants where columns are many."""
    columns = {
        "id": examples["id"].to_pylist(),
        "mse": [f"{error:.6g}" for error in examples["mse"].to_pylist()],
    }
    if "label" in examples.column_names:  # first, because TensorBoard names points by the first
        names = [results.label_name(label) for label in examples["label"].to_pylist()]
        columns = {"label": names, **columns}
    lines = [columns, *zip(*columns.values(), strict=True)]
    # A tab or a line break within a name would shift every column after it.
    text = "\n".join("\t".join(" ".join(str(cell).split()) for cell in line) for line in lines)
    path.write_text(text + "\n", "utf-8")


def _write_sprite(
    path: Path, ids: Sequence[str], shards: Sequence[Shard], schema: ExampleSchema
) -> tuple[int, int]:
    """Lays the images of `ids` row by row into a square; returns width and height of one."""
    columns = ceil(sqrt(len(ids)))
    size = _thumbnail_size(schema, min(THUMBNAIL_SIDE, SPRITE_SIDE // columns))
    mode = "RGB" if schema.shape[-1] == 3 else "L"
    sprite = Image.new(mode, (columns * size[0], columns * size[1]))
    for slot, image in _images(ids, shards):
        line, column = divmod(slot, columns)
        picture = Image.fromarray(_pixels(image, schema)).resize(size, Image.Resampling.BOX)
        sprite.paste(picture, (column * size[0], line * size[1]))
    sprite.save(path, format="PNG")
    return size


def _thumbnail_size(schema: ExampleSchema, side: int) -> tuple[int, int]:
    """Returns width and height within `side`; small images are enlarged by a whole factor."""
    height, width, _ = schema.shape
    scale = side / max(height, width)
    scale = int(scale) if scale >= 1 else scale
    return max(1, int(width * scale)), max(1, int(height * scale))


def _images(ids: Sequence[str], shards: Sequence[Shard]) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the place in `ids` and the stored image of each example that `shards` have."""
    places = {name: place for place, name in enumerate(ids)}
    for shard in shards:
        for name, image in zip(shard.ids.to_pylist(), shard.features, strict=True):
            if name in places:
                yield places[name], image


def _pixels(image: np.ndarray, schema: ExampleSchema) -> np.ndarray:
    """Returns a stored image [H, W, C] as uint8, [H, W, 3] or grey [H, W]."""
    low, high = schema.value_range or (0, 1)
    pixels = np.rint(255 * np.clip((image.astype(np.float32) - low) / (high - low), 0, 1))
    if schema.shape[-1] != 3:
        pixels = pixels.mean(axis=-1)
    return pixels.astype(np.uint8)
