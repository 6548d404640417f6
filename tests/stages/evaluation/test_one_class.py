"""The one-class protocol on the digits: a model for each label, judged on rows of all labels."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from aeflow.configs import IngestConfig, ModelConfig, PipelineConfig, RuntimeConfig, TrainConfig
from aeflow.datasets.shards import open_split
from aeflow.errors import ConfigError, SourceError
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from flows.cli import main
from flows.recipes.here import Here
from flows.recipes.one_class import one_class, score_class

EPOCHS = 20
WAYS = ["both", "error", "weighted", "knn", "local", "error_pca", "knn_inputs"]


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> str:
    """The noughts, ones and twos of the digits, as a source."""
    images, labels = load_digits(return_X_y=True)
    is_small = labels < 3
    path = tmp_path_factory.mktemp("three") / "three.npz"
    np.savez(
        path, x_train=images[is_small].reshape(-1, 8, 8).astype(np.uint8), y_train=labels[is_small]
    )
    return f"npz:{path}"


def test_rows_of_other_labels_are_tested_and_not_trained_on(three, store):
    everything = ingest(Context(store), IngestConfig(source=three))
    ones = ingest(Context(store), IngestConfig(source=three, train_label=1))
    assert ones.rows["test"] == everything.rows["test"]
    assert labels_in(ones, "train", store) == labels_in(ones, "validation", store) == {1}
    assert labels_in(ones, "test", store) == {0, 1, 2}
    assert ones.key != everything.key


def labels_in(dataset, split, store) -> set[int]:
    return {label for s in open_split(dataset, split, store) for label in s.labels.to_pylist()}


def test_label_without_rows_leaves_nothing_to_train_on(three, store):
    with pytest.raises(SourceError, match=r"No good row is left for the split 'train'"):
        ingest(Context(store), IngestConfig(source=three, train_label=7))


def test_source_without_labels_is_a_mistake(store, tmp_path):
    np.savez(tmp_path / "bare.npz", x_train=np.zeros((90, 8, 8), np.uint8))
    source = f"npz:{tmp_path}/bare.npz"
    with pytest.raises(SourceError, match="has rows without one"):
        ingest(Context(store), IngestConfig(source=source, train_label=1))
    with pytest.raises(ConfigError, match=r"needs from 2 to 100 different labels, but .* has 0\."):
        one_class(
            PipelineConfig(ingest=IngestConfig(source=source)), Here(store.url, RuntimeConfig())
        )


def test_command_prints_each_label_and_the_mean(three, tmp_path, capsys):
    output = tmp_path / "numbers.json"
    command = ["one-class", "--direct", "--json", "--source", three, "--epochs", str(EPOCHS)]
    command += ["--latent-dim", "8", "--store", str(tmp_path / "store"), "--output", str(output)]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    printed_outcome = json.loads(lines[-1])
    stored_outcome = json.loads(output.read_text("utf-8"))
    assert stored_outcome == {
        "classes": printed_outcome["classes"],
        "mean": printed_outcome["mean"],
    }
    assert [of_label["label"] for of_label in stored_outcome["classes"]] == [0, 1, 2]
    assert list(stored_outcome["mean"]["auroc"]) == list(stored_outcome["mean"]["caught"]) == WAYS
    for way in ("both", "error", "weighted", "knn", "knn_inputs"):
        assert stored_outcome["mean"]["auroc"][way] > 0.9
        mean = np.mean([of_label["auroc"][way] for of_label in stored_outcome["classes"]])
        assert stored_outcome["mean"]["auroc"][way] == pytest.approx(mean)
    shown = [line.split()[0] for line in lines if line.strip()]
    assert shown[-6:-1] == ["0", "1", "2", "mean", "AUROC"]


def test_scores_of_a_model_are_those_of_its_own_label(three, store):
    config = PipelineConfig(
        ingest=IngestConfig(source=three, train_label=1),
        model=ModelConfig(latent_dim=8),
        train=TrainConfig(epochs=2),
    )
    dataset = ingest(Context(store), config.ingest)
    model = train(Context(store), dataset, config.train, model_config=config.model)
    scores = [
        score_class(model, config, store.url, dataset=dataset, label=label) for label in (1, 0)
    ]
    assert scores[0].auroc["knn_inputs"] > 0.9
    assert scores[1].auroc["knn_inputs"] < 0.5


def test_a_faint_mark_in_an_always_empty_place_is_detected_by_weighted_error(store, tmp_path):
    generator = np.random.default_rng(0)
    images = np.zeros((600, 8, 8), np.uint8)
    images[:, :, :4] = generator.integers(0, 17, (600, 8, 4))
    labels = np.arange(600) % 2
    images[labels == 1, 4, 6] = 3
    np.savez(tmp_path / "marked.npz", x_train=images, y_train=labels)
    config = PipelineConfig(
        ingest=IngestConfig(source=f"npz:{tmp_path / 'marked.npz'}", train_label=0),
        model=ModelConfig(latent_dim=8),
        train=TrainConfig(epochs=10),
    )
    dataset = ingest(Context(store), config.ingest)
    model = train(Context(store), dataset, config.train, model_config=config.model)
    auroc = score_class(model, config, store.url, dataset=dataset, label=0).auroc
    assert auroc["error"] < 0.75
    assert auroc["weighted"] > 0.8
    assert auroc["both"] > auroc["knn"]
