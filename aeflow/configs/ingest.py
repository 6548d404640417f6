"""Where a dataset comes from: the sources, and the options of each."""

from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from aeflow.configs.config import NOT_HASHED, Config

__all__ = [
    "FORMS",
    "DatasetOptions",
    "ImageOptions",
    "IngestConfig",
    "SourceForm",
    "TableOptions",
    "TfdsOptions",
]


def _parted(columns: object) -> object:
    """Splits columns as the command line has them, `a,b,c`."""
    return tuple(columns.split(",")) if isinstance(columns, str) else columns


class DatasetOptions(Config):
    """Says where a dataset comes from and how it is split, whatever the source."""

    source: str = Field(default="digits", min_length=1, json_schema_extra=NOT_HASHED)
    """digits, tfds:NAME, images:DIR, parquet:PATH, csv:PATH, npz:FILE, idx:DIR or arrow:DIR."""
    name: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", json_schema_extra=NOT_HASHED
    )
    """Name of the dataset; taken from the source where it is not given."""
    splits: Literal["source", "all"] = "source"
    """Keep the source's splits and assign missing ones, or put every row into one split, all."""
    validation_one_in: int = Field(default=20, ge=2, le=10_000)
    """One training row in this many validates, where the source has no validation split."""
    test_one_in: int = Field(default=10, ge=2, le=10_000)
    """One row in this many tests, where the source has no test split."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the assignment of rows to splits."""
    train_label: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    """The only label whose rows are trained and validated on; the test split has them all."""
    max_bad_fraction: float = Field(default=0.0, ge=0, lt=1)
    """Share of bad rows that go to quarantine; with more than this, ingestion fails."""
    shard_bytes: int = Field(default=32 * 2**20, ge=1024, le=2**30)
    """Bytes of features in one shard, at most; one row is always allowed."""


class TableOptions(Config):
    """Chooses the columns of a table."""

    columns: Annotated[tuple[str, ...] | None, BeforeValidator(_parted)] = Field(
        default=None, min_length=1, examples=[["width", "height"]]
    )
    """Columns of a table that are features, such as a,b,c; all but id and label if not given."""
    id_column: str | None = Field(default=None, min_length=1)
    """Column of a table with each row's id; id where there is one, else ids are derived."""
    label_column: str | None = Field(default=None, min_length=1)
    """Column of a table with the label of each row; label where there is one."""


class ImageOptions(Config):
    """Says how encoded images are decoded."""

    image_size: str | None = Field(
        default=None, pattern=r"^[1-9]\d{0,3}x[1-9]\d{0,3}$", examples=["32x32"]
    )
    """Height and width that images are resized to, such as 32x32; as they are if not given."""
    color_mode: Literal["rgb", "grayscale"] = "rgb"
    """Colours of decoded images."""


class TfdsOptions(Config):
    """Says where TFDS keeps its files."""

    data_dir: str | None = Field(default=None, json_schema_extra=NOT_HASHED)
    """Folder where TFDS keeps prepared datasets."""
    manual_dir: str | None = Field(default=None, json_schema_extra=NOT_HASHED)
    """Folder with the original files of a TFDS dataset, already downloaded."""


class SourceForm(NamedTuple):
    """Says what follows the name of a source, and which options it has besides those of all."""

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
"""The sources by the name before the colon."""


class IngestConfig(TfdsOptions, ImageOptions, TableOptions, DatasetOptions):
    """Says where a dataset comes from and how it is split."""

    # It is flat in TOML, forms and keys. Pydantic orders fields from the last base to the first.
