"""The steps of the one-class protocol, run as Prefect tasks or as plain Python."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aeflow.artifacts import Dataset, Model
from aeflow.configs import PipelineConfig
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from flows.recipes.outcome import OneClass
from flows.recipes.runner import Runner
from flows.server.listening import stage_context

if TYPE_CHECKING:
    from aeflow.stages.evaluation.one_class import ClassScores

__all__ = ["one_class", "score_class"]


def score_class(
    model: Model, config: PipelineConfig, store: str, *, dataset: Dataset, label: int
) -> "ClassScores":
    """Scores the test rows of all labels with a model that was trained on one of them."""
    from aeflow.stages.evaluation import one_class

    with stage_context(store, config.runtime) as context:
        return one_class.score_class(model, dataset, context, label=label)


def one_class(
    config: PipelineConfig, runner: Runner, *, score: Callable[..., Any] = score_class
) -> OneClass:
    """Trains one model on the rows of each label, and scores all test rows with each model."""
    from aeflow.stages.evaluation.one_class import labels_of

    everything = runner.run(ingest, config.ingest)
    classes = []
    for label in labels_of(everything, Store(runner.store)):
        of_label = config.ingest.model_copy(update={"train_label": label})
        dataset = runner.run(ingest, of_label)
        model = runner.run(train, dataset, config.train, model_config=config.model)
        scores = score(model, config, runner.store, dataset=dataset, label=label)
        classes.append(scores.model_dump())
    return OneClass(dataset=everything, classes=classes)
