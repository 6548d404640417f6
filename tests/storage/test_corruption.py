"""A change of any byte of a committed artifact is detected by `verify`.

A record of use does not belong to what was committed: it changes while the artifact is read.
"""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeflow.storage import Store
from aeflow.storage.use import USED
from tests.storage.questions import stored

PROFILE = settings(max_examples=200, derandomize=True, deadline=None, database=None)


def changed_byte(path: Path, place: int, bits: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= bits
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("bits", [1, 32])
def test_any_byte_of_a_manifest_counts(tmp_path, bits):
    store = Store(tmp_path)
    answer = stored(store)
    path = store.locate(answer) / "_manifest.json"
    original, undetected = path.read_bytes(), []
    for place in range(len(original)):
        changed_byte(path, place, bits)
        if not store.verify(answer.address):
            undetected.append(original[max(0, place - 20) : place + 20])
        path.write_bytes(original)
    assert undetected == []
    assert store.verify(answer.address) == []


@pytest.fixture(scope="module")
def copy(stages, tmp_path_factory) -> Store:
    """A store with one artifact of four stages, whose bytes a test may change and restore.

    Each artifact has a record of use, as artifacts have that are read minutes after their commit.
    Other tests may have added artifacts to the store of the session; these are left out.
    """
    store = Store(tmp_path_factory.mktemp("copy"))
    for artifact in (stages.dataset, stages.model, stages.evaluation, stages.features):
        folder = store.root / artifact.address
        shutil.copytree(stages.store.locate(artifact), folder)
        (folder / USED).write_bytes(b"used long ago")
    return store


def committed_files(store: Store) -> list[tuple[str, Path]]:
    """Lists the committed files of all artifacts, each with the artifact's address."""
    addresses = sorted(path.parent for path in store.root.glob("*/*/_manifest.json"))
    return [
        (folder.relative_to(store.root).as_posix(), path)
        for folder in addresses
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != USED
    ]


def test_any_byte_of_any_file_counts(copy):
    files = [file for file in committed_files(copy) if file[1].stat().st_size]
    kinds = {address.partition("/")[0] for address, _ in files}
    assert kinds == {"datasets", "models", "evaluations", "features"}

    @PROFILE
    @given(st.data())
    def check(data):
        address, path = data.draw(st.sampled_from(files))
        original = path.read_bytes()
        place = data.draw(st.integers(0, len(original) - 1))
        try:
            changed_byte(path, place, data.draw(st.integers(1, 255)))
            assert copy.verify(address) != [], f"byte {place} of {path}"
        finally:
            path.write_bytes(original)

    check()
    assert [copy.verify(address) for address in {address for address, _ in files}] == [[]] * 4
