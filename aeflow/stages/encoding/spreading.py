"""Distributed encoding: groups of shards that any process can encode into a shared draft."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Dataset, Model
from aeflow.compute.runtime import prepare
from aeflow.configs import EncodeConfig, RuntimeConfig
from aeflow.errors import ConfigError
from aeflow.stages.encoding.encoded_shards import EncodedShard
from aeflow.stages.encoding.group import ShardEncoder, encode_group
from aeflow.storage import Draft, Share, Store

__all__ = ["ShardGroup", "encode_shards", "grouped"]

MAX_GROUPS = 256
"""The largest number of groups. Each group is a task, which costs its scheduler about 20 ms."""


class ShardGroup(BaseModel):
    """Describes one encoding task as plain JSON: the shards, the model, the configs, the draft."""

    model_config = ConfigDict(frozen=True)

    model: Model
    dataset: Dataset
    config: EncodeConfig
    runtime: RuntimeConfig
    device: str
    pieces: tuple[EncodedShard, ...]  # the key in the JSON that workers read
    draft: Share

    @property
    def name(self) -> str:
        """The displayed name: the name of the shard, or of the first and the last shard."""
        first, last = self.pieces[0].shard, self.pieces[-1].shard
        return first if first == last else f"{first} to {last}"


def grouped(shards: Sequence[EncodedShard], **shared: Any) -> list[ShardGroup]:
    """Splits shards into groups of consecutive shards. All groups but the last have equal sizes.

    `shared` are the other fields of every group.
    """
    size = -(-len(shards) // MAX_GROUPS)
    return [
        ShardGroup(pieces=tuple(shards[start : start + size]), **shared)
        for start in range(0, len(shards), size or 1)
    ]


def encode_shards(group: ShardGroup, store: Store) -> int:
    """Encodes the shards of a group into the draft of another run. Returns the number of rows.

    Raises ConfigError if this process computes on another kind of device than the run that holds
    the draft, or if this process does not have enough memory for the batch size of that run. Raises
    Interrupted if that run no longer holds the draft.
    """
    machine = prepare(group.runtime)
    if machine.device != group.device:
        raise ConfigError(
            f"A worker computes on {machine.device} and the run began on {group.device}. A feature "
            "set never mixes the two. Choose runtime.device = 'cpu', or workers of one kind."
        )
    encoder = _encoder(
        group.model.model_dump_json(),
        group.config.model_dump_json(),
        store=store.url,
        batch_size=group.runtime.encode_batch_size,
        cpu=machine.cpu,
    )
    if encoder.batch_size != group.runtime.encode_batch_size:
        raise ConfigError(
            f"A worker has memory for batches of {encoder.batch_size} rows, but the run began with "
            f"batches of {group.runtime.encode_batch_size}. Set runtime.encode_batch_size to "
            f"{encoder.batch_size}, or use workers of one kind."
        )
    rows = 0

    def on_shard(shard: EncodedShard, count: int) -> None:
        nonlocal rows
        rows += count

    encode_group(
        group.pieces,
        Draft(store.files, group.draft),
        encoder=encoder,
        config=group.config,
        store=store,
        dataset=group.dataset,
        identity=group.model.identity,
        in_flight=group.runtime.shards_in_flight,
        on_rows=lambda count: None,
        on_shard=on_shard,
    )
    return rows


@lru_cache(maxsize=1)
def _encoder(model: str, config: str, *, store: str, batch_size: int, cpu: str) -> ShardEncoder:
    """Loads a model once for all groups in this process; the JSON arguments are the cache key."""
    return ShardEncoder(
        Model.model_validate_json(model),
        EncodeConfig.model_validate_json(config),
        Store(store),
        batch_size=batch_size,
        cpu=cpu,
    )
