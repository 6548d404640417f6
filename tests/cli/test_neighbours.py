"""`aeflow neighbours`: a table, and for images a picture."""

import json

import numpy as np
import pytest
from PIL import Image

from aeflow.configs import EncodeConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.registry.features_address import point_features
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from flows.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def call(store: Store, *tokens: str) -> int:
    return main(["neighbours", *tokens, "--store", store.url])


def test_neighbours_are_a_table_and_a_picture(stages, capsys, tmp_path):
    assert call(stages.store, "digits/7", "--num", "3", "--json") == 0
    out, err = capsys.readouterr()
    _, titles, _, own, *_, picture, line = out.splitlines()
    answer = json.loads(line)
    assert err == ""
    assert titles.split() == ["id", "label", "split", "distance"]
    assert own.split() == ["digits/7", "7", answer["row"]["split"], "0"]
    assert picture == f"picture  {tmp_path / 'neighbours.png'}"
    assert answer["picture"] == str(tmp_path / "neighbours.png")
    assert len(answer["neighbours"]) == 3
    with Image.open(tmp_path / "neighbours.png") as shown:
        assert shown.format == "PNG"


def test_vectors_have_a_table_alone(store, capsys, tmp_path):
    values = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    np.savez(tmp_path / "vectors.npz", x_train=values)
    dataset = ingest(Context(store), IngestConfig(source=f"npz:{tmp_path / 'vectors.npz'}"))
    model = train(
        Context(store), dataset, TrainConfig(epochs=1), model_config=ModelConfig(latent_dim=2)
    )
    encode(Context(store), model, EncodeConfig(), dataset=dataset)
    assert call(store, "train/3", "--num", "2", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["picture"] is None
    assert not (tmp_path / "neighbours.png").exists()


def test_features_are_the_newest_unless_a_key_or_a_dataset_is_given(changed, capsys):
    store = changed.store
    config = EncodeConfig(layout="wide")
    newer = encode(Context(store), changed.model, config, dataset=changed.dataset)
    point_features(changed.features, store, dataset_name="digits")
    for tokens, expected in {
        (): newer,
        ("--features", changed.features.key[:9]): changed.features,
        ("--dataset", "digits"): changed.features,
    }.items():
        assert call(store, "digits/7", "--json", *tokens) == 0
        answer = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert answer["features"] == expected.key


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["nowhere"], "has the id 'nowhere'. Similar ids: digits/"),
        (["digits/7", "--features", "zz"], "No artifact has the key 'zz'"),
        (["digits/7", "--dataset", "x"], "There are no features of 'x' in the store"),
        (["digits/7", "--dataset", "x"], "Datasets with features: digits."),
        (
            ["digits/7", "--dataset", "digits", "--features", "x"],
            "Give --features or --dataset, not",
        ),
        (["digits/7", "--num", "0"], "Give --num 1 or more."),
    ],
)
def test_mistake_is_one_line_and_exit_code_2(stages, tokens, message, capsys):
    assert call(stages.store, *tokens) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("aeflow: ")
    assert message in line


def test_store_without_features_says_so(tmp_path, capsys):
    empty = Store(tmp_path / "empty")
    assert call(empty, "digits/7") == 2
    assert capsys.readouterr().err.splitlines() == [
        f"aeflow: There are no features in the store {empty.url}. `aeflow encode` makes some."
    ]


def test_picture_that_cannot_be_written_is_one_line(stages, capsys):
    assert call(stages.store, "digits/7", "--picture", "missing/a.png") == 1
    assert capsys.readouterr().err.splitlines() == [
        "aeflow: No such file or directory: 'missing/a.png'."
    ]
