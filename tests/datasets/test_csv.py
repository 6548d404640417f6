"""CSV tables: numbers, ids and labels as text; a wrong cell makes only its own row bad."""

import gzip

import numpy as np
import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Undecodable
from aeflow.errors import SourceError
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from tests.datasets.reading import opened, rows_of


def write(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return f"csv:{path}"


def test_numbers_are_features_and_label_and_id_go_by_their_names(tmp_path):
    source = opened(write(tmp_path / "t.csv", "id,a,label,b\n07,1.5,x,2\n08, -1e3 ,w,.5\n"))
    rows = rows_of(source)
    assert rows.features.tolist() == [[1.5, 2], [-1000, 0.5]]
    assert rows.ids == ["07", "08"]
    assert (source.label_names, rows.labels.tolist()) == (("w", "x"), [1, 0])


def test_labels_that_are_whole_numbers_stay_what_they_are(tmp_path):
    source = opened(write(tmp_path / "t.csv", "a,y\n1,10\n2,-2\n"), label_column="y")
    rows = rows_of(source)
    assert (source.label_names, rows.labels.tolist()) == ((), [10, -2])
    assert rows.ids == ["t.csv/0", "t.csv/1"]


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz", "t.csv.gz"])
def test_tabs_and_gzip_go_by_the_ending(name, tmp_path):
    between = "\t" if "tsv" in name else ","
    place = write(tmp_path / name, between.join("ab") + "\n" + between.join("12") + "\n")
    assert rows_of(opened(place)).features.tolist() == [[1, 2]]


def test_wrong_cell_makes_its_row_bad_and_an_empty_one_is_not_finite(tmp_path):
    place = write(tmp_path / "t.csv", "a,b\n1,2\n3,oops\n,5\n+6,7\n")
    good, bad, empty, signed = rows_of(opened(place)).features
    assert good.tolist() == [1, 2]
    assert bad == Undecodable("the column 'b' is 'oops', which is no number")
    assert np.isnan(empty).tolist() == [True, False]
    assert signed.tolist() == [6, 7]


def test_missing_numbers_are_not_finite_and_ids_and_labels_are_what_they_say(tmp_path):
    place = write(tmp_path / "t.csv", "id,label,a\nNA,null,1\nnan,NA,NA\nnull,null, null \n")
    source = opened(place)
    rows = rows_of(source)
    assert rows.ids == ["NA", "nan", "null"]
    assert (source.label_names, rows.labels.tolist()) == (("NA", "null"), [1, 0, 1])
    assert np.isnan(rows.features[:, 0]).tolist() == [False, True, True]


def test_wrong_cell_goes_to_quarantine_with_its_row_number(store, tmp_path):
    lines = [f"{n},{n % 3}" for n in range(100)]
    lines[41] = "x,0"
    place = write(tmp_path / "t.csv", "\n".join(["a,label", *lines]))
    with pytest.raises(SourceError, match=r"t\.csv/41 \(undecodable: the column 'a' is 'x'"):
        ingest(Context(store), IngestConfig(source=place))
    dataset = ingest(Context(store), IngestConfig(source=place, max_bad_fraction=0.01))
    assert (sum(dataset.rows.values()), dataset.quarantined) == (99, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a CSV table: Empty CSV file. Repair or replace the file."),
        ("a,a\n1,2\n", "has more than one column named 'a'"),
        ("a,city\n1,Rome\n", "The column 'city' of 't.csv' holds no numbers: its first value is"),
        (
            "a,b\n1,2\n3\n",
            "cannot be read as a CSV table: CSV parse error: Expected 2 columns, got 1",
        ),
    ],
)
def test_text_that_is_no_table_of_numbers_is_refused(text, message, tmp_path):
    with pytest.raises(SourceError) as caught:
        rows_of(opened(write(tmp_path / "t.csv", text)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_header_without_rows_is_no_dataset(store, tmp_path):
    with pytest.raises(SourceError, match="holds no rows"):
        ingest(Context(store), IngestConfig(source=write(tmp_path / "t.csv", "a,b\n")))
