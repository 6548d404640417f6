"""Encodes a group of shards: read, encode and write overlap, and each file appears whole."""

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Model
from aeflow.configs import EncodeConfig, RuntimeConfig
from aeflow.datasets.shards import Shard, open_shard
from aeflow.encoding.overlap import overlapped
from aeflow.features import FeatureRows, Footer, by_label, error_percentiles, write_features
from aeflow.models import Inference, load_model
from aeflow.models.inference import OnRows
from aeflow.storage import Draft, Store

__all__ = ["Piece", "ShardEncoder", "encode_group", "feature_files"]

FEATURE_FILE = re.compile(r"(split=[^/]+/)(?:label=-?\d+/)?(\d{5,}-)[0-9a-f]{8}\.parquet")


@dataclass(frozen=True)
class Piece:
    """Names one shard of a dataset."""

    split: str
    shard: str

    @property
    def start(self) -> str:
        """The name of its feature file, up to the digits of the file's SHA-256."""
        return f"split={self.split}/{self._number}-"

    def file(self, label: int | None, digest: str) -> str:
        """The name of its feature file, or of the one with its rows of a label."""
        folder = f"split={self.split}" + ("" if label is None else f"/label={label}")
        return f"{folder}/{self._number}-{digest[:8]}.parquet"

    @property
    def _number(self) -> str:
        return self.shard.removeprefix(f"{self.split}-").removesuffix(".arrow")


def feature_files(names: Iterable[str]) -> dict[str, list[str]]:
    """Returns those names that are of feature files, by their starts, which name the shard."""
    files: dict[str, list[str]] = {}
    for name in names:
        if match := FEATURE_FILE.fullmatch(name):
            files.setdefault(match[1] + match[2], []).append(name)
    return files


class ShardEncoder:
    """Turns shards into feature rows with one restored model."""

    def __init__(
        self, model: Model, config: EncodeConfig, store: Store, *, runtime: RuntimeConfig, cpu: str
    ):
        self._has_error = config.reconstruction_error
        self._inference = Inference.that_fits(
            load_model(model, store, cpu=cpu),
            model.example_schema,
            runtime.encode_batch_size,
            with_errors=self._has_error,
        )
        folder = store.reading(model, ["reference.parquet"])
        reference = pq.read_table(folder / "reference.parquet")["reconstruction_error"]
        self._reference = np.sort(reference.to_numpy())

    @property
    def batch_size(self) -> int:
        """The rows of one forward pass: as many as were asked for, fewer where memory is short."""
        return self._inference.batch_size

    def encode(self, shard: Shard, on_rows: OnRows) -> FeatureRows:
        """Returns a shard's features; `on_rows` hears of each batch."""
        if not self._has_error:
            latents = self._inference.latents(shard.features, on_rows)
            return FeatureRows(shard.ids, shard.labels, latents)
        encoded = self._inference.encode(shard.features, on_rows)
        percentiles = error_percentiles(encoded.errors, self._reference)
        return FeatureRows(shard.ids, shard.labels, encoded.latents, encoded.errors, percentiles)


def encode_group(
    pieces: Sequence[Piece],
    draft: Draft,
    *,
    encoder: ShardEncoder,
    config: EncodeConfig,
    store: Store,
    dataset: Dataset,
    identity: str,
    in_flight: int,
    on_rows: OnRows,
    on_shard: Callable[[Piece, int], None],
) -> None:
    """Encodes shards into a draft, at most `in_flight` held on either side of the encoder.

    `on_shard` hears of each that is written, and of its rows.
    """
    folder = store.reading(dataset, [piece.shard for piece in pieces])
    sources = {entry.name: entry.sha256 for entry in store.manifest(dataset.address).files}

    def read(piece: Piece) -> tuple[Piece, Shard]:
        return piece, open_shard(folder / piece.shard, dataset.example_schema)

    def work(piece_and_shard: tuple[Piece, Shard]) -> tuple[Piece, FeatureRows]:
        piece, shard = piece_and_shard
        return piece, encoder.encode(shard, on_rows)

    def write(piece_and_rows: tuple[Piece, FeatureRows]) -> tuple[Piece, int]:
        piece, rows = piece_and_rows
        footer = Footer(identity, rows.latents.shape[1], sources[piece.shard])
        for label, part in by_label(rows) if config.partition_by_label else [(None, rows)]:
            content = io.BytesIO()
            write_features(content, part, footer=footer, layout=config.layout)
            digest = hashlib.sha256(content.getbuffer()).hexdigest()
            with draft.writing(piece.file(label, digest)) as path:
                path.write_bytes(content.getbuffer())
        return piece, len(rows.ids)

    for written in overlapped(pieces, read=read, work=work, write=write, in_flight=in_flight):
        on_shard(*written)
