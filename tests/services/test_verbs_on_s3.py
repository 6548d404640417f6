"""The tests of a folder and of a bucket in memory, repeated on a real S3 server."""

import uuid
from collections.abc import Iterator

import pytest

from aeflow.errors import ConfigError
from aeflow.storage import Store, use
from tests.services.seaweed import GUEST, Seaweed
from tests.storage.places import Bucket, contents
from tests.storage.questions import stored
from tests.storage.test_use import (  # noqa: F401
    test_absent_artifact_has_no_use,
    test_claimed_artifact_is_absent_and_made_anew,
    test_claimed_artifact_is_removed_by_the_next_prune_at_once,
    test_use_is_recorded_once_in_a_while_and_the_manifest_stays_as_it_is,
    test_use_makes_a_claim_fail_and_a_claim_makes_a_use_fail,
)
from tests.storage.test_verbs import *  # noqa: F403


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Seaweed]:
    seaweed = Seaweed(tmp_path_factory.mktemp("seaweed"))
    seaweed.start()
    with pytest.MonkeyPatch.context() as owner:
        become(seaweed.environment(), owner)
        Bucket("s3://shared").files().put("beside", b"")  # makes the bucket
    yield seaweed
    seaweed.stop()


@pytest.fixture
def place(server, monkeypatch) -> Bucket:
    become(server.environment(), monkeypatch)
    return Bucket(f"s3://shared/{uuid.uuid4().hex}")


@pytest.fixture
def files(place):
    return place.files()


def become(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_store_that_one_may_only_read_is_read(place, server, monkeypatch):
    answer = stored(place.store())
    before = contents(place.files())
    monkeypatch.setattr(use, "RECORD_SECONDS", 0.0)
    become(server.environment(GUEST), monkeypatch)
    store = Store(place.url)
    with pytest.raises(ConfigError, match="refuses the credentials"):
        store.files.create("new", b"")
    assert (store.reading(answer, ["a.txt"]) / "a.txt").read_text() == "content of a.txt"
    assert stored(store) == answer
    assert contents(store.files) == before
