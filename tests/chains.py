"""Chains of small artifacts, each made from the one before and committed as the stages do."""

import os
import time

from aeflow.artifacts import Artifact, Dataset, Evaluation, FeatureSet, Model, Publication
from aeflow.lineage import Answered, Manifest, Question, digest_of
from aeflow.registry.champions import promote
from aeflow.schema import ExampleSchema
from aeflow.storage import Store
from aeflow.storage.disk.files import PARTIAL
from aeflow.storage.verify import problems_of
from tests.judged import verdict

SCHEMA = ExampleSchema(shape=(4,), dtype="float32", value_range=None)
FIELDS: dict[type[Artifact], dict] = {
    Dataset: {"example_schema": SCHEMA, "rows": {"train": 1}},
    Model: {
        "example_schema": SCHEMA,
        **{"network": "dense", "kind": "plain", "latent_dim": 2},
        **{"epochs": 1, "best_epoch": 1, "validation_loss": 0.1},
    },
    Evaluation: {"split": "test", "rows": 1, "metrics": {}},
    FeatureSet: {"latent_dim": 2, "layout": "list", "rows": {"train": 1}},
    Publication: {},
}


def made(store: Store, kind: type[Artifact], word: str, **inputs: Artifact):
    """Commits an artifact that holds a word; all other fields are constants."""
    question = question_of(kind, word, **inputs)
    digest = digest_of([kind.folder, word])
    fields = {**FIELDS[kind], "digest": digest, **named(kind, inputs)}

    def work(draft) -> Answered:
        for name in ("a.txt", "sub/b.txt"):
            with draft.writing(name) as path:
                path.write_text(word)
        return Answered(fields)

    return store.answer(question, kind, work)


def question_of(kind: type[Artifact], word: str, **inputs: Artifact) -> Question:
    return Question(
        stage="test",
        version=1,
        folder=kind.folder,
        name="digits" if kind is Dataset else "",
        configs={"word": word},
        inputs={name: artifact.reference for name, artifact in inputs.items()},
    )


def named(kind: type[Artifact], inputs: dict[str, Artifact]) -> dict:
    if kind is Dataset:
        return {"name": "digits"}
    if kind is Model:
        return {"dataset_name": "digits"}
    return {"identity": inputs["model"].digest} if kind is FeatureSet else {}


def chain(store: Store, word: str) -> dict[str, str]:
    """Commits a dataset and everything that a run makes of it; returns their addresses."""
    dataset = made(store, Dataset, word)
    model = made(store, Model, word, dataset=dataset)
    of = {"dataset": dataset, "model": model}
    evaluation = made(store, Evaluation, word, **of)
    features = made(store, FeatureSet, word, **of)
    published = made(store, Publication, word, **of, evaluation=evaluation, features=features)
    log = f"logs/{model.key}"
    store.files.create(f"{log}/events", word.encode())
    answers = {**of, "evaluation": evaluation, "features": features, "publication": published}
    return {**{name: answer.address for name, answer in answers.items()}, "log": log}


def model_in(store: Store, links: dict[str, str]) -> Model:
    return Model.model_validate(store.manifest(links["model"]).artifact)


def crown(store: Store, links: dict[str, str]) -> None:
    """Makes a chain's model the champion."""
    model = model_in(store, links)
    promote(verdict(store, model), store, model=model)


def age(store: Store, seconds: float = 86_400) -> None:
    """Sets the modification time of all files in a store back by `seconds`."""
    then = time.time() - seconds
    for path in store.root.rglob("*"):
        os.utime(path, (then, then))


def addresses_in(store: Store) -> set[str]:
    """Returns the addresses of the folders in a store, without aliases."""
    return {
        path.relative_to(store.root).as_posix()
        for path in store.root.glob("*/*")
        if path.is_dir() and path.parent.name != "aliases"
    }


def problems_in(store: Store) -> list[str]:
    """Lists what is wrong in a store: damaged artifacts, and artifacts with missing inputs."""
    problems = []
    for folder in (kind.folder for kind in Artifact.__subclasses__()):
        for name in store.files.folders(folder):
            manifest = None if name.endswith(PARTIAL) else store.find(f"{folder}/{name}")
            if manifest:
                problems += problems_of(store.files, f"{folder}/{name}", manifest)
                problems += [f"{name} lost {lost}" for lost in _lost(manifest, store)]
    return problems


def _lost(manifest: Manifest, store: Store) -> list[str]:
    if manifest.question.folder == Dataset.folder:  # made from a source
        return []
    inputs = (source.address for source in manifest.question.inputs.values())
    return [address for address in inputs if not store.find(address)]
