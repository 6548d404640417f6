"""The next runs of `retrain` that are scheduled, by the dataset that they retrain."""

from datetime import datetime

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from aeflow.datasets.sources import dataset_name
from flows.recipes.stored import absolute
from flows.server.announcing import parameters_of

__all__ = ["next_runs"]

SECONDS_TO_ANSWER = 5.0


def next_runs(store: str) -> dict[str, datetime]:
    """Returns the time of the next scheduled retraining of each dataset of a store, by its name.

    Raises an error of Prefect's client if the server does not answer within seconds.
    """
    flows = FlowFilter(name=FlowFilterName(any_=["retrain"]))
    is_scheduled = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client({"timeout": SECONDS_TO_ANSWER}, sync_client=True) as client,
    ):
        runs = client.read_flow_runs(
            flow_filter=flows,
            flow_run_filter=FlowRunFilter(state=is_scheduled),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        )
    first_runs = {run.deployment_id: run for run in reversed(runs)}
    times: dict[str, datetime] = {}
    for run in first_runs.values():
        parameters = parameters_of(run.parameters)
        if parameters and parameters[1] == absolute(store) and run.expected_start_time:
            name = dataset_name(parameters[0].ingest)
            times[name] = min(run.expected_start_time, times.get(name, run.expected_start_time))
    return times
