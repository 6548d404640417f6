"""Retraining without Prefect: what is due, what is promoted, what stays."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from aeflow.configs import (
    EvaluateConfig,
    GateConfig,
    IngestConfig,
    ModelConfig,
    PipelineConfig,
    RetrainConfig,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.features.contract import identity_in
from aeflow.registry.champions import champion_of, history_of
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from aeflow.storage.aliases import alias_file
from flows.recipes.champions import rollback
from flows.recipes.here import Here
from flows.recipes.retraining import retrain

ANY = GateConfig(max_ratio_to_pca=100.0)


def grown(tmp_path, rows: int) -> IngestConfig:
    """Returns a source with the first of the digits. More rows are a source that grew."""
    images = load_digits().images[:rows].astype(np.uint8)
    np.savez(tmp_path / "grown.npz", x_train=images)
    return IngestConfig(source=f"npz:{tmp_path / 'grown.npz'}")


def config(ingest: IngestConfig, *, epochs=8, when="on_new_data", gate=ANY) -> PipelineConfig:
    return PipelineConfig(
        ingest=ingest,
        model=ModelConfig(latent_dim=8),
        train=TrainConfig(epochs=epochs),
        gate=gate,
        retrain=RetrainConfig(train_when=when),
    )


class Watching(Here):
    """Lets a test receive the answer of each stage, or stop the stage."""

    def __init__(self, store: str, runtime: RuntimeConfig, observe=lambda name, run: run()):
        super().__init__(store, runtime)
        self._observe = observe

    def run(self, stage, *args, **kwargs):
        return self._observe(stage.name, lambda: super(Watching, self).run(stage, *args, **kwargs))


def run(settings: PipelineConfig, store: Store, *observe):
    return retrain(settings, Watching(store.url, settings.runtime, *observe))


def features_address(store: Store, name: str = "grown") -> str:
    content = json.loads(store.files.read(alias_file(name, "features")))
    return content["current"]["address"]


def test_the_same_data_under_another_name_are_no_hindrance(store, tmp_path):
    settings = config(grown(tmp_path, 600))
    other = ingest(Context(store), settings.ingest.model_copy(update={"name": "other"}))
    outcome = run(settings, store)
    assert (outcome.ending, outcome.dataset.key) == ("Completed", other.key)


def test_the_first_model_is_promoted_encoded_and_published(store, tmp_path):
    outcome = run(config(grown(tmp_path, 600)), store)
    assert (outcome.ending, outcome.reason.partition(".")[0]) == (
        "Completed",
        "'grown' has no champion yet",
    )
    assert champion_of("grown", store) == outcome.model == outcome.challenger
    assert features_address(store) == outcome.features.address
    assert outcome.publication is not None
    assert (outcome.drift, outcome.compatibility) == (None, None)


def test_out_of_distribution_rows_are_part_of_every_evaluation(store, tmp_path):
    np.savez(tmp_path / "noise.npz", x_train=np.random.default_rng(3).random((40, 9, 9)))
    evaluate = EvaluateConfig(ood_source=f"npz:{tmp_path / 'noise.npz'}")
    evaluations = []

    def observe(name, run):
        answer = run()
        if name == "evaluate":
            evaluations.append(answer)
        return answer

    for rows in (600, 900):
        settings = config(grown(tmp_path, rows), epochs=1).model_copy(update={"evaluate": evaluate})
        outcome = run(settings, store, observe)
        assert "ood_auroc_knn" in outcome.evaluation.metrics
    assert len({one.key for one in evaluations}) == 3
    assert all("ood_auroc_knn" in one.metrics for one in evaluations)


def test_on_the_same_data_nothing_is_due(store, tmp_path):
    settings = config(grown(tmp_path, 600))
    first = run(settings, store)
    again = run(settings, store)
    assert (again.ending, again.reason) == (
        "Unchanged",
        "The champion stays: it was trained on the same data.",
    )
    assert (again.model, again.features) == (first.model, first.features)
    ratio_to_pca = again.evaluation.metrics["mse_ratio_to_pca"]
    assert again.mse_change == pytest.approx(ratio_to_pca - 1)
    assert len(history_of("grown", store)) == 1


def test_new_data_bring_a_better_model_that_is_promoted(store, tmp_path):
    first = run(config(grown(tmp_path, 600), epochs=1), store)
    second = run(config(grown(tmp_path, 900), epochs=20), store)
    assert second.ending == "Completed"
    assert second.reason.startswith("The data are new.")
    assert champion_of("grown", store) == second.challenger
    assert [entry.before for entry in history_of("grown", store)] == [None, first.model.key]
    assert second.compatibility.identical is False
    assert second.mse_change < 0
    assert second.verdict.champion == first.model.key
    assert features_address(store) == second.features.address


def test_a_model_that_was_rolled_back_stays_down_for_three_nights(store, tmp_path):
    first = run(config(grown(tmp_path, 600), epochs=1), store)
    settings = config(grown(tmp_path, 900), epochs=20)
    down = run(settings, store).challenger
    rollback("grown", Here(store.url, settings.runtime))
    restored = features_address(store)
    assert store.manifest(restored).artifact["identity"] == first.model.identity
    assert sum(store.manifest(restored).artifact["rows"].values()) == 900
    for _ in range(3):
        night = run(settings, store)
        assert (night.ending, night.reason) == (
            "Unchanged",
            f"The data are new. The model '{down.key}' was rolled back as champion of 'grown'. "
            f"`aeflow promote {down.key} --again` promotes it if it passes the gate.",
        )
        assert champion_of("grown", store) == first.model == night.model
        assert features_address(store) == night.features.address == restored
    assert [entry.action for entry in history_of("grown", store)] == [
        *("promoted", "promoted", "rolled back"),
    ]


def test_a_worse_challenger_leaves_the_champion_and_says_why(store, tmp_path):
    first = run(config(grown(tmp_path, 600), epochs=20), store)
    second = run(config(grown(tmp_path, 900), epochs=1), store)
    assert second.ending == "Refused"
    assert "champion" in second.reason
    assert second.mse_change > 0
    assert champion_of("grown", store) == first.model == second.model
    assert second.challenger != first.model
    # The new rows are encoded all the same, by the champion.
    assert sum(second.features.rows.values()) == 900
    files = store.locate(second.features).rglob("*.parquet")
    assert {identity_in(path) for path in files} == {first.model.identity}
    assert features_address(store) == second.features.address


def test_a_first_model_that_pca_beats_is_refused_and_nothing_encoded(store, tmp_path):
    strict = GateConfig(max_ratio_to_pca=0.01)
    outcome = run(config(grown(tmp_path, 600), epochs=1, gate=strict), store)
    assert (outcome.ending, outcome.model, outcome.features) == ("Refused", None, None)
    assert champion_of("grown", store) is None


def test_on_drift_new_rows_of_the_same_kind_are_encoded_by_the_champion(store, tmp_path):
    first = run(config(grown(tmp_path, 600)), store)
    second = run(config(grown(tmp_path, 900), when="on_drift"), store)
    assert (second.ending, second.reason) == (
        "Unchanged",
        "The champion stays: the data did not drift.",
    )
    assert second.drift.drifted is False
    assert second.model == first.model
    assert sum(second.features.rows.values()) == 900


def test_always_with_the_same_answer_is_unchanged(store, tmp_path):
    settings = config(grown(tmp_path, 600), when="always")
    run(settings, store)
    again = run(settings, store)
    assert (again.ending, again.reason) == (
        "Unchanged",
        "Every run trains a model. Training returned the champion again.",
    )


def test_a_run_killed_after_the_promotion_is_made_good_by_the_next(store, tmp_path):
    settings = config(grown(tmp_path, 600))

    def killed(name, run):
        if name == "encode":
            raise KeyboardInterrupt
        return run()

    with pytest.raises(KeyboardInterrupt):
        run(settings, store, killed)
    promoted = champion_of("grown", store)
    assert promoted is not None
    assert not (store.root / "features").exists()
    again = run(settings, store)
    assert (again.ending, again.model) == ("Unchanged", promoted)
    assert features_address(store) == again.features.address
    assert again.publication is not None
