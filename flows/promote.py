"""The flow by which a person promotes a model, such as one that is held because data drifted."""

from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from aeflow.configs import RuntimeConfig
from flows.recipes import champions as recipe
from flows.train_autoencoder import AsTasks

__all__ = ["promote"]


@flow(name="promote", flow_run_name="promote {model}", result_serializer="json")
def promote(model: str, reason: str, store: str) -> dict[str, Any]:
    """Makes a model the champion of its dataset if it passes the gate.

    The features address of the dataset, if it has one, points at the features of the model. The
    history of champions names this run and the reason.

    Args:
        model: Key of the model, as in the message of the run that held it.
        reason: Why the model is promoted.
        store: Folder or URL of the artifact store.
    """
    runner = AsTasks(store, RuntimeConfig())
    entry = recipe.promote_key(model, runner, run=str(flow_run.id), reason=reason)
    return entry.model_dump(mode="json")
