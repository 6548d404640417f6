"""Tampered, missing, truncated and unknown files: refused on reading, reported by verify."""

import json

import pytest

from aeflow.errors import CorruptArtifact
from aeflow.storage import Store
from tests.storage.questions import question, stored


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def answer(store):
    return stored(store)


def test_untouched_artifact_is_well(store, answer):
    assert store.verify(answer.key) == []
    assert store.reading(answer, ["a.txt", "sub/b.txt"]) == store.locate(answer)


def change(path):
    path.write_text("tampered content")


def truncate(path):
    path.write_text("cont")


def remove(path):
    path.unlink()


MESSAGES = [
    (change, "The file '{path}' is not what was committed: its SHA-256 differs."),
    (truncate, "The file '{path}' has 4 bytes, but 16 were committed."),
    (remove, "The file '{path}' is missing."),
]


@pytest.mark.parametrize(("harm", "message"), MESSAGES)
def test_harmed_file_is_named_by_verify(store, answer, harm, message):
    path = store.locate(answer) / "a.txt"
    harm(path)
    assert store.verify(answer.key) == [message.format(path=path)]


@pytest.mark.parametrize(("harm", "message"), MESSAGES)
def test_harmed_file_is_not_read(store, answer, harm, message):
    store.reading(answer, ["a.txt"])  # a file that was intact at an earlier read is refused, too
    folder = store.locate(answer)
    harm(folder / "a.txt")
    with pytest.raises(CorruptArtifact) as caught:
        store.reading(answer, ["a.txt"])
    expected = f"{message.format(path=folder / 'a.txt')} Delete the folder {folder} and run again."
    assert str(caught.value) == expected


def test_harm_to_one_file_does_not_touch_the_others(store, answer):
    change(store.locate(answer) / "a.txt")
    assert store.reading(answer, ["sub/b.txt"]) == store.locate(answer)


def test_file_that_was_never_committed_is_not_read(store, answer):
    (store.locate(answer) / "extra.txt").touch()
    with pytest.raises(CorruptArtifact) as caught:
        store.reading(answer, ["extra.txt"])
    assert str(caught.value) == f"'{answer.address}' has no file 'extra.txt'."


def test_extra_file_is_named_by_verify(store, answer):
    path = store.locate(answer) / "sub" / "extra.txt"
    path.touch()
    assert store.verify(answer.key) == [f"The file '{path}' is not listed in the manifest."]


@pytest.mark.parametrize("content", ["", "no JSON", "{}", '{"format": 1'])
def test_manifest_that_cannot_be_read_is_said_to_be_so(store, answer, content):
    (store.locate(answer) / "_manifest.json").write_text(content)
    message = (
        f"The manifest of '{answer.address}' cannot be read. Delete that folder and run again."
    )
    for ask in (lambda: store.find(answer.address), lambda: stored(store)):
        with pytest.raises(CorruptArtifact) as caught:
            ask()
        assert str(caught.value) == message
    assert store.verify(answer.key) == [message]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("question", {"version": 2}, "does not hash to its key"),
        ("question", {"folder": "models"}, "belongs to 'models/"),
        ("artifact", {"key": "0123456789abcdef"}, "commits one artifact and describes another"),
        ("artifact", {"digest": "00"}, "commits one artifact and describes another"),
    ],
)
def test_manifest_that_contradicts_itself_is_named_by_verify(store, answer, field, value, message):
    path = store.locate(answer) / "_manifest.json"
    content = json.loads(path.read_text())
    content[field] |= value
    path.write_text(json.dumps(content))
    assert message in " ".join(store.verify(answer.key))


def test_artifact_of_another_type_is_said_to_be_corrupt(store, answer):
    path = store.locate(answer) / "_manifest.json"
    content = json.loads(path.read_text())
    content["artifact"] |= {"unheard_of": 1}
    path.write_text(json.dumps(content))
    with pytest.raises(CorruptArtifact, match="cannot be read"):
        stored(store)


def test_artifact_moved_to_another_key_is_named_by_verify(store, answer):
    store.locate(answer).rename(store.root / "publications" / "0123456789abcdef")
    problem = store.verify("0123")[0]
    assert problem.endswith(f"belongs to '{question().address}'.")


def test_answer_that_was_made_anew_is_not_taken_for_the_old_one(store, answer):
    old = answer.model_copy(update={"digest": "0" * 64})
    with pytest.raises(CorruptArtifact) as caught:
        store.reading(old, ["a.txt"])
    assert str(caught.value) == (
        f"'{answer.address}' was computed again with another result: its digest is "
        f"{answer.digest[:16]}, not 0000000000000000. Start this run again."
    )
