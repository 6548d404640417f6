"""The encode stage: plans the shards, encodes missing shards and assembles the feature set."""

import json
import logging
from collections.abc import Iterable
from itertools import chain
from typing import Any

from aeflow.artifacts import Dataset, FeatureSet, Model
from aeflow.configs import EncodeConfig
from aeflow.datasets.shards import check_fits, shard_names
from aeflow.errors import ConfigError, CorruptArtifact, UnfitMachine
from aeflow.lineage import FileEntry
from aeflow.progress import Progress, is_logged
from aeflow.stages import Answered, Work, stage
from aeflow.stages.encoding.delta import check_delta, write_log
from aeflow.stages.encoding.earlier import adopt_features
from aeflow.stages.encoding.encoded_shards import EncodedShard, recorded
from aeflow.storage import Draft, Store
from aeflow.storage.disk.files import WORK

__all__ = ["encode"]

MADE_BY = f"{WORK}/made_by.json"

logger = logging.getLogger(__name__)


@stage(
    FeatureSet,
    name="encode",
    version=2,
    run_name="encode {dataset.name} {model.network}/{model.kind}",
    resumable=True,
)
def encode(work: Work, model: Model, config: EncodeConfig, *, dataset: Dataset) -> Answered:
    """Encodes every row of a dataset into Parquet files, one per shard, or per shard and label.

    If this model has encoded a shard for an earlier feature set, the files of the shard are reused.
    All other shards are encoded in this process, or in other processes if `work.context.spread` is
    set. The bytes are the same in every case. If the call is interrupted or killed, a draft with
    the finished files stays, and the same call resumes from this draft. Raises ConfigError if the
    dataset does not fit the model, or if the dataset has no labels to partition by. Raises
    CorruptArtifact if the model differs from what was committed.
    """
    from aeflow.stages.encoding.group import ShardEncoder, encode_group
    from aeflow.stages.encoding.spreading import grouped

    _check(work, model, config, dataset=dataset)
    encoder = ShardEncoder(
        model,
        config,
        work.store,
        batch_size=work.runtime.encode_batch_size,
        cpu=work.machine.cpu,
    )
    runtime = work.runtime.model_copy(update={"encode_batch_size": encoder.batch_size})
    shards = _plan(dataset, work.store)
    made_by = {"device": work.machine.device, "encode_batch_size": encoder.batch_size}
    new_shards, finished_rows = _resume(shards, work, made_by=made_by)
    count = _Count(work, dataset, num_shards=len(shards), finished_rows=finished_rows)
    count.add_rows(0)
    if work.context.spread:
        groups = grouped(
            new_shards,
            model=model,
            dataset=dataset,
            config=config,
            runtime=runtime,
            device=work.machine.device,
            draft=work.draft.share,
        )
        for rows_done in work.context.spread(groups):
            count.add_rows(rows_done)
    else:
        encode_group(
            new_shards,
            work.draft,
            encoder=encoder,
            config=config,
            store=work.store,
            dataset=dataset,
            identity=model.identity,
            in_flight=runtime.shards_in_flight,
            on_rows=count.add_rows,
            on_shard=count.add_shard,
        )
    files = _assemble(shards, work.draft, dataset)
    if config.format == "delta":
        write_log(work.draft, files, key=work.question.key)
    contents = {"identity": model.identity, "latent_dim": model.latent_dim, "rows": dataset.rows}
    options = {"layout": config.layout, "format": config.format}
    return Answered(contents | options, encoder.recorded)


class _Count:
    """Counts encoded rows and written shards, and reports them."""

    def __init__(
        self,
        work: Work,
        dataset: Dataset,
        *,
        num_shards: int,
        finished_rows: dict[EncodedShard, int],
    ):
        self._work = work
        self._total = sum(dataset.rows.values())
        self._num_shards = num_shards
        self._rows, self._shards = sum(finished_rows.values()), len(finished_rows)

    def add_rows(self, count: int) -> None:
        self._rows += count
        message = f"{self._shards} of {self._num_shards} shards"
        self._work.on_progress(Progress("encode", self._rows, self._total, "row", message))

    def add_shard(self, encoded_shard: EncodedShard, rows: int) -> None:
        self._shards += 1
        self.add_rows(0)
        if is_logged(self._shards, self._num_shards):
            logger.info(
                "encode: shard %d of %d, %s, %d rows",
                self._shards,
                self._num_shards,
                encoded_shard.shard,
                rows,
            )


def _check(work: Work, model: Model, config: EncodeConfig, *, dataset: Dataset) -> None:
    check_fits(model, dataset)
    if config.partition_by_label and not dataset.has_labels:
        raise ConfigError(
            f"The dataset '{dataset.name}' has no labels to partition by. Leave out "
            "partition_by_label, or ingest the dataset with its labels."
        )
    if config.format == "delta":
        check_delta()
    if work.runtime.dask and not work.context.spread:
        raise UnfitMachine("Dask can only encode in a Prefect flow run. Leave out --direct.")


def _plan(dataset: Dataset, store: Store) -> list[EncodedShard]:
    """Returns the shards of all splits that have rows, in order."""
    splits = [split for split, rows in dataset.rows.items() if rows]
    return [
        EncodedShard(split, name) for split in splits for name in shard_names(dataset, split, store)
    ]


def _resume(
    shards: list[EncodedShard], work: Work, *, made_by: dict[str, Any]
) -> tuple[list[EncodedShard], dict[EncodedShard, int]]:
    """Returns the shards that must be encoded, and the number of rows of each finished shard.

    The files of a finished shard were in the draft, or were adopted from an earlier feature set.
    """
    draft = work.draft
    _clear_if_made_differently(draft, made_by)
    files_by_shard = recorded(shards, draft, is_checked=True).items()
    finished_rows = {shard: _rows(files) for shard, files in files_by_shard}
    if finished_rows:
        logger.info("encode: resumes after %d of %d shards", len(finished_rows), len(shards))
    missing = [shard for shard in shards if shard not in finished_rows]
    adopted_files = adopt_features(missing, work, made_by=made_by | {"cpu": work.machine.cpu})
    if adopted_files:
        logger.info(
            "encode: %d of %d shards are already in the store", len(adopted_files), len(shards)
        )
        finished_rows |= {shard: _rows(files) for shard, files in adopted_files.items()}
    return [shard for shard in missing if shard not in adopted_files], finished_rows


def _clear_if_made_differently(draft: Draft, made_by: dict[str, Any]) -> None:
    """Empties the draft if its files were made with another device or batch size."""
    if not draft.path(MADE_BY).exists() or json.loads(draft.path(MADE_BY).read_bytes()) != made_by:
        draft.clear()
        with draft.writing(MADE_BY) as path:
            path.write_text(json.dumps(made_by), "utf-8")


def _assemble(shards: list[EncodedShard], draft: Draft, dataset: Dataset) -> list[FileEntry]:
    """Checks that every row was encoded, deletes stray files, and returns the feature files."""
    files_by_shard = recorded(shards, draft)
    files = list(chain.from_iterable(files_by_shard.values()))
    for split, expected_rows in dataset.rows.items():
        encoded_rows = sum(
            _rows(files_by_shard[s]) for s in shards if s.split == split and s in files_by_shard
        )
        if encoded_rows != expected_rows:
            raise CorruptArtifact(
                f"{encoded_rows} rows of the split '{split}' were encoded, but the split has "
                f"{expected_rows}. Delete the folder {draft.shown} and run again."
            )
    _remove_strays({entry.name for entry in files}, draft)
    draft.take_over(files)
    return files


def _remove_strays(listed_names: set[str], draft: Draft) -> None:
    """Deletes the files of a draft that no record lists.

    Such files exist if a shard was encoded twice, on two kinds of CPU with different results.
    """
    for name in draft.finished():
        if not name.startswith(f"{WORK}/") and name not in listed_names:
            draft.remove(name)


def _rows(files: Iterable[FileEntry]) -> int:
    return sum(entry.rows or 0 for entry in files)
