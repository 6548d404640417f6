"""Nearest rows are those that a plain search over all pairs finds, in either layout."""

import numpy as np
import pandas as pd
import pytest

from aeflow.configs import EncodeConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.errors import ConfigError
from aeflow.features import neighbours
from aeflow.features.neighbours import nearest_in, nearest_rows
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train

LAYOUTS = {
    "list": EncodeConfig(),
    "wide": EncodeConfig(layout="wide", reconstruction_error=False),
    "by label": EncodeConfig(partition_by_label=True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("block_bytes", [64, 2**23])
def test_nearest_rows_are_those_of_a_plain_search(changed, layout, block_bytes, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", block_bytes)
    frame = pd.read_parquet(changed.store.locate(changed.features)).set_index("id")
    features = encode(
        Context(changed.store), changed.model, LAYOUTS[layout], dataset=changed.dataset
    )
    row = frame.index[1234]
    latents = np.stack(frame["latent"].to_list())
    distances = pd.Series(np.linalg.norm(latents - latents[1234], axis=1), frame.index)
    expected = distances.nsmallest(6)
    own, *nearest = nearest_rows(features, row, changed.store, num=5)
    assert (own.id, own.distance) == (row, 0.0)
    assert [neighbour.id for neighbour in nearest] == expected.index[1:].tolist()
    assert [neighbour.distance for neighbour in nearest] == pytest.approx(
        expected.to_list()[1:], rel=1e-5
    )
    for neighbour in (own, *nearest):
        assert (neighbour.label, neighbour.split) == (
            frame.label[neighbour.id],
            frame.split[neighbour.id],
        )


def test_of_equals_the_first_is_nearest():
    latents = np.array([[3.0], [1.0], [-1.0], [1.0], [2.0]], np.float32)
    places, distances = nearest_in(latents, np.zeros(1, np.float32), 2)
    assert (places.tolist(), distances.tolist()) == ([1, 2], [1.0, 1.0])
    assert nearest_in(latents, np.zeros(1, np.float32), 9)[0].tolist() == [1, 2, 3, 4, 0]


def test_a_row_with_many_equals_is_still_the_first(store, tmp_path):
    np.savez(tmp_path / "same.npz", x_train=np.full((40, 4, 4), 9, np.uint8))
    dataset = ingest(Context(store), IngestConfig(source=f"npz:{tmp_path / 'same.npz'}"))
    model = train(
        Context(store), dataset, TrainConfig(epochs=1), model_config=ModelConfig(latent_dim=2)
    )
    features = encode(Context(store), model, EncodeConfig(), dataset=dataset)
    last = pd.read_parquet(store.locate(features))["id"].iloc[-1]
    own, *nearest = nearest_rows(features, last, store, num=2)
    assert (own.id, own.distance) == (last, 0.0)
    assert [row.distance for row in nearest] == [0.0, 0.0]
    assert last not in [row.id for row in nearest]


def test_more_neighbours_than_rows_are_all_rows(changed):
    rows = nearest_rows(changed.features, "digits/7", changed.store, num=5000)
    assert len({row.id for row in rows}) == len(rows) == 1797


@pytest.mark.parametrize(
    ("row", "num", "message"),
    [
        ("digits/12a", 5, "has the id 'digits/12a'. Similar ids: digits/12"),
        ("", 5, "has the id ''. Similar ids: digits/"),
        ("digits/1", 0, "At least 1 neighbour is needed, not 0. Give --num 1 or more."),
    ],
)
def test_mistake_is_reported_in_one_line(stages, row, num, message):
    with pytest.raises(ConfigError) as caught:
        nearest_rows(stages.features, row, stages.store, num=num)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
