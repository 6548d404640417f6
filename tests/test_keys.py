"""The keys of all stages are those of version 0.1, so that stored answers are found again.

`keys.json` was written once, by the code before stages were declared in one place. It is never
written again: a key that differs means that every user computes that stage anew.
"""

import base64
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from aeflow import artifacts
from aeflow.configs import PipelineConfig
from aeflow.lineage import Question
from aeflow.stages import Context
from aeflow.stages.comparison import measure_compatibility, measure_drift
from aeflow.stages.encoding import encode
from aeflow.stages.evaluation import evaluate
from aeflow.stages.gating import gate
from aeflow.stages.ingestion import ingest
from aeflow.stages.publishing import publish
from aeflow.stages.training import train
from aeflow.storage import Store

STORED = json.loads((Path(__file__).parent / "keys.json").read_bytes())
ARTIFACTS = SimpleNamespace(
    **{
        name: getattr(artifacts, stored["type"]).model_validate(stored["fields"])
        for name, stored in STORED["artifacts"].items()
    }
)


def questions(config: PipelineConfig, store: Store) -> dict[str, Question]:
    a, of_dataset = ARTIFACTS, {"dataset": ARTIFACTS.dataset}
    inputs = {"model": a.model, "dataset": a.dataset}
    champion = {"champion": a.champion, "champion_model": a.champion_model}
    gate_question = gate.question(a.evaluation, config.gate, **inputs, **champion)
    damaged = gate_question.model_copy(
        update={"configs": {**gate_question.configs, "damage": STORED["damage"]}}
    )
    return {
        "ingest": ingest.ask(Context(store), config.ingest).question,
        "train": train.question(a.dataset, config.train, model_config=config.model),
        "evaluate": evaluate.question(a.model, config.evaluate, **of_dataset),
        "evaluate, with rows out of distribution": evaluate.question(
            a.model, config.evaluate, **of_dataset, ood=a.strangers
        ),
        "encode": encode.question(a.model, config.encode, **of_dataset),
        "publish": publish.question(a.evaluation, config.publish, **inputs),
        "publish, with features": publish.question(
            a.evaluation, config.publish, **inputs, features=a.features
        ),
        "drift": measure_drift.question(a.model, config.drift, **of_dataset),
        "compatibility": measure_compatibility.question(
            a.model, config.compatibility, old=a.champion_model, **of_dataset
        ),
        "gate": gate.question(a.evaluation, config.gate, **inputs),
        "gate, beside a champion": gate_question,
        "gate, of a damaged model": damaged,
    }


@pytest.mark.parametrize("case", STORED["cases"], ids=lambda case: case["name"])
def test_every_answer_has_the_address_that_it_had(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in STORED["files"].items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    config = PipelineConfig.model_validate(case["config"])
    stage_questions = questions(config, Store(tmp_path / "store"))
    assert {name: question.address for name, question in stage_questions.items()} == case[
        "addresses"
    ]
