import numpy as np
import pytest

from aeflow.configs import ConvolutionalOptions, DenseOptions, ModelConfig
from aeflow.models import Inference, build, saving
from aeflow.models.preprocessing import fit_preprocessing
from aeflow.schema import ExampleSchema

IMAGES = ExampleSchema(shape=(11, 9, 3), dtype="uint8", value_range=(0, 255))
VECTORS = ExampleSchema(shape=(5,), dtype="float32")
NETWORK_OPTIONS = {"dense": DenseOptions(), "convolutional": ConvolutionalOptions()}


def built(network="dense", *, schema=IMAGES, seed=0, latent_dim=4):
    config = ModelConfig(network=NETWORK_OPTIONS[network], latent_dim=latent_dim)
    mean, std = np.arange(5.0), np.array([1.0, 2.0, 3.0, 4.0, 0.0])
    return config, build(config, schema, fit_preprocessing(schema, mean, std), seed=seed)


def identity_of(model, config) -> str:
    return saving.identity_of(model, saving.description_of(model, config, IMAGES))


def random_images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *IMAGES.shape), dtype=np.uint8)


@pytest.mark.parametrize("network", NETWORK_OPTIONS)
def test_one_seed_gives_one_model_whatever_was_built_before(network):
    config, first = built(network, seed=5)
    _, second = built(network, seed=5)
    _, third = built(network, seed=6)
    assert identity_of(first, config) == identity_of(second, config)
    assert identity_of(first, config) != identity_of(third, config)


def test_a_model_works_on_after_another_was_built():
    _, first = built(seed=1)
    before = Inference(first, IMAGES, 4).latents(random_images(6))
    built(seed=2)
    assert np.array_equal(Inference(first, IMAGES, 4).latents(random_images(6)), before)


def test_identity_changes_with_preprocessing():
    config, model = built()
    before = identity_of(model, config)
    model.preprocessing.scale.assign(2.0)
    assert identity_of(model, config) != before


def test_vectors_are_standardised_and_constant_columns_are_left_alone():
    _, model = built(schema=VECTORS)
    rows = np.array([[1.0, 3.0, 5.0, 7.0, 9.0]], np.float32)
    assert model.preprocessing(rows).numpy().tolist() == [[1.0, 1.0, 1.0, 1.0, 5.0]]
    assert model.preprocessing.invert(model.preprocessing(rows)).numpy().tolist() == rows.tolist()


def test_images_lie_between_0_and_1_in_input_units():
    _, model = built()
    rows = np.zeros((2, *IMAGES.shape), np.uint8)
    rows[1] = 255
    x = model.preprocessing(rows).numpy()
    assert (x[0].max(), x[1].min()) == (0.0, 1.0)


def test_inference_gives_the_latents_and_errors_of_the_model_itself():
    _, model = built("convolutional")
    rows = random_images(21)
    encoded = Inference(model, IMAGES, 8).encode(rows)
    z = model.encode(rows).numpy()
    x = model.preprocessing(rows).numpy()
    errors = np.square(x - model(rows).numpy()).mean(axis=(1, 2, 3))
    assert np.abs(encoded.latents - z).max() <= 1e-5 * np.abs(z).max()
    assert np.allclose(encoded.errors, errors, rtol=1e-5)


def test_inference_gives_a_row_the_same_bits_whatever_follows_it():
    _, model = built()
    rows = random_images(21)
    inference = Inference(model, IMAGES, 8)
    assert np.array_equal(inference.latents(rows)[:13], inference.latents(rows[:13]))


def test_inference_of_many_arrays_is_that_of_each_and_begins_the_next_early():
    _, model = built()
    arrays = [random_images(count) for count in (21, 8, 1, 40)]
    inference = Inference(model, IMAGES, 8)
    started_lengths, reported_lengths = [], []

    def recorded_arrays():
        for array in arrays:
            started_lengths.append(len(array))
            yield array

    for array, latents in zip(
        arrays, inference.latents_each(recorded_arrays(), reported_lengths.append), strict=True
    ):
        assert np.array_equal(latents, inference.latents(array))
        assert (len(latents), len(started_lengths)) != (21, 1)
    assert reported_lengths == [8, 8, 5, 8, 1, 8, 8, 8, 8, 8]


def test_inference_returns_reconstructions_in_stored_units():
    _, model = built()
    rows = random_images(5)
    batches = list(Inference(model, IMAGES, 4).reconstruct(rows))
    reconstructions = np.concatenate([batch.reconstructions for batch in batches])
    assert [len(batch.rows) for batch in batches] == [4, 1]
    assert np.allclose(reconstructions, 255 * model(rows).numpy(), rtol=1e-4, atol=1e-3)
