"""Where training runs: in the run that asks for it, or on the workers of a deployment."""

import time
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelling

from aeflow.artifacts import Artifact, Dataset, Evaluation, Model
from aeflow.configs import PipelineConfig
from aeflow.errors import AeflowError, ConfigError
from aeflow.lineage import Question
from aeflow.storage import Store
from flows.cancelling import SERVER_TROUBLE, Cancellation
from flows.outcome import Outcome
from flows.recipes import Stages
from flows.stored import stored
from flows.train_autoencoder import STAGES

__all__ = ["stages_on"]

POLL_SECONDS = 1.0
RESCHEDULED_SECONDS = 60.0
"""By then the server's automation has started a run again that crashed in its first attempt."""

A = TypeVar("A", bound=Artifact)


def stages_on(train_on: str | None) -> Stages:
    """Returns the stages as tasks, with training on the workers of a deployment if one is named."""
    if train_on is None:
        return STAGES
    return replace(STAGES, train_autoencoder=partial(_train_on, train_on))


def _train_on(deployment: str, config: PipelineConfig, store: str, dataset: str) -> Outcome:
    """Lets a worker train and evaluate; its answer is what then stands in the store.

    The worker looks for the dataset first, so one that cannot read this store fails at once.
    """
    run = _started(deployment, config, store, dataset)
    state = _ended(run, deployment)
    if not state.is_completed():
        raise AeflowError(f"'{deployment}' ended as {state.name}: {_one_line(state.message)}")
    return _answers(deployment, config, store, dataset)


def _started(deployment: str, config: PipelineConfig, store: str, dataset: str) -> UUID:
    parameters = {"config": config.model_dump(mode="json"), "store": store, "dataset": dataset}
    try:
        run = run_deployment(deployment, parameters=parameters, timeout=0)
    except ObjectNotFound as error:
        raise ConfigError(
            f"There is no deployment '{deployment}' to train on. "
            "Make it with `python -m deployments.apply`, or leave train_on out."
        ) from error
    return cast(FlowRun, run).id  # the flow is not async, so it is no coroutine


def _ended(run: UUID, deployment: str) -> State:
    """Waits for a run to end, over a restart of the server too; who stops waiting cancels it."""
    said = crashed = None
    cancellation = Cancellation()
    with get_client(sync_client=True) as client:
        try:
            while True:
                cancellation.check()
                found = _found(client, run)
                state = found.state if found else None
                if found and state and state.is_final():
                    crashed = crashed or time.monotonic()
                    waited = time.monotonic() - crashed
                    if not _may_start_again(found) or waited > RESCHEDULED_SECONDS:
                        return state
                if state and state.name != said:
                    get_run_logger().info("%s: %s", deployment, state.name)
                    said = state.name
                time.sleep(POLL_SECONDS)
        except BaseException:
            _cancel(client, run)
            raise


def _may_start_again(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_crashed() and run.run_count == 1


def _found(client: SyncPrefectClient, run: UUID) -> FlowRun | None:
    """Returns a run as the server knows it, None while that does not answer."""
    try:
        return client.read_flow_run(run)
    except ObjectNotFound as error:
        raise AeflowError(f"The run {run} that trains was deleted. Run this again.") from error
    except SERVER_TROUBLE as error:
        get_run_logger().warning("the server was not asked about the run that trains: %s", error)
        return None


def _cancel(client: SyncPrefectClient, run: UUID) -> None:
    """Stops a run for which nobody waits: it keeps a checkpoint, and its slot is free again."""
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):  # we are being stopped ourselves
            client.set_flow_run_state(run, Cancelling(message="The run that waited was stopped."))
    except SERVER_TROUBLE as error:
        get_run_logger().warning("the run %s that trains was not cancelled: %s", run, error)


def _answers(deployment: str, config: PipelineConfig, store: str, dataset: str) -> Outcome:
    from aeflow.evaluation import evaluation_question
    from aeflow.training import training_question

    examples = stored(store, dataset, Dataset)
    asked = training_question(examples, config.train, config.model)
    model = _answer(deployment, asked, store, Model)
    judged = evaluation_question(model, config.evaluate, examples)
    evaluation = _answer(deployment, judged, store, Evaluation)
    return Outcome(dataset=examples, model=model, evaluation=evaluation)


def _answer(deployment: str, question: Question, store: str, answer_type: type[A]) -> A:
    manifest = Store(store).find(question.address)
    if manifest is None:
        raise ConfigError(
            f"The worker of '{deployment}' does not write to the store {store}: its run completed "
            f"and '{question.address}' is not there. Give both one store and one version of aeflow."
        )
    return answer_type.model_validate(manifest.artifact)


def _one_line(message: str | None) -> str:
    return " ".join((message or "no reason was given").split())
