"""`aeflow promote`: a model becomes the champion of its dataset if it passes the gate."""

import json
from typing import Annotated

from cyclopts import Parameter

from aeflow.artifacts import Dataset, Evaluation, Model, Verdict
from aeflow.configs import PipelineConfig
from aeflow.configs.loading import load_config
from aeflow.errors import ConfigError, Refused
from aeflow.lineage import Manifest
from aeflow.registry import champions
from aeflow.registry.verdicts import verdict_on
from aeflow.stages.evaluation import evaluate
from aeflow.stages.gating import gate
from aeflow.storage import Store
from aeflow.storage.listing import newest_of
from flows.cli.bars import stage_bars
from flows.cli.options import JsonOption, StoreOption
from flows.recipes import champions as recipe
from flows.recipes.here import Here
from flows.recipes.pipeline import ingest_ood
from flows.recipes.stored import absolute, made_from, stored

__all__ = ["promote"]


def promote(
    model: Annotated[str, Parameter(help="Key of a model, or the start of one.")],
    *,
    store: StoreOption = "./aeflow-store",
    config: Annotated[
        str | None, Parameter(help="TOML file with the sections evaluate and gate.")
    ] = None,
    again: Annotated[
        bool, Parameter(negative="", help="Promote the model even though it was rolled back.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Makes a model the champion of its dataset if it passes the gate.

    If the model has no verdict yet, or with --config, it is first compared with the champion on the
    test split of its dataset. If the config names no out-of-distribution rows, those of the newest
    evaluation of the model are used. The features address of the dataset, if it has one, points at
    the features of the new champion. A model that was rolled back is promoted only with --again.
    """
    url = absolute(store)
    challenger, sections = stored(url, model, Model), load_config(path=config)
    opened, name = Store(url), challenger.dataset_name
    champion = champions.champion_of(name, opened)
    if champion and champion.key == challenger.key:
        verdict = stored(url, champions.history_of(name, opened)[-1].verdict, Verdict)
        print(f"{name}: '{challenger.key}' is the champion already.")
    else:
        note = champions.rollback_note(challenger, opened)
        if note and not again:
            raise ConfigError(note)
        verdict = _verdict_on(
            challenger, sections, url, champion=champion, is_new=config is not None
        )
        result = "passed" if verdict.passed else "refused"
        print(f"{'verdict':<11}  {opened.shown(verdict)}  {result}")
        if verdict.passed:
            entry = _promote(verdict, challenger, sections, url, again=again)
            previous = f"it was '{entry.before}' before" if entry.before else "the first one"
            print(f"{name}: the champion is '{entry.model}' now, {previous}.")
    if json:
        print(_json_of(verdict, opened))
    if not verdict.passed:
        reasons = " ".join(verdict.reasons)
        raise Refused(f"The gate refused '{challenger.key}' as champion of '{name}': {reasons}")


def _verdict_on(
    challenger: Model, config: PipelineConfig, store: str, *, champion: Model | None, is_new: bool
) -> Verdict:
    """Returns the stored verdict against the current champion, or a new one from the gate."""
    if not is_new:
        verdict = verdict_on(challenger, Store(store), champion=champion)
        if verdict:
            return verdict
    with stage_bars():
        return _new_verdict(challenger, config, store, champion=champion)


def _promote(
    verdict: Verdict, challenger: Model, config: PipelineConfig, store: str, *, again: bool
) -> champions.Champion:
    runner = Here(store, config.runtime)
    with stage_bars():
        return recipe.promote(verdict, runner, model=challenger, again=again)


def _new_verdict(
    challenger: Model, config: PipelineConfig, store: str, *, champion: Model | None
) -> Verdict:
    runner, dataset = Here(store, config.runtime), made_from(store, challenger, Dataset)
    if config.evaluate.ood_source:
        ood = ingest_ood(dataset, config, runner)
    else:
        ood = _ood_of_newest_evaluation(challenger, config, store, dataset=dataset)
    evaluations = [
        runner.run(evaluate, model, config.evaluate, dataset=dataset, ood=ood)
        for model in (challenger, champion)
        if model
    ]
    return runner.run(
        gate,
        evaluations[0],
        config.gate,
        model=challenger,
        dataset=dataset,
        champion=evaluations[1] if champion else None,
        champion_model=champion,
    )


def _ood_of_newest_evaluation(
    model: Model, config: PipelineConfig, store: str, *, dataset: Dataset
) -> Dataset | None:
    """Returns the out-of-distribution rows of the model's newest evaluation with this config."""

    def matches(manifest: Manifest) -> bool:
        return (
            manifest.question.inputs["model"].digest == model.identity
            and manifest.question.inputs["dataset"].digest == dataset.digest
            and manifest.question.configs.get("evaluate") == config.evaluate.hashed()
        )

    newest = newest_of(Evaluation, Store(store), matches)
    reference = newest.question.inputs.get("strangers") if newest else None
    if reference is None or Store(store).find(reference.address) is None:
        return None
    return stored(store, reference.address, Dataset)


def _json_of(verdict: Verdict, store: Store) -> str:
    verdict_json = {"key": verdict.key, "path": store.shown(verdict)}
    champion = champions.champion_of(verdict.dataset_name, store)
    return json.dumps(
        {
            "model": verdict.model,
            "verdict": verdict_json,
            "passed": verdict.passed,
            "reasons": verdict.reasons,
            "champion": champion.key if champion else None,
        }
    )
