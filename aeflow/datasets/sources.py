"""The protocol of a data source, and the table of all sources."""

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Protocol

import numpy as np

from aeflow.configs.ingest import (
    ADDRESSES,
    FORMS,
    ImageOptions,
    IngestConfig,
    TableOptions,
    TfdsOptions,
)
from aeflow.errors import AeflowError, ConfigError

__all__ = [
    "BLOCK_BYTES",
    "CHOICES",
    "OPTIONS",
    "SOURCES",
    "Features",
    "OnWait",
    "Piece",
    "Rows",
    "Source",
    "Undecodable",
    "block_rows",
    "check_source",
    "clean_name",
    "dataset_name",
    "derived_ids",
    "open_source",
    "waits_silently",
]

SOURCES = {
    "digits": "aeflow.datasets.digits:Digits",
    "tfds": "aeflow.datasets.tfds:Tfds",
    "idx": "aeflow.datasets.idx:Idx",
    "npz": "aeflow.datasets.npz:Npz",
    "images": "aeflow.datasets.images:Images",
    "parquet": "aeflow.datasets.parquet:Parquet",
    "csv": "aeflow.datasets.csv:Csv",
    "arrow": "aeflow.datasets.arrow:Arrow",
}
"""The class of each source, as `module:name`; the module is imported when it is first used."""

SHORT = {"mnist": "tfds:mnist", "fashion_mnist": "tfds:fashion_mnist"}
CHOICES = ", ".join((*ADDRESSES[:1], *SHORT, *ADDRESSES[1:]))
"""All ways to write a source, for messages and help."""

OPTIONS = {
    option: tuple(name for name, form in FORMS.items() if sort in form.options)
    for sort in (TableOptions, ImageOptions, TfdsOptions)
    for option in sort.model_fields
}
"""The options that only some sources use, with the names of these sources."""

GLOB = re.compile(r"[*?[]")
ANSWER_KEY = re.compile(r"-[0-9a-f]{16}$")
NAMELESS = {"npz": "npz", "idx": "idx", "tfds": "tfds"}
"""The name of a dataset whose address holds no letter or digit; `table` for other sources."""

BLOCK_BYTES = 4 * 2**20
"""Bytes of features that a source reads at once."""

OnWait = Callable[[str], None]
"""Called with a message, at least once a second during a wait; if it raises, the wait ends."""


def waits_silently(message: str) -> None:
    """Ignores the message, for callers that show no progress."""


@dataclass(frozen=True)
class Piece:
    """Describes a part of a source, such as a file: name, content digest, split and row count.

    If `split` is None, the rows of the piece are assigned to splits.
    """

    name: str
    digest: str
    split: str | None
    rows: int


@dataclass(frozen=True)
class Undecodable:
    """Replaces an example that could not be decoded, and gives the reason."""

    reason: str


Features = np.ndarray | Sequence[np.ndarray | Undecodable]
"""One array [N, *shape], or a sequence of N examples if shapes may differ or decoding may fail."""


@dataclass(frozen=True)
class Rows:
    """Holds a block of rows: ids [N], features of N examples, labels [N] of int64 or None."""

    ids: list[str]
    features: Features
    labels: np.ndarray | None = None


class Source(Protocol):
    """Lists the pieces of a dataset, which are its files or other parts, and reads their rows.

    Most errors of a source are raised before its first row is read.
    """

    @property
    def name(self) -> str:
        """The name of the dataset, unless the user gives another name."""
        ...

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The least and the greatest value that an image can have, or None if not known.

        If it is None, images of uint8 have the range 0 to 255. For other types, the range follows
        from the values of the training rows.
        """
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the values in a vector, or () if the source does not name them."""
        ...

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels 0, 1, ..., or () if the source does not name them."""
        ...

    @property
    def skipped_stores(self) -> tuple[str, ...]:
        """The stores of aeflow below the source's folder. Files in these stores are not read."""
        ...

    def pieces(self) -> Sequence[Piece]:
        """Lists the pieces, in an order that does not change."""
        ...

    def read(self, piece: Piece) -> Iterator[Rows]:
        """Reads the rows of a piece in their order, in blocks of bounded memory."""
        ...


def open_source(config: IngestConfig, *, on_wait: OnWait = waits_silently) -> Source:
    """Opens the source that a config names. Errors are ConfigError or SourceError of one line."""
    kind, where = _parted(config)
    if kind not in SOURCES:
        raise ConfigError(f"Unknown source '{config.source}'. Choose one of: {CHOICES}.")
    if bool(where) != bool(FORMS[kind].place):
        raise ConfigError(
            f"The source '{config.source}' has none of the valid forms. Choose one of: {CHOICES}."
        )
    _check_options(kind, config)
    module, _, name = SOURCES[kind].partition(":")
    return getattr(importlib.import_module(module), name)(where, config, on_wait)


def check_source(config: IngestConfig) -> None:
    """Raises the errors of `open_source`; skips TFDS, because opening it may start a download."""
    if _parted(config)[0] != "tfds":
        open_source(config)


def _check_options(kind: str, config: IngestConfig) -> None:
    """Raises ConfigError if the config sets a hashed option that this source does not use."""
    for option in config.hashed():
        kinds = OPTIONS.get(option, (kind,))
        if kind not in kinds:
            raise ConfigError(
                f"The source '{config.source}' does not use {option}; only "
                f"{' and '.join(f'{name}:' for name in kinds)} do. Leave it out."
            )


def _parted(config: IngestConfig) -> tuple[str, str]:
    kind, _, where = SHORT.get(config.source, config.source).partition(":")
    return kind, where


def clean_name(text: str, *, otherwise: str) -> str:
    """Returns `text` as a dataset's name: at most 64 letters, digits, `_`, `.` and `-`.

    Returns `otherwise` if nothing remains.
    """
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)
    return re.sub(r"^[^A-Za-z0-9]+|[^A-Za-z0-9]+$", "", name)[:64] or otherwise


def dataset_name(config: IngestConfig) -> str:
    """Returns the name that `ingest` gives the dataset of a config, also if the source is missing.

    The address of a missing source does not say whether it is a file or a folder. If its last part
    has an ending, it counts as a file.
    """
    kind, where = _parted(config)
    if config.name is None and kind != "tfds":  # opening TFDS may start a download
        with suppress(AeflowError, OSError):
            return open_source(config).name
    return config.name or _name_in(kind, where)


def _name_in(kind: str, where: str) -> str:
    """Returns the name that the address of a source gives its dataset."""
    parts = [part for part in where.partition("://")[2 if "://" in where else 0].split("/") if part]
    folders = list(takewhile(lambda part: not GLOB.search(part), parts))
    last = folders[-1] if folders else ""
    if kind == "tfds":
        last = where.partition(":")[0]
    elif kind == "arrow":
        last = ANSWER_KEY.sub("", last)
    elif kind != "idx" and folders == parts and not Path(where).is_dir():
        last = Path(last).stem if kind == "npz" else last.partition(".")[0]
    return clean_name(last, otherwise=NAMELESS.get(kind, "table"))


def derived_ids(piece: Piece, start: int, stop: int) -> list[str]:
    """Returns the ids of rows without own ids: `NAME/ROW`, the piece's name and a row number."""
    return [f"{piece.name}/{row}" for row in range(start, stop)]


def block_rows(row_bytes: int) -> int:
    """Returns the number of rows that are read at once if one row has `row_bytes` bytes."""
    return max(1, BLOCK_BYTES // max(1, row_bytes))
