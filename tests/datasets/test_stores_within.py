"""A store within a source: it is left out and reported, and refused as a source itself."""

import logging
from pathlib import Path

import numpy as np
import pytest

from aeflow.artifacts import Dataset, FeatureSet
from aeflow.configs import IngestConfig
from aeflow.datasets.shards import open_split
from aeflow.errors import SourceError
from aeflow.lineage import Answered, Question
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Draft, Store
from tests.datasets.reading import opened, rows_of
from tests.datasets.stores_within import (
    listed_folders,
    picture,
    table,
    with_answers,
)

GIVE = (
    "parquet:FILE, parquet:FOLDER or a glob such as 'parquet:FOLDER/2026-*/*.parquet'; or give "
    "the folder of a single answer in the store, such as STORE/features/KEY."
)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Returns an empty folder as the working directory, so that tests use relative paths.

    Tests draw 80 pictures of cats and 80 of dogs there, or write a table of 200 rows.
    """
    folder = tmp_path / "pets"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def draw_pets() -> None:
    for number in range(160):
        picture(Path(("cat", "dog")[number % 2], f"{number}.png"), number)


def write_table(name: str = "t.parquet", rows: int = 200) -> None:
    values = np.random.default_rng(0).normal(size=(3, rows))
    table(Path(name), **dict(zip("abc", values.tolist(), strict=True)))


def ids_of(dataset: Dataset, store: Store) -> set[str]:
    return {
        name
        for split in dataset.rows
        for shard in open_split(dataset, split, store)
        for name in shard.ids.to_pylist()
    }


def test_pictures_are_the_same_dataset_however_often_a_store_grows_among_them(here):
    draw_pets()
    config, store = IngestConfig(source="images:."), Store("aeflow-store")
    first = ingest(Context(store), config)
    with_answers("aeflow-store")
    second = ingest(Context(store), config)
    with_answers("another")
    assert first == second == ingest(Context(store), config)
    assert (sum(first.rows.values()), first.label_names) == (160, ("cat", "dog"))
    assert ids_of(first, store) == {f"{('cat', 'dog')[n % 2]}/{n}.png" for n in range(160)}
    assert [path.name for path in Path("aeflow-store/datasets").iterdir()] == [f"pets-{first.key}"]


def test_a_store_in_the_very_folder_of_its_source_is_left_out(here):
    draw_pets()
    config, store = IngestConfig(source="images:."), Store(".")
    first = ingest(Context(store), config)
    with_answers(".")
    assert ingest(Context(store), config) == first
    assert (sum(first.rows.values()), first.label_names) == (160, ("cat", "dog"))


def test_a_table_is_the_same_dataset_once_the_store_holds_tables(here):
    write_table()
    config, store = IngestConfig(source="parquet:."), Store("aeflow-store")
    first = ingest(Context(store), config)
    with_answers("aeflow-store")
    assert ingest(Context(store), config) == first
    assert first.example_schema.columns == ("a", "b", "c")
    assert (sum(first.rows.values()), len(ids_of(first, store))) == (200, 200)


@pytest.mark.parametrize("roots", [["aeflow-store"], ["a/b/s1"], ["a/b/s1", "s2"], ["cat/s"]])
@pytest.mark.parametrize("source", ["images:.", "parquet:.", "parquet:**/*.parquet"])
def test_stores_of_any_name_and_depth_are_left_out(source, roots, here):
    draw_pets()
    write_table("cat/t.parquet", rows=3)
    for root in roots:
        with_answers(root)
    opened_source = opened(source)
    assert {piece.name: piece.rows for piece in opened_source.pieces()} == (
        {"cat": 80, "dog": 80} if source == "images:." else {"cat/t.parquet": 3}
    )
    assert opened_source.skipped_stores == tuple(roots)


@pytest.mark.parametrize(
    "pattern",
    ["*/*/*/*/*.parquet", "**/0.parquet", "*/features/**/*", "**", "a/**/split=train/*", "[ab]/**"],
)
def test_globs_do_not_reach_into_a_store(pattern, here):
    table(Path("a/features/x/split=train/0.parquet"), a=[1.0])
    with_answers("a/s")
    with_answers("b")
    (piece,) = opened(f"parquet:{pattern}").pieces()
    assert piece.name.endswith("features/x/split=train/0.parquet")


def test_a_store_of_an_earlier_version_is_known_by_its_folders(here):
    draw_pets()
    picture(Path("old/evaluations/0123456789abcdef/figures/worst.png"))
    Path("old/evaluations/0123456789abcdef/_manifest.json").write_text('{"format": 0}')
    source = opened("images:.")
    assert (source.label_names, source.skipped_stores) == (("cat", "dog"), ("old",))


def test_a_store_with_nothing_but_a_draft_is_left_out(here):
    draw_pets()
    picture(Path("s/evaluations/0123456789abcdef.partial/figures/worst.png"))
    assert opened("images:.").label_names == ("cat", "dog")


def test_a_store_that_is_being_written_is_left_out(here):
    write_table()
    sources = []

    def work(draft: Draft) -> Answered:
        with draft.writing("0.parquet") as path:
            table(path, z=[1.0])
        sources.append(opened("parquet:."))
        return Answered({"identity": "0", "latent_dim": 1, "layout": "wide", "rows": {"train": 1}})

    question = Question(stage="encode", version=1, folder="features", configs={}, inputs={})
    Store("aeflow-store").answer(question, FeatureSet, work)
    assert [piece.name for piece in sources[0].pieces()] == ["t.parquet"]
    assert sources[0].skipped_stores == ("aeflow-store",)


def test_labels_may_be_named_as_the_folders_of_a_store(here):
    for name in ("models/0.png", "features/0123456789abcdef/0.png", "logs/0.png", "datasets/0.png"):
        picture(Path(name))
    source = opened("images:.")
    assert source.label_names == ("datasets", "features", "logs", "models")
    assert (len(rows_of(source).ids), source.skipped_stores) == (4, ())


def test_what_is_not_of_the_store_is_read_though_it_lies_in_its_root(here):
    with_answers("s")
    table(Path("s/mine/t.parquet"), a=[1.0])
    assert [piece.name for piece in opened("parquet:.").pieces()] == ["s/mine/t.parquet"]
    assert [piece.name for piece in opened("parquet:s/mine").pieces()] == ["t.parquet"]
    with_answers(".")
    write_table()
    assert [piece.name for piece in opened("parquet:*.parquet").pieces()] == ["t.parquet"]


@pytest.mark.parametrize("source", ["parquet:.", "parquet:**/*.parquet"])
def test_of_a_store_only_the_folders_that_show_it_are_listed(source, here):
    write_table()
    with_answers("s")
    with listed_folders() as listed:
        opened(source)
    below = {
        Path(name).relative_to("s").as_posix() for name in listed if Path(name).parts[:1] == ("s",)
    }
    assert "." in below
    assert not [name for name in below if "/" in name]


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("parquet:aeflow-store", "aeflow-store"),
        ("parquet:aeflow-store/features", "aeflow-store/features"),
        ("parquet:aeflow-store/features/*/*.parquet", "aeflow-store/features/*/*.parquet"),
        ("parquet:aeflow-store/features/0123456789abcdef.partial", None),
        ("parquet:aeflow-store/datasets/x-0123456789abcdef.partial/*", None),
        ("parquet:link", "link"),
    ],
)
def test_a_store_and_its_parts_are_refused_in_one_line(source, place, here):
    with_answers("aeflow-store")
    table(Path("aeflow-store/features/0123456789abcdef.partial/0.parquet"), z=[1.0])
    Path("link").symlink_to("aeflow-store")
    with pytest.raises(SourceError) as caught:
        opened(source)
    place = place or source.partition(":")[2]
    assert str(caught.value) == (
        f"A store cannot be a source, and '{place}' is one or a part of one. Give {GIVE}"
    )


@pytest.mark.parametrize("folder", ["", "/evaluations", "/logs", "/features"])
def test_a_store_is_no_folder_of_pictures(folder, here):
    with_answers("aeflow-store")
    with pytest.raises(SourceError, match="A store cannot be a source, and 'aeflow-store"):
        opened(f"images:aeflow-store{folder}")


@pytest.mark.parametrize(
    "source", ["parquet:.", "parquet:aeflow-store/**/*.parquet", "parquet:*/features/*/*/*"]
)
def test_a_place_with_nothing_but_a_store_has_no_data(source, here):
    with_answers("aeflow-store")
    with pytest.raises(SourceError) as caught:
        opened(source)
    assert (
        "holds no file that ends in .parquet or .pq outside the store 'aeflow-store', which cannot "
        "be a source. Give parquet:FILE"
    ) in str(caught.value)


def test_one_answer_of_a_store_and_one_file_of_it_may_be_read(here):
    with_answers("aeflow-store")
    (features,) = Path("aeflow-store/features").iterdir()
    for place in (features, f"{features}/split=train/*.parquet", f"{features}/split=train"):
        assert rows_of(opened(f"parquet:{place}")).features.tolist() == [[1.0], [2.0]]
    file = features / "split=train" / "0.parquet"
    assert rows_of(opened(f"parquet:{file}")).features.tolist() == [[1.0], [2.0]]
    (evaluation,) = Path("aeflow-store/evaluations").iterdir()
    assert rows_of(opened(f"images:{evaluation}")).ids == ["figures/curve.png"]


def test_what_is_left_out_is_reported_once_in_the_log_and_in_the_progress(here, caplog):
    caplog.set_level(logging.INFO, logger="aeflow")
    write_table()
    for root in ("aeflow-store", "old/s"):
        with_answers(root)
    caplog.clear()
    progress = []
    ingest(
        Context(Store("aeflow-store"), on_progress=progress.append),
        IngestConfig(source="parquet:."),
    )
    message = "leaves out the stores 'aeflow-store', 'old/s'"
    assert [line for line in caplog.messages if "leaves out" in line] == [f"ingest: {message}"]
    assert [step.message for step in progress if "leaves out" in step.message] == [message]


def test_without_a_store_nothing_is_reported(here, caplog):
    caplog.set_level(logging.INFO, logger="aeflow")
    write_table()
    progress = []
    ingest(
        Context(Store("aeflow-store"), on_progress=progress.append),
        IngestConfig(source="parquet:."),
    )
    assert not [line for line in caplog.messages if "leaves out" in line]
    assert not [step for step in progress if "leaves out" in step.message]
