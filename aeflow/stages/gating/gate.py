"""The gate: the rules that a challenger must pass before it may be promoted."""

import json

import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Evaluation, Model, Verdict
from aeflow.configs import GateConfig
from aeflow.errors import ConfigError, CorruptArtifact
from aeflow.progress import Progress
from aeflow.stages import Answered, Work, stage
from aeflow.stages.gating.rules import RULES, Case, Ruling
from aeflow.storage import Store

__all__ = ["gate"]

VERDICT, METRICS, EXAMPLES = "verdict.json", "metrics.json", "examples.parquet"
DAMAGE = "damage"
"""The name of the model's damage among the hashed configs of the question."""


def _with_damage(
    work: Work,
    challenger: Evaluation,
    config: GateConfig,
    *,
    model: Model,
    dataset: Dataset,
    champion: Evaluation | None = None,
    champion_model: Model | None = None,
) -> Work:
    """Adds the damaged files of the model, if there are any, to the question of the gate.

    The question determines the key of the verdict. A repaired model therefore gets a new verdict.
    Raises ConfigError if the inputs of the gate do not belong together.
    """
    store = work.store
    if (champion is None) != (champion_model is None):
        raise ConfigError(
            "The gate needs both the champion's model and its evaluation, or neither, but only one "
            "of them was given. Give both, or leave out both."
        )
    _check_inputs(challenger, store, model=model, dataset=dataset)
    if champion and champion_model:
        _check_same_rows(challenger, champion, store)
        _check_inputs(champion, store, model=champion_model, dataset=dataset)
    if "golden" not in config.rules or store.find(work.question.address) is not None:
        return work
    damage = _damage_of(model, work)
    configs = work.question.configs | ({DAMAGE: damage} if damage else {})
    return work.asking(work.question.model_copy(update={"configs": configs}))


@stage(
    Verdict,
    name="gate",
    version=2,
    run_name="gate {dataset.name} {model.key}",
    inputs={"challenger": "evaluation", "champion_model": None},
    asking=_with_damage,
)
def gate(
    work: Work,
    challenger: Evaluation,
    config: GateConfig,
    *,
    model: Model,
    dataset: Dataset,
    champion: Evaluation | None = None,
    champion_model: Model | None = None,
) -> Answered:
    """Judges the challenger by the rules, and compares it with the champion if there is one.

    `challenger` and `champion` are the evaluations of `model` and `champion_model` on one split of
    `dataset`. Raises ConfigError if an evaluation is of another model, dataset or split.
    """
    folder = work.store.reading(challenger, [METRICS, EXAMPLES])
    case = Case(
        config=config,
        split=challenger.split,
        latent_dim=model.latent_dim,
        metrics=_metrics_of(challenger, work.store),
        examples=pq.read_table(folder / EXAMPLES),
        damage=work.question.configs.get(DAMAGE),
        champion=champion_model.key if champion_model else None,
        champion_metrics=_metrics_of(champion, work.store) if champion else {},
    )
    rulings = []
    for done, name in enumerate(config.rules):
        work.on_progress(Progress("gate", done, len(config.rules), "rule", name))
        rulings.append(RULES[name](case))
    work.on_progress(Progress("gate", len(config.rules), len(config.rules), "rule"))
    fields = {
        "model": model.key,
        "champion": case.champion,
        "dataset_name": dataset.name,
        "passed": all(ruling.passed for ruling in rulings),
        "reasons": _reasons(rulings),
    }
    with work.draft.writing(VERDICT) as path:
        rules = [ruling.model_dump() for ruling in rulings]
        content = {"verdict": _sentence(fields), **fields, "rules": rules}
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", "utf-8")
    return Answered(fields)


def _reasons(rulings: list[Ruling]) -> tuple[str, ...]:
    failed = tuple(ruling.why for ruling in rulings if not ruling.passed)
    return failed or (f"It passed every rule: {', '.join(r.rule for r in rulings)}.",)


def _sentence(fields: dict) -> str:
    decision = "may be promoted" if fields["passed"] else "is refused"
    role = f"champion of {fields['dataset_name']}"
    return f"The model {fields['model']} {decision} as {role}. {' '.join(fields['reasons'])}"


def _metrics_of(evaluation: Evaluation, store: Store) -> dict[str, float]:
    path = store.reading(evaluation, [METRICS]) / METRICS
    return json.loads(path.read_bytes())["metrics"]


def _damage_of(model: Model, work: Work) -> str | None:
    from aeflow.models import load_model

    try:
        load_model(model, work.store, cpu=work.machine.cpu)
    except CorruptArtifact as error:
        return str(error)
    return None


def _check_inputs(evaluation: Evaluation, store: Store, *, model: Model, dataset: Dataset) -> None:
    inputs = store.manifest(evaluation.address).question.inputs
    for name, artifact in {"model": model, "dataset": dataset}.items():
        if name not in inputs or inputs[name].digest != artifact.digest:
            raise ConfigError(
                f"'{evaluation.address}' is not an evaluation of '{model.address}' on "
                f"'{dataset.address}': it used another {name}. Evaluate this model on this dataset "
                "first."
            )


def _check_same_rows(challenger: Evaluation, champion: Evaluation, store: Store) -> None:
    if _rows_of(challenger, store) != _rows_of(champion, store):
        raise ConfigError(
            f"The evaluations '{challenger.address}' and '{champion.address}' judge different "
            "rows. Evaluate both models on the same split of the same dataset."
        )


def _rows_of(evaluation: Evaluation, store: Store) -> tuple[str, str]:
    manifest = store.manifest(evaluation.address)
    return manifest.question.inputs["dataset"].digest, manifest.artifact["split"]
