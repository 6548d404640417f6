"""Parquet tables: which columns are features, ids and labels; what is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Undecodable
from aeflow.errors import SourceError
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from tests.datasets.odd_images import png
from tests.datasets.reading import opened, rows_of


def write(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return f"parquet:{path}"


def test_all_numbers_but_id_and_label_are_features_in_their_order(tmp_path):
    source = opened(
        write(tmp_path / "t.parquet", id=[7, 8], b=[1.5, None], label=["x", "a"], a=[1, 2])
    )
    rows = rows_of(source)
    assert (source.name, source.columns, source.label_names) == ("t", ("b", "a"), ("a", "x"))
    assert rows.ids == ["7", "8"]
    assert rows.labels.tolist() == [1, 0]
    assert np.array_equal(rows.features, np.float32([[1.5, 1], [np.nan, 2]]), equal_nan=True)


def test_columns_ids_and_labels_are_chosen_by_name(tmp_path):
    place = write(tmp_path / "t.parquet", name=["p", "q"], y=[3, 4], a=[1, 2], b=[5, 6])
    source = opened(place, columns="b,a", id_column="name", label_column="y")
    rows = rows_of(source)
    assert rows.features.tolist() == [[5, 1], [6, 2]]
    assert (rows.ids, rows.labels.tolist(), source.label_names) == (["p", "q"], [3, 4], ())


def test_files_of_a_folder_are_pieces_with_derived_ids_that_growth_does_not_rename(tmp_path):
    folder = tmp_path / "growing"
    write(folder / "b.parquet", x=[1.0, 2.0])
    before = opened(f"parquet:{folder}").pieces()
    write(folder / "a.parquet", x=[3.0])
    source = opened(f"parquet:{folder}")
    assert source.pieces()[1:] == before
    assert rows_of(source).ids == ["a.parquet/0", "b.parquet/0", "b.parquet/1"]


def test_glob_takes_what_it_names_and_no_hidden_files(tmp_path):
    for name in ("2026-01/x.parquet", "2026-02/x.parquet", "2025-12/x.parquet", "2026-02/_x.pq"):
        write(tmp_path / name, x=[1.0])
    source = opened(f"parquet:{tmp_path}/2026-*/*")
    assert [piece.name for piece in source.pieces()] == ["2026-01/x.parquet", "2026-02/x.parquet"]


def test_hive_folders_give_splits_and_labels(tmp_path):
    write(tmp_path / "split=train" / "kind=b%20c" / "0.parquet", x=[1.0])
    write(tmp_path / "split=test" / "kind=a" / "0.parquet", x=[2.0])
    source = opened(f"parquet:{tmp_path}", label_column="kind")
    assert [piece.split for piece in source.pieces()] == ["test", "train"]
    assert source.label_names == ("a", "b c")
    assert rows_of(source).labels.tolist() == [0, 1]


@pytest.mark.parametrize("numbers", [pa.uint8(), pa.int32(), pa.float16(), pa.float64()])
@pytest.mark.parametrize("of", [pa.list_, pa.large_list, lambda number: pa.list_(number, 2)])
def test_list_column_gives_one_vector_per_row(of, numbers, tmp_path):
    lists = pa.array([[1, 2], [3, 4]], pa.list_(pa.int8())).cast(of(numbers))
    rows = rows_of(opened(write(tmp_path / "t.parquet", v=lists)))
    assert rows.features.dtype == (np.uint8 if numbers == pa.uint8() else np.float32)
    assert rows.features.tolist() == [[1, 2], [3, 4]]


def test_list_of_another_length_and_null_are_rows_of_their_own(tmp_path):
    rows = rows_of(opened(write(tmp_path / "t.parquet", v=[[1.0, 2.0], [3.0], None])))
    first, second, third = rows.features
    assert (first.tolist(), second.tolist()) == ([1, 2], [3])
    assert third == Undecodable("it is null")


def test_null_among_bytes_is_undecodable(tmp_path):
    byte = pa.array([1, None], pa.uint8())
    good, bad = rows_of(opened(write(tmp_path / "t.parquet", x=byte))).features
    assert (good.tolist(), good.dtype, bad) == (
        [1],
        np.uint8,
        Undecodable("the column 'x' is null"),
    )


def test_bytes_in_one_file_and_numbers_in_another_are_floats_in_both(tmp_path):
    write(tmp_path / "a.parquet", x=pa.array([1], pa.uint8()))
    write(tmp_path / "b.parquet", x=pa.array([300], pa.int64()))
    assert rows_of(opened(f"parquet:{tmp_path}")).features.tolist() == [[1.0], [300.0]]


@pytest.mark.parametrize("as_struct", [False, True])
def test_column_of_encoded_images_is_decoded(as_struct, tmp_path):
    contents = [png(6, 4), b"no image", None]
    cells = [{"bytes": c, "path": "x"} for c in contents] if as_struct else contents
    place = write(tmp_path / "t.parquet", image=pa.array(cells), label=[1, 2, 3])
    good, bad, null = rows_of(opened(place, image_size="3x2")).features
    assert (good.shape, good.dtype) == ((3, 2, 3), np.uint8)
    assert bad == Undecodable("it is no image that Pillow knows")
    assert null == Undecodable("it is null")


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"x": [1.0]}, {"columns": "y"}, "'t.parquet' has no column 'y'. It has 'x'."),
        ({"x": [1.0]}, {"label_column": "y"}, "'t.parquet' has no column 'y'. It has 'x'."),
        ({"x": [1.0], "city": ["Rome"]}, {}, "'city' is of type string. Choose features with"),
        ({"x": [1.0], "v": [[1.0]]}, {}, "It is not clear which columns of 't.parquet'"),
        (
            {"id": [1]},
            {},
            "lists of numbers or images, but no column is left for the features. Choose",
        ),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns, options, message, tmp_path):
    with pytest.raises(SourceError) as caught:
        opened(write(tmp_path / "t.parquet", **columns), **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [0.5]}, "is of type double, but labels must be whole numbers or names"),
        ({"label": pa.array([None], pa.int64())}, "'label' of 't.parquet' is empty in 1 rows"),
        ({"id": pa.array([None], pa.string())}, "'id' of 't.parquet' has rows without an id"),
    ],
)
def test_missing_ids_and_odd_labels_are_refused(columns, message, tmp_path):
    with pytest.raises(SourceError, match=message):
        rows_of(opened(write(tmp_path / "t.parquet", x=[1.0], **columns)))


def test_files_with_other_columns_and_damaged_files_are_refused(tmp_path):
    write(tmp_path / "a.parquet", x=[1.0])
    write(tmp_path / "b.parquet", y=[1.0])
    with pytest.raises(SourceError, match=r"'b.parquet' has other columns than 'a.parquet'"):
        opened(f"parquet:{tmp_path}")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-6])
    with pytest.raises(SourceError, match=r"b.parquet' cannot be read as a Parquet file"):
        opened(f"parquet:{tmp_path}")


def test_named_columns_stand_in_the_schema_and_null_goes_to_quarantine(store, tmp_path):
    numbers = [float(n) for n in range(100)]
    place = write(tmp_path / "t.parquet", a=numbers, b=[None, *numbers[1:]])
    dataset = ingest(Context(store), IngestConfig(source=place, max_bad_fraction=0.01))
    assert dataset.example_schema.columns == ("a", "b")
    assert (sum(dataset.rows.values()), dataset.quarantined) == (99, 1)
