"""The ingest stage: the rows of a source are split, validated and written as Arrow shards."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aeflow.artifacts import Dataset
from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Piece, Source, open_source
from aeflow.datasets.statistics import (
    ARRAYS_FILE,
    SCALARS_FILE,
    SplitStatistics,
    write_arrays,
    write_scalars,
)
from aeflow.errors import SourceError
from aeflow.lineage import Input
from aeflow.progress import OnProgress, Progress
from aeflow.schema import ExampleSchema
from aeflow.stages import Answered, Work, stage
from aeflow.stages.ingestion.growth import EarlierDataset, earlier_dataset
from aeflow.stages.ingestion.intake import Intake
from aeflow.stages.ingestion.portions import PORTIONS_FILE, Portion, write_portions
from aeflow.stages.ingestion.splits import Splits
from aeflow.stages.ingestion.validation import QUARANTINE_FILE, Validation
from aeflow.storage import Draft

__all__ = ["ingest"]

STAGE = "ingest"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Opened:
    source: Source
    pieces: Sequence[Piece]


def _ask(work: Work, config: IngestConfig) -> Work:
    """Opens the source, and makes its pieces the inputs of the question.

    The dataset gets the name in the config, or the name of the source if the config has none.
    """

    def on_wait(message: str) -> None:
        work.on_progress(Progress(STAGE, 0, 1, "source", message))

    source = open_source(config, on_wait=on_wait)
    _report_stores(source.skipped_stores, work.on_progress)
    pieces = source.pieces()
    if not any(piece.rows for piece in pieces):
        raise SourceError(f"The source '{config.source}' holds no rows. Give one with rows.")
    inputs = {p.name: Input(address=config.source, digest=p.digest) for p in pieces}
    changes = {"name": config.name or source.name, "inputs": inputs}
    return work.asking(work.question.model_copy(update=changes), _Opened(source, pieces))


@stage(Dataset, name=STAGE, version=2, run_name="ingest {config.source}", asking=_ask)
def ingest(work: Work, config: IngestConfig) -> Answered:
    """Prepares the dataset of a source.

    If a source has grown, only its new pieces are read. Unchanged pieces are reused from an earlier
    dataset of the same name: the one that shares most pieces with the source. The key depends on
    the content of the source and not on its location. If the source is not valid, the stage raises
    SourceError or ConfigError and leaves nothing in the store.
    """
    source, pieces = work.opened.source, work.opened.pieces
    earlier = earlier_dataset(work.question, work.store)
    total = sum(piece.rows for piece in pieces)
    validation, splits = Validation(config, total), Splits(pieces, config)
    intake = Intake(config, work.draft, splits=splits, validation=validation)
    old_pieces = _reusable_pieces(earlier, source, pieces, work.on_progress)
    done = 0

    def on_rows(count: int) -> None:
        nonlocal done
        done += count
        work.on_progress(Progress(STAGE, done, total, "row"))

    for piece in pieces:
        if earlier and piece.name in old_pieces and validation.takes(earlier.shape, earlier.dtype):
            intake.adopt(piece, earlier)
            on_rows(piece.rows)
        else:
            intake.read(source, piece, on_rows)
    _check_read(config, done, total)
    validation.check()
    statistics = intake.statistics()
    splits.check({split: of_split.count for split, of_split in statistics.items()})
    _write_tables(work.draft, validation, statistics, intake.portions)
    fields = {
        "name": work.question.name,
        "label_names": source.label_names,
        "example_schema": _schema(source, validation, statistics),
        "rows": {split: of_split.count for split, of_split in statistics.items()},
        "quarantined": validation.num_bad,
        "has_labels": intake.has_labels,
    }
    return Answered(fields)


def _report_stores(stores: Sequence[str], on_progress: OnProgress) -> None:
    """Reports, in the log and as progress, which stores inside the source folder are not read."""
    if stores:
        names = ", ".join(f"'{store}'" for store in stores)
        message = f"leaves out the store{'s' if len(stores) > 1 else ''} {names}"
        logger.info("ingest: %s", message)
        on_progress(Progress(STAGE, 0, 1, "source", message))


def _reusable_pieces(
    earlier: EarlierDataset | None, source: Source, pieces: Sequence[Piece], on_progress: OnProgress
) -> set[str]:
    """Returns the names of the pieces that the earlier dataset holds unchanged and undamaged."""
    piece_names: set[str] = set()
    if earlier is None or not earlier.fits(source, pieces):
        return piece_names
    for piece in pieces:
        on_progress(Progress(STAGE, 0, 1, "source", f"compares {piece.name}"))
        if earlier.has(piece) and earlier.is_sound(piece):
            piece_names.add(piece.name)
    logger.info("ingest: %d of %d pieces are in the store already", len(piece_names), len(pieces))
    return piece_names


def _check_read(config: IngestConfig, done: int, total: int) -> None:
    if done != total:
        raise SourceError(
            f"The source '{config.source}' announced {total} rows, but {done} were read. Run again "
            "if the source changed while it was read."
        )


def _write_tables(
    draft: Draft,
    validation: Validation,
    statistics: dict[str, SplitStatistics],
    portions: list[Portion],
) -> None:
    with draft.writing(QUARANTINE_FILE) as path:
        validation.write_quarantine(path)
    with draft.writing(SCALARS_FILE) as path:
        write_scalars(path, statistics)
    with draft.writing(ARRAYS_FILE) as path:
        write_arrays(path, statistics)
    with draft.writing(PORTIONS_FILE) as path:
        write_portions(path, portions)


def _schema(
    source: Source, validation: Validation, statistics: dict[str, SplitStatistics]
) -> ExampleSchema:
    is_bytes = validation.dtype == np.uint8
    train = statistics.get("train") or statistics["all"]
    value_range = source.value_range or ((0.0, 255.0) if is_bytes else _range_of(train))
    return ExampleSchema(
        shape=validation.shape,
        dtype="uint8" if is_bytes else "float32",
        value_range=value_range if len(validation.shape) == 3 else None,
        columns=source.columns,
    )


def _range_of(statistics: SplitStatistics) -> tuple[float, float]:
    """Guesses the possible range of float images from the statistics of the training rows."""
    for low, high in ((0.0, 1.0), (0.0, 255.0)):
        if low <= statistics.min and statistics.max <= high:
            return low, high
    return statistics.min, statistics.max
