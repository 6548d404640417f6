import json
import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits

from aeflow.artifacts import Dataset, Drift, Model
from aeflow.configs import DriftConfig, IngestConfig, ModelConfig, RuntimeConfig, TrainConfig
from aeflow.errors import ConfigError, CorruptArtifact, Interrupted
from aeflow.stages import Context
from aeflow.stages.comparison import measure_drift
from aeflow.stages.comparison.drift_table import verdict_line
from aeflow.stages.comparison.shifts import Shift
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from tests.conftest import Stages

ORDER = np.random.default_rng(0).permutation(1797)  # writers come one after the other
IMAGES = (load_digits().images * 15).astype(np.uint8)[ORDER]
OLD, NEW = IMAGES[:1200], IMAGES[1200:]
DIGIT = load_digits().target[ORDER][1200:]
NOISE = np.random.default_rng(1).normal(0, 40, NEW.shape)

Put = Callable[..., Dataset]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("drift") / "store")


@pytest.fixture(scope="module")
def put(store, tmp_path_factory) -> Put:
    """Ingests images as a NumPy archive."""

    def ingested(images: np.ndarray, splits="all", **options) -> Dataset:
        path = tmp_path_factory.mktemp("npz") / "digits.npz"
        np.savez(path, x_train=images)
        return ingest(Context(store), IngestConfig(source=f"npz:{path}", splits=splits, **options))

    return ingested


@pytest.fixture(scope="module")
def model(store, put) -> Model:
    """A model of 1,200 digits, 262 of which are held out to validate."""
    dataset = put(OLD, splits="source", validation_one_in=4)
    config = ModelConfig(latent_dim=8)
    return train(Context(store), dataset, TrainConfig(epochs=15), model_config=config)


@pytest.fixture
def compared(stages, tmp_path) -> Stages:
    """All stages on the digits, in a copy of their store."""
    shutil.copytree(stages.store.root, tmp_path / "copy")
    return replace(stages, store=Store(tmp_path / "copy"))


def drift_of(model: Model, dataset: Dataset, store: Store, **config) -> tuple[Drift, dict]:
    drift = measure_drift(
        Context(store), model, DriftConfig(**{"split": "all", **config}), dataset=dataset
    )
    return drift, json.loads((store.locate(drift) / "drift.json").read_text())


def test_own_test_split_has_not_drifted(compared):
    config = DriftConfig()
    drift = measure_drift(Context(compared.store), compared.model, config, dataset=compared.dataset)
    assert (drift.drifted, drift.columns, drift.rows) == (False, (), 180)


def test_reference_itself_has_an_index_of_zero(compared):
    drift, table = drift_of(compared.model, compared.dataset, compared.store, split="validation")
    columns = [row for row in table["columns"] if row["test"] == "Kolmogorov-Smirnov"]
    assert {(row["psi"], row["statistic"], row["p"]) for row in columns} == {(0.0, 0.0, 1.0)}
    assert (drift.error_psi, drift.smallest_p) == (0.0, 1.0)


@pytest.mark.parametrize("rows", [slice(None), slice(300), slice(300, None)])
def test_rows_like_those_before_have_not_drifted(rows, model, put, store):
    drift, table = drift_of(model, put(NEW[rows]), store)
    assert not drift.drifted
    assert table["verdict"].startswith(f"No drift in {len(NEW[rows])} rows: largest PSI 0.")


@pytest.mark.parametrize(
    ("images", "column"),
    [
        pytest.param(255 - NEW, "reconstruction_error", id="inverted"),
        pytest.param(
            np.clip(NEW + NOISE, 0, 255).astype(np.uint8), "reconstruction_error", id="noisy"
        ),
        pytest.param(
            np.stack([gaussian_filter(image.astype(float), 0.5) for image in NEW]).astype(np.uint8),
            "reconstruction_error",
            id="blurred",
        ),
        pytest.param(NEW[DIGIT != 6], "latent_clusters", id="no sixes"),
    ],
)
def test_changed_rows_have_drifted(images, column, model, put, store):
    drift, table = drift_of(model, put(images), store)
    assert drift.drifted
    assert column in drift.columns
    assert table["verdict"].startswith(f"Drifted in {len(images)} rows: ")
    assert f"{column} (PSI " in table["verdict"]


def test_artifact_sums_up_its_table(model, put, store):
    drift, table = drift_of(model, put(np.clip(NEW + NOISE, 0, 255).astype(np.uint8)), store)
    columns = table["columns"]
    assert drift.max_psi == max(row["psi"] for row in columns)
    assert drift.smallest_p == min(row["p"] for row in columns)
    assert drift.error_psi == columns[0]["psi"]
    assert drift.columns == tuple(row["column"] for row in columns if row["drifted"])
    assert (table["reference_rows"], len(columns)) == (262, 11)


def test_drift_is_both_significant_and_large(model, put, store):
    noisy = put(np.clip(NEW + NOISE, 0, 255).astype(np.uint8))
    drift, table = drift_of(model, noisy, store)
    beyond = drift.error_psi - table["columns"][0]["psi_by_chance"]
    assert not drift_of(model, noisy, store, min_psi=beyond + 0.01)[0].drifted
    assert drift_of(model, noisy, store, min_psi=beyond - 0.01)[0].drifted
    assert not drift_of(model, noisy, store, significance=drift.smallest_p)[0].drifted


def test_one_row_is_too_few_to_detect_drift(model, put, store):
    drift, table = drift_of(model, put(255 - NEW[:1]), store)
    assert not drift.drifted
    assert table["verdict"] == "Too few rows to detect drift: 1."


def test_inputs_are_compared_with_the_training_split(model, put, store):
    brighter = NEW.copy()
    brighter[:, 3, 2] = np.minimum(brighter[:, 3, 2].astype(int) + 60, 255)
    drift, table = drift_of(model, put(brighter), store)
    inputs = table["inputs"]
    assert inputs["largest"][0]["position"] == "3,2,0"
    assert inputs["largest"][0]["effect"] > 0.5
    assert 1 <= inputs["moved"] == drift.inputs_moved
    stored_inputs = pq.read_table(store.locate(drift) / "inputs.parquet")
    assert stored_inputs.num_rows == inputs["positions"] == 64
    assert stored_inputs.slice(0, 20).to_pylist() == inputs["largest"]


def test_of_the_rows_trained_on_no_input_has_moved(compared):
    _, table = drift_of(compared.model, compared.dataset, compared.store, split="train")
    inputs = table["inputs"]
    assert (inputs["moved"], inputs["before"]) == (0, inputs["now"])
    assert {row["effect"] for row in inputs["largest"]} == {0.0}


def test_errors_are_drawn(model, put, store):
    drift, _ = drift_of(model, put(NEW), store)
    with Image.open(store.locate(drift) / "figures" / "drift.png") as image:
        assert image.format == "PNG"


def test_second_call_returns_the_stored_answer(compared):
    progress_reports = []
    answers = [
        measure_drift(
            Context(compared.store, on_progress=progress_reports.append),
            compared.model,
            DriftConfig(),
            dataset=compared.dataset,
        )
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert [progress.done for progress in progress_reports].count(0) == 1
    assert progress_reports[-1].done == progress_reports[-1].total == 180


def test_same_question_in_another_store_has_the_same_answer(compared, stages, tmp_path):
    shutil.copytree(stages.store.root, tmp_path / "other")
    drifts = [
        drift_of(compared.model, compared.dataset, store, split="test")[0]
        for store in (compared.store, Store(tmp_path / "other"))
    ]
    assert drifts[0] == drifts[1]


def test_deadline_leaves_nothing(compared):
    with pytest.raises(Interrupted, match="during drift"):
        measure_drift(
            Context(compared.store, runtime=RuntimeConfig(deadline_seconds=1e-6)),
            compared.model,
            DriftConfig(),
            dataset=compared.dataset,
        )
    assert not (compared.store.root / "drifts").exists()


def test_unknown_split_is_refused(compared):
    with pytest.raises(ConfigError, match="has no rows in the split 'all', only train: 1533"):
        drift_of(compared.model, compared.dataset, compared.store)


def test_other_examples_than_the_model_was_trained_on_are_refused(model, put, store):
    with pytest.raises(ConfigError, match=r"shape is \(4, 8, 1\), expected \(8, 8, 1\)"):
        drift_of(model, put(NEW[:, :4]), store)


def test_tampered_reference_is_refused(compared):
    path = compared.store.locate(compared.model) / "reference.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptArtifact, match=r"reference\.parquet' is not what was committed"):
        drift_of(compared.model, compared.dataset, compared.store, split="test")


def shift(column: str, psi: float, p: float) -> Shift:
    return Shift(column, "Kolmogorov-Smirnov", 0.5, p, psi, 0.01)


SHIFTS = [
    shift("reconstruction_error", 0.41, 1e-30),
    shift("z_000", 0.5, 2e-5),
    shift("z_001", 0.3, 1e-4),
    shift("z_002", 0.2, 1e-3),
    shift("z_003", 0.03, 1.0),
]


@pytest.mark.parametrize(
    ("drifted", "expected"),
    [
        (
            SHIFTS[:1],
            "Drifted in 1,000 rows: reconstruction_error (PSI 0.41, p < 1e-10), of 5 columns.",
        ),
        (
            SHIFTS[:4],
            "Drifted in 1,000 rows: z_000 (PSI 0.50, p = 2e-05), reconstruction_error (PSI 0.41, "
            "p < 1e-10), z_001 (PSI 0.30, p = 0.0001) and 1 more, of 5 columns.",
        ),
        (
            [],
            "No drift in 1,000 rows: largest PSI 0.50 (z_000), by chance alone about 0.01.",
        ),
    ],
)
def test_the_verdict_is_one_plain_sentence(drifted, expected):
    assert verdict_line(SHIFTS, drifted, num_rows=1000) == expected
