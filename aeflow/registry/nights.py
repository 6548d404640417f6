"""Nights: one line in the store for each retraining run of a dataset, however the run ended."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal, NamedTuple
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from aeflow.artifacts import Dataset, Model
from aeflow.registry.champions import history_of
from aeflow.storage import Store
from aeflow.storage.disk.files import contained
from aeflow.storage.layout import NIGHTS
from aeflow.storage.protocol import content_of

__all__ = [
    "Ending",
    "Night",
    "Nights",
    "fixed_rows",
    "names_with_nights",
    "newest_nights",
    "nights_of",
    "record_night",
]

LINE = re.compile(r"\d{8}T\d{6}\.\d{6}Z-.+\.json")
"""The file name of a night: its time in UTC and its run, so that the names sort by time."""

Ending = Literal["promoted", "unchanged", "refused", "held", "failed", "cancelled"]


class Night(BaseModel):
    """Records one retraining run of a dataset name. What a run does not know is None.

    `when` is the end of the run, and `run` is the id of its flow run, or "" without Prefect. `data`
    and `features` are addresses, and `champion` and `challenger` are keys of models. `champion` is
    the champion at the end. `mse` and `mse_pca` are its error and that of PCA on the rows of this
    night, and `fixed_mse` and `fixed_mse_pca` on the fixed rows, which are the same in all nights.
    `new_rows` counts the rows that the night before did not have, `refused_rows` those in
    quarantine, and `encoded_rows` those of the features. `fresh` is the promised age, such as 26h.
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    when: datetime
    run: str = ""
    outcome: Ending
    reason: str
    seconds: float
    fresh: str | None = None
    champion: str | None = None
    challenger: str | None = None
    split: str | None = None
    mse: float | None = None
    mse_pca: float | None = None
    fixed_mse: float | None = None
    fixed_mse_pca: float | None = None
    drifted: bool | None = None
    smallest_p: float | None = None
    max_psi: float | None = None
    data: str | None = None
    rows: int | None = None
    new_rows: int | None = None
    refused_rows: int | None = None
    encoded_rows: int | None = None
    features: str | None = None

    @property
    def mse_ratio(self) -> float | None:
        """The error of the champion divided by that of PCA, on the rows of this night."""
        return _ratio(self.mse, self.mse_pca)

    @property
    def fixed_mse_ratio(self) -> float | None:
        """The error of the champion divided by that of PCA, on the fixed rows."""
        return _ratio(self.fixed_mse, self.fixed_mse_pca)


class Nights(NamedTuple):
    """Holds the nights of a dataset name, oldest first, and the number of damaged lines."""

    nights: list[Night]
    damaged: int


def record_night(night: Night, store: Store) -> None:
    """Writes a night as a file of its own, so that writers at the same time lose no line.

    A flow run that is started again writes a further line, because its work was done again.
    """
    when = f"{night.when.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
    name = f"{NIGHTS}/{night.dataset}/{when}-{night.run or uuid4().hex}.json"
    store.files.create(name, night.model_dump_json(indent=2).encode() + b"\n")


def nights_of(dataset_name: str, store: Store) -> Nights:
    """Returns all nights of a dataset name. Damaged lines are left out and counted."""
    lines = [*_newest_lines(dataset_name, store)]
    nights = [night for night in reversed(lines) if night]
    return Nights(nights, len(lines) - len(nights))


def newest_nights(dataset_name: str, store: Store) -> Iterator[Night]:
    """Yields the nights of a dataset name, newest first, and reads each one only then."""
    return (night for night in _newest_lines(dataset_name, store) if night)


def names_with_nights(store: Store) -> list[str]:
    """Lists the names of the datasets that have nights, sorted."""
    return store.files.folders(NIGHTS)


def fixed_rows(dataset_name: str, store: Store) -> Dataset | None:
    """Returns the dataset of the first champion, or None if there is none in the store.

    The champion of each night is evaluated on its rows, so that the errors of all nights can be
    compared.
    """
    history = history_of(dataset_name, store)
    model = store.find(f"{Model.folder}/{history[0].model}") if history else None
    dataset = store.find(model.question.inputs["dataset"].address) if model else None
    return Dataset.model_validate(dataset.artifact) if dataset else None


def _newest_lines(dataset_name: str, store: Store) -> Iterator[Night | None]:
    """Yields each line, newest first, and None for a damaged one.

    Raises ConfigError if the dataset name leads out of the store.
    """
    folder = f"{NIGHTS}/{dataset_name}"
    contained(store.root, folder)
    for name in filter(LINE.fullmatch, reversed(store.files.file_names(folder))):
        content = content_of(store.files, f"{folder}/{name}")
        try:
            yield None if content is None else Night.model_validate_json(content)
        except ValidationError:
            yield None


def _ratio(mse: float | None, mse_pca: float | None) -> float | None:
    return None if mse is None or not mse_pca else mse / mse_pca
