"""The encoding stage: plan the shards, encode those that are missing, assemble the feature set."""

import json
import logging
from functools import partial
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, FeatureSet, Model
from aeflow.configs import EncodeConfig, RuntimeConfig
from aeflow.datasets.shards import Shard, check_fits, open_shard, shard_names
from aeflow.encoding.delta import check_delta, write_log
from aeflow.encoding.earlier import adopt_features
from aeflow.encoding.group import Piece, ShardEncoder, encode_group, feature_files
from aeflow.encoding.spreading import Spread, grouped
from aeflow.errors import ConfigError, CorruptArtifact, IdentityMismatch
from aeflow.features import identity_in, label_of
from aeflow.lineage import Question
from aeflow.progress import OnProgress, Progress, is_logged, silent, with_deadline
from aeflow.runtime import prepare
from aeflow.storage import Draft, Store

__all__ = ["encode"]

MADE_BY = "_work/made_by.json"

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
    runtime = runtime.model_copy(update={"encode_batch_size": encoder.batch_size})
    pieces = _plan(dataset, store)
    new, finished = _left(pieces, question, draft, dataset=dataset, used=used, store=store)
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
    rows = _assemble(pieces, draft, model, dataset, store)
    if config.format == "delta":
        names = chain.from_iterable(feature_files(draft.finished()).values())
        write_log(draft, names, key=question.key, rows=sum(rows.values()))
    return {
        "identity": model.identity,
        "latent_dim": model.latent_dim,
        "layout": config.layout,
        "format": config.format,
        "rows": rows,
    }


def _plan(dataset: Dataset, store: Store) -> list[Piece]:
    """Lists the shards of all splits that hold rows, in order."""
    splits = [split for split, rows in dataset.rows.items() if rows]
    return [Piece(split, name) for split in splits for name in shard_names(dataset, split, store)]


def _left(
    pieces: list[Piece], question: Question, draft: Draft, *, dataset: Dataset, used, store: Store
) -> tuple[list[Piece], dict[Piece, int]]:
    """Returns the pieces that are to be encoded, and the rows of those that need not be."""
    _keep_what_is_alike(draft, {key: used[key] for key in ("device", "encode_batch_size")})
    finished = _finished(pieces, draft, dataset, store)
    if finished:
        logger.info("encode: goes on after %d of %d shards", len(finished), len(pieces))
    missing = [piece for piece in pieces if piece not in finished]
    new = adopt_features(question, missing, draft, runtime=used, store=store)
    if len(new) < len(missing):
        left = set(new)
        adopted = [piece for piece in missing if piece not in left]
        logger.info("encode: %d of %d shards are in the store already", len(adopted), len(pieces))
        finished |= _finished(adopted, draft, dataset, store)
    return new, finished


def _keep_what_is_alike(draft: Draft, made_by: dict) -> None:
    """Begins anew where another device or batch size has made what is finished."""
    if not draft.path(MADE_BY).exists() or json.loads(draft.path(MADE_BY).read_bytes()) != made_by:
        draft.clear()
        with draft.writing(MADE_BY) as path:
            path.write_text(json.dumps(made_by), "utf-8")


def _finished(
    pieces: list[Piece], draft: Draft, dataset: Dataset, store: Store
) -> dict[Piece, int]:
    """Returns the rows of the shards of which every row is in a feature file."""
    folder = store.reading(dataset, [piece.shard for piece in pieces])
    files = feature_files(draft.finished())
    finished = {}
    for piece in pieces:
        names = files.get(piece.start, [])
        rows = sum(pq.read_metadata(draft.path(name)).num_rows for name in names)
        if names and rows == open_shard(folder / piece.shard, dataset.example_schema).rows:
            finished[piece] = rows
    return finished


def _assemble(
    pieces: list[Piece], draft: Draft, model: Model, dataset: Dataset, store: Store
) -> dict[str, int]:
    """Checks that rows in are rows out, ids equal and one identity; returns rows by split."""
    _remove_doubles(draft)
    folder = store.reading(dataset, [piece.shard for piece in pieces])
    files = feature_files(draft.finished())
    rows = dict.fromkeys(dataset.rows, 0)
    for piece in pieces:
        shard = open_shard(folder / piece.shard, dataset.example_schema)
        counts = [_check(draft, name, shard, model, piece) for name in files[piece.start]]
        if sum(counts) != shard.rows:
            raise CorruptArtifact(
                f"There are features of {sum(counts)} rows of '{piece.shard}', which has "
                f"{shard.rows}. Delete the folder {draft.shown} and run again."
            )
        rows[piece.split] += shard.rows
        pa.default_memory_pool().release_unused()  # or what is kept grows with every file
    return rows


def _remove_doubles(draft: Draft) -> None:
    """Of two files with the same rows, drops one: on two kinds of CPU their bits may differ."""
    seen = set()
    for name in draft.finished():
        place = name.rpartition("-")[0]  # what follows are digits of the file's SHA-256
        if name.endswith(".parquet") and place in seen:
            draft.remove(name)
        seen.add(place)


def _check(draft: Draft, name: str, shard: Shard, model: Model, piece: Piece) -> int:
    """Checks one feature file against its shard; returns its rows."""
    path = draft.path(name)
    if identity_in(path) != model.identity:
        raise IdentityMismatch(
            f"'{path.name}' was made by {identity_in(path)[:16]}, not by "
            f"{model.identity[:16]}. Delete the folder {draft.shown} and run again."
        )
    label, expected = label_of(path), shard.ids
    if label is not None:
        expected = expected.filter(pa.array(np.asarray(shard.labels) == label))
    ids = pq.ParquetFile(path).read(columns=["id"], use_threads=False)["id"].combine_chunks()
    if not ids.equals(expected):
        raise CorruptArtifact(
            f"The ids in '{path.name}' are not those of '{piece.shard}'. Delete the folder "
            f"{draft.shown} and run again."
        )
    return len(ids)
