"""TensorBoard reads the values of the run's artifacts from a publication."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from aeflow.stages.publishing.tensorboard import EVENTS

from .conftest import Published

FIGURES = ("error_histogram", "reconstructions", "training_curves", "typical", "worst")
HPARAMS = "_hparams_/session_start_info"


@cache
def events_in(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard"), size_guidance={TENSORS: 0}).Reload()


def tags_of(published: Published, plugin: str) -> set[str]:
    return set(events_in(published.folder).PluginTagToContent(plugin))


def series(published: Published, tag: str) -> list[tuple[int, float]]:
    events = events_in(published.folder).Tensors(tag)
    return [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events]


def test_the_event_file_is_named_alike_everywhere(images: Published):
    names = [path.name for path in (images.folder / "tensorboard").glob("*tfevents*")]

    assert names == [EVENTS] == ["events.out.tfevents.0.aeflow"]


@pytest.mark.parametrize("column", ["loss", "validation_loss", "learning_rate"])
def test_curves_are_the_history(images: Published, column: str):
    tags = {"loss": "loss/train", "validation_loss": "loss/validation"}
    history = images.results.history

    curve = series(images, tags.get(column, "training/learning_rate"))

    assert curve == list(zip(*(history[n].to_pylist() for n in ("step", column)), strict=True))


def test_every_metric_is_a_scalar_of_its_split(images: Published):
    metrics = images.stages.evaluation.metrics
    test_tags = {tag for tag in tags_of(images, "scalars") if tag.startswith("test/")}

    assert test_tags == {f"test/{name}" for name in metrics}
    assert series(images, "test/mse")[0][1] == pytest.approx(metrics["mse"], rel=1e-6)


@pytest.mark.parametrize("run", ["images", "vectors"])
def test_pictures_are_the_evaluation_s(run: str, request: pytest.FixtureRequest):
    published: Published = request.getfixturevalue(run)

    assert tags_of(published, "images") == {f"test/{figure}" for figure in FIGURES}
    for tag in tags_of(published, "images"):
        assert 1 <= len(events_in(published.folder).Tensors(tag)) <= 10


def test_latents_are_histograms_as_a_whole_and_by_dimension(images: Published, vectors: Published):
    assert tags_of(images, "histograms") == {"latent/all", *(f"latent/{d:03d}" for d in range(8))}
    assert tags_of(vectors, "histograms") == {"latent/all", *(f"latent/{d:03d}" for d in range(4))}


@pytest.mark.parametrize(("tag", "dimensions"), [("latent/all", slice(None)), ("latent/003", [3])])
def test_histograms_count_the_latents(images: Published, tag: str, dimensions: slice | list[int]):
    latents = images.results.latents[:, dimensions]
    (event,) = events_in(images.folder).Tensors(tag)

    left_right_count = tf.make_ndarray(event.tensor_proto)

    assert left_right_count[:, 2].sum() == latents.size
    assert left_right_count[0, 0] == pytest.approx(latents.min())
    assert left_right_count[-1, 1] == pytest.approx(latents.max())


def test_hparams_are_the_configs_with_their_defaults(images: Published):
    content = events_in(images.folder).SummaryMetadata(HPARAMS).plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info

    assert start.hparams["model.latent_dim"].number_value == 8
    assert start.hparams["model.network.hidden_units"].number_value == 128
    assert start.hparams["train.optimizer"].string_value == "muon"
    assert start.group_name  # trials with equal settings are in one group


def test_the_verdict_stands_in_words(images: Published):
    (event,) = events_in(images.folder).Tensors("verdict")

    assert (
        tf.make_ndarray(event.tensor_proto).item().decode() == images.results.judgement["verdict"]
    )


def test_steps_are_those_of_training(images: Published):
    accumulator = events_in(images.folder)
    last = images.results.history["step"][-1].as_py()

    for tag in ("test/mse", "test/worst", "latent/all"):
        assert [event.step for event in accumulator.Tensors(tag)] == [last]
    assert np.isfinite([value for _, value in series(images, "training/epoch")]).all()
