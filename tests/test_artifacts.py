"""References to answers: plain JSON with their addresses."""

import json
import math
from typing import Any

import pytest
from pydantic import ValidationError

from aeflow.artifacts import (
    Artifact,
    Compatibility,
    Dataset,
    Drift,
    Evaluation,
    FeatureSet,
    Model,
    Publication,
    Verdict,
)
from aeflow.lineage import Input
from aeflow.schema import ExampleSchema

SCHEMA = ExampleSchema(shape=(8, 8, 1), dtype="uint8", value_range=(0, 16))
NAMES: dict[str, Any] = {"key": "0123456789abcdef", "digest": "d" * 64}
EXAMPLES = [
    Dataset(
        **NAMES,
        name="digits",
        example_schema=SCHEMA,
        rows={"train": 9, "test": 1},
        label_names=("zero", "one"),
        has_labels=True,
    ),
    Model(
        **NAMES,
        dataset_name="digits",
        example_schema=SCHEMA,
        network="dense",
        kind="plain",
        latent_dim=8,
        epochs=10,
        best_epoch=9,
        validation_loss=0.01,
    ),
    Evaluation(**NAMES, split="test", rows=10, metrics={"mse": 0.01}),
    Drift(
        **NAMES,
        drifted=True,
        rows=10,
        columns=("reconstruction_error",),
        max_psi=0.4,
        error_psi=0.4,
        smallest_p=1e-9,
    ),
    Compatibility(**NAMES, identical=False, rows=10, procrustes=0.2, neighbour_overlap=0.6, r2=0.9),
    Verdict(
        **NAMES,
        model="m" * 16,
        champion="c" * 16,
        dataset_name="digits",
        passed=False,
        reasons=("worse than the champion",),
    ),
    FeatureSet(**NAMES, identity="i" * 64, latent_dim=8, layout="list", rows={"train": 9}),
    Publication(**NAMES),
]


def test_every_artifact_is_tried_here():
    assert {type(example) for example in EXAMPLES} == set(Artifact.__subclasses__())


def test_every_artifact_has_a_folder_of_its_own():
    folders = [artifact_type.folder for artifact_type in Artifact.__subclasses__()]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize("artifact", EXAMPLES, ids=lambda artifact: type(artifact).__name__)
def test_artifact_survives_json(artifact):
    text = json.dumps(artifact.to_json())
    assert type(artifact).model_validate(json.loads(text)) == artifact


def test_number_that_is_not_finite_survives_json():
    metrics = {"mse": math.inf, "mae": math.nan}
    evaluation = Evaluation(**NAMES, split="test", rows=10, metrics=metrics)
    text = json.dumps(evaluation.to_json(), allow_nan=False)
    back = Evaluation.model_validate(json.loads(text)).metrics
    assert (back["mse"], math.isnan(back["mae"])) == (math.inf, True)


@pytest.mark.parametrize("artifact", EXAMPLES, ids=lambda artifact: type(artifact).__name__)
def test_artifact_is_an_input_by_its_address_and_digest(artifact):
    assert artifact.reference == Input(address=artifact.address, digest="d" * 64)


@pytest.mark.parametrize("artifact", EXAMPLES, ids=lambda artifact: type(artifact).__name__)
def test_artifact_is_frozen_and_closed(artifact):
    with pytest.raises(ValidationError, match="frozen"):
        artifact.key = "other"
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(artifact).model_validate({**artifact.to_json(), "path": "x"})


def test_addresses_are_those_of_the_design():
    assert [artifact.address for artifact in EXAMPLES] == [
        "datasets/digits-0123456789abcdef",
        "models/0123456789abcdef",
        "evaluations/0123456789abcdef",
        "drifts/0123456789abcdef",
        "compatibilities/0123456789abcdef",
        "verdicts/0123456789abcdef",
        "features/0123456789abcdef",
        "publications/0123456789abcdef",
    ]


def test_identity_of_a_model_is_its_digest():
    assert EXAMPLES[1].identity == EXAMPLES[1].digest
