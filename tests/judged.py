"""Evaluations and verdicts with chosen values, committed as the stages commit theirs."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Evaluation, Model, Verdict
from aeflow.configs import GateConfig
from aeflow.features.contract import latent_array
from aeflow.lineage import Answered, Question
from aeflow.progress import OnProgress, silent
from aeflow.stages import Context
from aeflow.stages.gating import gate
from aeflow.storage import Draft, Store
from tests.conftest import Stages

GOOD = {"mse": 0.01, "mse_pca": 0.02}
PCA_ONLY = GateConfig(rules=("beats_pca",))


def evaluation(
    store: Store,
    model: Model,
    dataset: Dataset,
    *,
    metrics: dict[str, float] = GOOD,
    split: str = "test",
    latents: np.ndarray | None = None,
) -> Evaluation:
    """Commits an evaluation with the given metrics."""
    latents = np.zeros((3, 2), np.float32) if latents is None else latents
    question = Question(
        stage="evaluate",
        version=1,
        folder="evaluations",
        configs={"told": str((metrics, split, latents.tolist()))},
        inputs={"model": model.reference, "dataset": dataset.reference},
    )

    def work(draft: Draft) -> Answered:
        with draft.writing("metrics.json") as path:
            path.write_text(json.dumps({"metrics": metrics}))
        with draft.writing("examples.parquet") as path:
            columns = {"id": ["a", "b", "c"], "latent": latent_array(latents), "mse": [0.1] * 3}
            pq.write_table(pa.table(columns), path)
        return Answered({"split": split, "rows": 3, "metrics": metrics})

    return store.answer(question, Evaluation, work)


def verdict(store: Store, model: Model, *, passed: bool = True, champion: str = "") -> Verdict:
    """Commits a verdict on a model."""
    question = Question(
        stage="gate",
        version=1,
        folder="verdicts",
        configs={"told": str((passed, champion, model.dataset_name))},
        inputs={"model": model.reference},
    )

    def work(draft: Draft) -> Answered:
        with draft.writing("verdict.json") as path:
            path.write_text("{}")
        return Answered(
            {
                "model": model.key,
                "champion": champion or None,
                "dataset_name": model.dataset_name,
                "passed": passed,
                "reasons": ["Good." if passed else "Bad."],
            }
        )

    return store.answer(question, Verdict, work)


def another(store: Store, model: Model, key: str) -> Model:
    """Commits a model of the same dataset with another key and another identity."""
    changed = model.model_copy(update={"key": "", "digest": key[0] * 64})
    question = Question(
        stage="train",
        version=1,
        folder="models",
        configs={"name": key},
        inputs=store.manifest(model.address).question.inputs,
    )

    def work(draft: Draft) -> Answered:
        with draft.writing("config.json") as path:
            path.write_text(key)
        return Answered({n: getattr(changed, n) for n in Model.model_fields if n != "key"})

    return store.answer(question, Model, work)


def judge(
    stages: Stages,
    challenger: Evaluation,
    config: GateConfig,
    *,
    on_progress: OnProgress = silent,
    **champion,
) -> Verdict:
    named = {"model": stages.model, "dataset": stages.dataset, **champion}
    return gate(Context(stages.store, on_progress=on_progress), challenger, config, **named)


def rules_of(verdict: Verdict, store: Store) -> list[dict]:
    return json.loads((store.locate(verdict) / "verdict.json").read_text())["rules"]
