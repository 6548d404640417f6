"""Features as a Delta table: one commit with the model's identity, and the same bytes each time."""

import shutil
import sys

import numpy as np
import polars as pl
import pytest
from deltalake import DeltaTable

from aeflow.configs import EncodeConfig
from aeflow.errors import ConfigError, CorruptArtifact, IdentityMismatch
from aeflow.features.contract import read_features
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.stages.encoding.delta import open_table
from flows.cli import main
from tests.readers import check_same, expected_rows
from tests.stages.encoding.test_encode import content

LOG = "_delta_log/00000000000000000000.json"


@pytest.fixture(scope="module")
def expected(stages):
    return expected_rows(stages.dataset, stages.model, stages.store)


@pytest.mark.parametrize("layout", ["list", "wide"])
@pytest.mark.parametrize("partition_by_label", [False, True])
def test_a_delta_table_has_the_same_rows(changed, expected, layout, partition_by_label):
    config = EncodeConfig(format="delta", layout=layout, partition_by_label=partition_by_label)
    features = encode(Context(changed.store), changed.model, config, dataset=changed.dataset)
    table = DeltaTable(str(changed.store.locate(features)))
    check_same(table.to_pandas(), expected)
    if layout == "wide":  # Delta has no lists of fixed size, which Polars requires
        check_same(pl.read_delta(table.table_uri).to_pandas(), expected)
    assert table.version() == 0
    assert table.metadata().partition_columns == ["split", "label"][: 1 + partition_by_label]
    assert table.metadata().configuration == {
        "aeflow.contract": "features",
        "aeflow.contract_version": "1",
        "aeflow.identity": changed.model.identity,
        "aeflow.latent_dim": "8",
    }
    assert changed.store.verify(features.key) == []


@pytest.fixture
def delta(changed):
    config = EncodeConfig(format="delta")
    return encode(Context(changed.store), changed.model, config, dataset=changed.dataset)


def test_it_holds_the_files_of_plain_parquet_and_the_log_alone(changed, delta):
    files = content(changed.store, delta)
    assert files == content(changed.store, changed.features)
    stored_names = {entry.name for entry in changed.store.manifest(delta.address).files}
    assert stored_names - set(files) == {LOG}
    assert read_features(changed.store.locate(delta)).num_rows == 1797


def test_made_again_it_has_the_same_bytes(changed, delta):
    before = (changed.store.locate(delta) / LOG).read_bytes()
    shutil.rmtree(changed.store.root / "features")
    config = EncodeConfig(format="delta")
    again = encode(Context(changed.store), changed.model, config, dataset=changed.dataset)
    assert again == delta
    assert (changed.store.locate(again) / LOG).read_bytes() == before


def test_killed_before_its_commit_it_ends_in_the_same_bytes(changed, delta):
    folder = changed.store.locate(delta)
    before = (folder / LOG).read_bytes()
    (folder / "_manifest.json").unlink()
    (folder / LOG).write_bytes(before[:100])
    (folder / "_delta_log/00000000000000000001.json").write_text("a stray commit")
    folder.rename(f"{folder}.partial")
    again = encode(
        Context(changed.store), changed.model, EncodeConfig(format="delta"), dataset=changed.dataset
    )
    assert again == delta
    assert (folder / LOG).read_bytes() == before


def test_opened_table_is_that_of_the_feature_set(changed, delta):
    assert open_table(delta, changed.store).count() == 1797


def test_table_of_another_model_is_refused(changed, delta):
    other = delta.model_copy(update={"identity": "f" * 64})
    with pytest.raises(
        IdentityMismatch, match=f"made by {delta.identity[:16]}, not by the model f{{16}}"
    ):
        open_table(other, changed.store)


def test_changed_log_is_refused(changed, delta):
    path = changed.store.locate(delta) / LOG
    path.write_text(path.read_text().replace(delta.identity, "f" * 64))
    with pytest.raises(CorruptArtifact, match="its SHA-256 differs"):
        open_table(delta, changed.store)
    assert len(changed.store.verify(delta.key)) == 1


def test_plain_parquet_is_not_taken_for_a_table(changed):
    with pytest.raises(ConfigError, match="are not a Delta table"):
        open_table(changed.features, changed.store)


def test_without_the_package_it_is_one_line(changed, monkeypatch, capsys):
    monkeypatch.setitem(
        sys.modules, "deltalake", None
    )  # how Python marks a module that cannot be imported
    tokens = ["encode", "--direct", "--model", changed.model.key, "--format", "delta"]
    assert main([*tokens, "--store", changed.store.url]) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("aeflow")]
    assert "needs the package 'deltalake', which is not installed" in line


def test_latents_are_arrays_of_float32(changed, delta):
    frame = open_table(delta, changed.store).to_pandas()
    assert np.stack(frame["latent"].to_list()).dtype == np.float32
