"""TensorBoard reads back from event files what was written to them."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aeflow.pictures.summaries import panel_image, tag_of, write_panel, write_scalars


def test_panel_lays_originals_over_reconstructions():
    panel = panel_image(np.ones((3, 64, 64, 1)), np.zeros((3, 64, 64, 1)))

    assert (panel.shape, panel.dtype) == ((1, 136, 204, 1), np.uint8)
    assert (panel[0, 34, 34, 0], panel[0, 102, 34, 0]) == (255, 0)


def test_panel_clips_to_what_an_image_can_be():
    panel = panel_image(np.full((1, 64, 64, 1), 1.7), np.full((1, 64, 64, 1), -0.3))

    assert (panel[0, 34, 34, 0], panel[0, 102, 34, 0]) == (255, 0)


def test_small_images_are_enlarged_by_a_whole_factor():
    images = np.zeros((1, 8, 8, 3))
    images[0, 0, 0] = (1.0, 0.5, 0.0)

    panel = panel_image(images, images)

    assert panel.shape == (1, 136, 68, 3)
    assert {tuple(pixel) for pixel in panel[0, 2:10, 2:10].reshape(-1, 3)} == {(255, 128, 0)}


def test_odd_channels_show_as_their_mean():
    image = np.broadcast_to([0.0, 0.2, 0.4, 0.6, 0.8], (1, 64, 64, 5))

    assert panel_image(image, image)[0, 34, 34].tolist() == [102]


@pytest.mark.parametrize(
    ("term", "tag"),
    [
        ("loss", "loss/train"),
        ("validation_loss", "loss/validation"),
        ("learning_rate", "training/learning_rate"),
    ],
)
def test_a_term_and_its_twin_share_a_group(term: str, tag: str):
    assert tag_of(term) == tag


def test_tensorboard_reads_what_was_recorded_and_only_that(tmp_path: Path):
    images = np.linspace(0, 1, 2 * 8 * 8).reshape(2, 8, 8, 1)
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        for step in (10, 20, 30):
            with tf.summary.record_if(step != 20):
                write_scalars(step, {"step": step, "loss": 1 / step, "validation_loss": 2 / step})
                write_panel("reconstructions", images, images, step=step)

    read = EventAccumulator(str(tmp_path)).Reload()

    assert set(read.Tags()["tensors"]) == {"loss/train", "loss/validation", "reconstructions"}
    assert [event.step for event in read.Tensors("reconstructions")] == [10, 30]
    assert tf.make_ndarray(read.Tensors("loss/validation")[0].tensor_proto) == pytest.approx(0.2)
