import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.decomposition import PCA

from aeflow.configs import EvaluateConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.datasets.shards import open_split
from aeflow.errors import ConfigError
from aeflow.models import load_model
from aeflow.stages import Context
from aeflow.stages.evaluation import evaluate
from aeflow.stages.evaluation.baselines import fit_pca
from aeflow.stages.evaluation.tables import verdict_line
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store


def rows_of(stages, split: str) -> np.ndarray:
    shards = open_split(stages.dataset, split, stages.store)
    return np.concatenate([shard.features for shard in shards])


def test_mse_is_that_of_the_model_over_the_test_split(stages):
    model = load_model(stages.model, stages.store, cpu="any")
    rows = rows_of(stages, "test")
    expected = np.square(rows / 16.0 - model(rows).numpy()).mean()
    assert stages.evaluation.metrics["mse"] == pytest.approx(expected, rel=1e-5)


def test_pca_is_that_of_scikit_learn_fitted_on_the_training_split(stages):
    train_rows, test_rows = (
        rows_of(stages, split).reshape(-1, 64) / 16.0 for split in ("train", "test")
    )
    pca = PCA(8).fit(train_rows)
    expected = np.square(test_rows - pca.inverse_transform(pca.transform(test_rows))).mean()
    assert stages.evaluation.metrics["mse_pca"] == pytest.approx(expected, rel=1e-4)


def test_large_inputs_get_a_randomised_pca_as_good(stages):
    generator = np.random.default_rng(0)
    rows = (generator.normal(size=(300, 5)) @ generator.normal(size=(5, 5000))).astype(np.float32)
    reconstruct = fit_pca([rows[:200], rows[200:]], 5, rows.mean(axis=0))
    assert np.square(rows - reconstruct(rows)).mean() < 1e-6 * np.square(rows).mean()


def test_every_metric_is_also_that_of_the_mean_image(stages):
    metrics = stages.evaluation.metrics
    train_mean = rows_of(stages, "train").mean(axis=0) / 16.0
    expected = np.square(rows_of(stages, "test") / 16.0 - train_mean).mean()
    assert metrics["mse_mean_image"] == pytest.approx(expected, rel=1e-4)
    assert {
        f"{m}_{b}" for m in ("mse", "mae", "psnr", "ssim") for b in ("pca", "mean_image")
    } < set(metrics)


def test_psnr_is_the_mean_of_the_images_own(stages):
    examples = pq.read_table(stages.store.locate(stages.evaluation) / "examples.parquet")
    mse = examples["mse"].to_numpy()
    assert stages.evaluation.metrics["psnr"] == pytest.approx(
        (-10 * np.log10(mse)).mean(), rel=1e-5
    )
    expected = -10 * np.log10(mse.mean())
    assert stages.evaluation.metrics["psnr_of_mean_mse"] == pytest.approx(expected, rel=1e-5)


def test_examples_are_the_test_rows_with_latents_and_scores(stages):
    examples = pq.read_table(stages.store.locate(stages.evaluation) / "examples.parquet")
    expected = [
        i
        for shard in open_split(stages.dataset, "test", stages.store)
        for i in shard.ids.to_pylist()
    ]
    assert examples["id"].to_pylist() == expected
    assert examples["latent"].type.list_size == 8
    assert {"label", "mse", "mse_pca", "mae", "psnr", "ssim"} < set(examples.column_names)


def test_tables_name_labels_percentiles_and_the_worst(stages):
    tables = json.loads((stages.store.locate(stages.evaluation) / "metrics.json").read_text())
    examples = pq.read_table(
        stages.store.locate(stages.evaluation) / "examples.parquet"
    ).to_pandas()
    assert sum(row["rows"] for row in tables["labels"]) == len(examples)
    by_label = examples.groupby("label")["mse"].mean()
    assert [row["mse"] for row in tables["labels"]] == pytest.approx(by_label.tolist(), rel=1e-5)
    assert tables["percentiles"]["95"] == pytest.approx(np.percentile(examples["mse"], 95))
    worst = examples.sort_values("mse", ascending=False, kind="stable")["id"].head(10)
    assert [row["id"] for row in tables["worst"]] == worst.tolist()


def test_figures_are_pictures(stages):
    figures = stages.store.locate(stages.evaluation) / "figures"
    names = sorted(path.name for path in figures.iterdir())
    assert names == [
        "error_histogram.png",
        "reconstructions.png",
        "training_curves.png",
        "typical.png",
        "worst.png",
    ]
    assert all((figures / name).read_bytes().startswith(b"\x89PNG") for name in names)


@pytest.mark.parametrize(
    ("mse", "mse_pca", "expected"),
    [
        (0.0094, 0.0151, "Reconstructs 38% better than PCA-32 (test MSE 0.0094 against 0.0151)."),
        (
            0.02,
            0.01,
            "Reconstructs 100% worse than PCA-32 (test MSE 0.02 against 0.01): PCA is the better "
            "choice.",
        ),
        (
            0.02,
            0.0,
            "PCA-32 reconstructs exactly (test MSE 0.02 against 0): the latent is as large as the "
            "input.",
        ),
    ],
)
def test_the_verdict_is_plain(mse, mse_pca, expected):
    metrics = {"mse": mse, "mse_pca": mse_pca}
    assert verdict_line(metrics, split="test", latent_dim=32) == expected


def test_an_unknown_split_is_refused(stages):
    with pytest.raises(ConfigError, match="has no rows in the split 'tset', only train: 1533"):
        evaluate(
            Context(stages.store),
            stages.model,
            EvaluateConfig(split="tset"),
            dataset=stages.dataset,
        )


def npz(path, **arrays):
    np.savez(path, **arrays)
    return IngestConfig(source=f"npz:{path}")


def test_other_examples_than_the_model_was_trained_on_are_refused(stages, tmp_path, store):
    config = npz(tmp_path / "small.npz", x_train=np.zeros((50, 4, 4), np.uint8))
    dataset = ingest(Context(store), config)
    with pytest.raises(ConfigError, match=r"shape is \(4, 4, 1\), expected \(8, 8, 1\)"):
        evaluate(Context(stages.store), stages.model, EvaluateConfig(), dataset=dataset)


def test_vectors_are_scored_in_units_of_their_training_statistics(tmp_path, store):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(400, 3)) @ generator.normal(size=(3, 6)) * 100 + 7
    dataset = ingest(Context(store), npz(tmp_path / "vectors.npz", x_train=rows.astype(np.float32)))
    model = train(
        Context(store), dataset, TrainConfig(epochs=5), model_config=ModelConfig(latent_dim=2)
    )
    evaluation = evaluate(Context(store), model, EvaluateConfig(), dataset=dataset)
    assert evaluation.metrics["mse_mean_image"] == pytest.approx(1.0, rel=0.3)
    assert "psnr" not in evaluation.metrics


def test_evaluation_of_a_model_is_the_same_in_another_store(stages, tmp_path):
    import shutil

    shutil.copytree(stages.store.root, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "evaluations")
    again = evaluate(
        Context(Store(tmp_path / "copy")), stages.model, EvaluateConfig(), dataset=stages.dataset
    )
    assert again == stages.evaluation
