"""The feature contract: the columns and the footer of a file, and which files are refused."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aeflow.errors import ConfigError, CorruptArtifact, IdentityMismatch
from aeflow.features.contract import (
    FOOTER,
    FeatureRows,
    Footer,
    by_label,
    error_percentiles,
    footer_of,
    identity_in,
    read_features,
    write_features,
)
from tests.source_code import ROOT

ABC = Footer(identity="abc", latent_dim=3, source="def")


def rows(count=5, latent_dim=3, *, labels=True, errors=True) -> FeatureRows:
    generator = np.random.default_rng(0)
    return FeatureRows(
        ids=pa.array([f"row/{i}" for i in range(count)]),
        labels=pa.array(range(count), pa.int64()) if labels else None,
        latents=generator.normal(size=(count, latent_dim)).astype(np.float32),
        errors=generator.random(count).astype(np.float32) if errors else None,
        percentiles=np.full(count, 50.0, np.float32) if errors else None,
    )


def test_schema_is_the_contract(tmp_path):
    write_features(tmp_path / "a.parquet", rows(), footer=ABC, layout="list")
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.names == ["id", "label", "latent", "reconstruction_error", "error_percentile"]
    element = schema.field("latent").type.value_field
    assert (schema.field("latent").type.list_size, element.nullable) == (3, False)
    assert schema.field("reconstruction_error").type == pa.float32()


def test_wide_layout_has_a_column_per_dimension(tmp_path):
    write_features(tmp_path / "a.parquet", rows(), footer=ABC, layout="wide")
    assert pq.read_schema(tmp_path / "a.parquet").names[2:5] == ["z_000", "z_001", "z_002"]


def test_labels_and_errors_may_be_left_out(tmp_path):
    write_features(
        tmp_path / "a.parquet", rows(labels=False, errors=False), footer=ABC, layout="list"
    )
    assert pq.read_schema(tmp_path / "a.parquet").names == ["id", "latent"]


def test_floats_are_byte_stream_split_zstd_without_a_dictionary(tmp_path):
    write_features(tmp_path / "a.parquet", rows(2000), footer=ABC, layout="list")
    group = pq.read_metadata(tmp_path / "a.parquet").row_group(0)
    by_path = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    latent = by_path["latent.list.element"]
    assert "BYTE_STREAM_SPLIT" in latent.encodings
    assert not any("DICTIONARY" in encoding for encoding in latent.encodings)
    assert {column.compression for column in by_path.values()} == {"ZSTD"}


def test_the_same_rows_make_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_features(tmp_path / f"{name}.parquet", rows(500), footer=ABC, layout="list")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_the_footer_is_the_contract(tmp_path):
    write_features(tmp_path / "a.parquet", rows(), footer=ABC, layout="list")
    assert pq.read_schema(tmp_path / "a.parquet").metadata == {
        b"aeflow.contract": b"features",
        b"aeflow.contract_version": b"1",
        b"aeflow.identity": b"abc",
        b"aeflow.latent_dim": b"3",
        b"aeflow.source": b"def",
    }
    assert footer_of(tmp_path / "a.parquet") == ABC
    assert identity_in(tmp_path / "a.parquet") == "abc"


def test_features_of_another_contract_are_refused(tmp_path):
    write_features(tmp_path / "a.parquet", rows(), footer=ABC, layout="list")
    table = pq.read_table(tmp_path / "a.parquet")
    later = {**table.schema.metadata, b"aeflow.contract_version": b"2"}
    pq.write_table(table.replace_schema_metadata(later), tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match="has version 2 of the feature contract, but this"):
        read_features(tmp_path)


def test_the_docs_state_the_contract():
    page = (ROOT / "docs" / "features.md").read_text("utf-8")
    stated = dict(re.findall(r"^\| `(aeflow\.\w+)` \| (.*) \|$", page, re.MULTILINE))
    assert stated == FOOTER


def test_rows_by_label_are_all_rows_once_and_in_their_order():
    feature_rows = replace(rows(6), labels=pa.array([10, -2, 10, 3, 3, 10], pa.int64()))
    parts = dict(by_label(feature_rows))
    assert {label: part.ids.to_pylist() for label, part in parts.items()} == {
        -2: ["row/1"],
        3: ["row/3", "row/4"],
        10: ["row/0", "row/2", "row/5"],
    }
    assert parts[10].latents.tolist() == feature_rows.latents[[0, 2, 5]].tolist()
    assert parts[3].errors.tolist() == feature_rows.errors[[3, 4]].tolist()
    assert all(part.labels is None for part in parts.values())


def test_label_of_a_folder_is_read_as_a_column(tmp_path):
    feature_rows = replace(rows(4), labels=pa.array([1, 0, 1, 0], pa.int64()))
    for label, part in by_label(feature_rows):
        path = tmp_path / f"split=test/label={label}/00000-0.parquet"
        path.parent.mkdir(parents=True)
        write_features(path, part, footer=ABC, layout="list")
    table = read_features(tmp_path)
    assert table.column_names[:2] == ["id", "label"]
    assert table["label"].to_pylist() == [0, 0, 1, 1]
    assert table["id"].to_pylist() == ["row/1", "row/3", "row/0", "row/2"]


def test_features_of_two_models_are_not_read_together(tmp_path):
    write_features(
        tmp_path / "a.parquet", rows(), footer=replace(ABC, identity="a" * 64), layout="list"
    )
    write_features(
        tmp_path / "b.parquet", rows(), footer=replace(ABC, identity="b" * 64), layout="list"
    )
    with pytest.raises(IdentityMismatch, match=r"a{16} and .* by b{16}\."):
        read_features(tmp_path)


def test_a_foreign_parquet_file_is_refused(tmp_path):
    pd.DataFrame({"id": ["a"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(IdentityMismatch, match="names no model in its footer"):
        read_features(tmp_path)


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(CorruptArtifact, match="is not a Parquet file"):
        read_features(tmp_path)


def test_a_folder_without_features_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="There are no features"):
        read_features(tmp_path)


def test_percentiles_count_the_reference_errors_that_are_reached():
    percentiles = error_percentiles(np.array([0.0, 1.0, 2.5, 9.0]), np.array([4.0, 1.0, 3.0, 2.0]))
    assert percentiles.tolist() == [0.0, 25.0, 50.0, 100.0]
