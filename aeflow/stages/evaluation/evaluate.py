"""The evaluation stage: from a model and a dataset to metrics, pictures and a verdict line."""

import json
from dataclasses import replace

import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Evaluation, Model
from aeflow.configs import EvaluateConfig
from aeflow.datasets.shards import check_fits, shard_names
from aeflow.progress import Progress
from aeflow.stages import Answered, Work, stage

__all__ = ["evaluate"]


@stage(
    Evaluation,
    name="evaluate",
    version=3,
    run_name="evaluate {dataset.name} {model.network}/{model.kind}",
    inputs={"ood": "strangers"},
)
def evaluate(
    work: Work,
    model: Model,
    config: EvaluateConfig,
    *,
    dataset: Dataset,
    ood: Dataset | None = None,
) -> Answered:
    """Judges a model on one split, and compares it with PCA and with the mean image.

    PCA has as many dimensions as the latent. `ood` is a dataset of out-of-distribution rows, whose
    images may have any size and any range of values. Raises ConfigError if `dataset` does not have
    the split, if the examples of `dataset` do not fit the model, or if the rows of `ood` cannot be
    compared with the rows of the split.
    """
    from aeflow.stages.evaluation.drawing import (
        draw_curves,
        draw_generated,
        draw_judged,
        draw_typical,
    )
    from aeflow.stages.evaluation.gathering import ScoredExamples
    from aeflow.stages.evaluation.judging import card_of, tables_of
    from aeflow.stages.evaluation.tables import metric_table
    from aeflow.stages.evaluation.trial import Trial

    check_fits(model, dataset)
    shard_names(dataset, config.split, work.store)  # refuses an unknown split before any work
    if ood:
        dataset.check_ood(ood, split=config.split)
    total = dataset.rows[config.split]
    work.on_progress(Progress("evaluate", 0, total, "row"))
    trial = Trial.of(work, model, dataset=dataset, ood=ood, split=config.split)
    examples = ScoredExamples(config.num_worst)
    for batch in trial.judge.score(trial.inference, config.split):
        examples.add(batch)
        work.on_progress(Progress("evaluate", examples.rows, total, "row"))
    trial = replace(trial, errors=examples.scores())
    card = card_of(trial)
    metrics = metric_table(trial.errors) | card.metrics
    with work.draft.writing("examples.parquet") as path:
        pq.write_table(examples.table(), path, compression="zstd", use_dictionary=False)
    with work.draft.writing("metrics.json") as path:
        tables = tables_of(trial, examples, metrics=metrics, card=card)
        path.write_text(json.dumps(tables, indent=2) + "\n", "utf-8")
    draw_judged(trial, examples)
    draw_generated(trial, examples)
    draw_typical(trial, examples)
    draw_curves(trial, metrics)
    return Answered({"split": config.split, "rows": examples.rows, "metrics": metrics})
