import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from aeflow.artifacts import Model
from aeflow.configs import CompatibilityConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.errors import ConfigError
from aeflow.stages import Context
from aeflow.stages.comparison import measure_compatibility
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from tests.conftest import Stages


@pytest.fixture(scope="module")
def compared(stages, tmp_path_factory) -> Stages:
    """All stages on the digits, in a copy of their store."""
    root = tmp_path_factory.mktemp("compared") / "store"
    shutil.copytree(stages.store.root, root)
    return replace(stages, store=Store(root))


@pytest.fixture(scope="module")
def others(compared) -> dict[str, Model]:
    """Models of the digits with another seed, and with another size of latent."""
    return {
        name: train(
            Context(compared.store),
            compared.dataset,
            TrainConfig(epochs=20, seed=1),
            model_config=ModelConfig(latent_dim=latent_dim),
        )
        for name, latent_dim in {"seed": 8, "size": 16}.items()
    }


def compatibility_of(compared, new, **config):
    result = measure_compatibility(
        Context(compared.store),
        new,
        CompatibilityConfig(**config),
        old=compared.model,
        dataset=compared.dataset,
    )
    folder = compared.store.locate(result)
    return result, json.loads((folder / "compatibility.json").read_text())


def test_one_model_twice_is_the_same(compared):
    result, table = compatibility_of(compared, compared.model)
    assert result.identical
    assert (result.procrustes, result.neighbour_overlap, result.r2) == (0, 1, 1)
    assert table["verdict"] == "Old and new are the same model."


def test_another_seed_gives_other_features_of_the_same_rows(others, compared):
    result, table = compatibility_of(compared, others["seed"])
    assert (result.identical, result.rows) == (False, 180)
    assert 0.05 < result.procrustes < 0.4
    assert 0.5 < result.neighbour_overlap < 0.95
    assert 0.7 < result.r2 < 0.98
    assert table["verdict"] == (
        "Old and new features must not be mixed: the best rotation leaves "
        f"{result.procrustes:.0%} of the difference, neighbours overlap "
        f"{result.neighbour_overlap:.0%} (by chance 5.6%), and a linear map explains "
        f"{result.r2:.0%} of the new latents, in 180 rows."
    )


def test_latents_of_another_size_are_compared_too(others, compared):
    result, _ = compatibility_of(compared, others["size"])
    assert 0.1 < result.procrustes < 0.6
    assert 0.5 < result.neighbour_overlap < 0.95


def test_at_most_so_many_rows_are_encoded(others, compared):
    result, table = compatibility_of(compared, others["seed"], max_rows=50, num_neighbours=5)
    assert (result.rows, table["num_neighbours"]) == (50, 5)


def test_second_call_returns_the_stored_answer(others, compared):
    progress_reports = []
    answers = [
        measure_compatibility(
            Context(compared.store, on_progress=progress_reports.append),
            others["seed"],
            CompatibilityConfig(max_rows=100),
            old=compared.model,
            dataset=compared.dataset,
        )
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert [progress.done for progress in progress_reports].count(0) == 1
    assert progress_reports[-1].done == progress_reports[-1].total == 200


def test_old_model_is_part_of_the_question(others, compared):
    keys = {
        measure_compatibility(
            Context(compared.store),
            others["size"],
            CompatibilityConfig(),
            old=old,
            dataset=compared.dataset,
        ).key
        for old in (compared.model, others["seed"])
    }
    assert len(keys) == 2


def test_more_neighbours_than_rows_are_refused(compared):
    with pytest.raises(
        ConfigError, match="Comparing 180 neighbours needs 181 rows, but only 180 of"
    ):
        compatibility_of(compared, compared.model, num_neighbours=180)
    assert compatibility_of(compared, compared.model, num_neighbours=179)[0].identical


def test_unknown_split_is_refused(compared):
    with pytest.raises(ConfigError, match="has no rows in the split 'tset'"):
        compatibility_of(compared, compared.model, split="tset")


def test_model_of_other_examples_is_refused(compared, tmp_path):
    np.savez(tmp_path / "small.npz", x_train=np.zeros((60, 8, 8), np.uint8))
    other = ingest(Context(compared.store), IngestConfig(source=f"npz:{tmp_path / 'small.npz'}"))
    config = ModelConfig(latent_dim=2)
    misfit = train(Context(compared.store), other, TrainConfig(epochs=1), model_config=config)
    with pytest.raises(ConfigError, match=f"does not fit the model {misfit.key}: value_range"):
        compatibility_of(compared, misfit)
