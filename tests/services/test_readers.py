"""Hugging Face's `datasets` and Spark read the same rows as all other readers."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest
from datasets import Dataset, load_dataset
from pyarrow import dataset
from pyspark.sql import SparkSession

from aeflow.stages import Context
from aeflow.stages.encoding import encode
from tests.readers import LAYOUTS, check_same, expected_rows


@pytest.fixture(scope="module")
def expected(stages) -> pd.DataFrame:
    return expected_rows(stages.dataset, stages.model, stages.store)


@pytest.fixture(params=LAYOUTS)
def folder(request, changed) -> Path:
    features = encode(
        Context(changed.store), changed.model, LAYOUTS[request.param], dataset=changed.dataset
    )
    return changed.store.locate(features)


@pytest.fixture(scope="module")
def spark(tmp_path_factory) -> Iterator[SparkSession]:
    warehouse = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.warehouse.dir", str(warehouse))
        .getOrCreate()
    )
    yield session
    session.stop()
    machines = [one for one in psutil.Process().children(recursive=True) if one.name() == "java"]
    for machine in machines:  # Spark leaves its Java running for the next session
        machine.kill()
    psutil.wait_procs(machines)


def test_spark_finds_the_same_rows(spark, folder, expected):
    rows = [row.asDict() for row in spark.read.parquet(str(folder)).collect()]
    frame = pd.DataFrame(rows)
    frame.attrs["float64"] = True  # Python has only 64-bit floats
    check_same(frame, expected)


def test_hugging_face_finds_the_same_rows_by_its_own_splits(stages, expected, tmp_path):
    """It does not read Hive folders, so splits are passed by name, and labels must be a column."""
    folder = stages.store.locate(stages.features)
    files = {split: f"{folder}/split={split}/*.parquet" for split in stages.dataset.rows}
    loaded = load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))
    parts = [loaded[split].with_format("pandas")[:].assign(split=split) for split in files]
    check_same(pd.concat(parts), expected)


def test_hugging_face_takes_what_arrow_reads_from_any_layout(folder, expected):
    rows = Dataset(dataset.dataset(folder, partitioning="hive").to_table())
    check_same(rows.with_format("pandas")[:], expected)
