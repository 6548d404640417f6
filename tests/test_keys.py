"""The keys of all stages are those of version 0.1: what users have stored is found again.

`keys.json` was written once, by the code before stages were declared in one place. It is never
written again: a key that differs means that every user computes that stage anew.
"""

import base64
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from aeflow import artifacts
from aeflow.comparison import measure_compatibility, measure_drift
from aeflow.configs import PipelineConfig
from aeflow.encoding import encode
from aeflow.evaluation import evaluation_question
from aeflow.gating.gate import _question as gate_question
from aeflow.ingestion import ingest
from aeflow.lineage import Question
from aeflow.publishing import publish
from aeflow.storage import Store
from aeflow.training import training_question

STORED = json.loads((Path(__file__).parent / "keys.json").read_bytes())
ARTIFACTS = SimpleNamespace(
    **{
        name: getattr(artifacts, stored["type"]).model_validate(stored["fields"])
        for name, stored in STORED["artifacts"].items()
    }
)


class Asked(Exception):
    """Carries the question of a stage that was called."""


class AskedStore(Store):
    """Answers nothing: it raises what it is asked."""

    def manifest(self, address):
        return SimpleNamespace(files=())

    def answer(self, question, *_, **__):
        raise Asked(question)


def asked(stage, *arguments, **options) -> Question:
    with pytest.raises(Asked) as raised:
        stage(*arguments, **options)
    return raised.value.args[0]


def questions(config: PipelineConfig, store: Store) -> dict[str, Question]:
    a, of_dataset = ARTIFACTS, {"dataset": ARTIFACTS.dataset}
    made = {"model": a.model, "dataset": a.dataset}
    judged = gate_question(a.evaluation, config.gate, **made, champion=a.champion)
    damaged = judged.model_copy(update={"configs": {**judged.configs, "damage": STORED["damage"]}})
    return {
        "ingest": asked(ingest, config.ingest, store),
        "train": training_question(a.dataset, config.train, config.model),
        "evaluate": evaluation_question(a.model, config.evaluate, a.dataset),
        "evaluate, with rows out of distribution": evaluation_question(
            a.model, config.evaluate, a.dataset, strangers=a.strangers
        ),
        "encode": asked(encode, a.model, config.encode, store, **of_dataset),
        "publish": asked(publish, a.evaluation, config.publish, store, **made),
        "publish, with features": asked(
            publish, a.evaluation, config.publish, store, **made, features=a.features
        ),
        "drift": asked(measure_drift, a.model, config.drift, store, **of_dataset),
        "compatibility": asked(
            measure_compatibility,
            a.model,
            config.compatibility,
            store,
            old=a.champion_model,
            **of_dataset,
        ),
        "gate": gate_question(a.evaluation, config.gate, **made, champion=None),
        "gate, beside a champion": judged,
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
    found = questions(config, AskedStore(tmp_path / "store"))
    assert {name: question.address for name, question in found.items()} == case["addresses"]
