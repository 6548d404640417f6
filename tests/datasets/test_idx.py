"""IDX folders: gzipped or raw, whole or damaged."""

import gzip

import numpy as np
import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import open_source
from aeflow.errors import SourceError
from tests.datasets.idx_files import idx_bytes, write_idx

IMAGES = np.arange(6 * 4 * 3).reshape(6, 4, 3)
LABELS = np.array([3, 1, 2, 0, 9, 255])


def opened(folder):
    return open_source(IngestConfig(source=f"idx:{folder}"))


def read_all(source, piece):
    blocks = list(source.read(piece))
    labels = None if blocks[0].labels is None else np.concatenate([b.labels for b in blocks])
    ids = [name for block in blocks for name in block.ids]
    return ids, np.concatenate([block.features for block in blocks]), labels


@pytest.mark.parametrize(
    "name", ["train-images-idx3-ubyte.gz", "train-images-idx3-ubyte", "train-images.idx3-ubyte"]
)
def test_images_alone_are_read_with_a_channel_axis(name, tmp_path):
    write_idx(tmp_path / name, IMAGES)
    source = opened(tmp_path)
    (piece,) = source.pieces()
    ids, images, labels = read_all(source, piece)
    assert ids == [f"train/{row}" for row in range(6)]
    assert np.array_equal(images, IMAGES[..., None])
    assert labels is None


def test_raw_and_gzipped_files_have_one_digest(tmp_path):
    for folder, ending in (("raw", ""), ("packed", ".gz")):
        write_idx(tmp_path / folder / f"train-images-idx3-ubyte{ending}", IMAGES)
        write_idx(tmp_path / folder / f"train-labels-idx1-ubyte{ending}", LABELS)
    assert opened(tmp_path / "raw").pieces() == opened(tmp_path / "packed").pieces()


def test_other_labels_make_another_digest(tmp_path):
    for folder, labels in (("a", LABELS), ("b", LABELS[::-1])):
        write_idx(tmp_path / folder / "train-images-idx3-ubyte", IMAGES)
        write_idx(tmp_path / folder / "train-labels-idx1-ubyte", labels)
    assert opened(tmp_path / "a").pieces() != opened(tmp_path / "b").pieces()


def test_first_bytes_and_not_names_tell_what_is_gzipped(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(gzip.compress(idx_bytes(LABELS)))
    source = opened(tmp_path)
    _, images, labels = read_all(source, source.pieces()[0])
    assert np.array_equal(images[..., 0], IMAGES)
    assert labels.tolist() == LABELS.tolist()


def test_rows_come_in_blocks_of_4_mib_and_in_order(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 1024, 1024))
    write_idx(tmp_path / "train-images-idx3-ubyte", images)
    write_idx(tmp_path / "train-labels-idx1-ubyte", LABELS)
    source = opened(tmp_path)
    (piece,) = source.pieces()
    assert [len(block.ids) for block in source.read(piece)] == [4, 2]
    ids, features, labels = read_all(source, piece)
    assert ids[-1] == "train/5"
    assert np.array_equal(features[..., 0], images)
    assert labels.tolist() == LABELS.tolist()


def images_cut_short(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])


def raw_images_too_few(folder):
    (folder / "train-images-idx3-ubyte.gz").write_bytes(idx_bytes(IMAGES)[:-5])


def raw_images_too_many(folder):
    (folder / "train-images-idx3-ubyte.gz").write_bytes(idx_bytes(IMAGES) + b"\0")


def not_idx(folder):
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"\x89PNG\r\n\x1a\n")


def empty(folder):
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"")


def damaged(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[20:30] = b"\xff" * 10
    path.write_bytes(content)


def not_bytes(folder):
    content = bytearray(idx_bytes(IMAGES))
    content[2] = 0x0D
    (folder / "train-images-idx3-ubyte.gz").write_bytes(content)


def labels_longer(folder):
    write_idx(folder / "train-labels-idx1-ubyte.gz", np.zeros(7))


def labels_alone(folder):
    write_idx(folder / "t10k-labels-idx1-ubyte.gz", LABELS)


def labels_cut_short(folder):
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(idx_bytes(LABELS)[:-1])


def images_twice(folder):
    write_idx(folder / "train-images.idx3-ubyte", IMAGES)


def images_missing(folder):
    (folder / "train-images-idx3-ubyte.gz").unlink()


@pytest.mark.parametrize(
    ("mishap", "message"),
    [
        (images_cut_short, "is cut short: its gzip stream has no end"),
        (raw_images_too_few, "holds 67 bytes of values, but its header says 72"),
        (raw_images_too_many, "holds 73 bytes of values, but its header says 72"),
        (not_idx, "is not an IDX file of images: it begins with 89 50 4e 47"),
        (empty, "is not an IDX file of images"),
        (damaged, "is damaged: "),
        (not_bytes, r"has values of IDX type 0x0d. Only unsigned bytes \(0x08\)"),
        (labels_longer, "has 7 labels for 6 images"),
        (labels_alone, "holds labels, but its folder has no images for them"),
        (labels_cut_short, "holds 5 bytes of values, but its header says 6"),
        (images_twice, "both hold the train images"),
        (images_missing, "holds no file 'train-images-idx3-ubyte'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(mishap, message, tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", IMAGES)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", LABELS)
    mishap(tmp_path)
    with pytest.raises(SourceError, match=message) as caught:
        opened(tmp_path).pieces()
    assert "\n" not in str(caught.value)
