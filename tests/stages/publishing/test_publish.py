"""A publication is stored like any other artifact, returned again, and contains nothing mutable."""

import pytest

from aeflow.configs import PublishConfig
from aeflow.errors import Interrupted
from aeflow.progress import Progress
from aeflow.stages import Context
from aeflow.stages.publishing import publish

from .conftest import Published, publish_run

FILES = [
    "report.html",
    "tensorboard/events.out.tfevents.0.aeflow",
    "tensorboard/metadata.tsv",
    "tensorboard/projector_config.pbtxt",
    "tensorboard/tensors.tsv",
]


def files_of(published: Published) -> list[str]:
    manifest = published.stages.store.manifest(published.publication.address)
    return [entry.name for entry in manifest.files]


def test_images_are_published_with_a_sprite(images: Published):
    assert files_of(images) == sorted([*FILES, "tensorboard/sprite.png"])


def test_vectors_are_published_without_one(vectors: Published):
    assert files_of(vectors) == FILES


def test_publishing_again_does_no_work(images: Published):
    before = {path: path.stat().st_mtime_ns for path in images.folder.rglob("[!_]*")}

    assert publish_run(images.stages).publication == images.publication
    assert {path: path.stat().st_mtime_ns for path in images.folder.rglob("[!_]*")} == before


def test_another_config_is_another_publication(images: Published):
    fewer = publish_run(images.stages, PublishConfig(projector_rows=16))

    assert fewer.publication.key != images.publication.key


def test_what_was_published_is_what_lies_there(images: Published):
    assert images.stages.store.verify(images.publication.key) == []


def test_a_run_is_published_without_its_features(images: Published):
    stages = images.stages
    publication = publish(
        Context(stages.store),
        stages.evaluation,
        PublishConfig(),
        dataset=stages.dataset,
        model=stages.model,
    )

    report = (stages.store.locate(publication) / publication.report).read_text("utf-8")
    assert "<code>aeflow encode</code>" in report
    assert stages.features.key not in report


def test_a_cancelled_publication_leaves_nothing(images: Published):
    def cancel(progress: Progress) -> None:
        if progress.done == 2:
            raise Interrupted("Cancelled.")

    stages, before = images.stages, set(images.folder.parent.iterdir())
    with pytest.raises(Interrupted):
        publish(
            Context(stages.store, on_progress=cancel),
            stages.evaluation,
            PublishConfig(projector_rows=11),
            dataset=stages.dataset,
            model=stages.model,
        )

    assert set(images.folder.parent.iterdir()) == before
