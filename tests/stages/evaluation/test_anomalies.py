"""Out-of-distribution rows are made to fit the model, and detected among ordinary rows."""

import json

import numpy as np
import pytest

from aeflow.artifacts import Dataset
from aeflow.configs import EvaluateConfig, IngestConfig, PipelineConfig, RuntimeConfig
from aeflow.errors import ConfigError
from aeflow.schema import ExampleSchema
from aeflow.stages import Context
from aeflow.stages.evaluation import evaluate
from aeflow.stages.evaluation.anomalies import as_examples_of, auroc_and_caught
from aeflow.stages.ingestion import ingest
from flows.recipes import pipeline as recipe
from flows.recipes.here import Here

GREY_BYTES = ExampleSchema(shape=(8, 8, 1), dtype="uint8", value_range=(0, 16))


def ingest_ood(changed, tmp_path, rows: np.ndarray) -> Dataset:
    np.savez(tmp_path / "ood.npz", x_train=rows)
    config = IngestConfig(source=f"npz:{tmp_path / 'ood.npz'}", splits="all")
    return ingest(Context(changed.store), config)


def noise(rows: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(rows, *shape), dtype=np.uint8)


def test_scores_that_never_cross_detect_all_and_equal_ones_nothing():
    ordinary, ood = np.arange(200.0), np.arange(200.0, 300.0)
    assert auroc_and_caught(ordinary, ood) == (1.0, 1.0)
    assert auroc_and_caught(ordinary, ordinary)[0] == pytest.approx(0.5)


def test_caught_are_those_above_all_but_one_in_a_hundred_ordinary_rows():
    ordinary = np.arange(100.0)
    assert auroc_and_caught(ordinary, np.array([50.0, 98.5, 99.5, 200.0]))[1] == 0.5


def test_score_that_is_not_finite_detects_nothing():
    assert np.isnan(auroc_and_caught(np.array([0.0, np.nan]), np.ones(3))).all()


def test_pictures_are_resized_greyed_and_stretched_to_the_range_of_the_model():
    colour = ExampleSchema(shape=(24, 24, 3), dtype="uint8", value_range=(0, 255))
    rows = np.zeros((2, 24, 24, 3), np.uint8)
    rows[1] = 255
    examples = as_examples_of(GREY_BYTES, rows, colour)
    assert (examples.shape, examples.dtype) == ((2, 8, 8, 1), np.uint8)
    assert (np.unique(examples[0]).tolist(), np.unique(examples[1]).tolist()) == ([0], [16])


def test_rows_of_the_same_schema_stay_as_they_are():
    rows = np.arange(128, dtype=np.uint8).reshape(2, 8, 8, 1) % 17
    assert (as_examples_of(GREY_BYTES, rows, GREY_BYTES) == rows).all()


def test_noise_is_detected_among_digits_by_each_score_and_by_pca(changed, tmp_path):
    ood = ingest_ood(changed, tmp_path, noise(100, 28, 28))
    evaluation = evaluate(
        Context(changed.store),
        changed.model,
        EvaluateConfig(),
        dataset=changed.dataset,
        ood=ood,
    )
    assert evaluation.key != changed.evaluation.key
    assert evaluation.metrics["ood_auroc_error"] > 0.99
    assert evaluation.metrics["ood_auroc_knn"] > 0.8
    assert evaluation.metrics["ood_auroc_local"] > 0.8
    assert {
        f"ood_{of}_{way}_pca" for of in ("auroc", "caught") for way in ("error", "knn", "local")
    } < set(evaluation.metrics)
    card = json.loads((changed.store.locate(evaluation) / "metrics.json").read_text())["card"]
    assert [row["name"] for row in card][-6:] == [
        f"ood_{of}_{way}" for of in ("auroc", "caught") for way in ("error", "knn", "local")
    ]


def test_vectors_are_not_made_to_fit_images(changed, tmp_path):
    ood = ingest_ood(changed, tmp_path, np.ones((50, 5), np.float32))
    with pytest.raises(ConfigError, match=r"of shape \(5,\) cannot be made to fit 'digits'"):
        evaluate(
            Context(changed.store),
            changed.model,
            EvaluateConfig(),
            dataset=changed.dataset,
            ood=ood,
        )


def test_recipe_ingests_ood_rows_in_one_split(changed, tmp_path):
    np.savez(tmp_path / "noise.npz", x_train=noise(40, 12, 12))
    source = f"npz:{tmp_path / 'noise.npz'}"
    outcome = recipe.evaluate_model(
        PipelineConfig(evaluate=EvaluateConfig(ood_source=source)),
        Here(changed.store.url, RuntimeConfig()),
        changed.model.key,
    )
    assert outcome.dataset == changed.dataset
    assert outcome.evaluation
    assert "ood_auroc_knn" in outcome.evaluation.metrics


def test_image_files_become_ood_rows_at_the_size_and_in_the_colours_of_the_model():
    config = recipe.ood_config("images:photos", GREY_BYTES)
    assert (config.image_size, config.color_mode, config.splits) == ("8x8", "grayscale", "all")
