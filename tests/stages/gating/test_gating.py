"""The gate: the result of each rule, and what a verdict depends on."""

import json
import math
from typing import get_args

import numpy as np
import pytest

from aeflow.configs import GateConfig
from aeflow.configs.loading import load_config
from aeflow.errors import ConfigError, Interrupted
from aeflow.stages.gating import RULES
from tests.conftest import Stages
from tests.judged import GOOD, PCA_ONLY, another, evaluation, judge, rules_of

CHAMPION_ONLY = GateConfig(rules=("beats_champion",))


def weights_of(stages: Stages):
    return stages.store.locate(stages.model) / "model.weights.h5"


def test_config_and_table_name_the_same_rules():
    annotation = GateConfig.model_fields["rules"].annotation
    assert get_args(get_args(annotation)[0]) == tuple(RULES)
    assert set(GateConfig().rules) < set(RULES)


def test_unknown_rule_is_a_mistake_that_names_the_choices():
    with pytest.raises(ConfigError) as caught:
        load_config(flags={"gate.rules": ["beats_all"]})
    assert str(caught.value) == (
        "gate.rules.0 = 'beats_all' is not allowed: Input should be 'beats_pca', "
        "'beats_champion', 'finite', 'golden', 'dead_dimensions', 'effective_rank', "
        "'probe_beats_pca', 'probe_beats_champion', 'knn_beats_pca' or 'knn_beats_champion'."
    )


def test_gate_without_rules_is_a_mistake():
    with pytest.raises(ConfigError, match=r"gate.rules = \[\] is not allowed"):
        load_config(flags={"gate.rules": []})


def test_good_model_passes_every_rule(changed):
    verdict = judge(changed, changed.evaluation, GateConfig())
    assert verdict.model_dump(exclude={"key", "digest"}) == {
        "model": changed.model.key,
        "champion": None,
        "dataset_name": "digits",
        "passed": True,
        "reasons": (
            "It passed every rule: beats_pca, beats_champion, finite, golden, dead_dimensions.",
        ),
    }
    reasons = {row["rule"]: row["why"] for row in rules_of(verdict, changed.store)}
    assert reasons["beats_champion"] == "There is no champion to compare with."
    assert reasons["finite"] == "All metrics and the scores and latents of 180 rows are finite."
    assert reasons["golden"] == "The stored model reproduces its golden vectors."


def test_verdict_says_in_a_sentence_and_a_table_what_was_found(changed):
    challenger = evaluation(changed.store, changed.model, changed.dataset, metrics=GOOD)
    verdict = judge(changed, challenger, PCA_ONLY)
    key = changed.model.key
    folder = changed.store.locate(verdict)
    assert folder.parent.name == "verdicts"
    assert json.loads((folder / "verdict.json").read_text()) == {
        "verdict": f"The model {key} may be promoted as champion of digits. "
        "It passed every rule: beats_pca.",
        "model": key,
        "champion": None,
        "dataset_name": "digits",
        "passed": True,
        "reasons": ["It passed every rule: beats_pca."],
        "rules": [
            {
                "rule": "beats_pca",
                "metric": "mse",
                "value": 0.01,
                "threshold": 0.02,
                "baseline": 0.02,
                "passed": True,
                "why": "The test MSE 0.01 is within 0.02, 1 x that of PCA-8.",
            }
        ],
    }


@pytest.mark.parametrize(
    ("mse", "ratio", "passed", "why"),
    [
        (0.02, 1.0, True, "The test MSE 0.02 is within 0.02, 1 x that of PCA-8."),
        (0.021, 1.0, False, "The test MSE 0.021 is not within 0.02, 1 x that of PCA-8."),
        (0.021, 1.5, True, "The test MSE 0.021 is within 0.03, 1.5 x that of PCA-8."),
        (0.018, 0.8, False, "The test MSE 0.018 is not within 0.016, 0.8 x that of PCA-8."),
        (math.nan, 1.0, False, "The test MSE nan is not within 0.02, 1 x that of PCA-8."),
    ],
)
def test_mse_is_held_against_pca(changed, mse, ratio, passed, why):
    metrics = {"mse": mse, "mse_pca": 0.02}
    challenger = evaluation(changed.store, changed.model, changed.dataset, metrics=metrics)
    config = GateConfig(rules=("beats_pca",), max_ratio_to_pca=ratio)
    verdict = judge(changed, challenger, config)
    [row] = rules_of(verdict, changed.store)
    assert (verdict.passed, row["passed"], row["why"]) == (passed, passed, why)
    assert row["value"] == (None if math.isnan(mse) else mse)
    assert passed or verdict.reasons == (why,)


@pytest.mark.parametrize(
    ("mse", "ratio", "passed", "relation"),
    [
        (0.01, 1.0, True, "0.01 is within 0.01, 1 x"),
        (0.0101, 1.0, False, "0.0101 is not within 0.01, 1 x"),
        (0.0101, 1.1, True, "0.0101 is within 0.011, 1.1 x"),
    ],
)
def test_mse_is_held_against_the_champion(changed, mse, ratio, passed, relation):
    store, dataset = changed.store, changed.dataset
    champion = another(store, changed.model, "champion")
    challenger = evaluation(store, changed.model, dataset, metrics={"mse": mse})
    config = GateConfig(rules=("beats_champion",), max_ratio_to_champion=ratio)
    verdict = judge(
        changed,
        challenger,
        config,
        champion=evaluation(store, champion, dataset, metrics={"mse": 0.01}),
        champion_model=champion,
    )
    [row] = rules_of(verdict, store)
    assert (verdict.champion, verdict.passed, row["baseline"]) == (champion.key, passed, 0.01)
    assert row["why"] == f"The test MSE {relation} that of the champion {champion.key}."


def test_what_is_not_finite_is_counted_and_named(changed):
    challenger = evaluation(
        changed.store,
        changed.model,
        changed.dataset,
        metrics={"mse": 0.01, "mae": math.inf},
        latents=np.array([[0, math.nan], [0, 0], [math.inf, 0]], np.float32),
    )
    verdict = judge(changed, challenger, GateConfig(rules=("finite",)))
    [row] = rules_of(verdict, changed.store)
    assert verdict.reasons == ("Numbers that are not finite: 3, in mae, latent.",)
    assert (row["value"], row["threshold"], row["passed"]) == (3, 0, False)


def test_damaged_model_is_refused_and_the_mended_one_judged_anew(changed):
    whole = weights_of(changed).read_bytes()
    weights_of(changed).write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    refused = judge(changed, changed.evaluation, GateConfig())
    assert refused.reasons == (
        f"The file '{weights_of(changed)}' is not what was committed: its SHA-256 differs. "
        f"Delete the folder {weights_of(changed).parent} and run again.",
    )
    weights_of(changed).write_bytes(whole)
    assert judge(changed, changed.evaluation, GateConfig()).passed


def test_rule_that_is_not_named_does_not_apply(changed):
    whole = judge(changed, changed.evaluation, PCA_ONLY)
    changed.store.files.delete(whole.address)
    weights_of(changed).unlink()
    assert judge(changed, changed.evaluation, PCA_ONLY) == whole


def test_reasons_are_those_of_all_rules_that_failed(changed):
    metrics = {"mse": 0.03, "mse_pca": 0.02, "mae": math.nan}
    challenger = evaluation(changed.store, changed.model, changed.dataset, metrics=metrics)
    verdict = judge(changed, challenger, GateConfig())
    assert verdict.reasons == (
        "The test MSE 0.03 is not within 0.02, 1 x that of PCA-8.",
        "Numbers that are not finite: 1, in mae.",
    )


def test_same_question_has_one_verdict(changed):
    first = judge(changed, changed.evaluation, GateConfig())
    weights_of(changed).unlink()  # a stored verdict is not computed again
    assert judge(changed, changed.evaluation, GateConfig()) == first
    assert judge(changed, changed.evaluation, PCA_ONLY).key != first.key


def test_question_names_all_that_was_judged(changed):
    store, dataset = changed.store, changed.dataset
    champion = another(store, changed.model, "champion")
    of_champion = evaluation(store, champion, dataset)
    challenger = evaluation(store, changed.model, dataset)
    verdict = judge(
        changed, challenger, CHAMPION_ONLY, champion=of_champion, champion_model=champion
    )
    question = store.manifest(verdict.address).question
    assert question.configs == {"gate": {"rules": ["beats_champion"]}}
    assert question.inputs == {
        "evaluation": challenger.reference,
        "model": changed.model.reference,
        "dataset": dataset.reference,
        "champion": of_champion.reference,
    }


def test_interrupted_gate_leaves_no_verdict(changed):
    progress_reports = []

    def stop(progress):
        progress_reports.append((progress.stage, progress.done, progress.total, progress.unit))
        if progress.done == 2:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        judge(changed, changed.evaluation, GateConfig(), on_progress=stop)
    assert progress_reports == [("gate", done, 5, "rule") for done in range(3)]
    assert not (changed.store.root / "verdicts").exists()
