"""The place of training: the flow run itself, or the workers of a deployment."""

import time
from typing import Any, TypeVar, cast
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelling

from aeflow.artifacts import Artifact, Dataset, Evaluation, Model
from aeflow.compute.cluster import task_of
from aeflow.configs import PipelineConfig, RuntimeConfig
from aeflow.errors import AeflowError, ConfigError
from aeflow.lineage import Question
from aeflow.stages.evaluation import evaluate
from aeflow.stages.training import train
from aeflow.storage import Store
from flows.recipes.outcome import Evaluated
from flows.recipes.pipeline import ingest_ood
from flows.recipes.runner import Runner
from flows.recipes.stored import stored
from flows.server.cancelling import SERVER_TROUBLE, Cancellation
from flows.train_autoencoder import AsTasks

__all__ = ["OnWorkers", "runner_on"]

POLL_SECONDS = 1.0
RESCHEDULED_SECONDS = 60.0
"""The server's automation restarts a run within this time if the run's first attempt crashed."""

A = TypeVar("A", bound=Artifact)


def runner_on(train_on: str | None, store: str, runtime: RuntimeConfig) -> Runner:
    """Returns the runner of a flow, which trains on the deployment `train_on` if that is set."""
    return OnWorkers(store, runtime, train_on) if train_on else AsTasks(store, runtime)


class OnWorkers(AsTasks):
    """Trains on the workers of a deployment and runs every other stage as a task of this run."""

    def __init__(self, store: str, runtime: RuntimeConfig, deployment: str):
        super().__init__(store, runtime)
        self._deployment = deployment

    def train_autoencoder(self, config: PipelineConfig, dataset: str) -> Evaluated:
        """Starts a run that trains and evaluates a model, and returns its results from the store.

        The worker looks up the dataset first, so a worker that cannot read this store fails at
        once. Raises AeflowError if the run does not complete, and ConfigError if this store does
        not have the results of the run.
        """
        name, examples = self._deployment, stored(self.store, dataset, Dataset)
        ood = ingest_ood(examples, config, self)
        runs = _start_runs(name, config, self.store, dataset)
        run, state = _wait_for(runs, name)
        if not state.is_completed():
            name = f"'{name}'" + (f" on {runs[run]}" if runs[run] else "")
            reason = _one_line(state.message)
            raise AeflowError(f"The training run of {name} ended as {state.name}: {reason}")
        training = train.question(examples, config.train, model_config=config.model)
        model = self._answer(training, Model)
        evaluating = evaluate.question(model, config.evaluate, dataset=examples, ood=ood)
        evaluation = self._answer(evaluating, Evaluation)
        return Evaluated(dataset=examples, model=model, evaluation=evaluation)

    def _answer(self, question: Question, answer_type: type[A]) -> A:
        manifest = Store(self.store).find(question.address)
        if manifest is None:
            raise ConfigError(
                f"The worker of '{self._deployment}' does not write to the store {self.store}: the "
                f"training run completed, but the store does not have '{question.address}'. Use "
                "the same store and the same version of aeflow here and on the worker."
            )
        return answer_type.model_validate(manifest.artifact)


def _start_runs(
    deployment: str, config: PipelineConfig, store: str, dataset: str
) -> dict[UUID, str | None]:
    """Starts one run, or one run per machine of a cluster. Returns the machine of each run.

    Without a cluster, the machine is None. In a cluster, each run is put into the queue that has
    the name of its machine, because the worker on that machine polls this queue.
    """
    parameters = {"config": config.model_dump(mode="json"), "store": store, "dataset": dataset}
    machines = config.runtime.machines
    runs: dict[UUID, str | None] = {}
    try:
        for index, machine in enumerate(machines or [None]):
            placement: dict[str, Any] = {}
            if machine:
                task = {"env": {"TF_CONFIG": task_of(machines, index)}}
                host = machine.rpartition(":")[0]
                placement = {"work_queue_name": host, "job_variables": task}
            run = run_deployment(deployment, parameters=parameters, timeout=0, **placement)
            runs[cast(FlowRun, run).id] = machine  # no coroutine: this flow is not async
    except ObjectNotFound as error:
        raise ConfigError(
            f"There is no deployment '{deployment}' to train on. "
            "Create it with `python -m deployments.apply`, or leave out train_on."
        ) from error
    return runs


def _wait_for(runs: dict[UUID, str | None], deployment: str) -> tuple[UUID, State]:
    """Waits until the runs have ended, even if the server restarts meanwhile.

    Returns one run and its final state: the first run that ended without completing, or the first
    of all runs if all completed. The runs that are still active at the end are cancelled.
    """
    watched_runs = {run: _WatchedRun(run, deployment) for run in runs}
    cancellation = Cancellation()
    with get_client(sync_client=True) as client:
        try:
            while True:
                cancellation.check()
                states = {run: one.final_state(client) for run, one in watched_runs.items()}
                for run, state in states.items():
                    if state and (not state.is_completed() or all(states.values())):
                        return run, state
                time.sleep(POLL_SECONDS)
        finally:
            for one in watched_runs.values():
                one.cancel(client)


class _WatchedRun:
    """Represents a run that this flow run waits for."""

    def __init__(self, run: UUID, deployment: str):
        self._run = run
        self._deployment = deployment
        self._logged_state = self._crash_time = None
        self._state: State | None = None

    def final_state(self, client: SyncPrefectClient) -> State | None:
        """Returns the final state, or None while the run is active or may be restarted."""
        run = _read_run(client, self._run)
        state = run.state if run else None
        if run and state and state.is_final():
            self._crash_time = self._crash_time or time.monotonic()
            waited = time.monotonic() - self._crash_time
            if not _may_start_again(run) or waited > RESCHEDULED_SECONDS:
                self._state = state
        if state and state.name != self._logged_state:
            get_run_logger().info("%s: %s", self._deployment, state.name)
            self._logged_state = state.name
        return self._state

    def cancel(self, client: SyncPrefectClient) -> None:
        """Cancels a run that has not ended. The run keeps its checkpoint and frees its slot."""
        if self._state is None:
            _cancel_run(client, self._run)


def _may_start_again(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_crashed() and run.run_count == 1


def _read_run(client: SyncPrefectClient, run: UUID) -> FlowRun | None:
    """Reads a run from the server. Returns None while the server does not answer."""
    try:
        return client.read_flow_run(run)
    except ObjectNotFound as error:
        raise AeflowError(f"The training run {run} was deleted. Start this run again.") from error
    except SERVER_TROUBLE as error:
        get_run_logger().warning("cannot read the training run from the server: %s", error)
        return None


def _cancel_run(client: SyncPrefectClient, run: UUID) -> None:
    """Cancels a run that no other run waits for any more."""
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):  # this run is being stopped, too
            client.set_flow_run_state(
                run, Cancelling(message="The run that waited for this run was stopped.")
            )
    except SERVER_TROUBLE as error:
        get_run_logger().warning("cannot cancel the training run %s: %s", run, error)


def _one_line(message: str | None) -> str:
    return " ".join((message or "no reason was given").split())
