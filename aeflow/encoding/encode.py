"""The encoding stage: plan the shards, encode those that are missing, assemble the feature set."""

import json
import logging
from collections.abc import Iterable
from functools import partial
from itertools import chain

from aeflow.artifacts import Dataset, FeatureSet, Model
from aeflow.configs import EncodeConfig, RuntimeConfig
from aeflow.datasets.shards import check_fits, shard_names
from aeflow.encoding.delta import check_delta, write_log
from aeflow.encoding.earlier import adopt_features
from aeflow.encoding.group import ShardEncoder, encode_group
from aeflow.encoding.pieces import Piece, recorded
from aeflow.encoding.spreading import Spread, grouped
from aeflow.errors import ConfigError, CorruptArtifact
from aeflow.lineage import FileEntry, Question
from aeflow.progress import OnProgress, Progress, is_logged, silent, with_deadline
from aeflow.runtime import prepare
from aeflow.storage import Draft, Store
from aeflow.storage.files import WORK

__all__ = ["encode"]

MADE_BY = f"{WORK}/made_by.json"

logger = logging.getLogger(__name__)


def encode(
    model: Model,
    config: EncodeConfig,
    store: Store,
    *,
    dataset: Dataset,
    runtime: RuntimeConfig = RuntimeConfig(),
    spread: Spread | None = None,
    on_progress: OnProgress = silent,
) -> FeatureSet:
    """Encodes every row of a dataset into Parquet features, one file a shard, or a shard and label.

    Shards that this model has encoded before, in an earlier feature set, are taken over from it.
    The others are encoded here, or by whomever `spread` gives them to: not a byte differs.
    Interrupted or killed, it leaves a draft with the finished files, from which the same call
    goes on. Raises ConfigError where the dataset does not fit the model or has not the labels to
    partition by, CorruptArtifact where the model is not what was committed.
    """
    question = Question(
        stage="encode",
        version=2,
        folder=FeatureSet.folder,
        configs={"encode": config.hashed()},
        inputs={"model": model.reference, "dataset": dataset.reference},
    )
    check_fits(model, dataset)
    if config.partition_by_label and not dataset.has_labels:
        raise ConfigError(
            f"The dataset '{dataset.name}' has no labels to partition by. Leave out "
            "partition_by_label, or ingest the dataset with its labels."
        )
    if config.format == "delta":
        check_delta()
    used = prepare(runtime)
    return store.answer(
        question,
        FeatureSet,
        partial(
            _encode,
            question=question,
            model=model,
            config=config,
            store=store,
            dataset=dataset,
            runtime=runtime,
            used=used,
            spread=spread,
            on_progress=with_deadline(on_progress, runtime.deadline_seconds),
        ),
        resumable=True,
        runtime=used,
        on_progress=on_progress,
    )


def _encode(
    draft: Draft, *, question, model, config, store, dataset, runtime, used, spread, on_progress
):
    encoder = ShardEncoder(model, config, store, runtime=runtime, cpu=used["cpu"])
    used["encode_batch_size"] = encoder.batch_size  # what the manifest records
    if config.precision != "float32":
        used["latent_error"] = encoder.latent_error
        logger.info("encode: %s, latents err by %.2g", config.precision, encoder.latent_error)
    runtime = runtime.model_copy(update={"encode_batch_size": encoder.batch_size})
    pieces = _plan(dataset, store)
    new, finished = _left(pieces, question, draft, used=used, store=store)
    total = sum(dataset.rows.values())
    done, written = sum(finished.values()), len(finished)

    def on_rows(count: int) -> None:
        nonlocal done
        done += count
        on_progress(Progress("encode", done, total, "row", f"{written} of {len(pieces)} shards"))

    def on_shard(piece: Piece, rows: int) -> None:
        nonlocal written
        written += 1
        on_rows(0)
        if is_logged(written, len(pieces)):
            logger.info(
                "encode: shard %d of %d, %s, %d rows", written, len(pieces), piece.shard, rows
            )

    asked = {"config": config, "dataset": dataset}
    on_rows(0)
    if spread:
        told = {"model": model, "runtime": runtime, "device": used["device"]}
        for rows_done in spread(grouped(new, draft=draft.share, **told, **asked)):
            on_rows(rows_done)
    else:
        encode_group(
            new,
            draft,
            encoder=encoder,
            store=store,
            identity=model.identity,
            in_flight=runtime.shards_in_flight,
            on_rows=on_rows,
            on_shard=on_shard,
            **asked,
        )
    files = _assemble(pieces, draft, dataset)
    if config.format == "delta":
        write_log(draft, files, key=question.key)
    return {
        "identity": model.identity,
        "latent_dim": model.latent_dim,
        "layout": config.layout,
        "format": config.format,
        "rows": dataset.rows,
    }


def _plan(dataset: Dataset, store: Store) -> list[Piece]:
    """Lists the shards of all splits that hold rows, in order."""
    splits = [split for split, rows in dataset.rows.items() if rows]
    return [Piece(split, name) for split in splits for name in shard_names(dataset, split, store)]


def _left(
    pieces: list[Piece], question: Question, draft: Draft, *, used: dict, store: Store
) -> tuple[list[Piece], dict[Piece, int]]:
    """Returns the pieces that are to be encoded, and the rows of those that need not be."""
    _keep_what_is_alike(draft, {key: used[key] for key in ("device", "encode_batch_size")})
    recordings = recorded(pieces, draft, is_checked=True).items()
    finished = {piece: _rows(files) for piece, files in recordings}
    if finished:
        logger.info("encode: goes on after %d of %d shards", len(finished), len(pieces))
    missing = [piece for piece in pieces if piece not in finished]
    adopted = adopt_features(question, missing, draft, runtime=used, store=store)
    if adopted:
        logger.info("encode: %d of %d shards are in the store already", len(adopted), len(pieces))
        finished |= {piece: _rows(files) for piece, files in adopted.items()}
    return [piece for piece in missing if piece not in adopted], finished


def _keep_what_is_alike(draft: Draft, made_by: dict) -> None:
    """Begins anew where another device or batch size has made what is finished."""
    if not draft.path(MADE_BY).exists() or json.loads(draft.path(MADE_BY).read_bytes()) != made_by:
        draft.clear()
        with draft.writing(MADE_BY) as path:
            path.write_text(json.dumps(made_by), "utf-8")


def _assemble(pieces: list[Piece], draft: Draft, dataset: Dataset) -> list[FileEntry]:
    """Checks that rows in are rows out; returns the files, of which there are no others then."""
    recordings = recorded(pieces, draft)
    files = list(chain.from_iterable(recordings.values()))
    for split, expected in dataset.rows.items():
        found = sum(_rows(recordings[p]) for p in pieces if p.split == split and p in recordings)
        if found != expected:
            raise CorruptArtifact(
                f"There are features of {found} rows of the split '{split}', which has "
                f"{expected}. Delete the folder {draft.shown} and run again."
            )
    _remove_strays({entry.name for entry in files}, draft)
    draft.take_over(files)
    return files


def _remove_strays(known: set[str], draft: Draft) -> None:
    """Drops a file whose rows stand in another: on two kinds of CPU their bits may differ."""
    for name in draft.finished():
        if not name.startswith(f"{WORK}/") and name not in known:
            draft.remove(name)


def _rows(files: Iterable[FileEntry]) -> int:
    return sum(entry.rows or 0 for entry in files)
