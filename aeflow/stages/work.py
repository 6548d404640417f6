"""What a stage works with: the store, the runtime, the machine and the draft of its answer."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from aeflow.compute.machine import Machine
from aeflow.configs import RuntimeConfig
from aeflow.lineage import Answered, Question
from aeflow.progress import OnProgress, silent, with_deadline
from aeflow.storage import Draft, Store

__all__ = ["Answered", "Context", "Work"]

Spread = Callable[[Sequence[Any]], Iterator[int]]
"""Encodes groups of shards in other processes.

At least once a second, the function yields the number of rows encoded since its last yield.
"""


@dataclass(frozen=True)
class Context:
    """Holds the store for a stage's answer, the runtime options and the progress callback.

    If `spread` is set, it encodes the shards in other processes.
    """

    store: Store
    runtime: RuntimeConfig = RuntimeConfig()
    on_progress: OnProgress = silent
    spread: Spread | None = None


class Work:
    """Holds one call of a stage: its question, its context and the draft of its answer."""

    def __init__(self, question: Question, context: Context):
        self.question = question
        self.context = context
        self.store = context.store
        self.runtime = context.runtime
        self.on_progress = with_deadline(context.on_progress, self.runtime.deadline_seconds)
        self.opened: Any = None
        self._draft: Draft | None = None

    @cached_property
    def machine(self) -> Machine:
        """The machine of this process. The first access imports TensorFlow and sets it up.

        Raises UnfitMachine if this process or machine cannot do what the runtime options require.
        """
        from aeflow.compute.runtime import prepare

        return prepare(self.runtime)

    @property
    def draft(self) -> Draft:
        """The draft of the answer, which the stage's function writes to."""
        if self._draft is None:
            raise RuntimeError(
                f"The stage '{self.question.stage}' has no draft now: it has one only while its "
                "function runs. Use the draft within that function."
            )
        return self._draft

    @property
    def recorded(self) -> dict[str, Any]:
        """What the manifest records: the runtime and, if it was used, the machine."""
        machine = asdict(self.machine) if "machine" in vars(self) else {}
        return self.runtime.model_dump(mode="json") | machine

    def asking(self, question: Question, opened: Any = None) -> "Work":
        """Returns a copy of this work with another question.

        `opened` is what was opened to form that question, such as a source.
        """
        return self._copy_with(question=question, opened=opened)

    def within(self, draft: Draft) -> "Work":
        """Returns a copy of this work with the draft of its answer."""
        return self._copy_with(_draft=draft)

    def heard_by(self, on_progress: OnProgress) -> "Work":
        """Returns a copy of this work with another progress callback."""
        return self._copy_with(on_progress=on_progress)

    def _copy_with(self, **attributes: Any) -> "Work":
        new_work = copy.copy(self)
        vars(new_work).update(attributes)
        return new_work
