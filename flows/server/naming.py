"""The name of a retraining run at its start, and the name and tags at its end."""

import re

from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from aeflow.configs import PipelineConfig
from flows.recipes.outcome import OUTCOMES, Retraining
from flows.server.cancelling import SERVER_TROUBLE

__all__ = ["run_name", "show_outcome"]

GENERATED = re.compile(r"[a-z]+-[a-z]+")
"""The form of a name that Prefect generates for a run, such as `celadon-dinosaur`."""
ENDED = re.compile(rf".+: ({'|'.join(OUTCOMES.values())})(, .+)?")
"""The form of a name that `show_outcome` gives. A run that is started again has such a name."""
TAG_LOOK = "look"
TAG_DATASET, TAG_OUTCOME = "dataset:", "outcome:"


def run_name() -> str:
    """Returns the first name of a run: its source and model, or the name that a person typed."""
    config = PipelineConfig.model_validate(flow_run.parameters["config"])
    return _unless_typed(flow_run.name or "", _first_name(config), config)


def show_outcome(outcome: Retraining, config: PipelineConfig) -> None:
    """Logs the outcome of this run, and puts it into the run's name and tags.

    A name that a person typed is kept. If the server is away, a warning is logged.
    """
    log = get_run_logger()
    dataset_name = outcome.dataset.name if outcome.dataset else config.ingest.source
    name = f"{dataset_name}: {outcome.summary()}"
    log.info("%s. %s", name, outcome.message())
    try:
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(flow_run.id)
            client.update_flow_run(
                run.id,
                name=_unless_typed(run.name, name, config),
                tags=_tags_of(outcome, dataset_name, before=run.tags),
            )
    except SERVER_TROUBLE as error:
        log.warning("the name and the tags of this run do not show its outcome: %s", error)


def _first_name(config: PipelineConfig) -> str:
    return f"{config.ingest.source} {config.model.network.name}/{config.model.kind.name}"


def _unless_typed(current: str, name: str, config: PipelineConfig) -> str:
    """Returns `name`, or the current name of the run if a person typed that one."""
    is_ours = current == _first_name(config) or ENDED.fullmatch(current)
    return name if is_ours or GENERATED.fullmatch(current) else current


def _tags_of(outcome: Retraining, dataset_name: str, *, before: list[str]) -> list[str]:
    """Returns the tags `before` with those of an earlier outcome replaced by those of this one."""
    others = [
        tag for tag in before if tag != TAG_LOOK and not tag.startswith((TAG_DATASET, TAG_OUTCOME))
    ]
    look = [TAG_LOOK] if outcome.needs_look else []
    return [*others, f"{TAG_DATASET}{dataset_name}", f"{TAG_OUTCOME}{outcome.outcome}", *look]
