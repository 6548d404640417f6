"""The gate: the rules that a challenger must pass before it may be promoted."""

import json
from functools import partial

import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Evaluation, Model, Verdict, references
from aeflow.configs import GateConfig, RuntimeConfig
from aeflow.errors import ConfigError, CorruptArtifact
from aeflow.gating.rules import RULES, Case, Ruling
from aeflow.lineage import Question
from aeflow.models import load_model
from aeflow.progress import OnProgress, Progress, silent, with_deadline
from aeflow.runtime import prepare
from aeflow.storage import Draft, Store

__all__ = ["gate"]

VERDICT, METRICS, EXAMPLES = "verdict.json", "metrics.json", "examples.parquet"


def gate(
    challenger: Evaluation,
    config: GateConfig,
    store: Store,
    *,
    model: Model,
    dataset: Dataset,
    champion: Evaluation | None = None,
    champion_model: Model | None = None,
    runtime: RuntimeConfig = RuntimeConfig(),
    on_progress: OnProgress = silent,
) -> Verdict:
    """Judges the challenger by the rules, beside the champion where there is one.

    `challenger` and `champion` are evaluations of `model` and `champion_model` on one split of
    `dataset`; ConfigError says where they are not.
    """
    if (champion is None) != (champion_model is None):
        raise ConfigError("The champion's model and its evaluation go together: give both or none.")
    _check_judges(challenger, store, model=model, dataset=dataset)
    if champion and champion_model:
        _check_same_rows(challenger, champion, store)
        _check_judges(champion, store, model=champion_model, dataset=dataset)
    used = prepare(runtime)
    question = _question(challenger, config, model=model, dataset=dataset, champion=champion)
    damage = None
    if "golden" in config.rules and store.find(question.address) is None:
        damage = _damage_of(model, store, cpu=used["cpu"])
    if damage:  # another question, so that the mended model gets another verdict
        configs = {**question.configs, "damage": damage}
        question = question.model_copy(update={"configs": configs})
    return store.answer(
        question,
        Verdict,
        partial(
            _judge,
            challenger=challenger,
            champion=champion,
            config=config,
            store=store,
            model=model,
            champion_key=champion_model.key if champion_model else None,
            dataset=dataset,
            damage=damage,
            on_progress=with_deadline(on_progress, runtime.deadline_seconds),
        ),
        runtime=used,
        on_progress=on_progress,
    )


def _question(challenger, config, *, model, dataset, champion) -> Question:
    return Question(
        stage="gate",
        version=2,
        folder=Verdict.folder,
        configs={"gate": config.hashed()},
        inputs=references(evaluation=challenger, model=model, dataset=dataset, champion=champion),
    )


def _judge(
    draft: Draft,
    *,
    challenger,
    champion,
    config,
    store,
    model,
    champion_key,
    dataset,
    damage,
    on_progress,
):
    folder = store.reading(challenger, [METRICS, EXAMPLES])
    case = Case(
        config=config,
        split=challenger.split,
        latent_dim=model.latent_dim,
        metrics=_metrics_of(challenger, store),
        examples=pq.read_table(folder / EXAMPLES),
        damage=damage,
        champion=champion_key,
        champion_metrics=_metrics_of(champion, store) if champion else {},
    )
    rulings = []
    for done, name in enumerate(config.rules):
        on_progress(Progress("gate", done, len(config.rules), "rule", name))
        rulings.append(RULES[name](case))
    on_progress(Progress("gate", len(config.rules), len(config.rules), "rule"))
    fields = {
        "model": model.key,
        "champion": champion_key,
        "dataset_name": dataset.name,
        "passed": all(ruling.passed for ruling in rulings),
        "reasons": _reasons(rulings),
    }
    with draft.writing(VERDICT) as path:
        rules = [ruling.model_dump() for ruling in rulings]
        content = {"verdict": _sentence(fields), **fields, "rules": rules}
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", "utf-8")
    return fields


def _reasons(rulings: list[Ruling]) -> tuple[str, ...]:
    failed = tuple(ruling.why for ruling in rulings if not ruling.passed)
    return failed or (f"It passed every rule: {', '.join(r.rule for r in rulings)}.",)


def _sentence(fields: dict) -> str:
    found = "may be promoted" if fields["passed"] else "is refused"
    of = f"champion of {fields['dataset_name']}"
    return f"The model {fields['model']} {found} as {of}. {' '.join(fields['reasons'])}"


def _metrics_of(evaluation: Evaluation, store: Store) -> dict[str, float]:
    path = store.reading(evaluation, [METRICS]) / METRICS
    return json.loads(path.read_bytes())["metrics"]


def _damage_of(model: Model, store: Store, *, cpu: str) -> str | None:
    try:
        load_model(model, store, cpu=cpu)
    except CorruptArtifact as error:
        return str(error)
    return None


def _check_judges(evaluation: Evaluation, store: Store, *, model: Model, dataset: Dataset) -> None:
    inputs = store.manifest(evaluation.address).question.inputs
    for name, artifact in {"model": model, "dataset": dataset}.items():
        if name not in inputs or inputs[name].digest != artifact.digest:
            raise ConfigError(
                f"'{evaluation.address}' is no evaluation of '{model.address}' on "
                f"'{dataset.address}': its {name} is another one. Evaluate that model first."
            )


def _check_same_rows(challenger: Evaluation, champion: Evaluation, store: Store) -> None:
    if _rows_of(challenger, store) != _rows_of(champion, store):
        raise ConfigError(
            f"'{challenger.address}' and '{champion.address}' judge different rows. "
            "Evaluate both models on the same split of the same dataset."
        )


def _rows_of(evaluation: Evaluation, store: Store) -> tuple[str, str]:
    manifest = store.manifest(evaluation.address)
    return manifest.question.inputs["dataset"].digest, manifest.artifact["split"]
