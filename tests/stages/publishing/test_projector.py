"""The projector's files agree with each other and with the evaluation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector

from aeflow.datasets.shards import open_split
from aeflow.stages.publishing.projector import write_projector

from .conftest import Published


def config_in(folder: Path) -> projector.EmbeddingInfo:
    text = (folder / "projector_config.pbtxt").read_text()
    config = text_format.Parse(text, projector.ProjectorConfig())
    assert not config.model_checkpoint_path
    return config.embeddings[0]


def lines_of(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text("utf-8").splitlines()]


def test_every_latent_has_its_line_of_metadata(images: Published):
    folder = images.folder / "tensorboard"
    embedding = config_in(folder)
    tensors = np.loadtxt(folder / embedding.tensor_path, delimiter="\t")
    header, *metadata = lines_of(folder / embedding.metadata_path)
    examples = images.results.examples

    assert header == ["label", "id", "mse"]
    assert len(metadata) == len(tensors) == examples.num_rows
    assert [line[1] for line in metadata] == examples["id"].to_pylist()
    np.testing.assert_allclose(tensors, images.results.latents, rtol=1e-5)


def test_the_sprite_shows_the_images_in_that_order(images: Published):
    folder = images.folder / "tensorboard"
    width, height = config_in(folder).sprite.single_image_dim
    with Image.open(folder / config_in(folder).sprite.image_path) as opened:
        sprite = np.asarray(opened)
    (columns, rest), rows = divmod(sprite.shape[1], width), images.results.examples.num_rows
    stored = np.concatenate(
        [s.features for s in open_split(images.stages.dataset, "test", images.stages.store)]
    )

    assert (sprite.shape[0], rest) == (sprite.shape[1], 0)
    assert columns == int(np.ceil(np.sqrt(rows)))
    for place in (0, columns, rows - 1):
        top, left = place // columns * height, place % columns * width
        shown = sprite[top : top + height : height // 8, left : left + width : width // 8]
        np.testing.assert_allclose(shown, stored[place, ..., 0] / 16 * 255, atol=0.51)


def test_at_most_so_many_rows_spread_over_all(images: Published, tmp_path: Path):
    stages = images.stages
    shards = open_split(stages.dataset, "test", stages.store)

    write_projector(tmp_path, images.results, shards, max_rows=10)

    ids = [line[1] for line in lines_of(tmp_path / "metadata.tsv")[1:]]
    all_ids = images.results.examples["id"].to_pylist()
    assert len(set(ids)) == 10
    assert (ids[0], ids[-1]) == (all_ids[0], all_ids[-1])
    with Image.open(tmp_path / "sprite.png") as sprite:
        assert sprite.size == (4 * 64, 4 * 64)


def test_vectors_without_labels_have_neither_sprite_nor_label(vectors: Published):
    folder = vectors.folder / "tensorboard"

    assert not config_in(folder).HasField("sprite")
    assert lines_of(folder / "metadata.tsv")[0] == ["id", "mse"]


@pytest.mark.parametrize("name", ["a\tb", "a\nb", " a \r\n b "])
def test_a_label_s_name_shifts_no_column(images: Published, tmp_path: Path, name: str):
    examples = images.results.examples.slice(0, 3)
    labels = examples.column_names.index("label")
    examples = examples.set_column(labels, "label", pa.array([name] * 3))

    write_projector(tmp_path, replace(images.results, examples=examples), [], max_rows=3)

    assert [line[0] for line in lines_of(tmp_path / "metadata.tsv")] == ["label"] + ["a b"] * 3
