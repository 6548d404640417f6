"""The table of sources: what it accepts, what it refuses, how a dataset gets its name."""

import importlib
import re

import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import SOURCES, clean_name, open_source
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
