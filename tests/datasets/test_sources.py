"""The table of sources: what it accepts, what it refuses, how a dataset gets its name."""

import importlib
import re

import numpy as np
import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import SOURCES, clean_name, dataset_name, open_source
from aeflow.errors import ConfigError, SourceError


@pytest.mark.parametrize("entry", SOURCES.values(), ids=SOURCES)
def test_every_entry_of_the_table_names_a_class(entry):
    module, _, name = entry.partition(":")
    assert isinstance(getattr(importlib.import_module(module), name), type)


@pytest.mark.parametrize("source", ["imagefolder", "digit", "s3://bucket/x", "./folder"])
def test_unknown_source_is_refused_with_the_choices(source):
    with pytest.raises(ConfigError) as caught:
        open_source(IngestConfig(source=source))
    assert str(caught.value) == (
        f"Unknown source '{source}'. Choose one of: digits, mnist, fashion_mnist, "
        "tfds:NAME[:VERSION], images:FOLDER, parquet:PATH, csv:PATH, npz:FILE, idx:FOLDER, "
        "arrow:FOLDER."
    )


@pytest.mark.parametrize("source", ["idx", "npz:", "tfds", "digits:8", "mnist:3.0.1"])
def test_source_with_a_missing_or_superfluous_place_is_refused_in_one_line(source):
    with pytest.raises(ConfigError, match="Choose one of: digits, mnist") as caught:
        open_source(IngestConfig(source=source))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["idx", "npz", "images", "parquet", "csv"])
def test_missing_folder_or_file_is_named(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"There is no (folder|file|file or folder) 'nowhere'"):
        open_source(IngestConfig(source=f"{kind}:nowhere"))


@pytest.mark.parametrize("kind", ["idx", "npz", "images", "parquet", "csv", "arrow"])
def test_home_folder_that_is_not_known_is_refused_with_the_remedy(kind):
    with pytest.raises(ConfigError) as caught:
        open_source(IngestConfig(source=f"{kind}:~nobody-of-this-name/x"))
    assert str(caught.value) == (
        "'~nobody-of-this-name/x' begins with a home folder that this machine does not know. "
        "Write the path without '~'."
    )


@pytest.mark.parametrize("kind", ["images", "parquet", "csv"])
def test_folder_without_a_file_of_the_kind_is_refused(kind, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to read")
    with pytest.raises(SourceError, match="holds no file that ends in"):
        open_source(IngestConfig(source=f"{kind}:{tmp_path}"))


def test_option_that_the_source_does_not_know_is_refused():
    with pytest.raises(ConfigError) as caught:
        open_source(IngestConfig(source="digits", image_size="16x16"))
    assert str(caught.value) == (
        "The source 'digits' does not use image_size; only images: and parquet: do. Leave it out."
    )


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(
    ("option", "value", "kinds"),
    [
        ("columns", "a,b", ("parquet", "csv")),
        ("id_column", "a", ("parquet", "csv")),
        ("label_column", "a", ("parquet", "csv")),
        ("image_size", "4x4", ("images", "parquet")),
        ("color_mode", "grayscale", ("images", "parquet")),
    ],
)
def test_option_is_refused_by_every_source_without_it(kind, option, value, kinds, tmp_path):
    where = "" if kind == "digits" else f":{tmp_path / 'nowhere'}"
    config = IngestConfig.model_validate({"source": f"{kind}{where}", option: value})
    with pytest.raises((ConfigError, SourceError)) as caught:
        open_source(config)
    assert (f"does not use {option};" in str(caught.value)) is (kind not in kinds)


def test_folder_of_tfds_is_accepted_by_a_source_without_it():
    """The option changes no answer, and one config with it may serve several sources."""
    assert open_source(IngestConfig(source="digits", data_dir="tfds")).name == "digits"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("my photos (2024)", "my-photos-2024"),
        ("emnist/letters", "emnist-letters"),
        ("mnist.v2", "mnist.v2"),
        ("__x", "x"),
        ("日本", "idx"),
        ("a" * 100, "a" * 64),
    ],
)
def test_clean_name_keeps_what_a_dataset_may_be_called(text, name):
    assert clean_name(text, otherwise="idx") == name
    pattern = IngestConfig.model_fields["name"].metadata[0].pattern
    assert re.fullmatch(pattern, name)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("digits", "digits"),
        ("mnist", "mnist"),
        ("tfds:mnist:3.0.1", "mnist"),
        ("npz:data/my.data.npz", "my.data"),
        ("csv:data/sales.2026.csv", "sales"),
        ("parquet:s3://bucket/events/*.parquet", "events"),
        ("parquet:data/events/day=*/part.parquet", "events"),
        ("images:data/photos/", "photos"),
        ("images:old.photos", "old.photos"),
        ("idx:data/fashion.mnist", "fashion.mnist"),
        ("arrow:store/datasets/digits-0123456789abcdef", "digits"),
        ("npz:???", "npz"),
    ],
)
def test_missing_source_still_names_its_dataset(source, name, tmp_path, monkeypatch):
    (tmp_path / "old.photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert dataset_name(IngestConfig(source=source)) == name
    assert dataset_name(IngestConfig(source=source, name="mine")) == "mine"


@pytest.mark.parametrize("source", ["npz:a.b.npz", "csv:a.b.csv", "csv:folder.x", "csv:folder.x/*"])
def test_dataset_of_a_source_has_the_name_that_it_has_if_the_file_is_missing(
    source, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.x").mkdir()
    for file in ("a.b.csv", "folder.x/c.csv"):
        (tmp_path / file).write_text("x,y\n1,2\n")
    np.savez(tmp_path / "a.b.npz", x_train=np.zeros((2, 3)))
    name = open_source(IngestConfig(source=source)).name
    assert dataset_name(IngestConfig(source=source)) == name
    for file in ("a.b.csv", "folder.x/c.csv", "a.b.npz"):
        (tmp_path / file).unlink()
    assert dataset_name(IngestConfig(source=source)) == name
