"""The encoding stage: plan the shards, encode those that are missing, assemble the feature set."""

import json
import logging
from functools import partial

import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, FeatureSet, Model
from aeflow.configs import EncodeConfig, RuntimeConfig
from aeflow.datasets.shards import check_fits, open_shard, shard_names
from aeflow.encoding.earlier import adopt_features
from aeflow.encoding.group import Piece, ShardEncoder, encode_group, feature_files
from aeflow.encoding.spreading import Spread, grouped
from aeflow.errors import CorruptArtifact, IdentityMismatch
from aeflow.features import identity_in
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
    """Encodes every row of a dataset into Parquet features, one file a shard.

    Shards that this model has encoded before, in an earlier feature set, are taken over from it.
    The others are encoded here, or by whomever `spread` gives them to: not a byte differs.
    Interrupted or killed, it leaves a draft with the finished files, from which the same call
    goes on. Raises ConfigError where the dataset does not fit the model, CorruptArtifact where
    the model is not what was committed.
    """
    question = Question(
        stage="encode",
        version=1,
        folder=FeatureSet.folder,
        configs={"encode": config.hashed()},
        inputs={"model": model.reference, "dataset": dataset.reference},
    )
    check_fits(model, dataset)
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
    pieces = _plan(dataset, store)
    missing = _missing(pieces, draft, {key: used[key] for key in ("device", "encode_batch_size")})
    new = adopt_features(question, missing, draft, runtime=used, store=store)
    if len(new) < len(missing):
        kept = len(missing) - len(new)
        logger.info("encode: %d of %d files are in the store already", kept, len(pieces))
    total = sum(dataset.rows.values())
    done, written = _rows_done(draft), len(pieces) - len(new)

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

    on_rows(0)
    if spread:
        groups = grouped(
            new,
            model=model,
            dataset=dataset,
            config=config,
            runtime=runtime,
            device=used["device"],
            draft=draft.share,
        )
        for rows_done in spread(groups):
            on_rows(rows_done)
    else:
        encode_group(
            new,
            draft,
            encoder=encoder,
            config=config,
            store=store,
            dataset=dataset,
            identity=model.identity,
            in_flight=runtime.shards_in_flight,
            on_rows=on_rows,
            on_shard=on_shard,
        )
    rows = _assemble(pieces, draft, model, dataset, store)
    return {
        "identity": model.identity,
        "latent_dim": model.latent_dim,
        "layout": config.layout,
        "rows": rows,
    }


def _plan(dataset: Dataset, store: Store) -> list[Piece]:
    """Lists the shards of all splits that hold rows, in order."""
    splits = [split for split, rows in dataset.rows.items() if rows]
    return [Piece(split, name) for split in splits for name in shard_names(dataset, split, store)]


def _missing(pieces: list[Piece], draft: Draft, made_by: dict) -> list[Piece]:
    """Lists the shards without a feature file; another device or batch size begins anew."""
    if not draft.path(MADE_BY).exists() or json.loads(draft.path(MADE_BY).read_bytes()) != made_by:
        draft.clear()
        with draft.writing(MADE_BY) as path:
            path.write_text(json.dumps(made_by), "utf-8")
    finished = feature_files(draft.finished())
    if finished:
        logger.info("encode: goes on after %d of %d files", len(finished), len(pieces))
    return [piece for piece in pieces if piece.start not in finished]


def _rows_done(draft: Draft) -> int:
    names = feature_files(draft.finished()).values()
    return sum(pq.read_metadata(draft.path(name)).num_rows for name in names)


def _assemble(
    pieces: list[Piece], draft: Draft, model: Model, dataset: Dataset, store: Store
) -> dict[str, int]:
    """Checks that rows in are rows out, ids equal and one identity; returns rows by split."""
    folder, files = store.locate(dataset), feature_files(draft.finished())
    for name in draft.finished():  # two CPUs may have given one shard two files, bits apart
        if name.endswith(".parquet") and name not in files.values():
            draft.remove(name)
    rows = dict.fromkeys(dataset.rows, 0)
    for piece in pieces:
        path = draft.path(files[piece.start])
        if identity_in(path) != model.identity:
            raise IdentityMismatch(
                f"'{path.name}' was made by {identity_in(path)[:16]}, not by "
                f"{model.identity[:16]}. Delete the folder {draft.folder} and run again."
            )
        expected = open_shard(folder / piece.shard, dataset.example_schema).ids
        ids = pq.read_table(path, columns=["id"])["id"].combine_chunks()
        if not ids.equals(expected):
            raise CorruptArtifact(
                f"The ids in '{path.name}' are not those of '{piece.shard}'. Delete the folder "
                f"{draft.folder} and run again."
            )
        rows[piece.split] += len(ids)
    return rows
