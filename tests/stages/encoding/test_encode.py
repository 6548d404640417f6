import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from aeflow.artifacts import FeatureSet
from aeflow.configs import EncodeConfig, RuntimeConfig
from aeflow.datasets.shards import open_split
from aeflow.errors import ConfigError, CorruptArtifact, Interrupted
from aeflow.features.contract import footer_of, identity_in, read_features
from aeflow.models import load_model
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.stages.encoding.encoded_shards import RECORD, EncodedShard
from aeflow.storage import Store

KILLED = """
import json, os, signal, sys
from aeflow.artifacts import Dataset, Model
from aeflow.configs import EncodeConfig
from aeflow.stages.encoding import encode
from aeflow.stages import Context
from aeflow.storage import Store

def die(progress):
    if progress.done >= 1000:
        os.kill(os.getpid(), signal.SIGKILL)

encode(Context(Store(sys.argv[1]), on_progress=die), Model.model_validate_json(sys.argv[2]),
       EncodeConfig(), dataset=Dataset.model_validate_json(sys.argv[3]))
"""


@pytest.fixture
def unencoded(stages, tmp_path) -> Store:
    """A store with the dataset and the model, and no features yet."""
    shutil.copytree(stages.store.root, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "features")
    return Store(tmp_path / "copy")


@pytest.fixture
def interrupted(stages, unencoded) -> Store:
    """A store with an encoding that was stopped after about 600 rows."""

    def stop(progress):
        if progress.done >= 600:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        encode(
            Context(unencoded, on_progress=stop),
            stages.model,
            EncodeConfig(),
            dataset=stages.dataset,
        )
    return unencoded


def content(store: Store, features) -> dict[str, bytes]:
    folder = store.locate(features)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.parquet")}


def test_every_row_is_there_once(stages):
    frame = pd.read_parquet(stages.store.locate(stages.features))
    ids = [
        row_id
        for split in stages.dataset.rows
        for shard in open_split(stages.dataset, split, stages.store)
        for row_id in shard.ids.to_pylist()
    ]
    assert sorted(frame["id"]) == sorted(ids)
    assert frame["id"].is_unique
    assert frame["split"].value_counts().to_dict() == stages.dataset.rows


def test_latents_and_errors_are_those_of_the_model(stages):
    model = load_model(stages.model, stages.store, cpu="any")
    frame = pd.read_parquet(stages.store.locate(stages.features)).set_index("id")
    for shard in open_split(stages.dataset, "test", stages.store):
        rows = frame.loc[shard.ids.to_pylist()]
        z = model.encode(shard.features).numpy()
        latents = np.stack(rows["latent"].to_list())
        assert np.abs(latents - z).max() <= 1e-5 * np.abs(z).max()
        errors = np.square(shard.features / 16.0 - model(shard.features)).mean(axis=(1, 2, 3))
        assert rows["reconstruction_error"].to_numpy() == pytest.approx(errors, rel=1e-4)
        assert rows["label"].tolist() == shard.labels.to_pylist()


def test_percentiles_are_against_the_held_out_rows(stages):
    frame = pd.read_parquet(stages.store.locate(stages.features))
    validation = frame[frame["split"] == "validation"]
    assert validation["error_percentile"].max() == 100.0
    assert validation["error_percentile"].median() == pytest.approx(50.0, abs=2)


def test_every_file_names_the_model_that_made_it(stages):
    files = list(stages.store.locate(stages.features).rglob("*.parquet"))
    assert len(files) == 15
    assert {identity_in(path) for path in files} == {stages.model.identity}
    assert read_features(stages.store.locate(stages.features)).num_rows == 1797


def test_every_file_names_the_shard_that_it_was_made_from(stages):
    shards = {e.name: e.sha256 for e in stages.store.manifest(stages.dataset.address).files}
    folder = stages.store.locate(stages.features)
    for path in folder.rglob("*.parquet"):
        split, number = path.parent.name.removeprefix("split="), path.name.partition("-")[0]
        assert footer_of(path).source == shards[f"{split}-{number}.arrow"]


@pytest.fixture
def partitioned(stages, unencoded) -> FeatureSet:
    config = EncodeConfig(partition_by_label=True)
    return encode(Context(unencoded), stages.model, config, dataset=stages.dataset)


def test_partitioned_by_label_the_rows_are_the_same(stages, unencoded, partitioned):
    folder = unencoded.locate(partitioned)
    assert {path.name for path in (folder / "split=test").iterdir()} == {
        f"label={digit}" for digit in range(10)
    }
    columns = ["id", "label", "latent", "reconstruction_error", "error_percentile"]
    table, other = read_features(folder), read_features(stages.store.locate(stages.features))
    assert table.select(columns).sort_by("id").equals(other.select(columns).sort_by("id"))
    assert unencoded.verify(partitioned.key) == []


def test_killed_between_the_labels_of_a_shard_it_ends_in_the_same_bytes(
    stages, unencoded, partitioned
):
    expected = content(unencoded, partitioned)
    files = unencoded.manifest(partitioned.address).files
    folder = unencoded.locate(partitioned)
    (folder / "_manifest.json").unlink()
    partial = folder.rename(f"{folder}.partial")
    (partial / "_work").mkdir()
    made_by = {"device": "cpu", "encode_batch_size": RuntimeConfig().encode_batch_size}
    (partial / "_work/made_by.json").write_text(json.dumps(made_by))
    for split in ("validation", "test"):
        encoded_shard = EncodedShard(split, f"{split}-00000.arrow")
        split_files = tuple(e for e in files if e.name.startswith(f"split={split}/"))
        (partial / encoded_shard.record).parent.mkdir(exist_ok=True)
        (partial / encoded_shard.record).write_bytes(RECORD.dump_json(split_files))
    for path in [*partial.glob("split=test/label=[4-9]/*"), *partial.glob("split=train/*/*")]:
        path.unlink()
    reports = []
    again = encode(
        Context(unencoded, on_progress=reports.append),
        stages.model,
        EncodeConfig(partition_by_label=True),
        dataset=stages.dataset,
    )
    assert reports[0].done == stages.dataset.rows["validation"]
    assert content(unencoded, again) == expected


def test_without_labels_there_is_nothing_to_partition_by(stages, unencoded):
    unlabelled = stages.dataset.model_copy(update={"has_labels": False})
    with pytest.raises(ConfigError, match="'digits' has no labels to partition by"):
        encode(
            Context(unencoded),
            stages.model,
            EncodeConfig(partition_by_label=True),
            dataset=unlabelled,
        )


def test_without_error_there_are_latents_alone(stages, unencoded):
    config = EncodeConfig(reconstruction_error=False, layout="wide")
    features = encode(Context(unencoded), stages.model, config, dataset=stages.dataset)
    frame = pd.read_parquet(unencoded.locate(features))
    assert [*frame.columns] == ["id", "label", *(f"z_{i:03d}" for i in range(8)), "split"]


def test_killed_with_9_and_run_again_ends_in_the_same_bytes(stages, unencoded):
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED,
            unencoded.root,
            stages.model.model_dump_json(),
            stages.dataset.model_dump_json(),
        ],
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -9
    partial = next((unencoded.root / "features").glob("*.partial"))
    records = [json.loads(path.read_bytes()) for path in partial.glob("_work/shards/[!_]*.json")]
    names = [entry["name"] for files in records for entry in files]
    finished = {name: (partial / name).stat().st_mtime_ns for name in names}
    assert 0 < len(finished) < 15
    features = encode(Context(unencoded), stages.model, EncodeConfig(), dataset=stages.dataset)
    assert content(unencoded, features) == content(stages.store, stages.features)
    folder = unencoded.locate(features)
    assert finished == {name: (folder / name).stat().st_mtime_ns for name in finished}
    assert unencoded.verify(features.key) == []


def test_interrupted_it_keeps_what_is_finished(stages, interrupted):
    partial = next((interrupted.root / "features").glob("*.partial"))
    assert len(list(partial.rglob("0*.parquet"))) >= 3
    reports = []
    features = encode(
        Context(interrupted, on_progress=reports.append),
        stages.model,
        EncodeConfig(),
        dataset=stages.dataset,
    )
    assert reports[0].done >= 3 * 128
    assert content(interrupted, features) == content(stages.store, stages.features)


def test_each_shard_is_a_line_of_the_log_and_shown_as_progress(stages, interrupted, caplog):
    caplog.set_level("INFO", "aeflow.stages.encoding")
    reports = []
    encode(
        Context(interrupted, on_progress=reports.append),
        stages.model,
        EncodeConfig(),
        dataset=stages.dataset,
    )
    first, last = reports[0], reports[-1]
    finished = int(first.message.removesuffix(" of 15 shards"))
    assert last.message == "15 of 15 shards"
    lines = [text for text in caplog.messages if text.startswith("encode: shard ")]
    assert len(lines) == 15 - finished
    assert lines[-1] == "encode: shard 15 of 15, test-00001.arrow, 52 rows"


@pytest.mark.parametrize("shards_in_flight", [1, 8])
def test_shards_in_flight_change_no_byte(stages, unencoded, shards_in_flight):
    features = encode(
        Context(unencoded, runtime=RuntimeConfig(shards_in_flight=shards_in_flight)),
        stages.model,
        EncodeConfig(),
        dataset=stages.dataset,
    )
    assert content(unencoded, features) == content(stages.store, stages.features)


def test_another_batch_size_begins_a_draft_anew(stages, interrupted):
    reports = []
    encode(
        Context(
            interrupted, runtime=RuntimeConfig(encode_batch_size=64), on_progress=reports.append
        ),
        stages.model,
        EncodeConfig(),
        dataset=stages.dataset,
    )
    assert reports[0].done == 0


def test_a_tampered_model_encodes_nothing(stages, unencoded):
    path = unencoded.locate(stages.model) / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptArtifact):
        encode(Context(unencoded), stages.model, EncodeConfig(), dataset=stages.dataset)
    assert not (unencoded.root / "features").exists()


@pytest.mark.parametrize("what", ["0*.parquet", "_work/shards/train-00000.json"])
def test_what_is_damaged_in_the_draft_is_encoded_again(stages, interrupted, what):
    partial = next((interrupted.root / "features").glob("*.partial"))
    path = next(iter(sorted(partial.rglob(what))))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    features = encode(Context(interrupted), stages.model, EncodeConfig(), dataset=stages.dataset)
    assert content(interrupted, features) == content(stages.store, stages.features)
    assert interrupted.verify(features.key) == []


def test_a_file_whose_rows_stand_in_another_is_dropped(stages, interrupted):
    """This happens if a shard was encoded twice, on two kinds of CPU with different results."""
    partial = next((interrupted.root / "features").glob("*.partial"))
    path = next(iter(sorted(partial.rglob("0*.parquet"))))
    path.with_name(f"{path.name.partition('-')[0]}-00000000.parquet").write_bytes(b"other bits")
    features = encode(Context(interrupted), stages.model, EncodeConfig(), dataset=stages.dataset)
    assert content(interrupted, features) == content(stages.store, stages.features)


def test_a_split_that_lost_rows_on_the_way_is_refused(stages, interrupted):
    short = stages.dataset.model_copy(update={"rows": {**stages.dataset.rows, "test": 181}})
    with pytest.raises(CorruptArtifact, match="split 'test' were encoded, but the split has 181"):
        encode(Context(interrupted), stages.model, EncodeConfig(), dataset=short)
    assert not list((interrupted.root / "features").glob("*/_manifest.json"))


def test_the_manifest_says_how_many_rows_a_file_has(stages):
    folder = stages.store.locate(stages.features)
    for entry in stages.store.manifest(stages.features.address).files:
        assert entry.rows == pq.read_metadata(folder / entry.name).num_rows
