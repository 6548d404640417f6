"""What the one-class protocol does, in order: with tasks a Prefect flow, without them plain."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aeflow.artifacts import Dataset, Model
from aeflow.configs import PipelineConfig
from aeflow.storage import Store
from flows.listening import heard
from flows.outcome import OneClass
from flows.recipes import Stages
from flows.stored import absolute

if TYPE_CHECKING:
    from aeflow.evaluation import ClassScores

__all__ = ["one_class", "score_class"]


def score_class(
    model: Model, config: PipelineConfig, store: str, *, dataset: Dataset, label: int
) -> "ClassScores":
    """Scores test rows of all labels by a model that was trained on one."""
    from aeflow import evaluation

    with heard() as on_progress:
        return evaluation.score_class(
            model,
            dataset,
            Store(store),
            label=label,
            runtime=config.runtime,
            on_progress=on_progress,
        )


def one_class(
    config: PipelineConfig,
    store: str,
    *,
    stages: Stages,
    score: Callable[..., Any] = score_class,
) -> OneClass:
    """Trains a model on each label by itself, and scores test rows of all labels by it."""
    from aeflow.evaluation import labels_of

    store, runtime = absolute(store), config.runtime
    everything = stages.ingest(config.ingest, store, runtime=runtime)
    found = []
    for label in labels_of(everything, Store(store)):
        of_label = config.ingest.model_copy(update={"train_label": label})
        dataset = stages.ingest(of_label, store, runtime=runtime)
        model = stages.train(
            dataset, config.train, store, model_config=config.model, runtime=runtime
        )
        scores = score(model, config, store, dataset=dataset, label=label)
        found.append(scores.model_dump())
    return OneClass(dataset=everything, classes=found)
