"""The evaluation stage: from a model and a dataset to numbers, pictures and a verdict line."""

import json
from collections.abc import Callable
from functools import partial

import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Evaluation, Model, references
from aeflow.configs import EvaluateConfig, RuntimeConfig
from aeflow.datasets.shards import check_fits, shard_names
from aeflow.evaluation.anomalies import stranger_scores
from aeflow.evaluation.card import Card, health_card
from aeflow.evaluation.denoising import denoising_scores
from aeflow.evaluation.drawing import draw_curves, draw_generated, draw_judged, draw_typical
from aeflow.evaluation.gathering import Gathered
from aeflow.evaluation.scores import scores_of
from aeflow.evaluation.scoring import Judge
from aeflow.evaluation.spaces import read_spaces
from aeflow.evaluation.tables import label_table, metric_table, percentile_table, verdict_line
from aeflow.evaluation.usage import usage_scores
from aeflow.lineage import Question
from aeflow.models import Autoencoder, Inference, load_model
from aeflow.progress import OnProgress, Progress, silent, with_deadline
from aeflow.runtime import prepare
from aeflow.storage import Draft, Store

__all__ = ["evaluate", "evaluation_question"]


def evaluate(
    model: Model,
    config: EvaluateConfig,
    store: Store,
    *,
    dataset: Dataset,
    strangers: Dataset | None = None,
    runtime: RuntimeConfig = RuntimeConfig(),
    on_progress: OnProgress = silent,
) -> Evaluation:
    """Judges a model on one split, beside PCA at the same latent size and the mean image.

    `strangers` are rows that the model should find strange, of any size and range if they are
    images. Raises ConfigError where the dataset has no such split, or examples of another schema.
    """
    question = evaluation_question(model, config, dataset, strangers=strangers)
    check_fits(model, dataset)
    shard_names(dataset, config.split, store)  # an unknown split is refused before any work
    if strangers:
        dataset.check_strangers(strangers, split=config.split)
    used = prepare(runtime)
    return store.answer(
        question,
        Evaluation,
        partial(
            _evaluate,
            model=model,
            config=config,
            store=store,
            dataset=dataset,
            strangers=strangers,
            runtime=runtime,
            cpu=used["cpu"],
            on_progress=with_deadline(on_progress, runtime.deadline_seconds),
        ),
        runtime=used,
        on_progress=on_progress,
    )


def evaluation_question(
    model: Model, config: EvaluateConfig, dataset: Dataset, *, strangers: Dataset | None = None
) -> Question:
    """Returns what evaluation asks the store for, so that an answer can be found without work."""
    return Question(
        stage="evaluate",
        version=3,
        folder=Evaluation.folder,
        configs={"evaluate": config.hashed()},
        inputs=references(model=model, dataset=dataset, strangers=strangers),
    )


def _evaluate(draft: Draft, *, model, config, store, dataset, strangers, runtime, cpu, on_progress):
    total = dataset.rows[config.split]
    on_progress(Progress("evaluate", 0, total, "row"))
    network = load_model(model, store, cpu=cpu)
    inference = Inference(network, dataset.example_schema, runtime.encode_batch_size)
    judge = Judge(dataset, store, latent_dim=model.latent_dim)
    gathered = Gathered(config.num_worst)
    for batch in judge.score(inference, config.split):
        gathered.add(batch)
        on_progress(Progress("evaluate", gathered.rows, total, "row"))
    card = _card(
        gathered,
        network,
        inference,
        judge,
        model=model,
        store=store,
        dataset=dataset,
        strangers=strangers,
        split=config.split,
        on_step=lambda told: on_progress(Progress("evaluate", total, total, "row", told)),
    )
    metrics = metric_table(gathered.scores()) | card.metrics
    with draft.writing("examples.parquet") as path:
        pq.write_table(gathered.table(), path, compression="zstd", use_dictionary=False)
    with draft.writing("metrics.json") as path:
        tables = _tables(gathered, metrics, card, model=model, dataset=dataset, split=config.split)
        path.write_text(json.dumps(tables, indent=2) + "\n", "utf-8")
    draw_judged(draft, gathered)
    draw_generated(draft, gathered, network)
    draw_typical(
        draft,
        gathered,
        dataset,
        split=config.split,
        judge=judge,
        inference=inference,
        store=store,
    )
    draw_curves(draft, gathered, metrics, model=model, store=store)
    return {"split": config.split, "rows": gathered.rows, "metrics": metrics}


def _card(
    gathered: Gathered,
    network: Autoencoder,
    inference: Inference,
    judge: Judge,
    *,
    model: Model,
    store: Store,
    dataset: Dataset,
    strangers: Dataset | None,
    split: str,
    on_step: Callable[[str], None],
) -> Card:
    spaces = read_spaces(
        model,
        dataset,
        store,
        split=split,
        judge=judge,
        inference=inference,
        on_rows=lambda: on_step("latents"),
    )
    errors, scores = gathered.scores(), {}
    for suffix, space in spaces.items():
        for name, score in scores_of(space).items():
            on_step(name.replace("_", " "))
            scores[name + suffix] = score(space)
    if strangers:
        on_step("strangers")
        scores |= stranger_scores(
            strangers, errors, spaces, judge=judge, inference=inference, store=store
        )
    scores |= usage_scores(
        network, dataset, store, split=split, on_rows=lambda: on_step("use of the latent")
    )
    scores |= denoising_scores(
        network, dataset, store, split=split, judge=judge, on_rows=lambda: on_step("denoising")
    )
    on_step("intervals")
    return health_card(errors, scores, latent_dim=model.latent_dim, of_kind=network.measures)


def _tables(
    gathered: Gathered, metrics, card: Card, *, model: Model, dataset: Dataset, split: str
) -> dict:
    scores, table = gathered.scores(), gathered.table()
    labels = table["label"].to_pylist() if "label" in table.column_names else None
    return {
        "split": split,
        "rows": gathered.rows,
        "metrics": metrics,
        "card": card.rows,
        "percentiles": percentile_table(scores["mse"]),
        "labels": label_table(scores, labels, dataset.label_names) if labels else [],
        "worst": [{key: row[key] for key in ("id", "mse", "label")} for row in gathered.worst],
        "verdict": verdict_line(
            metrics, split=split, latent_dim=model.latent_dim, differences=card.differences
        ),
    }
