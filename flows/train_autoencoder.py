"""The flow that trains a model and evaluates it."""

from typing import Any

from prefect import flow

from aeflow.configs import PipelineConfig
from flows import recipes, tasks
from flows.outcome import Outcome

__all__ = ["STAGES", "train_autoencoder"]


@flow(
    name="train-autoencoder",
    flow_run_name="train {config.model.network.name}/{config.model.kind.name}",
    result_serializer="json",
)
def train_autoencoder(
    config: PipelineConfig, store: str, dataset: str | None = None
) -> dict[str, Any]:
    """Trains and evaluates a model.

    Args:
        config: What to train, on what and how.
        store: Where artifacts are kept.
        dataset: Key of a stored dataset; without one, the config's source is ingested.
    """
    return recipes.train_autoencoder(config, store, dataset, stages=STAGES).to_json()


def _as_subflow(config: PipelineConfig, store: str, dataset: str | None = None) -> Outcome:
    return Outcome.model_validate(train_autoencoder(config, store, dataset))


STAGES = recipes.Stages(
    ingest=tasks.ingest,
    train=tasks.train,
    evaluate=tasks.evaluate,
    encode=tasks.encode,
    publish=tasks.publish,
    drift=tasks.drift,
    compatibility=tasks.compatibility,
    gate=tasks.gate,
    promote=tasks.promote,
    point_features=tasks.point_features,
    train_autoencoder=_as_subflow,
)
"""The stages as tasks, for the flows in this folder."""
