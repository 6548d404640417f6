"""The gate judges evaluations of one model and one champion on the same rows, and nothing else."""

import pytest

from aeflow.configs import EvaluateConfig, GateConfig
from aeflow.errors import ConfigError, CorruptArtifact
from aeflow.stages import Context
from aeflow.stages.evaluation import evaluate
from tests.judged import GOOD, PCA_ONLY, another, evaluation, judge


def test_evaluations_of_different_splits_are_not_compared(changed):
    validated = evaluate(
        Context(changed.store),
        changed.model,
        EvaluateConfig(split="validation"),
        dataset=changed.dataset,
    )
    with pytest.raises(ConfigError) as caught:
        judge(
            changed,
            changed.evaluation,
            GateConfig(),
            champion=validated,
            champion_model=changed.model,
        )
    assert str(caught.value) == (
        f"The evaluations '{changed.evaluation.address}' and '{validated.address}' judge different "
        "rows. Evaluate both models on the same split of the same dataset."
    )


def test_evaluations_of_different_datasets_are_not_compared(changed):
    grown = changed.dataset.model_copy(update={"digest": "g" * 64})
    of_champion = evaluation(changed.store, changed.model, grown)
    with pytest.raises(ConfigError, match="judge different rows"):
        judge(
            changed,
            changed.evaluation,
            GateConfig(),
            champion=of_champion,
            champion_model=changed.model,
        )


@pytest.mark.parametrize(("part", "letter"), [("model", "m"), ("dataset", "d")])
def test_evaluation_of_something_else_is_refused(changed, part, letter):
    other = getattr(changed, part).model_copy(update={"digest": letter * 64})
    with pytest.raises(ConfigError) as caught:
        judge(changed, changed.evaluation, GateConfig(), **{part: other})
    assert str(caught.value) == (
        f"'{changed.evaluation.address}' is not an evaluation of '{changed.model.address}' on "
        f"'{changed.dataset.address}': it used another {part}. Evaluate this model on this "
        "dataset first."
    )


def test_champions_evaluation_must_be_the_champions(changed):
    champion = another(changed.store, changed.model, "champion")
    of_champion = evaluation(changed.store, changed.model, changed.dataset)
    with pytest.raises(ConfigError, match=f"not an evaluation of '{champion.address}'"):
        judge(
            changed, changed.evaluation, GateConfig(), champion=of_champion, champion_model=champion
        )


@pytest.mark.parametrize("part", ["champion", "champion_model"])
def test_champion_and_its_evaluation_go_together(changed, part):
    artifact = {"champion": changed.evaluation, "champion_model": changed.model}[part]
    with pytest.raises(ConfigError) as caught:
        judge(changed, changed.evaluation, GateConfig(), **{part: artifact})
    assert str(caught.value) == (
        "The gate needs both the champion's model and its evaluation, or neither, but only one of "
        "them was given. Give both, or leave out both."
    )


def test_numbers_are_read_from_the_store_and_not_from_the_caller(changed):
    metrics = {"mse": 0.03, "mse_pca": 0.02}
    challenger = evaluation(changed.store, changed.model, changed.dataset, metrics=metrics)
    flattered = challenger.model_copy(update={"metrics": GOOD})
    assert not judge(changed, flattered, PCA_ONLY).passed
    path = changed.store.locate(changed.evaluation) / "metrics.json"
    path.write_text(path.read_text().replace('"mse": 0', '"mse": 1', 1))
    with pytest.raises(CorruptArtifact, match=r"metrics.json' is not what was committed"):
        judge(changed, changed.evaluation, PCA_ONLY)
