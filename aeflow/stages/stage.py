"""The declaration of a stage: a function whose parameters define the question that it answers.

A question is what a stage is asked to compute. The answer is the artifact that the stage makes.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from aeflow.artifacts import Artifact
from aeflow.configs.config import Config
from aeflow.lineage import Answered, Question
from aeflow.stages.work import Context, Work
from aeflow.storage import Draft

__all__ = ["Stage", "stage"]

P = ParamSpec("P")
A = TypeVar("A", bound=Artifact)


class Stage(Generic[P, A]):
    """Answers a question from the store, or calls a function if the store has no answer yet.

    The decorator `stage` declares a stage.

    `train(context, dataset, config, model_config=...)` returns the answer.
    `train.question(dataset, config, model_config=...)` returns the question.
    """

    def __init__(
        self,
        function: Callable[Concatenate[Work, P], Answered],
        answer_type: type[A],
        *,
        name: str,
        version: int,
        run_name: str,
        resumable: bool,
        inputs: Mapping[str, str | None],
        asking: Callable[Concatenate[Work, P], Work] | None,
        answer: Callable[Concatenate[Work, Callable[[], A], P], A] | None,
    ):
        self.name = name
        self.version = version
        self.run_name = run_name
        self.answer_type = answer_type
        self._function = function
        self._resumable = resumable
        self._inputs = inputs
        self._asking = asking
        self._answer = answer
        signature = inspect.signature(function, eval_str=True)
        parameters = list(signature.parameters.values())[1:]
        self.__signature__ = signature.replace(parameters=parameters, return_annotation=answer_type)
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__

    def __call__(self, context: Context, *args: P.args, **kwargs: P.kwargs) -> A:
        """Returns the answer from the context's store; computes it if it is not stored yet."""
        work = self.ask(context, *args, **kwargs)

        def make(draft: Draft) -> Answered:
            work_on_draft = work.within(draft)
            result = self._function(work_on_draft, *args, **kwargs)
            return Answered(result.fields, {**work_on_draft.recorded, **result.recorded})

        def answer() -> A:
            return work.store.answer(
                work.question,
                self.answer_type,
                make,
                resumable=self._resumable,
                on_progress=work.on_progress,
            )

        return self._answer(work, answer, *args, **kwargs) if self._answer else answer()

    def ask(self, context: Context, *args: P.args, **kwargs: P.kwargs) -> Work:
        """Returns the `Work` of a call, with the complete question, and computes no answer."""
        work = Work(self.question(*args, **kwargs), context)
        return self._asking(work, *args, **kwargs) if self._asking else work

    def question(self, *args: P.args, **kwargs: P.kwargs) -> Question:
        """Returns the question that the configs and artifacts among the arguments define.

        For `ingest` and `gate`, the question is not complete. Only `ask` adds what these stages
        look up: the content of the source, or damage in the files of the model.
        """
        configs, inputs = {}, {}
        for name, value in self.arguments(*args, **kwargs).items():
            hashed_name = self._inputs.get(name, name)
            if isinstance(value, Config):
                configs[type(value).__name__.removesuffix("Config").lower()] = value.hashed()
            elif isinstance(value, Artifact) and hashed_name:
                inputs[hashed_name] = value.reference
        return Question(
            stage=self.name,
            version=self.version,
            folder=self.answer_type.folder,
            configs=configs,
            inputs=inputs,
        )

    def arguments(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        """Returns the arguments by name, including the defaults of omitted arguments."""
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments


def stage(
    answer_type: type[A],
    *,
    name: str,
    version: int,
    run_name: str,
    resumable: bool = False,
    inputs: Mapping[str, str | None] | None = None,
    asking: Callable[Concatenate[Work, P], Work] | None = None,
    answer: Callable[Concatenate[Work, Callable[[], A], P], A] | None = None,
) -> Callable[[Callable[Concatenate[Work, P], Answered]], Stage[P, A]]:
    """Returns a decorator that turns a function into a stage.

    Args:
        answer_type: Type of the artifact that the function makes.
        name: Name of the stage. It is hashed.
        version: Version of the stage. It is hashed, so raise it if the answers change.
        run_name: Name of a run, with names of parameters in braces.
        resumable: Whether the draft of an interrupted run is kept and continued by the next run.
        inputs: Names that parameters have in the question, if these differ from the parameters'
            own names. None as a name leaves a parameter out of the question, because another
            parameter implies it.
        asking: Function that completes the question, if the arguments alone do not define it.
        answer: Function that is called instead of `Store.answer`, if only some of the processes
            that run the stage may write the answer.
    """

    def declare(function: Callable[Concatenate[Work, P], Answered]) -> Stage[P, A]:
        return Stage(
            function,
            answer_type,
            name=name,
            version=version,
            run_name=run_name,
            resumable=resumable,
            inputs=inputs or {},
            asking=asking,
            answer=answer,
        )

    return declare
