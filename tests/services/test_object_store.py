"""A store and sources on a real S3 server: complete artifacts, each once, and one-line errors."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import S3Store
from sklearn.datasets import load_digits

from tests.services.seaweed import GUEST, OWNER, Seaweed, free_ports
from tests.storage.questions import everything_in
from tests.test_docs import COMMANDS, write_tables

AEFLOW = Path(sys.executable).with_name("aeflow")
QUICK = ("--latent-dim", "8", "--epochs", "3")
BUCKETS = ("whole", "twice", "killed-models", "killed-features", "source", "lost", "my-bucket")
LONG = ("--latent-dim", "8", "--epochs", "300")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    seaweed = Seaweed(tmp_path_factory.mktemp("seaweed"))
    seaweed.start()
    for bucket in BUCKETS:  # the owner's first file creates the bucket
        obstore.put(client(seaweed, f"s3://{bucket}"), "beside/file", b"")
    yield seaweed
    seaweed.stop()


def client(server: Seaweed, url: str) -> S3Store:
    return S3Store.from_url(
        url,
        config={
            "access_key_id": OWNER,
            "secret_access_key": f"{OWNER}-secret",
            "endpoint": server.url,
            "region": "us-east-1",
        },
        client_options={"allow_http": True},
    )


def objects(server: Seaweed, url: str, below: str = "") -> dict[str, bytes]:
    """Returns every object below a prefix, by its name relative to the prefix."""
    store = client(server, f"{url}/{below}".rstrip("/"))
    return {
        meta["path"]: bytes(obstore.get(store, meta["path"]).bytes())
        for meta in obstore.list(store).collect()
    }


def start_aeflow(*arguments: str, **environment: Any) -> subprocess.Popen:
    return subprocess.Popen(
        [AEFLOW, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **environment,
    )


def output_of(*arguments: str, **environment: Any) -> tuple[int, str, str]:
    process = start_aeflow(*arguments, **environment)
    out, error = process.communicate(timeout=280)
    return process.returncode, out, error


def run(server: Seaweed, store: str, *options: str) -> dict:
    code, out, error = output_of(
        "run", "--direct", "--store", store, *options, "--json", env=server.environment()
    )
    assert code == 0, error
    return json.loads(out.splitlines()[-1])


def unused(files: dict[str, bytes]) -> dict[str, bytes]:
    """Returns the files of a store without those that record when an artifact was used."""
    return {name: content for name, content in files.items() if not name.endswith("/_used")}


def features_of(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name.endswith(".parquet")}


@pytest.fixture(scope="module")
def complete_run(server) -> tuple[str, dict]:
    """The URL of a store with a complete run, and the result of the run."""
    return "s3://whole/a/store", run(server, "s3://whole/a/store", *QUICK)


def test_features_equal_those_of_a_local_store_and_a_second_run_makes_nothing(
    server, complete_run, tmp_path
):
    url, first = complete_run
    key = first["features"]["key"]
    assert first["features"]["path"] == f"{url}/features/{key}"
    local = run(server, str(tmp_path / "store"), *QUICK)
    assert local["features"]["key"] == key
    folder = tmp_path / "store" / "features" / key
    expected = {n: (folder / n).read_bytes() for n in everything_in(folder) if "." in n}
    before = unused(objects(server, url))
    assert features_of(objects(server, url, f"features/{key}")) == features_of(expected)
    assert run(server, url, *QUICK) == first
    after = objects(server, url)
    assert unused(after) == before
    assert not [name for name in after if ".partial" in name or ".lease" in name]


def test_every_artifact_verifies_and_a_changed_byte_is_found(server, complete_run):
    url, outcome = complete_run
    environment = server.environment()
    for part in ("model", "features", "publication"):
        key = outcome[part]["key"]
        code, out, error = output_of("verify", key, "--store", url, env=environment)
        assert code == 0, out + error
    key = outcome["features"]["key"]
    store = client(server, url)
    name = next(
        m["path"] for m in obstore.list(store, f"features/{key}").collect() if "split=" in m["path"]
    )
    content = bytearray(bytes(obstore.get(store, name).bytes()))
    content[100] ^= 1
    good = bytes(obstore.get(store, name).bytes())
    obstore.put(store, name, bytes(content))
    code, out, error = output_of("verify", key, "--store", url, env=environment)
    obstore.put(store, name, good)
    assert code != 0
    assert f"'{url}/{name}' is not what was committed" in out + error


def test_other_commands_know_the_store(server, complete_run):
    url, outcome = complete_run
    environment = server.environment()
    key = outcome["model"]["key"]
    assert key in output_of("models", "--store", url, env=environment)[1]
    assert "from dataset" in output_of("show", key, "--store", url, env=environment)[1]
    code, out, error = output_of("prune", "--keep-last", "1", "--store", url, env=environment)
    assert (code, out.splitlines()[0]) == (0, "Nothing to remove."), error


def test_two_runs_at_once_have_one_answer(server):
    url = "s3://twice/store"
    options = ("run", "--direct", "--store", url, *QUICK, "--json")
    caches = (server.folder / "first", server.folder / "second")
    runs = [start_aeflow(*options, env=server.environment(AEFLOW_CACHE=str(c))) for c in caches]
    outputs = [process.communicate(timeout=280) for process in runs]
    assert [process.returncode for process in runs] == [0, 0], outputs
    first, second = (json.loads(out.splitlines()[-1]) for out, _ in outputs)
    assert first == second
    assert not [name for name in objects(server, url) if ".partial" in name or ".lease" in name]


@pytest.mark.parametrize("stage", ["models", "features"])
def test_killed_run_goes_on_on_another_machine_to_the_same_bytes(server, tmp_path, stage):
    url, options = f"s3://killed-{stage}/store", LONG if stage == "models" else QUICK
    config = tmp_path / "config.toml"
    config.write_text("[ingest]\nshard_bytes = 4096\n")
    options = (*options, "--config", str(config))
    process = start_aeflow("run", "--direct", "--store", url, *options, env=server.environment())
    store, mark = client(server, url), "checkpoint" if stage == "models" else "split="
    end = time.monotonic() + 120
    while True:
        names = [m["path"] for m in obstore.list(store, stage).collect()]
        if any(".partial/" in name and mark in name for name in names):
            break
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    shutil.rmtree(server.folder / "cache")
    resumed = run(server, url, *options)
    unbroken = run(server, str(tmp_path / "store"), *options)
    assert resumed["features"]["key"] == unbroken["features"]["key"]
    folder = tmp_path / "store" / "features" / resumed["features"]["key"]
    expected = {n: (folder / n).read_bytes() for n in everything_in(folder) if "." in n}
    stored_objects = objects(server, url, f"features/{resumed['features']['key']}")
    assert features_of(stored_objects) == features_of(expected)
    assert not [name for name in objects(server, url) if ".partial" in name or ".lease" in name]


def test_source_on_s3_gives_what_a_local_one_gives(server, tmp_path):
    images, labels = load_digits(return_X_y=True)
    table = pa.table(
        {f"x{i:02d}": images[:400, i] for i in range(64)} | {"label": labels[:400].astype(np.int64)}
    )
    (tmp_path / "table").mkdir()
    store = client(server, "s3://source/table")
    for part in range(2):
        path = tmp_path / "table" / f"part-{part}.parquet"
        pq.write_table(table.slice(200 * part, 200), path)
        obstore.put(store, f"day=1/{path.name}", path)
        obstore.put(store, path.name, path)
    folders = {}
    for source in ("s3://source/table/part-*.parquet", str(tmp_path / "table")):
        code, out, error = output_of(
            *("ingest", "--direct", "--store", str(tmp_path / "store"), "--label-column", "label"),
            *("--source", f"parquet:{source}", "--json"),
            env=server.environment(),
        )
        assert code == 0, error
        folders[source] = Path(json.loads(out.splitlines()[-1])["dataset"]["path"])
    remote, local = folders.values()
    assert remote != local
    assert [n for n in everything_in(remote) if n.endswith(".arrow")]
    for name in everything_in(local):
        if name.endswith(".arrow"):
            assert (remote / name).read_bytes() == (local / name).read_bytes()


def test_commands_of_the_readme_do_what_they_say(server, tmp_path):
    write_tables(tmp_path)
    obstore.put(
        client(server, "s3://my-bucket/tables"), "table.parquet", tmp_path / "my-table.parquet"
    )
    environment = server.environment(DO_NOT_TRACK="1")
    lines = [line for line in COMMANDS if "s3://" in line]
    assert [line.split()[1] for line in lines] == ["run", "models", "tensorboard"]
    code, out, error = output_of(*lines[0].split()[1:], "--direct", "--json", env=environment)
    assert code == 0, error
    key = json.loads(out.splitlines()[-1])["model"]["key"]
    assert key in output_of(*lines[1].split()[1:], env=environment)[1]
    port = free_ports(1)[0]
    tensorboard = start_aeflow(*lines[2].split()[1:], "--port", str(port), env=environment)
    try:
        end = time.monotonic() + 120
        while len(runs := runs_shown(port)) < 2:
            assert time.monotonic() < end, runs
            time.sleep(0.5)
        assert f"logs/{key}" in runs
    finally:
        tensorboard.terminate()
        tensorboard.communicate()


def runs_shown(port: int) -> list[str]:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/data/runs").json()
    except (httpx.HTTPError, ValueError):
        return []


@pytest.mark.parametrize(
    ("url", "user", "message"),
    [
        ("s3://missing/store", GUEST, "'s3://missing' refuses the credentials"),
        ("s3://whole/a/store", GUEST, "'s3://whole' refuses the credentials"),
        ("s3://whole/a/store", "nobody", "(InvalidAccessKeyId)"),
        ("s3://whole/a/store", "", "There are no credentials for 's3://whole/a/store'"),
        ("s3://other/store", GUEST, "There is no bucket 's3://other'. Create it"),
    ],
)
def test_error_is_one_line(server, url, user, message):
    code, _, error = output_of("run", "--direct", "--store", url, env=server.environment(user))
    lines = [line for line in error.splitlines() if not line.startswith("ingest: ")]
    assert (code, len(lines)) == (2, 1), error
    assert message in lines[0]


def test_cache_is_bounded(server, complete_run):
    url, outcome = complete_run
    folder = server.folder / "bounded"
    environment = server.environment(AEFLOW_CACHE=str(folder), AEFLOW_CACHE_BYTES="100000")
    for part in ("dataset", "features"):
        code, _, error = output_of("show", outcome[part]["key"], "--store", url, env=environment)
        assert code == 0, error
    code, _, error = output_of("run", "--direct", "--store", url, *QUICK, env=environment)
    assert code == 0, error
    cached_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert cached_bytes <= 100_000


def test_run_survives_a_connection_that_is_lost_for_half_a_minute(server, complete_run):
    url = "s3://lost/store"
    process = start_aeflow("run", "--direct", "--store", url, *LONG, env=server.environment())
    store = client(server, url)
    while not any("checkpoint" in m["path"] for m in obstore.list(store, "models").collect()):
        assert process.poll() is None
        time.sleep(0.05)
    server.stop()
    back = threading.Timer(30, server.start)
    back.start()
    _, error = process.communicate(timeout=280)
    back.join()
    assert process.returncode == 0, error
    assert not [name for name in objects(server, url) if ".partial" in name or ".lease" in name]
