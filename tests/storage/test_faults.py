"""A fault at any call of the store's files leaves no committed artifact damaged."""

import numpy as np
import pytest

from aeflow.artifacts import Publication
from aeflow.configs import IngestConfig
from aeflow.errors import TransientError
from aeflow.lineage import Answered
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from tests.storage.faults import KINDS, Fault, FaultyFiles, FaultyRemote, Killed
from tests.storage.places import contents, drafts
from tests.storage.questions import question, two_files
from tests.storage.surviving import count_survived


def answer(store: Store) -> None:
    store.answer(question(), Publication, two_files)


def answer_resumably(store: Store) -> None:
    store.answer(question(), Publication, two_files, resumable=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("work", [answer, answer_resumably])
def test_an_answer_survives_a_fault_at_any_call(place, work, kind):
    assert count_survived(work, place, kind) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_an_ingestion_survives_a_fault_at_any_call(place, tmp_path, kind):
    values = np.random.default_rng(0).integers(0, 255, (300, 4, 4), np.uint8)
    np.savez(tmp_path / "images.npz", x_train=values, y_train=np.arange(300) % 3)
    config = IngestConfig(source=f"npz:{tmp_path / 'images.npz'}", shard_bytes=2048)
    assert count_survived(lambda store: ingest(Context(store), config), place, kind) > 15


def test_a_crash_leaves_the_lease_and_the_draft_as_a_kill_does(place):
    def die_in_work(draft) -> Answered:
        two_files(draft)
        fault.number = fault.calls + 1
        return two_files(draft)

    fault = Fault("crash", 10**9)
    with pytest.raises(Killed):
        place.store(fault).answer(question(), Publication, die_in_work)
    assert drafts(place)[0].startswith(f"{question().address}.partial")
    assert f"{question().address}.lease" in contents(place.files())


def test_a_half_written_file_is_half_written(tmp_path):
    files = FaultyFiles(tmp_path, Fault("partial crash", 1))
    with pytest.raises(Killed), files.writing("a.txt") as path:
        path.write_text("1234")
        assert not files.exists("a.txt")  # calls still work until the process dies
    [remains] = tmp_path.iterdir()
    assert (remains.read_text(), remains.name.startswith("_tmp-")) == ("12", True)
    with pytest.raises(Killed):
        files.exists("a.txt")


@pytest.mark.parametrize(("kind", "names"), [("error", []), ("partial", ["a"])])
def test_a_request_fails_before_or_after_it_is_done(kind, names):
    remote = FaultyRemote("memory://faulty/store", Fault(kind, 1))
    with pytest.raises(TransientError, match="connection is lost"):
        remote.ask(remote.api.put, "a", b"1")
    assert [meta["path"] for meta in remote.ask(lambda s: remote.api.list(s).collect())] == names
    remote.ask(remote.api.delete, "a")
