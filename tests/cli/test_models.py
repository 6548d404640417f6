"""`aeflow models`, `promote` and `rollback`, and models that are named as champions."""

import json

import numpy as np
import pytest

from aeflow.configs import ModelConfig, PipelineConfig, RuntimeConfig, TrainConfig
from aeflow.registry.champions import champion_of, history_of, promote
from aeflow.registry.features_address import newest_features, point_features
from aeflow.stages import Context
from aeflow.stages.training import train
from aeflow.storage import Store
from flows.cli import main
from flows.recipes.here import Here
from flows.recipes.pipeline import encode_dataset
from tests.judged import another, verdict


@pytest.fixture
def store(changed) -> Store:
    return changed.store


@pytest.fixture
def worse(changed):
    """A model that has hardly been trained."""
    return train(
        Context(changed.store),
        changed.dataset,
        TrainConfig(epochs=1),
        model_config=ModelConfig(latent_dim=8),
    )


def printed_lines(capsys) -> tuple[list[str], list[str]]:
    """Returns the lines on standard output, and those on standard error that show no progress."""
    out, err = capsys.readouterr()
    return out.splitlines(), [line for line in err.splitlines() if line.startswith("aeflow:")]


def call(store: Store, *tokens: str) -> int:
    return main([*tokens, "--store", store.url])


def verdicts_in(store: Store) -> list[str]:
    return [str(path) for path in sorted((store.root / "verdicts").iterdir())]


def test_models_are_listed_in_a_table(changed, capsys):
    another(changed.store, changed.model, "other")
    call(changed.store, "promote", changed.model.key)
    printed_lines(capsys)
    assert call(changed.store, "models") == 0
    lines, errors = printed_lines(capsys)
    _, titles, _, newest, champion, *_ = lines
    assert errors == []
    assert titles.split() == [
        *("model", "made", "from", "network/kind", "latent", "MSE", "PCA's", "MSE", "created"),
        "(UTC)",
    ]
    mse = [f"{changed.evaluation.metrics[name]:.4g}" for name in ("mse", "mse_pca")]
    start = [changed.model.key, f"digits-{changed.dataset.key}", "dense/plain", "8"]
    assert champion.split()[:6] == [*start, *mse]
    assert champion.split()[-1] == "champion"
    assert newest.split()[4:6] == ["–", "–"]
    assert "champion" not in newest


def test_models_are_one_line_of_json(changed, capsys):
    assert call(changed.store, "models", "--json") == 0
    [line], _ = printed_lines(capsys)
    [row] = json.loads(line)
    assert (row["key"], row["is_champion"]) == (changed.model.key, False)
    assert row["metrics"] == changed.evaluation.metrics


def test_store_without_models_says_so(tmp_path, capsys):
    empty = Store(tmp_path / "empty")
    assert call(empty, "models") == 0
    assert call(empty, "models", "--json") == 0
    assert printed_lines(capsys)[0] == [
        f"There are no models in the store {empty.url}. `aeflow train` makes one.",
        "[]",
    ]
    assert not empty.root.exists()


def test_promoted_model_is_evaluated_first(changed, store, capsys):
    assert call(store, "promote", changed.model.key[:8], "--json") == 0
    lines, errors = printed_lines(capsys)
    [folder] = verdicts_in(store)
    key = changed.model.key
    assert errors == []
    assert lines[:-1] == [
        f"verdict      {folder}  passed",
        f"digits: the champion is '{key}' now, the first one.",
    ]
    assert json.loads(lines[-1]) == {
        "model": key,
        "verdict": {"key": folder.rpartition("/")[2], "path": folder},
        "passed": True,
        "reasons": [
            "It passed every rule: beats_pca, beats_champion, finite, golden, dead_dimensions."
        ],
        "champion": key,
    }
    assert champion_of("digits", store) == changed.model


def test_champion_stays_champion_when_it_is_promoted_again(changed, store, capsys):
    call(store, "promote", changed.model.key)
    printed_lines(capsys)
    assert call(store, "promote", changed.model.key, "--json") == 0
    lines, _ = printed_lines(capsys)
    assert lines[0] == f"digits: '{changed.model.key}' is the champion already."
    assert json.loads(lines[1])["champion"] == changed.model.key
    assert len(history_of("digits", store)) == 1


def test_worse_model_is_refused_with_reasons_and_exit_code_3(changed, store, worse, capsys):
    call(store, "promote", changed.model.key)
    printed_lines(capsys)
    assert call(store, "promote", worse.key, "--json") == 3
    lines, [error] = printed_lines(capsys)
    answer = json.loads(lines[-1])
    assert lines[0] == f"verdict      {answer['verdict']['path']}  refused"
    assert (answer["passed"], answer["champion"]) == (False, changed.model.key)
    assert error == (
        f"aeflow: The gate refused '{worse.key}' as champion of 'digits': "
        f"{' '.join(answer['reasons'])}"
    )
    assert [reason.partition(", ")[2] for reason in answer["reasons"]] == [
        "1 x that of PCA-8.",
        f"1 x that of the champion {changed.model.key}.",
    ]
    assert champion_of("digits", store) == changed.model


def test_model_with_a_verdict_is_not_evaluated_again(changed, store, capsys):
    verdict(store, changed.model, passed=False)
    assert call(store, "promote", changed.model.key) == 3
    assert printed_lines(capsys)[1] == [
        f"aeflow: The gate refused '{changed.model.key}' as champion of 'digits': Bad."
    ]
    assert len(verdicts_in(store)) == 1


def test_repaired_model_is_evaluated_again(changed, store, capsys):
    weights = store.locate(changed.model) / "model.weights.h5"
    whole = weights.read_bytes()
    call(store, "evaluate", "--direct", "--model", changed.model.key)
    weights.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert call(store, "promote", changed.model.key) == 3
    assert "its SHA-256 differs." in printed_lines(capsys)[1][0]
    weights.write_bytes(whole)
    assert call(store, "promote", changed.model.key) == 0


@pytest.mark.parametrize("is_named", [True, False])
def test_out_of_distribution_rows_of_an_evaluation_count_again(
    changed, store, tmp_path, capsys, is_named
):
    np.savez(tmp_path / "ood.npz", x_train=np.random.default_rng(0).integers(0, 17, (60, 8, 8)))
    source = f"npz:{tmp_path / 'ood.npz'}"
    (tmp_path / "ood.toml").write_text(f'evaluate.ood_source = "{source}"\n')
    options = ("--direct", "--model", changed.model.key, "--ood-source", source)
    assert call(store, "evaluate", *options) == 0
    before = sorted((store.root / "evaluations").iterdir())
    named = ("--config", str(tmp_path / "ood.toml")) if is_named else ()
    assert call(store, "promote", changed.model.key, "--json", *named) == 0
    assert sorted((store.root / "evaluations").iterdir()) == before
    answer = json.loads(printed_lines(capsys)[0][-1])
    inputs = store.manifest(f"verdicts/{answer['verdict']['key']}").question.inputs
    evaluation = store.manifest(inputs["evaluation"].address)
    assert "ood_auroc_error" in evaluation.artifact["metrics"]


def test_verdict_against_another_champion_does_not_count(changed, store, worse):
    assert call(store, "promote", worse.key) == 3
    assert call(store, "promote", changed.model.key) == 0
    assert call(store, "promote", worse.key) == 3
    assert len(verdicts_in(store)) == 3


def test_rules_are_taken_from_the_config_file(store, worse, tmp_path, capsys):
    (tmp_path / "lax.toml").write_text('[gate]\nrules = ["finite"]\n')
    assert call(store, "promote", worse.key) == 3
    assert call(store, "promote", worse.key, "--config", str(tmp_path / "lax.toml")) == 0
    assert champion_of("digits", store) == worse


def test_rollback_names_the_model_that_is_champion_again(changed, store, worse, capsys):
    for model in (worse, changed.model):
        promote(verdict(store, model), store, model=model)
    assert call(store, "rollback", "digits", "--json") == 0
    lines, errors = printed_lines(capsys)
    key = changed.model.key
    assert (lines[:-1], errors) == (
        [
            f"digits: the champion is '{worse.key}' again, it was '{key}' before.",
            f"'{key}' stays down until `aeflow promote {key} --again`.",
        ],
        [],
    )
    answer = json.loads(lines[-1])
    assert (answer["model"], answer["action"]) == (worse.key, "rolled back")
    assert champion_of("digits", store) == worse


def test_model_that_was_rolled_back_is_promoted_only_with_again(changed, store, worse, capsys):
    key = changed.model.key
    for model in (worse, changed.model):
        promote(verdict(store, model), store, model=model)
    point_features(changed.features, store, dataset_name="digits")
    assert call(store, "rollback", "digits") == 0
    assert newest_features("digits", store).identity == worse.identity
    printed_lines(capsys)
    before = verdicts_in(store)
    assert call(store, "promote", key) == 2
    assert printed_lines(capsys)[1] == [
        f"aeflow: The model '{key}' was rolled back as champion of 'digits'. "
        f"`aeflow promote {key} --again` promotes it if it passes the gate."
    ]
    assert verdicts_in(store) == before
    call(store, "models")
    row = next(line for line in printed_lines(capsys)[0] if line.split()[:1] == [key])
    assert row.split()[-2:] == ["rolled", "back"]
    assert call(store, "promote", key, "--again") == 0
    assert champion_of("digits", store) == changed.model
    assert newest_features("digits", store).address == changed.features.address


def test_rollback_without_a_previous_champion_is_a_mistake(store, capsys):
    assert call(store, "rollback", "digits") == 2
    assert printed_lines(capsys)[1] == [
        "aeflow: There is nothing to roll back to: 'digits' has had no champion. "
        "Promote a new model instead."
    ]


@pytest.mark.parametrize(
    "tokens",
    [
        ["show", "champion:digits"],
        ["verify", "champion:digits"],
        ["evaluate", "--direct", "--json", "--model", "champion:digits"],
        ["encode", "--direct", "--json", "--model", "champion:digits"],
        ["publish", "--direct", "--json", "--model", "champion:digits"],
    ],
    ids=lambda tokens: tokens[0],
)
def test_champion_is_named_by_its_dataset(changed, store, tokens, capsys):
    promote(verdict(store, changed.model), store, model=changed.model)
    assert call(store, *tokens) == 0
    lines, _ = printed_lines(capsys)
    if "--json" in tokens:
        assert json.loads(lines[-1])["model"]["key"] == changed.model.key
    else:
        assert f"models/{changed.model.key}" in lines[0]


def test_champion_is_found_once_at_the_start(changed, store):
    promote(verdict(store, changed.model), store, model=changed.model)
    other = another(store, changed.model, "other")

    class Meanwhile(Here):
        """Another model becomes champion before anything is ingested."""

        def run(self, stage, *args, **kwargs):
            promote(verdict(store, other), store, model=other)
            return super().run(stage, *args, **kwargs)

    runner = Meanwhile(store.url, RuntimeConfig())
    outcome = encode_dataset(PipelineConfig(), runner, model="champion:digits")
    assert champion_of("digits", store) == other
    assert outcome.features
    assert outcome.features.identity == changed.model.identity


def test_dataset_without_a_champion_is_a_mistake(changed, store, capsys):
    assert call(store, "show", "champion:mnist") == 2
    promote(verdict(store, changed.model), store, model=changed.model)
    assert call(store, "show", "champion:mnist") == 2
    assert call(store, "train", "--direct", "--dataset", "champion:digits") == 2
    start = f"aeflow: The dataset 'mnist' has no champion in the store {store.url}. "
    assert printed_lines(capsys)[1] == [
        f"{start}Promote a model first.",
        f"{start}These datasets have one: digits.",
        f"aeflow: The key 'champion:digits' names 'models/{changed.model.key}', which is not in "
        "datasets/. Give the key of an artifact in datasets/.",
    ]
