"""Prepares a dataset: rows from a source, split and validated, into Arrow shards."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from aeflow.artifacts import Dataset
from aeflow.configs import IngestConfig, RuntimeConfig
from aeflow.datasets.sources import Piece, Rows, Source, open_source
from aeflow.datasets.statistics import (
    ARRAYS_FILE,
    SCALARS_FILE,
    SplitStatistics,
    write_arrays,
    write_scalars,
)
from aeflow.errors import SourceError
from aeflow.ingestion.sharding import SplitWriter
from aeflow.ingestion.splits import Splits
from aeflow.ingestion.validation import QUARANTINE_FILE, Validation
from aeflow.lineage import Input, Question
from aeflow.progress import OnProgress, Progress, silent, with_deadline
from aeflow.schema import ExampleSchema
from aeflow.storage import Draft, Store

__all__ = ["ingest"]

STAGE = "ingest"
VERSION = 1


def ingest(
    config: IngestConfig,
    store: Store,
    *,
    runtime: RuntimeConfig = RuntimeConfig(),
    on_progress: OnProgress = silent,
) -> Dataset:
    """Returns the dataset of a source, prepared in the store: at once where it already is.

    The key follows from the content of the source, not from where it lies. Raises SourceError or
    ConfigError, and leaves nothing behind, where the source is not what it should be.
    """
    on_progress = with_deadline(on_progress, runtime.deadline_seconds)
    source = open_source(
        config, on_wait=lambda message: on_progress(Progress(STAGE, 0, 1, "source", message))
    )
    pieces = source.pieces()
    if not any(piece.rows for piece in pieces):
        raise SourceError(f"The source '{config.source}' holds no rows. Give one that has some.")
    question = Question(
        stage=STAGE,
        version=VERSION,
        folder=Dataset.folder,
        name=config.name or source.name,
        configs={STAGE: config.hashed()},
        inputs={p.name: Input(address=config.source, digest=p.digest) for p in pieces},
    )
    return store.answer(
        question,
        Dataset,
        lambda draft: {
            "name": question.name,
            "label_names": source.label_names,
            **_prepare(source, pieces, config, draft=draft, on_progress=on_progress),
        },
        runtime=runtime.model_dump(),
        on_progress=on_progress,
    )


def _prepare(
    source: Source,
    pieces: Sequence[Piece],
    config: IngestConfig,
    *,
    draft: Draft,
    on_progress: OnProgress,
) -> dict[str, Any]:
    """Writes shards, quarantine and statistics; returns what a Dataset says of them."""
    total = sum(piece.rows for piece in pieces)
    validation = Validation(config, total)
    splits = Splits(pieces, config)
    writers: dict[str, SplitWriter] = {}
    done = 0
    for piece in pieces:
        for rows in source.read(piece):
            assigned = splits.of(piece, rows.ids)
            good, features = validation.good(rows, assigned)
            for split in np.unique(assigned[good]):
                writer = writers.setdefault(split, SplitWriter(split, draft, config.shard_bytes))
                _add(writer, rows, good, features, assigned[good] == split)
            done += len(rows.ids)
            on_progress(Progress(STAGE, done, total, "row"))
        for writer in writers.values():
            writer.end_shard()
    _check_read(config, done, total)
    validation.check()
    statistics = {s: writers[s].statistics.result() for s in _in_order(writers)}
    splits.check({split: of_split.count for split, of_split in statistics.items()})
    _write_beside(draft, validation, statistics)
    return {
        "example_schema": _schema(source, validation, statistics),
        "rows": {split: of_split.count for split, of_split in statistics.items()},
        "quarantined": validation.num_bad,
        "has_labels": all(writer.has_labels for writer in writers.values()),
    }


def _add(
    writer: SplitWriter, rows: Rows, good: np.ndarray, features: np.ndarray, chosen: np.ndarray
) -> None:
    """Hands a split its own: of the good rows and their features, those that are `chosen`."""
    numbers = good[chosen]
    writer.add(
        ids=[rows.ids[row] for row in numbers.tolist()],
        features=features[chosen],
        labels=None if rows.labels is None else rows.labels[numbers],
    )


def _check_read(config: IngestConfig, done: int, total: int) -> None:
    if done != total:
        raise SourceError(
            f"'{config.source}' promised {total} rows and gave {done}. Was it changed meanwhile?"
        )


def _in_order(splits: Iterable[str]) -> list[str]:
    """Sorts train, validation and test before all others."""
    usual = {"train": 0, "validation": 1, "test": 2}
    return sorted(splits, key=lambda split: (usual.get(split, len(usual)), split))


def _write_beside(
    draft: Draft, validation: Validation, statistics: dict[str, SplitStatistics]
) -> None:
    with draft.writing(QUARANTINE_FILE) as path:
        validation.write_quarantine(path)
    with draft.writing(SCALARS_FILE) as path:
        write_scalars(path, statistics)
    with draft.writing(ARRAYS_FILE) as path:
        write_arrays(path, statistics)


def _schema(
    source: Source, validation: Validation, statistics: dict[str, SplitStatistics]
) -> ExampleSchema:
    is_bytes = validation.dtype == np.uint8
    fitted = statistics.get("train") or statistics["all"]
    known = source.value_range or ((0.0, 255.0) if is_bytes else _range_of(fitted))
    return ExampleSchema(
        shape=validation.shape,
        dtype="uint8" if is_bytes else "float32",
        value_range=known if len(validation.shape) == 3 else None,
        columns=source.columns,
    )


def _range_of(statistics: SplitStatistics) -> tuple[float, float]:
    """Guesses what the values of float images can be from what they are in training rows."""
    for low, high in ((0.0, 1.0), (0.0, 255.0)):
        if low <= statistics.min and statistics.max <= high:
            return low, high
    return statistics.min, statistics.max
