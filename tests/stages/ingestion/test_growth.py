"""A source that grew: unchanged pieces are not read again, and no byte differs because of it."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.shards import open_split
from aeflow.errors import SourceError
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store


def rows(start, count, **columns):
    numbers = np.random.default_rng(start).normal(size=(count, 3)).astype(np.float32)
    table = {f"x{i}": numbers[:, i] for i in range(3)}
    return pa.table({"id": [f"row {n}" for n in range(start, start + count)], **table, **columns})


@pytest.fixture
def source(tmp_path):
    """Returns a folder with two files, the first of which has two bad rows."""
    folder = tmp_path / "daily"
    folder.mkdir()
    first = rows(0, 100).to_pandas()
    first.loc[[7, 40], "x1"] = np.nan
    pq.write_table(pa.Table.from_pandas(first), folder / "2026-11-01.parquet")
    pq.write_table(rows(100, 100), folder / "2026-11-02.parquet")
    return folder


def config(folder, **changes):
    options = {"source": f"parquet:{folder}", "max_bad_fraction": 0.1, "shard_bytes": 1024}
    return IngestConfig(**options | changes)


def shared(store, before, after):
    """Maps shards of the later dataset to the shards of the earlier one that are the same file."""
    old, new = store.locate(before), store.locate(after)
    return {
        path.name: other.name
        for path in sorted(new.glob("*.arrow"))
        for other in old.glob("*.arrow")
        if path.samefile(other)
    }


def grown_and_fresh(tmp_path, config):
    """Ingests into the store that has the earlier dataset, and into an empty one."""
    return ingest(Context(Store(tmp_path / "store")), config), ingest(
        Context(Store(tmp_path / "fresh")), config
    )


@pytest.mark.parametrize("name", ["2026-11-03", "2026-11-01b", "2026-10-31"])
def test_new_file_changes_no_byte_of_the_others(name, source, store, tmp_path):
    before = ingest(Context(store), config(source))
    pq.write_table(rows(200, 50), source / f"{name}.parquet")
    grown, fresh = grown_and_fresh(tmp_path, config(source))
    assert grown == fresh
    assert grown.rows != before.rows
    assert len(shared(store, before, grown)) == len(list(store.locate(before).glob("*.arrow")))
    assert store.verify(grown.key) == []


def test_quarantine_of_a_piece_that_is_kept_stays(source, store, tmp_path):
    ingest(Context(store), config(source))
    pq.write_table(rows(200, 50), source / "2026-10-31.parquet")
    grown, _ = grown_and_fresh(tmp_path, config(source))
    quarantine = pq.read_table(store.locate(grown) / "quarantine.parquet")
    assert quarantine["id"].to_pylist() == ["row 7", "row 40"]
    assert grown.quarantined == 2


def test_changed_file_is_read_again_and_the_other_is_not(source, store, tmp_path):
    before = ingest(Context(store), config(source, splits="all"))
    pq.write_table(rows(300, 100), source / "2026-11-02.parquet")
    grown, fresh = grown_and_fresh(tmp_path, config(source, splits="all"))
    assert grown == fresh
    shared_shards = shared(store, before, grown)
    assert shared_shards == {name: name for name in ("all-00000.arrow", "all-00001.arrow")}


def test_rows_that_were_bad_are_counted_against_the_budget_again(source, store):
    ingest(Context(store), config(source))
    later = rows(200, 50).to_pandas()
    later["x0"] = np.nan
    pq.write_table(pa.Table.from_pandas(later), source / "2026-11-03.parquet")
    with pytest.raises(SourceError, match="52 of 250 rows are bad, 25 are allowed"):
        ingest(Context(store), config(source))


def test_id_of_an_unchanged_piece_cannot_be_used_again(source, store):
    ingest(Context(store), config(source))
    pq.write_table(rows(199, 50), source / "2026-11-03.parquet")
    with pytest.raises(SourceError, match="'row 199'"):
        ingest(Context(store), config(source))


def test_new_name_of_a_label_numbers_all_labels_anew(tmp_path, store):
    folder = tmp_path / "daily"
    folder.mkdir()
    pq.write_table(rows(0, 100, label=["cat", "dog"] * 50), folder / "1.parquet")
    before = ingest(Context(store), config(folder, splits="all"))
    pq.write_table(rows(100, 50, label=["cow"] * 50), folder / "2.parquet")
    grown, fresh = grown_and_fresh(tmp_path, config(folder, splits="all"))
    assert grown == fresh
    assert not shared(store, before, grown)
    labels = [label for shard in open_split(grown, "all", store) for label in shard.labels]
    names = [grown.label_names[label.as_py()] for label in labels]
    assert names == ["cat", "dog"] * 50 + ["cow"] * 50


def test_label_name_that_sorts_last_leaves_the_others_as_they_are(tmp_path, store):
    folder = tmp_path / "daily"
    folder.mkdir()
    pq.write_table(rows(0, 100, label=["cat", "dog"] * 50), folder / "1.parquet")
    before = ingest(Context(store), config(folder, splits="all"))
    pq.write_table(rows(100, 50, label=["eel"] * 50), folder / "2.parquet")
    grown, fresh = grown_and_fresh(tmp_path, config(folder, splits="all"))
    assert grown == fresh
    assert shared(store, before, grown)


def test_split_of_its_own_assigns_all_rows_anew(tmp_path, store):
    folder = tmp_path / "daily"
    (folder / "split=train").mkdir(parents=True)
    pq.write_table(rows(0, 200), folder / "split=train" / "1.parquet")
    before = ingest(Context(store), config(folder))
    (folder / "split=test").mkdir()
    pq.write_table(rows(200, 50), folder / "split=test" / "1.parquet")
    grown, fresh = grown_and_fresh(tmp_path, config(folder))
    assert grown == fresh
    assert before.rows["test"] == 20
    assert grown.rows == {"train": 190, "validation": 10, "test": 50}


def test_damaged_shard_is_made_again(source, store, tmp_path):
    before = ingest(Context(store), config(source))
    damaged = store.locate(before) / "train-00000.arrow"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    pq.write_table(rows(200, 50), source / "2026-11-03.parquet")
    grown, fresh = grown_and_fresh(tmp_path, config(source))
    assert grown == fresh
    assert Store(store.root).verify(grown.key) == []


def test_images_in_a_new_folder_are_the_only_ones_read(tmp_path, store):
    from PIL import Image

    def draw(label, count):
        (tmp_path / "images" / label).mkdir(parents=True)
        for number in range(count):
            pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"{number}.png")

    images = IngestConfig(source=f"images:{tmp_path / 'images'}")
    draw("cat", 60)
    before = ingest(Context(store), images)
    draw("dog", 60)
    grown, fresh = grown_and_fresh(tmp_path, images)
    assert grown == fresh
    assert set(shared(store, before, grown)) == {path.name for path in _shards(store, before)}


def _shards(store, dataset):
    return store.locate(dataset).glob("*.arrow")
