"""A stage as a Prefect task, with the name, the parameters and the run name of the stage.

The arguments of a task are JSON or artifacts. Each call creates the context of its stage, which
has an open store and a progress callback that reacts to signals.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from prefect import task
from prefect.tasks import Task

from aeflow.artifacts import Artifact
from aeflow.configs import RuntimeConfig
from aeflow.lineage import Question
from aeflow.stages import Stage
from flows.server.listening import stage_context
from flows.server.live import live_stage
from flows.server.retrying import HOUR, RETRIED

__all__ = ["StageCall", "task_of"]

A = TypeVar("A", bound=Artifact)
KEYWORD = partial(inspect.Parameter, kind=inspect.Parameter.KEYWORD_ONLY)
OWN = [KEYWORD("store", annotation=str), KEYWORD("runtime", annotation=RuntimeConfig)]
"""The parameters of each task in addition to those of its stage."""


@dataclass(frozen=True)
class StageCall(Generic[A]):
    """Holds the arguments that a task was called with."""

    stage: Stage[..., A]
    arguments: dict[str, Any]
    store: str
    runtime: RuntimeConfig

    def __getitem__(self, name: str) -> Any:
        """Returns an argument of the stage by its name."""
        return self.arguments[name]

    @property
    def question(self) -> Question:
        """The question that this call asks: the stage, its configs and its inputs."""
        return self.stage.question(**self.arguments)

    def having(self, **arguments: Any) -> "StageCall[A]":
        """Returns a copy of this call with some of its arguments replaced."""
        return replace(self, arguments=self.arguments | arguments)

    def answer(self, **options: Any) -> A:
        """Runs the stage and returns its answer. `options` are additional fields of `Context`."""
        with stage_context(self.store, self.runtime, **options) as context:
            return self.stage(context, **self.arguments)


def task_of(
    stage: Stage[..., A], *, tags: list[str], hours: float
) -> Callable[[Callable[[StageCall[A]], A]], Task[..., A]]:
    """Returns a decorator that turns a function of a `StageCall` into the Prefect task of a stage.

    Args:
        stage: The stage that the task runs.
        tags: Labels of the task in Prefect.
        hours: Timeout of an attempt, in hours.
    """

    def declare(body: Callable[[StageCall[A]], A]) -> Task[..., A]:
        signature = stage.__signature__
        parameters = [*signature.parameters.values(), *OWN]

        def run(*args: Any, store: str, runtime: RuntimeConfig, **kwargs: Any) -> A:
            arguments = stage.arguments(*args, **kwargs)
            with live_stage(stage.name):
                return body(StageCall(stage, arguments, store, runtime))

        vars(run)["__signature__"] = signature.replace(parameters=parameters)
        run.__name__, run.__qualname__ = body.__name__, body.__qualname__
        run.__module__, run.__doc__ = body.__module__, body.__doc__
        return task(
            name=stage.name,
            task_run_name=stage.run_name,
            tags=tags,
            timeout_seconds=hours * HOUR,
            **RETRIED,
        )(run)

    return declare
