"""The line that a retraining run leaves among the nights of the store, however it ends."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from aeflow.artifacts import Dataset, Evaluation, Model
from aeflow.configs import PipelineConfig
from aeflow.datasets.sources import dataset_name
from aeflow.errors import AeflowError
from aeflow.registry.champions import history_of
from aeflow.registry.nights import Ending, Night, fixed_rows, newest_nights, record_night
from aeflow.stages.evaluation import evaluate
from aeflow.storage import Store
from flows.recipes.outcome import Retraining
from flows.recipes.runner import Runner
from flows.recipes.stored import stored
from flows.server.listening import stage_context

__all__ = ["with_night"]

Recipe = Callable[[PipelineConfig, Runner], Retraining]

logger = logging.getLogger(__name__)


def with_night(recipe: Recipe) -> Recipe:
    """Returns a recipe that also records its outcome, or the error that ended it, as a night."""

    @wraps(recipe)
    def run(config: PipelineConfig, runner: Runner) -> Retraining:
        this = _Run(config, runner)
        try:
            outcome = recipe(config, runner)
            measured = _measured(outcome, config, runner)
        except Exception as error:
            this.record_error("failed", str(error) or type(error).__name__)
            raise
        except BaseException:  # Ctrl-C, SIGTERM or a cancellation in the Prefect UI
            this.record_error("cancelled", "A person or a signal stopped the run.")
            raise
        this.record(_fields_of(outcome, config) | measured)
        return outcome

    return run


class _Run:
    """Represents a run of the recipe, which began when this object was made."""

    def __init__(self, config: PipelineConfig, runner: Runner):
        self._config = config
        self._runner = runner
        self._start = time.monotonic()

    def record(self, fields: dict[str, Any]) -> None:
        """Records a night with these fields and those of the run itself."""
        of_run = {
            "when": datetime.now(UTC),
            "run": self._runner.flow_run,
            "seconds": round(time.monotonic() - self._start, 3),
            "fresh": self._config.retrain.fresh,
        }
        record_night(Night.model_validate(fields | of_run), Store(self._runner.store))

    def record_error(self, outcome: Ending, reason: str) -> None:
        """Records that an error ended the run. If this fails, too, a warning is logged."""
        try:
            name = dataset_name(self._config.ingest)
            history = history_of(name, Store(self._runner.store))
            champion = history[-1].model if history else None
            fields = {"dataset": name, "outcome": outcome, "champion": champion}
            self.record(fields | {"reason": " ".join(reason.split())})
        except (AeflowError, OSError, ValueError) as error:
            logger.warning("the store has no line about this run: %s", error)


def _fields_of(outcome: Retraining, config: PipelineConfig) -> dict[str, Any]:
    """Returns the fields of a night that the outcome holds."""
    dataset, drift = outcome.dataset, outcome.drift
    return {
        "dataset": dataset.name if dataset else dataset_name(config.ingest),
        "outcome": outcome.outcome,
        "reason": outcome.reason,
        "champion": outcome.model.key if outcome.model else None,
        "challenger": outcome.challenger.key if outcome.challenger else None,
        "drifted": drift.drifted if drift else None,
        "smallest_p": drift.smallest_p if drift else None,
        "max_psi": drift.max_psi if drift else None,
        "data": dataset.address if dataset else None,
        "rows": sum(dataset.rows.values()) if dataset else None,
        "refused_rows": dataset.quarantined if dataset else None,
        "encoded_rows": sum(outcome.features.rows.values()) if outcome.features else None,
        "features": outcome.features.address if outcome.features else None,
    }


def _measured(outcome: Retraining, config: PipelineConfig, runner: Runner) -> dict[str, Any]:
    """Returns those fields of a night that compare this night with earlier ones."""
    evaluation, dataset, fixed = outcome.evaluation, outcome.dataset, None
    if outcome.model and dataset and evaluation:
        fixed = _on_fixed_rows(outcome.model, config, runner, dataset=dataset, fresh=evaluation)
    return {
        "split": evaluation.split if evaluation else None,
        **_errors(evaluation, ""),
        **_errors(fixed, "fixed_"),
        "new_rows": _new_rows(dataset, Store(runner.store)) if dataset else None,
    }


def _errors(evaluation: Evaluation | None, prefix: str) -> dict[str, float | None]:
    metrics = evaluation.metrics if evaluation else {}
    return {f"{prefix}{name}": metrics.get(name) for name in ("mse", "mse_pca")}


def _on_fixed_rows(
    model: Model, config: PipelineConfig, runner: Runner, *, dataset: Dataset, fresh: Evaluation
) -> Evaluation | None:
    """Evaluates the champion on the fixed rows, or returns None if that is not possible.

    The out-of-distribution rows are those of the fresh evaluation, so that the answer is in the
    store already if the champion is the first one.
    This is no task of its own, because its page would replace that of the evaluation on the rows of
    this night.
    """
    store = Store(runner.store)
    try:
        fixed = fixed_rows(dataset.name, store)
        if fixed is None:
            logger.warning("the dataset with the fixed rows of '%s' is not here", dataset.name)
        if fixed is None or fixed == dataset:
            return fresh if fixed else None
        reference = store.manifest(fresh.address).question.inputs.get("strangers")
        ood = stored(runner.store, reference.address, Dataset) if reference else None
        with stage_context(runner.store, runner.runtime) as context:
            return evaluate(context, model, config.evaluate, dataset=fixed, ood=ood)
    except (AeflowError, OSError) as error:
        logger.warning("the champion was not evaluated on the fixed rows: %s", error)
        return None


def _new_rows(dataset: Dataset, store: Store) -> int | None:
    """Counts the rows that the night before did not have; None if its dataset is not known."""
    from aeflow.datasets.new_rows import count_new_rows

    address = next((night.data for night in newest_nights(dataset.name, store) if night.data), None)
    try:
        earlier = store.find(address) if address else None
        if earlier is None:
            return None
        return count_new_rows(dataset, Dataset.model_validate(earlier.artifact), store)
    except (AeflowError, OSError) as error:
        logger.warning("the new rows of '%s' were not counted: %s", dataset.name, error)
        return None
