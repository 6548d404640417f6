"""Reuse of feature files that the same model computed earlier from a shard with the same bytes."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from aeflow.artifacts import FeatureSet
from aeflow.datasets.shards import split_of
from aeflow.features.contract import label_of
from aeflow.lineage import FileEntry, Manifest, Question
from aeflow.stages import Work
from aeflow.stages.encoding.encoded_shards import EncodedShard, feature_files, record
from aeflow.storage import Draft, Store
from aeflow.storage.listing import manifests_of

__all__ = ["adopt_features"]

DIGITS = len("01234567.parquet")
"""The length of the end of a feature file's name: eight digits of the SHA-256 and the suffix."""

IN_FLIGHT = 8

logger = logging.getLogger(__name__)


def adopt_features(
    missing: list[EncodedShard], work: Work, *, made_by: Mapping[str, Any]
) -> dict[EncodedShard, list[FileEntry]]:
    """Adds the files of missing shards to the draft, if an earlier feature set has these files.

    Returns the adopted files by shard. A file is adopted if the model and the config are the same,
    if the file was made with the same device, cpu and encode_batch_size, and if the shard has the
    same SHA-256. Adopting a file saves work and changes no byte of the feature set.
    """
    question, store = work.question, work.store
    digests = _digests(question, store)
    adopted: dict[EncodedShard, list[FileEntry]] = {}
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="adopt") as pool:
        for manifest in _earlier_manifests(question, made_by, store):
            if len(adopted) == len(missing):
                break
            earlier_files = _files_by_digest(manifest, store)
            reusable = [s for s in missing if s not in adopted and digests[s] in earlier_files]
            adopt = partial(_adopt, address=manifest.question.address, draft=work.draft)
            adopted_files = pool.map(
                adopt, reusable, [earlier_files[digests[shard]] for shard in reusable]
            )
            adopted |= {
                shard: files for shard, files in zip(reusable, adopted_files, strict=True) if files
            }
    return adopted


def _adopt(
    encoded_shard: EncodedShard, files: list[FileEntry], *, address: str, draft: Draft
) -> list[FileEntry]:
    """Adopts all files of a shard and returns their entries.

    If one of the files differs from what was committed, adopts no file and returns [].
    """
    for entry in files:
        if not draft.files.holds(f"{address}/{entry.name}", entry):
            shown = draft.files.shown(f"{address}/{entry.name}")
            logger.warning(
                "encode: '%s' is damaged, so %s is encoded again", shown, encoded_shard.shard
            )
            return []
    adopted_entries = []
    for entry in files:
        name = encoded_shard.file(label_of(PurePosixPath(entry.name)), entry.name[-DIGITS:])
        draft.adopt(name, f"{address}/{entry.name}")
        adopted_entries.append(entry.model_copy(update={"name": name}))
    record(encoded_shard, adopted_entries, draft)
    return adopted_entries


def _earlier_manifests(
    question: Question, made_by: Mapping[str, Any], store: Store
) -> list[Manifest]:
    """Returns the manifests of feature sets with this model, config and `made_by`, newest first."""
    manifests = [
        manifest
        for manifest in manifests_of(FeatureSet, store)
        if _encoder_of(manifest.question) == _encoder_of(question)
        and all(manifest.runtime.get(name) == value for name, value in made_by.items())
    ]
    return sorted(manifests, key=lambda manifest: manifest.created, reverse=True)


def _encoder_of(question: Question) -> tuple:
    return question.version, question.configs, question.inputs["model"].digest


def _digests(question: Question, store: Store) -> dict[EncodedShard, str]:
    """Returns the SHA-256 of each shard of a question's dataset, or {} if the dataset is gone."""
    manifest = store.find(question.inputs["dataset"].address)
    entries = manifest.files if manifest else ()
    splits = {entry: split_of(entry.name) for entry in entries}
    return {
        EncodedShard(split, entry.name): entry.sha256 for entry, split in splits.items() if split
    }


def _files_by_digest(manifest: Manifest, store: Store) -> dict[str, list[FileEntry]]:
    """Returns the files of a feature set, grouped by the SHA-256 of the shard they encode."""
    store.manifest(manifest.question.address)  # records that it is used, so that prune keeps it
    files = feature_files(entry for entry in manifest.files if entry.rows is not None)
    digests = _digests(manifest.question, store)
    return {sha256: files[shard.start] for shard, sha256 in digests.items() if shard.start in files}
