"""Events that a server's automations react to."""

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events import emit_event
from prefect.runtime import flow_run
from pydantic import ValidationError

from aeflow.artifacts import Dataset, Drift, Model
from aeflow.configs import PipelineConfig
from aeflow.errors import AeflowError
from flows.recipes.stored import absolute
from flows.server.cancelling import SERVER_TROUBLE

__all__ = ["DRIFTED", "FLOW_LABEL", "RETRAINING", "announce_drift", "parameters_of"]

DRIFTED = "drift.detected"
FLOW_LABEL = "aeflow.flow"
"""The label with the flow that measured drift. A retraining run must not start another one."""
RETRAINING = "retraining"
"""The role of the deployment that retrains, and the key of its parameters, in a drift event."""

NAMED = 100

logger = logging.getLogger(__name__)


def announce_drift(
    drift: Drift, *, model: Model, dataset: Dataset, starts_training: bool = True
) -> None:
    """Sends the server an event if a dataset drifted, with what retrains it. Never fails a run.

    If drift must not start a training, the event does not say what retrains the dataset.
    """
    if not drift.drifted:
        return
    retraining = _retraining_of(dataset) if starts_training else None
    related, parameters = [], {}
    if retraining:
        deployment = f"prefect.deployment.{retraining.deployment}"
        related = [{"prefect.resource.id": deployment, "prefect.resource.role": RETRAINING}]
        parameters = {RETRAINING: retraining.parameters}
    emit_event(
        DRIFTED,
        resource={
            "prefect.resource.id": f"aeflow.dataset.{dataset.name}",
            "prefect.resource.name": dataset.name,
            FLOW_LABEL: flow_run.flow_name or "",
        },
        related=related,
        payload={
            "dataset": dataset.name,
            "dataset_key": dataset.key,
            "model": model.key,
            "drift": drift.key,
            # The size of an event is limited, and there may be tens of thousands of columns.
            "columns": list(drift.columns[:NAMED]),
            "num_columns": len(drift.columns),
            "p": drift.smallest_p,
            "rows": drift.rows,
            **parameters,
        },
    )


@dataclass(frozen=True)
class _Retraining:
    """Names a deployment of `retrain`, with the config and the store that retrain a dataset."""

    deployment: UUID
    parameters: dict[str, Any]


def _retraining_of(dataset: Dataset) -> _Retraining | None:
    """Returns what retrains the dataset that this flow run measured, or None if nothing can.

    This is the deployment for the dataset and the store, with its own parameters. If there is none,
    it is the first deployment of `retrain`, with the config and the store of this run.
    """
    parameters_here = parameters_of(flow_run.parameters)
    if parameters_here is None:
        return None
    try:
        deployments = _deployments()
    except SERVER_TROUBLE as error:
        logger.warning("drift: cannot read the deployments of retrain from the server: %s", error)
        return None
    for deployment in deployments:
        deployed = parameters_of(deployment.parameters)
        if deployed and _retrains(dataset, deployed, parameters_here):
            return _Retraining(deployment.id, deployment.parameters)
    if not deployments:
        return None
    config, store = parameters_here
    parameters = {"config": config.model_dump(mode="json", exclude_unset=True), "store": store}
    return _Retraining(deployments[0].id, parameters)


def _deployments() -> list[DeploymentResponse]:
    with get_client(sync_client=True) as client:
        flows = FlowFilter(name=FlowFilterName(any_=["retrain"]))
        return sorted(client.read_deployments(flow_filter=flows), key=lambda one: one.name)


Parameters = tuple[PipelineConfig, str]
"""A config and a store."""


def parameters_of(parameters: dict[str, Any]) -> Parameters | None:
    """Returns the config and the store among the parameters of a run, or None if they are none."""
    try:
        config = PipelineConfig.model_validate(parameters["config"])
        return config, absolute(parameters["store"])
    except (KeyError, ValidationError, AeflowError):
        return None


def _retrains(dataset: Dataset, deployed: Parameters, here: Parameters) -> bool:
    """Returns whether a deployment's parameters are for the dataset, by its name or its source."""
    (config, store), (config_here, store_here) = deployed, here
    if store != store_here:
        return False
    if config.ingest.name or config_here.ingest.name:
        return config.ingest.name == dataset.name
    return config.ingest.source == config_here.ingest.source
