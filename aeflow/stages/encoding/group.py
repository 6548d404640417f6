"""Encoding of a group of shards: reading, encoding and writing overlap; writes are atomic."""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import tee

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Model
from aeflow.compute.overlap import overlapped
from aeflow.configs import EncodeConfig
from aeflow.datasets.shards import Shard, open_shard
from aeflow.errors import CorruptArtifact
from aeflow.features.contract import (
    FeatureRows,
    Footer,
    by_label,
    error_percentiles,
    write_features,
)
from aeflow.lineage import FileEntry
from aeflow.models import Autoencoder, Inference, in_precision, load_model
from aeflow.models.deviation import refusing_in
from aeflow.models.golden import GOLDEN, golden_deviations
from aeflow.models.inference import OnRows
from aeflow.stages.encoding.encoded_shards import EncodedShard, record
from aeflow.storage import Draft, Store

__all__ = ["ShardEncoder", "encode_group"]


class ShardEncoder:
    """Encodes shards into feature rows with one loaded model."""

    def __init__(
        self, model: Model, config: EncodeConfig, store: Store, *, batch_size: int, cpu: str
    ):
        self._has_error = config.reconstruction_error
        self._latent_error: float | None = None
        network = load_model(model, store, cpu=cpu)
        fitted = partial(
            Inference.that_fits,
            schema=model.example_schema,
            batch_size=batch_size,
            with_errors=self._has_error,
        )
        if config.precision == "float32":
            self._inference = fitted(network)
        else:
            with refusing_in(config.precision, section="encode"):
                self._inference = fitted(
                    in_precision(network, model, store, precision=config.precision)
                )
                self._latent_error = self._checked_error(
                    network, model, store, precision=config.precision
                )
        folder = store.reading(model, ["reference.parquet"])
        reference = pq.read_table(folder / "reference.parquet")["reconstruction_error"]
        self._reference = np.sort(reference.to_numpy())

    def _checked_error(
        self, exact: Autoencoder, model: Model, store: Store, *, precision: str
    ) -> float:
        """Returns the deviation of the latents from float32 latents.

        Raises InexactPrecision if this deviation, or that of the reconstruction errors, is too
        large.
        """
        latents, *others = golden_deviations(
            store.reading(model, [GOLDEN]) / GOLDEN,
            self._inference,
            exact=exact,
            schema=model.example_schema,
            with_errors=self._has_error,
        )
        for deviation in (latents, *others):
            deviation.check(precision, section="encode")
        return latents.value

    @property
    def batch_size(self) -> int:
        """The number of rows in a forward pass: as configured, or fewer if memory is short."""
        return self._inference.batch_size

    @property
    def recorded(self) -> dict[str, float]:
        """The values for the manifest: the batch size, and the deviation of the latents.

        The deviation is left out if the precision is float32.
        """
        error = {} if self._latent_error is None else {"latent_error": self._latent_error}
        return {"encode_batch_size": self.batch_size, **error}

    def encode(self, shards: Iterable[Shard], on_rows: OnRows) -> Iterator[FeatureRows]:
        """Yields the feature rows of each shard, in order.

        `on_rows` is called after each batch with the number of its rows.
        """
        shards_to_read, shards_to_yield = tee(shards)
        features = (shard.features for shard in shards_to_read)
        if not self._has_error:
            each_latents = self._inference.latents_each(features, on_rows)
            for latents, shard in zip(each_latents, shards_to_yield, strict=True):
                yield FeatureRows(shard.ids, shard.labels, latents)
            return
        each_encoded = self._inference.encode_each(features, on_rows)
        for encoded, shard in zip(each_encoded, shards_to_yield, strict=True):
            percentiles = error_percentiles(encoded.errors, self._reference)
            yield FeatureRows(shard.ids, shard.labels, encoded.latents, encoded.errors, percentiles)


def encode_group(
    encoded_shards: Sequence[EncodedShard],
    draft: Draft,
    *,
    encoder: ShardEncoder,
    config: EncodeConfig,
    store: Store,
    dataset: Dataset,
    identity: str,
    in_flight: int,
    on_rows: OnRows,
    on_shard: Callable[[EncodedShard, int], None],
) -> None:
    """Encodes shards into feature files of a draft. Reading, encoding and writing overlap.

    At most `in_flight` shards are read ahead of the encoder, and at most as many wait to be
    written. `on_shard` is called with each written shard and the number of its rows.
    """
    folder = store.reading(dataset, [encoded_shard.shard for encoded_shard in encoded_shards])
    sources = {entry.name: entry.sha256 for entry in store.manifest(dataset.address).files}

    def read(encoded_shard: EncodedShard) -> Shard:
        return open_shard(folder / encoded_shard.shard, dataset.example_schema)

    def work(shards: Iterator[Shard]) -> Iterator[tuple[EncodedShard, FeatureRows]]:
        return zip(encoded_shards, encoder.encode(shards, on_rows), strict=True)

    def write(shard_and_rows: tuple[EncodedShard, FeatureRows]) -> tuple[EncodedShard, int]:
        encoded_shard, rows = shard_and_rows
        footer = Footer(identity, rows.latents.shape[1], sources[encoded_shard.shard])
        parts = by_label(rows) if config.partition_by_label else [(None, rows)]
        files = [
            _write(part, encoded_shard, label, draft, footer=footer, layout=config.layout)
            for label, part in parts
        ]
        _check_sum(files, len(rows.ids), encoded_shard)
        record(encoded_shard, files, draft)
        return encoded_shard, len(rows.ids)

    for shard_and_count in overlapped(
        encoded_shards, read=read, work=work, write=write, in_flight=in_flight
    ):
        on_shard(*shard_and_count)


def _write(
    rows: FeatureRows,
    encoded_shard: EncodedShard,
    label: int | None,
    draft: Draft,
    *,
    footer: Footer,
    layout: str,
) -> FileEntry:
    """Writes one feature file. Before that, reads the bytes back and compares the ids of rows."""
    buffer = io.BytesIO()
    write_features(buffer, rows, footer=footer, layout=layout)
    content = buffer.getbuffer()
    digest = hashlib.sha256(content).hexdigest()
    name = encoded_shard.file(label, digest)
    stored_rows = pq.ParquetFile(pa.BufferReader(content)).read(columns=["id"], use_threads=False)
    if not stored_rows["id"].combine_chunks().equals(rows.ids):
        raise CorruptArtifact(
            f"The ids in the feature file '{name}' are not those of the shard "
            f"'{encoded_shard.shard}'. Run again."
        )
    with draft.writing(name) as path:
        path.write_bytes(content)
    return FileEntry(name=name, size=len(content), sha256=digest, rows=len(rows.ids))


def _check_sum(files: Sequence[FileEntry], rows: int, encoded_shard: EncodedShard) -> None:
    written_rows = sum(entry.rows or 0 for entry in files)
    if written_rows != rows:
        raise CorruptArtifact(
            f"{written_rows} rows of the shard '{encoded_shard.shard}' were encoded, but the shard "
            f"has {rows}. Run again."
        )
