"""The files of TensorBoard's embedding projector: latents with their thumbnails and labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from tensorboard.plugins import projector

from aeflow.datasets.shards import Shard
from aeflow.stages.publishing.results import Results
from aeflow.stages.publishing.sprites import draw_sprite

__all__ = ["METADATA", "SPRITE", "TENSORS", "write_projector"]

TENSORS, METADATA, SPRITE = "tensors.tsv", "metadata.tsv", "sprite.png"
THUMBNAIL_SIDE = 64


def write_projector(
    folder: Path, results: Results, shards: Sequence[Shard], *, max_rows: int
) -> None:
    """Writes the latents of at most `max_rows` examples, and the projector's config.

    The examples are evenly spaced. `shards` are those of the evaluated split. Images are laid out
    in a sprite; vectors get no sprite. The paths in the config are relative to `folder`. The config
    names no checkpoint.
    """
    rows = results.examples.num_rows
    indices = np.linspace(0, rows - 1, min(max_rows, rows)).round().astype(int)
    examples = results.examples.take(indices)
    np.savetxt(folder / TENSORS, results.latents[indices], fmt="%.6g", delimiter="\t")
    _write_metadata(folder / METADATA, examples, results)
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add(
        tensor_name=f"{results.evaluation.split} latents",
        tensor_path=TENSORS,
        metadata_path=METADATA,
    )
    schema = results.dataset.example_schema
    if schema.is_image:
        ids = examples["id"].to_pylist()
        sprite, size = draw_sprite(ids, shards, schema, max_side=THUMBNAIL_SIDE)
        sprite.save(folder / SPRITE, format="PNG")
        embedding.sprite.image_path = SPRITE
        embedding.sprite.single_image_dim.extend(size)
    projector.visualize_embeddings(str(folder), config)


def _write_metadata(path: Path, examples: pa.Table, results: Results) -> None:
    """Writes a header, which TensorBoard requires for several columns, and a line per example."""
    columns = {
        "id": examples["id"].to_pylist(),
        "mse": [f"{error:.6g}" for error in examples["mse"].to_pylist()],
    }
    if "label" in examples.column_names:  # first: TensorBoard names points by the first column
        names = [results.label_name(label) for label in examples["label"].to_pylist()]
        columns = {"label": names, **columns}
    lines = [columns, *zip(*columns.values(), strict=True)]
    # A tab or a line break within a name would shift every column after it.
    text = "\n".join("\t".join(" ".join(str(cell).split()) for cell in line) for line in lines)
    path.write_text(text + "\n", "utf-8")
