"""The options of ingestion: where a dataset comes from, and the options of each source."""

from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from aeflow.configs.config import NOT_HASHED, Config

__all__ = [
    "ADDRESSES",
    "FORMS",
    "DatasetOptions",
    "ImageOptions",
    "IngestConfig",
    "SourceForm",
    "TableOptions",
    "TfdsOptions",
]


def _split_columns(columns: object) -> object:
    """Splits column names that the command line gives as `a,b,c`."""
    return tuple(columns.split(",")) if isinstance(columns, str) else columns


class TableOptions(Config):
    """Selects the columns of a table."""

    columns: Annotated[tuple[str, ...] | None, BeforeValidator(_split_columns)] = Field(
        default=None, min_length=1, examples=[["width", "height"]]
    )
    """Feature columns of a table, such as a,b,c; if not set, all but those of id and label."""
    id_column: str | None = Field(default=None, min_length=1)
    """Table column with row ids; if not set, the column named id; if there is none, derived ids."""
    label_column: str | None = Field(default=None, min_length=1)
    """Table column with each row's label; if not set, the column named label, if there is one."""


class ImageOptions(Config):
    """Sets how encoded images are decoded."""

    image_size: str | None = Field(
        default=None, pattern=r"^[1-9]\d{0,3}x[1-9]\d{0,3}$", examples=["32x32"]
    )
    """Height and width in pixels of resized images, such as 32x32; if not set, none is resized."""
    color_mode: Literal["rgb", "grayscale"] = "rgb"
    """Colour channels of decoded images."""


class TfdsOptions(Config):
    """Sets where TFDS keeps its files."""

    data_dir: str | None = Field(default=None, json_schema_extra=NOT_HASHED)
    """Folder in which TFDS keeps prepared datasets."""
    manual_dir: str | None = Field(default=None, json_schema_extra=NOT_HASHED)
    """Folder with the original files of a TFDS dataset, already downloaded."""


class SourceForm(NamedTuple):
    """Describes a source.

    `place` is what follows the source's name in an address. `options` are the options of this
    source, without those that all sources have.
    """

    place: str = ""
    options: tuple[type[Config], ...] = ()


FORMS = {
    "digits": SourceForm(),
    "tfds": SourceForm("NAME[:VERSION]", (TfdsOptions,)),
    "images": SourceForm("FOLDER", (ImageOptions,)),
    "parquet": SourceForm("PATH", (TableOptions, ImageOptions)),
    "csv": SourceForm("PATH", (TableOptions,)),
    "npz": SourceForm("FILE"),
    "idx": SourceForm("FOLDER"),
    "arrow": SourceForm("FOLDER"),
}
"""The form of each source, by the source's name, which precedes the colon in an address."""

ADDRESSES = tuple(f"{name}:{form.place}".rstrip(":") for name, form in FORMS.items())
"""How the address of each source is written, such as `csv:PATH`."""


class DatasetOptions(Config):
    """Sets where a dataset comes from and how it is split. These options apply to all sources."""

    source: str = Field(
        default="digits",
        min_length=1,
        json_schema_extra=NOT_HASHED,
        description=f"{', '.join(ADDRESSES).replace('[:VERSION]', '')}.",
    )
    name: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", json_schema_extra=NOT_HASHED
    )
    """Name of the dataset; taken from the source if not set."""
    splits: Literal["source", "all"] = "source"
    """source: the source's splits, with missing ones filled; all: every row in one split, all."""
    validation_one_in: int = Field(default=20, ge=2, le=10_000)
    """One training row in this many is for validation, if the source has no validation split."""
    test_one_in: int = Field(default=10, ge=2, le=10_000)
    """One row in this many is for testing, if the source has no test split."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the assignment of rows to splits."""
    train_label: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    """Train and validate only on rows with this label; the test split keeps all labels."""
    max_bad_fraction: float = Field(default=0.0, ge=0, lt=1)
    """Largest share of bad rows, which go to quarantine; with a larger share, ingestion fails."""
    shard_bytes: int = Field(default=32 * 2**20, ge=1024, le=2**30)
    """Largest size of one shard's features in bytes; a shard always holds at least one row."""


class IngestConfig(TfdsOptions, ImageOptions, TableOptions, DatasetOptions):
    """Sets where a dataset comes from and how it is split."""

    # The options are inherited, not nested, because they are flat in TOML, in forms and in keys.
    # Pydantic orders the fields from the last base class to the first.
