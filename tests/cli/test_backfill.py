"""`aeflow backfill`: the days of a dated source, one after the other."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.cli import main


def write(path, seed, rows):
    numbers = np.random.default_rng(seed).normal(size=(rows, 3)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({f"x{i}": numbers[:, i] for i in range(3)}), path)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Returns a folder with a store, a model and three days of data, and the command."""
    root = tmp_path_factory.mktemp("backfill")
    write(root / "training.parquet", 0, 400)
    for day in (1, 2, 4):
        write(root / f"2026-11-{day:02d}" / "rows.parquet", day, 10 * day)
    options = ["--store", str(root / "store"), "--direct"]
    assert main(["train", "--source", f"parquet:{root / 'training.parquet'}", "--epochs", "1",
                 "--latent-dim", "2", *options]) == 0  # fmt: skip
    (model,) = (root / "store" / "models").glob("[0-9a-f]*")
    return root, ["backfill", "--model", model.name, *options]


def test_days_are_encoded_one_by_one(filled, capsys):
    root, command = filled
    source = ["--source", f"parquet:{root}/{{date}}", "--from", "2026-11-01", "--to", "2026-11-02"]
    assert main([*command, *source, "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[0] == "{"]
    assert len({answer["features"]["key"] for answer in answers}) == 2
    rows = [pq.read_table(answer["features"]["path"]).num_rows for answer in answers]
    assert rows == [10, 20]


def test_day_that_is_missing_does_not_keep_the_next_from_being_encoded(filled, capsys):
    root, command = filled
    source = ["--source", f"parquet:{root}/{{date}}", "--from", "2026-11-02", "--to", "2026-11-04"]
    assert main([*command, *source]) == 2
    out, err = capsys.readouterr()
    assert [line.split()[1] for line in out.splitlines() if line.startswith("day")] == [
        "2026-11-02",
        "2026-11-03",
        "2026-11-04",
    ]
    assert "40 rows" in out
    assert err.splitlines()[-1].startswith(
        "aeflow: These days are not encoded: 2026-11-03. On 2026-11-03: There is no file or folder"
    )


def test_source_without_a_date_is_refused(filled, capsys):
    root, command = filled
    source = ["--source", f"parquet:{root}", "--from", "2026-11-01", "--to", "2026-11-02"]
    assert main([*command, *source]) == 2
    assert "has no place for a date. Write {date} or {date:%Y/%m/%d}" in capsys.readouterr().err
