"""What need not be encoded again: shards that the same model has encoded before, byte for byte."""

import logging
from pathlib import PurePosixPath

from aeflow.artifacts import FeatureSet
from aeflow.datasets.shards import split_of
from aeflow.encoding.group import Piece, feature_files
from aeflow.errors import CorruptArtifact
from aeflow.features import label_of
from aeflow.lineage import Manifest, Question
from aeflow.storage import Draft, Store
from aeflow.storage.listing import manifests_of

__all__ = ["adopt_features"]

MADE_BY = ("device", "cpu", "encode_batch_size")
"""What of the runtime the bytes of features may depend on."""

DIGITS = len("01234567.parquet")
"""How long the end of a feature file's name is, which follows from its bytes alone."""

logger = logging.getLogger(__name__)


def adopt_features(
    question: Question, missing: list[Piece], draft: Draft, *, runtime: dict, store: Store
) -> list[Piece]:
    """Takes over the files of shards that earlier feature sets have; returns the pieces left.

    A file is taken over where model, config and runtime are the same and the shard has the same
    SHA-256. It saves work and changes no byte of the answer.
    """
    wanted = _shards(question, store)
    for manifest in _earlier(question, runtime, store):
        if not missing:
            break
        made = _made(manifest, store)
        files = {piece: made[wanted[piece]] for piece in missing if wanted[piece] in made}
        if files and _is_sound(manifest, [n for names in files.values() for n in names], store):
            for piece, names in files.items():
                for name in names:
                    adopted = piece.file(label_of(PurePosixPath(name)), name[-DIGITS:])
                    draft.adopt(adopted, f"{manifest.question.address}/{name}")
            missing = [piece for piece in missing if piece not in files]
    return missing


def _earlier(question: Question, runtime: dict, store: Store) -> list[Manifest]:
    """Lists the feature sets that the same model made in the same way, the newest first."""
    alike = [
        manifest
        for manifest in manifests_of(FeatureSet, store)
        if _asked(manifest.question) == _asked(question)
        and all(manifest.runtime.get(name) == runtime[name] for name in MADE_BY)
    ]
    return sorted(alike, key=lambda manifest: manifest.created, reverse=True)


def _asked(question: Question) -> tuple:
    return question.version, question.configs, question.inputs["model"].digest


def _shards(question: Question, store: Store) -> dict[Piece, str]:
    """Returns the SHA-256 of every shard of the dataset in a question; none where it is gone."""
    manifest = store.find(question.inputs["dataset"].address)
    entries = manifest.files if manifest else ()
    splits = {entry: split_of(entry.name) for entry in entries}
    return {Piece(split, entry.name): entry.sha256 for entry, split in splits.items() if split}


def _made(manifest: Manifest, store: Store) -> dict[str, list[str]]:
    """Names the files that a feature set has of each shard, by the shard's SHA-256."""
    files = feature_files(entry.name for entry in manifest.files)
    shards = _shards(manifest.question, store)
    return {sha256: files[piece.start] for piece, sha256 in shards.items() if piece.start in files}


def _is_sound(manifest: Manifest, names: list[str], store: Store) -> bool:
    try:
        store.reading(FeatureSet.model_validate(manifest.artifact), names)
    except (CorruptArtifact, OSError) as error:
        logger.warning("encode: encodes %d shards again: %s", len(names), error)
        return False
    return True
