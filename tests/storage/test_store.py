"""The store: artifacts under their keys, committed by a manifest, found by a prefix of the key."""

import json
import re
from pathlib import Path

import pytest

from aeflow.artifacts import Publication
from aeflow.errors import ConfigError
from aeflow.lineage import Answered, Input, Question, libraries
from aeflow.storage import Draft, Store
from tests.storage.questions import everything_in, question, stored, two_files


def never(draft: Draft) -> Answered:
    raise AssertionError("the answer is in the store")


def test_answer_is_files_and_a_manifest_and_nothing_else(tmp_path):
    answer = stored(Store(tmp_path))
    assert everything_in(tmp_path) == [
        "publications",
        f"publications/{answer.key}",
        f"publications/{answer.key}/_manifest.json",
        f"publications/{answer.key}/a.txt",
        f"publications/{answer.key}/sub",
        f"publications/{answer.key}/sub/b.txt",
    ]


def test_answer_in_the_store_is_returned_without_work(tmp_path):
    first = stored(Store(tmp_path))
    assert Store(tmp_path).answer(question(), Publication, never) == first


def test_manifest_is_written_last(tmp_path):
    def work(draft: Draft) -> Answered:
        two_files(draft)
        assert Store(tmp_path).find(question().address) is None
        return Answered({})

    store = Store(tmp_path)
    store.answer(question(), Publication, work)
    folder = tmp_path / question().address
    times = [path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()]
    assert (folder / "_manifest.json").stat().st_mtime_ns == max(times)


def test_manifest_holds_where_the_answer_comes_from(tmp_path):
    publish_question = Question(
        stage="publish",
        version=3,
        folder="publications",
        configs={"publish": {"projector_rows": 5}},
        inputs={"model": Input(address="models/abc", digest="def")},
    )

    def work(draft: Draft) -> Answered:
        return Answered(two_files(draft).fields, {"device": "cpu"})

    store = Store(tmp_path)
    answer = store.answer(publish_question, Publication, work)
    manifest = json.loads((store.locate(answer) / "_manifest.json").read_text())
    seconds, created = manifest.pop("seconds"), manifest.pop("created")
    assert 0 <= seconds < 60
    assert created.endswith("Z")
    assert re.fullmatch("[0-9a-f]{64}", manifest.pop("checksum"))
    assert manifest == {
        "format": 1,
        "stage": "publish",
        "key": publish_question.key,
        "digest": answer.digest,
        "question": {
            "stage": "publish",
            "version": 3,
            "folder": "publications",
            "name": "",
            "configs": {"publish": {"projector_rows": 5}},
            "inputs": {"model": {"address": "models/abc", "digest": "def"}},
        },
        "artifact": answer.to_json(),
        "files": [
            {
                "name": "a.txt",
                "size": 16,
                "sha256": "fe599a5727285b6a0318a50aace211016346c5a82c4aed1614bd3dc03026a2c6",
            },
            {
                "name": "sub/b.txt",
                "size": 20,
                "sha256": "d5f854fb3d6c9524fab811aabbcb48185e5c6e585a5f73ea7dead7b5993c2371",
            },
        ],
        "runtime": {"device": "cpu"},
        "libraries": libraries(),
    }
    assert {"aeflow", "python", "numpy", "tensorflow", "platform"} <= set(libraries())


def test_digest_is_that_of_the_files_unless_the_work_gives_one(tmp_path):
    store = Store(tmp_path)
    own = store.answer(question("own"), Publication, lambda draft: Answered({"digest": "mine"}))
    assert own.digest == "mine"
    assert stored(store, "one").digest == stored(store, "two").digest
    assert len(stored(store).digest) == 64


def test_folder_without_a_manifest_does_not_exist(tmp_path):
    store = Store(tmp_path)
    answer = stored(store)
    (store.locate(answer) / "_manifest.json").unlink()
    (store.locate(answer) / "old.txt").touch()
    with pytest.raises(ConfigError, match="No artifact has the key"):
        store.resolve(answer.key)
    assert stored(store) == answer
    assert store.verify(answer.key) == []


def test_missing_artifact_is_said_to_be_missing(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Store(tmp_path).manifest("models/abc")
    assert str(caught.value) == (
        f"There is no artifact 'models/abc' in the store {tmp_path}. "
        "Check the address, or name another --store."
    )


@pytest.mark.parametrize("name", ["../x", "a\\b", "a\0b"])
def test_name_that_leaves_the_store_is_refused(tmp_path, name):
    named_question = question().model_copy(update={"name": name})
    with pytest.raises(ConfigError, match="leads out of its folder"):
        Store(tmp_path / "store").answer(named_question, Publication, two_files)
    assert everything_in(tmp_path) == []


def test_store_is_a_path_or_a_file_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "a b"
    for url in (
        folder,
        str(folder),
        f"file://{tmp_path}/a%20b",
        f"file://localhost{folder}",
        "a b",
    ):
        assert Store(url).root == folder
        assert Store(url).url == str(folder)
    assert everything_in(tmp_path) == []
    assert Store("~/store").root == Path.home() / "store"


@pytest.mark.parametrize("url", ["http://host/x", "file://host/x"])
def test_store_that_cannot_be_opened_is_refused(url):
    with pytest.raises(ConfigError) as caught:
        Store(url)
    assert str(caught.value) == (
        f"Cannot open the store '{url}'. Give a local folder, s3://BUCKET/PREFIX or "
        "gs://BUCKET/PREFIX."
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://user:secret@bucket/x", "must not contain a user, a password or options"),
        ("s3://bucket/x?key=secret", "must not contain a user, a password or options"),
        ("s3:///x", "names no bucket"),
        ("s3://bucket/x", "There are no credentials for 's3://bucket/x' in the environment."),
        ("gs://bucket/x", "There are no credentials for 'gs://bucket/x' in the environment."),
    ],
)
def test_address_of_an_object_store_is_checked_first(url, message, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError) as caught:
        Store(url)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_store_without_an_address_is_refused():
    with pytest.raises(ConfigError, match="The store has no address"):
        Store("")


def test_store_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "store").touch()
    with pytest.raises(ConfigError) as caught:
        Store(tmp_path / "store")
    assert str(caught.value) == (
        f"The store '{tmp_path / 'store'}' is a file. Choose another folder with --store."
    )


def test_store_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as caught:
        stored(Store(tmp_path / "file" / "store"))
    assert str(caught.value) == (
        f"Cannot write to the store {tmp_path}/file/store: Not a directory. Choose another --store."
    )


def test_artifact_is_found_by_key_address_and_start_of_the_key(tmp_path):
    store = Store(tmp_path)
    answer = stored(store)
    for key in (answer.key, answer.address, answer.key[:4]):
        assert store.resolve(key) == answer.address


def test_named_artifact_is_found_by_its_key(tmp_path):
    named_question = question().model_copy(update={"folder": "datasets", "name": "mnist-1"})
    store = Store(tmp_path)
    store.answer(named_question, Publication, lambda draft: Answered({"digest": "d"}))
    for key in (
        named_question.key,
        named_question.key[:4],
        f"mnist-1-{named_question.key}",
        named_question.address,
    ):
        assert store.resolve(key) == named_question.address


@pytest.mark.parametrize("key", ["", "zzzz", "publications", "../store"])
def test_unknown_key_is_refused(tmp_path, key):
    store = Store(tmp_path)
    stored(store)
    with pytest.raises(ConfigError) as caught:
        store.resolve(key)
    assert str(caught.value) == (
        f"No artifact has the key '{key}' in the store {tmp_path}. "
        "Check the key, or name another --store."
    )


def test_key_that_could_mean_two_artifacts_is_refused(tmp_path):
    store = Store(tmp_path)
    answers = [stored(store, str(number)) for number in range(17)]  # sixteen digits begin a key
    starts = [answer.key[0] for answer in answers]
    start = max(starts, key=starts.count)
    addresses = sorted(answer.address for answer in answers if answer.key[0] == start)
    with pytest.raises(ConfigError) as caught:
        store.resolve(start)
    assert str(caught.value) == (
        f"{len(addresses)} artifacts have keys like '{start}' in the store {tmp_path}: "
        f"{', '.join(addresses)}. Give more characters of the key."
    )


def test_unfinished_work_has_no_key(tmp_path):
    store = Store(tmp_path)
    (tmp_path / f"{question().address}.partial").mkdir(parents=True)
    (tmp_path / f"{question().address}.partial" / "_manifest.json").touch()
    with pytest.raises(ConfigError, match="No artifact has the key"):
        store.resolve(question().key)
