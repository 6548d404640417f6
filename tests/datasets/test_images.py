"""Folders of image files: labels, colours, sizes, and what cannot be decoded."""

import numpy as np
import pytest
from PIL import Image

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Undecodable
from aeflow.errors import SourceError
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from tests.datasets.odd_images import png
from tests.datasets.reading import opened, rows_of

RED = np.array([[[200, 10, 10]]], np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def test_sub_folder_is_a_label_and_the_relative_path_an_id(tmp_path):
    for name in ("dog/b.png", "cat/deep/a.png", "cat/z.bmp"):
        save(tmp_path / name, RED)
    source = opened(f"images:{tmp_path}")
    rows = rows_of(source)
    assert source.label_names == ("cat", "dog")
    assert dict(zip(rows.ids, rows.labels.tolist(), strict=True)) == {
        "cat/deep/a.png": 0,
        "cat/z.bmp": 0,
        "dog/b.png": 1,
    }


def test_pixels_are_those_of_the_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    save(tmp_path / "x.png", pixels)
    (decoded_pixels,) = rows_of(opened(f"images:{tmp_path}")).features
    assert np.array_equal(decoded_pixels, pixels)


def test_images_of_one_folder_have_no_labels_and_hidden_files_are_no_images(tmp_path):
    save(tmp_path / "1.png", RED)
    save(tmp_path / ".2.png", RED)
    (tmp_path / "notes.txt").write_text("no image")
    rows = rows_of(opened(f"images:{tmp_path}"))
    assert (rows.ids, rows.labels) == (["1.png"], None)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (6, 9, 3)),
        ({"color_mode": "grayscale"}, (6, 9, 1)),
        ({"image_size": "4x5"}, (4, 5, 3)),
        ({"image_size": "12x12", "color_mode": "grayscale"}, (12, 12, 1)),
    ],
)
def test_size_is_height_by_width_and_colours_are_as_asked(options, shape, tmp_path):
    save(tmp_path / "x.png", np.zeros((6, 9, 3), np.uint8))
    (image,) = rows_of(opened(f"images:{tmp_path}", **options)).features
    assert (image.shape, image.dtype) == (shape, np.uint8)


def test_sixteen_bits_become_eight_and_a_turned_picture_stands_upright(tmp_path):
    save(tmp_path / "deep.png", np.full((2, 3), 0x80FF, np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter
    save(tmp_path / "turned.jpg", np.zeros((2, 3, 3), np.uint8), exif=exif)
    deep, turned = rows_of(opened(f"images:{tmp_path}", color_mode="grayscale")).features
    assert deep.ravel().tolist() == [0x80] * 6
    assert turned.shape == (3, 2, 1)


@pytest.mark.parametrize("content", [b"", b"no image", png(6, 4)[:45], png(6, 4)[:20]])
def test_damaged_file_is_undecodable_and_alike_in_every_run(content, tmp_path):
    (tmp_path / "x.png").write_bytes(content)
    first, second = (rows_of(opened(f"images:{tmp_path}")).features[0] for _ in range(2))
    assert isinstance(first, Undecodable)
    assert first == second


def test_images_outside_labelled_folders_are_refused(tmp_path):
    save(tmp_path / "cat" / "a.png", RED)
    save(tmp_path / "loose.png", RED)
    with pytest.raises(SourceError, match=r"files without a label, such as 'loose.png'"):
        opened(f"images:{tmp_path}")


def test_damaged_files_go_to_quarantine_within_the_budget(store, tmp_path):
    for number in range(60):
        save(tmp_path / "x" / f"{number % 2}" / f"{number}.png", RED * 0 + np.uint8(number))
    (tmp_path / "x" / "1" / "bad.png").write_bytes(b"no image")
    config = IngestConfig(source=f"images:{tmp_path / 'x'}", max_bad_fraction=0.05)
    dataset = ingest(Context(store), config)
    assert (sum(dataset.rows.values()), dataset.quarantined) == (60, 1)
    assert dataset.example_schema.shape == (1, 1, 3)
    assert dataset.label_names == ("0", "1")
