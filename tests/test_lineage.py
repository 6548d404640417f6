"""A question hashes to the same key at any time and on any machine."""

import subprocess
import sys

import pytest

from aeflow.configs import IngestConfig, ModelConfig, TrainConfig
from aeflow.lineage import Input, Question, digest_of, libraries

ASKED = {
    "stage": "train",
    "version": 1,
    "folder": "models",
    "configs": {"model": {"latent_dim": 8}, "train": {"learning_rate": 0.001}},
    "inputs": {"dataset": {"address": "datasets/digits-0123", "digest": "abc"}},
}
KEY = "7dd627a98a452f5b"


def key(**changes) -> str:
    return Question.model_validate({**ASKED, **changes}).key


def test_key_of_one_question_never_changes():
    """If this fails, all stored answers would be computed again: raise a version instead."""
    assert key() == KEY


def test_key_is_the_same_in_another_process():
    code = f"from aeflow.lineage import Question; print(Question.model_validate({ASKED!r}).key)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == KEY


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "evaluate"},
        {"version": 2},
        {"configs": {}},
        {"configs": {"model": {"latent_dim": 9}, "train": {"learning_rate": 0.001}}},
        {"inputs": {}},
        {"inputs": {"dataset": {"address": "datasets/digits-0123", "digest": "abd"}}},
        {"inputs": {"other": {"address": "datasets/digits-0123", "digest": "abc"}}},
    ],
)
def test_what_changes_the_answer_changes_the_key(changes):
    assert key(**changes) != KEY


@pytest.mark.parametrize(
    "changes",
    [
        {"folder": "elsewhere"},
        {"name": "digits"},
        {"inputs": {"dataset": {"address": "datasets/moved-9999", "digest": "abc"}}},
        {"configs": {"train": {"learning_rate": 0.001}, "model": {"latent_dim": 8}}},
    ],
)
def test_where_things_lie_and_in_which_order_does_not_change_the_key(changes):
    assert key(**changes) == KEY


def test_explicit_and_omitted_defaults_are_one_question():
    explicit = {
        "model": ModelConfig(latent_dim=32).hashed(),
        "train": TrainConfig(epochs=10).hashed(),
    }
    omitted = {"model": ModelConfig().hashed(), "train": TrainConfig().hashed()}
    assert key(configs=explicit) == key(configs=omitted)


def test_moved_source_is_the_same_question():
    here, there = IngestConfig(source="idx:here"), IngestConfig(source="idx:there", name="x")
    assert key(configs={"ingest": here.hashed()}) == key(configs={"ingest": there.hashed()})


def test_address_is_the_folder_the_name_and_the_key():
    question = Question.model_validate(ASKED)
    assert question.address == f"models/{KEY}"
    assert question.model_copy(update={"name": "digits"}).address == f"models/digits-{KEY}"


def test_digest_is_of_canonical_json():
    assert digest_of({"b": 1, "a": [1.5, None]}) == digest_of({"a": [1.5, None], "b": 1})
    assert digest_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    with pytest.raises(ValueError, match="Out of range float"):
        digest_of(float("nan"))


def test_libraries_name_versions_and_the_machine():
    versions = libraries()
    assert {"python", "aeflow", "tensorflow", "keras", "numpy", "pyarrow"} <= set(versions)
    assert all(versions.values())


def test_question_survives_json():
    question = Question.model_validate(ASKED)
    assert Question.model_validate_json(question.model_dump_json()) == question
    assert question.inputs["dataset"] == Input(address="datasets/digits-0123", digest="abc")
