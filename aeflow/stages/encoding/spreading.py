"""Encoding beyond one process: groups of shards, each encoded by whoever takes it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Dataset, Model
from aeflow.compute.runtime import prepare
from aeflow.configs import EncodeConfig, RuntimeConfig
from aeflow.errors import ConfigError
from aeflow.stages.encoding.group import ShardEncoder, encode_group
from aeflow.stages.encoding.pieces import Piece
from aeflow.storage import Draft, Share, Store

__all__ = ["ShardGroup", "encode_shards", "grouped"]

MAX_GROUPS = 256
"""Groups at most: each is a task, which costs its scheduler some 20 ms."""


class ShardGroup(BaseModel):
    """Says which shards are to be encoded, by which model, into whose draft; it is plain JSON."""

    model_config = ConfigDict(frozen=True)

    model: Model
    dataset: Dataset
    config: EncodeConfig
    runtime: RuntimeConfig
    device: str
    pieces: tuple[Piece, ...]
    draft: Share

    @property
    def name(self) -> str:
        """What people see: the shards, or the first and the last of them."""
        first, last = self.pieces[0].shard, self.pieces[-1].shard
        return first if first == last else f"{first} to {last}"


def grouped(pieces: Sequence[Piece], **shared: Any) -> list[ShardGroup]:
    """Cuts shards into groups of neighbours, all of a size but the last."""
    size = -(-len(pieces) // MAX_GROUPS)
    return [
        ShardGroup(pieces=tuple(pieces[start : start + size]), **shared)
        for start in range(0, len(pieces), size or 1)
    ]


def encode_shards(group: ShardGroup, store: Store) -> int:
    """Encodes the shards of a group into the draft that its holder shares; returns the rows.

    Raises ConfigError where this process computes on another kind of device than the holder, and
    Interrupted where the holder is gone.
    """
    machine = prepare(group.runtime)
    if machine.device != group.device:
        raise ConfigError(
            f"A worker computes on {machine.device} what the run began on {group.device}; features "
            "never mix the two. Choose runtime.device = 'cpu', or workers that are alike."
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
            f"A worker has memory for batches of {encoder.batch_size} rows, not for those of "
            f"{group.runtime.encode_batch_size} that the run began with. Choose so many for "
            "runtime.encode_batch_size, or workers that are alike."
        )
    rows = 0

    def on_shard(piece: Piece, count: int) -> None:
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
    """Loads a model once for all groups that a process encodes with it; JSON can be compared."""
    return ShardEncoder(
        Model.model_validate_json(model),
        EncodeConfig.model_validate_json(config),
        Store(store),
        batch_size=batch_size,
        cpu=cpu,
    )
