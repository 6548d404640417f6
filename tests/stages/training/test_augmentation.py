"""Augmented images: which are mirrored, how far they are shifted, and that a seed repeats them."""

import numpy as np
import pytest

from aeflow.configs import IngestConfig, ModelConfig, RuntimeConfig, TrainConfig
from aeflow.errors import ConfigError
from aeflow.schema import ExampleSchema
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.stages.training.augmentation import augmented, check_augmentation
from aeflow.storage import Store

LAST_SEED = 2**31 - 1
IMAGES = np.random.default_rng(0).integers(0, 256, (200, 5, 7, 2), dtype=np.uint8)


def images_of(*, step: int = 0, seed: int = 0, **options) -> np.ndarray:
    """Returns the images that one step trains on."""
    return np.asarray(augmented(IMAGES, TrainConfig(**options), step=step, seed=seed))


def test_images_do_not_change_by_default():
    np.testing.assert_array_equal(images_of(), IMAGES)


@pytest.mark.parametrize("seed", [0, LAST_SEED])
def test_half_of_the_images_are_mirrored_left_to_right(seed):
    images = images_of(flip=True, seed=seed)
    mirrored = (images == IMAGES[:, :, ::-1]).all(axis=(1, 2, 3))
    unchanged = (images == IMAGES).all(axis=(1, 2, 3))
    assert (mirrored ^ unchanged).all()
    assert 70 < mirrored.sum() < 130
    assert images.dtype == np.uint8


def test_images_are_moved_by_every_distance_and_no_farther():
    images = images_of(shift=2)
    padded = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    moves = set()
    for image, around in zip(images, padded, strict=True):
        at = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if (image == around[down : down + 5, right : right + 7]).all()
        ]
        assert at
        moves.update(at)
    assert len(moves) == 25


@pytest.mark.parametrize("options", [{"flip": True}, {"shift": 2}])
def test_a_step_sees_the_same_images_again_and_the_next_others(options):
    np.testing.assert_array_equal(images_of(step=3, **options), images_of(step=3, **options))
    assert (images_of(step=3, **options) != images_of(step=4, **options)).any()
    assert (images_of(step=3, seed=1, **options) != images_of(step=3, **options)).any()


@pytest.mark.parametrize("options", [{"flip": True}, {"shift": 1}])
def test_vectors_cannot_be_mirrored_or_moved(options):
    schema = ExampleSchema(shape=(8,), dtype="float32")
    with pytest.raises(ConfigError, match=r"take images \[H, W, C\], not examples of shape \(8,\)"):
        check_augmentation(TrainConfig(**options), schema)


@pytest.mark.parametrize("runtime", [RuntimeConfig(), RuntimeConfig(xla=True, batch_parts=2)])
def test_a_model_learns_from_what_is_mirrored_and_moved(tmp_path, runtime):
    store = Store(tmp_path)
    dataset = ingest(Context(store), IngestConfig())
    config = TrainConfig(epochs=3, flip=True, shift=1, seed=LAST_SEED)
    model = train(
        Context(store, runtime=runtime), dataset, config, model_config=ModelConfig(latent_dim=8)
    )
    plain = train(
        Context(store),
        dataset,
        TrainConfig(epochs=3, seed=LAST_SEED),
        model_config=ModelConfig(latent_dim=8),
    )
    assert plain.key != model.key
    assert plain.validation_loss < model.validation_loss < 0.08
