"""NumPy archives: what is kept, what is converted, what is refused."""

import numpy as np
import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import open_source
from aeflow.errors import SourceError

IMAGES = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)


def saved(path, *, save=np.savez, **arrays):
    save(path, **arrays)
    return open_source(IngestConfig(source=f"npz:{path}"))


def read_all(source, piece):
    return np.concatenate([block.features for block in source.read(piece)])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archive_in_the_form_of_keras_mnist(save, tmp_path):
    source = saved(
        tmp_path / "my mnist.npz",
        save=save,
        x_train=IMAGES,
        y_train=np.arange(6, dtype=np.uint8),
        x_test=IMAGES[:2],
        y_test=np.array([[5], [4]]),
    )
    train, test = source.pieces()
    (rows,) = source.read(test)
    assert source.name == "my-mnist"
    assert [(p.name, p.split, p.rows) for p in (train, test)] == [
        ("train", "train", 6),
        ("test", "test", 2),
    ]
    assert rows.ids == ["test/0", "test/1"]
    assert rows.labels.tolist() == [5, 4]
    assert rows.features.shape == (2, 4, 3, 1)
    assert rows.features.dtype == np.uint8


def test_rows_to_validate_with_may_be_given(tmp_path):
    source = saved(tmp_path / "x.npz", x_train=IMAGES, x_validation=IMAGES[4:], y_validation=[7, 8])
    _, validation = source.pieces()
    (rows,) = source.read(validation)
    assert validation.split == "validation"
    assert rows.ids == ["validation/0", "validation/1"]
    assert rows.labels.tolist() == [7, 8]
    np.testing.assert_array_equal(rows.features[..., 0], IMAGES[4:])


@pytest.mark.parametrize(
    ("shape", "row_shape"), [((5, 7), (7,)), ((5, 4, 3), (4, 3, 1)), ((5, 4, 3, 2), (4, 3, 2))]
)
def test_vectors_and_images_by_number_of_axes(shape, row_shape, tmp_path):
    source = saved(tmp_path / "x.npz", x_train=np.zeros(shape))
    (piece,) = source.pieces()
    (rows,) = source.read(piece)
    assert rows.features.shape == (5, *row_shape)
    assert rows.labels is None


@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_of_4_mib_of_either_order_join_to_the_array(order, tmp_path):
    values = np.random.default_rng(0).normal(size=(10, 131_072))
    source = saved(tmp_path / "x.npz", x_train=np.asarray(values, order=order))
    (piece,) = source.pieces()
    assert [len(block.ids) for block in source.read(piece)] == [4, 4, 2]
    assert np.array_equal(read_all(source, piece), values)


def test_digest_follows_the_values_and_not_the_packing(tmp_path):
    plain = saved(tmp_path / "a.npz", x_train=IMAGES).pieces()
    packed = saved(tmp_path / "b.npz", save=np.savez_compressed, x_train=IMAGES).pieces()
    other = saved(tmp_path / "c.npz", x_train=IMAGES + 1).pieces()
    labelled = saved(tmp_path / "d.npz", x_train=IMAGES, y_train=np.zeros(6)).pieces()
    assert plain == packed
    assert plain != other
    assert plain != labelled


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": IMAGES}, "has no array x_train; it has x"),
        ({"x_train": IMAGES, "y_train": np.zeros(7)}, "y_train .* 7 labels for 6 rows of x_train"),
        ({"x_train": IMAGES, "y_train": np.zeros(5)}, "y_train .* 5 labels for 6 rows of x_train"),
        ({"x_train": IMAGES, "y_train": np.eye(6)}, "Labels must be one whole number per row"),
        ({"x_train": IMAGES, "y_train": np.full(6, 0.5)}, "Labels must be one whole number"),
        ({"x_train": IMAGES, "y_train": np.full(6, np.nan)}, "Labels must be one whole number"),
        ({"x_train": np.array(["a", "b"])}, "It must hold numbers"),
        ({"x_train": np.array([[1], None], dtype=object)}, "Python objects, which are not loaded"),
        ({"x_train": np.zeros(5)}, r"has the shape \(5,\)"),
        ({"x_train": np.zeros((0, 5))}, r"has the shape \(0, 5\)"),
    ],
)
def test_what_is_wrong_with_the_arrays_is_said_in_one_line(arrays, message, tmp_path):
    with pytest.raises(SourceError, match=message) as caught:
        saved(tmp_path / "x.npz", **arrays)
    assert "\n" not in str(caught.value)


def test_archive_cut_short_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x_train=IMAGES)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError, match="cannot be read as a NumPy archive"):
        open_source(IngestConfig(source=f"npz:{path}"))


@pytest.mark.parametrize("name", ["x_train", "x_test"])
def test_damaged_value_is_found_before_the_first_row(name, tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, **{"x_train": IMAGES + 1, name: IMAGES})
    content = path.read_bytes()
    path.write_bytes(content.replace(IMAGES.tobytes(), IMAGES[::-1].tobytes()))
    with pytest.raises(SourceError, match="as a NumPy archive of numbers: Bad CRC-32"):
        open_source(IngestConfig(source=f"npz:{path}")).pieces()
