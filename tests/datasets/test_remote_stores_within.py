"""A store within a source on an object store: recognised only by the names of its files."""

import uuid
from pathlib import Path

import pytest

from aeflow.errors import SourceError
from tests.datasets.reading import opened, rows_of
from tests.datasets.stores_within import copied, table, with_answers


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Returns a folder with two tables, which a test copies to an object store."""
    monkeypatch.chdir(tmp_path)
    table(Path("t.parquet"), a=[1.0, 2.0])
    table(Path("features/u.parquet"), a=[3.0])
    return tmp_path


@pytest.fixture
def bucket() -> str:
    """Returns the address of an object store in the memory of this process."""
    return f"memory://{uuid.uuid4().hex}/data"


@pytest.mark.parametrize("pattern", ["", "/**/*.parquet", "/**"])
def test_stores_in_an_object_store_are_left_out(pattern, here, bucket):
    with_answers("a/s1")
    with_answers("s2")
    copied(here, bucket)
    source = opened(f"parquet:{bucket}{pattern}")
    assert {piece.name: piece.rows for piece in source.pieces()} == {
        "features/u.parquet": 1,
        "t.parquet": 2,
    }
    assert source.skipped_stores == (f"{bucket}/a/s1", f"{bucket}/s2")


def test_a_glob_that_no_file_of_the_store_fits_leaves_out_nothing(here, bucket):
    with_answers("s")
    copied(here, bucket)
    source = opened(f"parquet:{bucket}/*.parquet")
    assert ([piece.name for piece in source.pieces()], source.skipped_stores) == (["t.parquet"], ())


@pytest.mark.parametrize("pattern", ["", "/*/*/*"])
@pytest.mark.parametrize("place", ["s", "s/features", "s/features/0123456789abcdef.partial"])
def test_a_store_in_an_object_store_and_its_parts_are_refused(place, pattern, here):
    with_answers("s")
    table(Path("s/features/0123456789abcdef.partial/0.parquet"), z=[1.0])
    url = f"memory://{uuid.uuid4().hex}/{place}"
    copied(Path(place), url)
    with pytest.raises(SourceError) as caught:
        opened(f"parquet:{url}{pattern}")
    assert "cannot be a source" in str(caught.value)
    assert "Give parquet:FILE, parquet:FOLDER" in str(caught.value)


def test_one_answer_in_an_object_store_may_be_read(here):
    with_answers("s")
    (features,) = Path("s/features").iterdir()
    url = f"memory://{uuid.uuid4().hex}/{features.as_posix()}"
    copied(features, url)
    assert rows_of(opened(f"parquet:{url}")).features.tolist() == [[1.0], [2.0]]
