"""Properties of single kinds. What all kinds have in common is in test_kinds_and_networks."""

from typing import get_args

import numpy as np
import pytest
import tensorflow as tf

from aeflow.configs import (
    ContractiveOptions,
    DenoisingOptions,
    DenseOptions,
    ModelConfig,
    RaeOptions,
    SparseOptions,
    VariationalOptions,
    VqOptions,
    WaeOptions,
)
from aeflow.configs.model import KindOptions
from aeflow.errors import ConfigError
from aeflow.models import Autoencoder, build
from aeflow.models.kinds.sparse import relative_size
from aeflow.models.kinds.variational import divergence
from aeflow.models.kinds.wae import maximum_mean_discrepancy
from aeflow.models.preprocessing import fit_preprocessing
from aeflow.schema import ExampleSchema

IMAGES = ExampleSchema(shape=(8, 8, 1), dtype="uint8", value_range=(0, 255))
OF_EVERY_KIND = [
    DenoisingOptions(noise_stddev=1e-5) if member is DenoisingOptions else member()
    for member in get_args(get_args(KindOptions)[0])
]
"""The noise is so small that it does not change a loss."""
NOISES = DenoisingOptions.model_fields["noise"].annotation
VECTORS = ExampleSchema(shape=(10,), dtype="float32")


def built(kind, *, schema: ExampleSchema = IMAGES, latent_dim: int = 6) -> Autoencoder:
    config = ModelConfig(kind=kind, latent_dim=latent_dim, network=DenseOptions(hidden_units=32))
    preprocessing = fit_preprocessing(schema, np.zeros(schema.shape), np.ones(schema.shape))
    return build(config, schema, preprocessing, seed=0)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 255, (400, 8, 8, 1), dtype=np.uint8)


def terms_of(model: Autoencoder, rows: np.ndarray, *, step: int = 0, training: bool = True) -> dict:
    terms = model.loss_terms(rows, training=training, step=step, seed=3)
    return {name: float(term) for name, term in terms.items()}


@pytest.mark.parametrize(
    "kind",
    [
        *(DenoisingOptions(noise=noise) for noise in get_args(NOISES)),
        VariationalOptions(),
        WaeOptions(),
        ContractiveOptions(),
    ],
    ids=str,
)
def test_noise_changes_with_the_step_and_only_with_it(kind, images):
    model = built(kind)
    model.prepare(num_rows=400, num_steps=0)
    losses = [terms_of(model, images, step=step)["loss"] for step in (4, 4, 5)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("kind", OF_EVERY_KIND, ids=str)
def test_a_loss_is_that_of_its_halves_if_the_kind_has_independent_rows(kind, images):
    model = built(kind)
    model.prepare(num_rows=400, num_steps=0)
    halves = [images[:200], images[200:] // 4]
    whole = terms_of(model, np.concatenate(halves), training=False)["loss"]
    apart = np.mean([terms_of(model, half, training=False)["loss"] for half in halves])
    assert bool(whole == pytest.approx(apart, rel=1e-4)) is model.has_independent_rows


@pytest.mark.parametrize("kind", OF_EVERY_KIND, ids=str)
def test_input_is_changed_only_by_a_denoising_kind(kind, images):
    model = built(kind)
    x = model.preprocessing(images).numpy()
    changed = np.asarray(model.corrupt(x, step=0, seed=0))
    assert np.array_equal(changed, x) is not model.is_denoising


def test_gaussian_noise_has_its_standard_deviation(images):
    model = built(DenoisingOptions(noise_stddev=0.5))
    x = model.preprocessing(images)
    noise = model.corrupt(x, step=0, seed=0) - x
    assert np.std(noise) == pytest.approx(0.5, rel=0.02)


def test_masking_sets_its_share_of_the_values_to_0(images):
    model = built(DenoisingOptions(noise="masking", noise_fraction=0.4))
    x = model.preprocessing(images).numpy()
    noisy = model.corrupt(x, step=0, seed=0).numpy()
    masked = noisy == 0
    assert masked.mean() == pytest.approx(0.4, abs=0.01)
    assert np.array_equal(noisy[~masked], x[~masked])


def test_affine_noise_moves_each_image_by_at_most_its_share_of_each_side():
    schema = ExampleSchema(shape=(20, 40, 1), dtype="uint8", value_range=(0, 255))
    options = DenoisingOptions(noise="affine", noise_shift=0.1, noise_zoom=0)
    x = np.zeros((4000, 20, 40, 1), np.float32)
    x[:, 9, 22] = 1.0
    noisy = built(options, schema=schema).corrupt(x, step=0, seed=0).numpy()[..., 0]
    assert np.allclose(noisy.sum((1, 2)), 1.0)  # a pixel is divided among its neighbours
    moves = np.einsum("bhw,hwa->ba", noisy, np.moveaxis(np.indices((20, 40)), 0, 2)) - (9, 22)
    assert np.allclose(moves.min(0), (-2, -4), atol=0.02)
    assert np.allclose(moves.max(0), (2, 4), atol=0.02)
    assert abs(np.corrcoef(moves.T)[0, 1]) < 0.05


def test_affine_noise_zooms_each_image_by_at_most_its_factor_along_each_side():
    schema = ExampleSchema(shape=(41, 41, 3), dtype="uint8", value_range=(0, 255))
    options = DenoisingOptions(noise="affine", noise_shift=1e-6, noise_zoom=0.5)
    x = np.zeros((4000, 41, 41, 3), np.float32)
    x[:, 15:26, 15:26] = 1.0
    noisy = built(options, schema=schema).corrupt(x, step=0, seed=0).numpy()
    assert np.array_equal(noisy[..., 0], noisy[..., 2])
    heights, widths = noisy[:, :, 20, 0].sum(1), noisy[:, 20, :, 0].sum(1)
    for sides in (heights, widths):
        assert np.median(sides) == pytest.approx(11, rel=0.05)
        assert (sides.min(), sides.max()) == pytest.approx((11 / 1.5, 11 * 1.5), rel=0.1)
    assert abs(np.corrcoef(heights, widths)[0, 1]) < 0.05


def test_affine_noise_repeats_the_edge_and_takes_images_alone():
    corrupted = built(DenoisingOptions(noise="affine", noise_shift=0.5, noise_zoom=1)).corrupt
    assert np.allclose(corrupted(np.full((50, 8, 8, 1), 0.7, np.float32), step=0, seed=0), 0.7)
    with pytest.raises(ConfigError, match=r"images \[H, W, C\], not examples of shape \(10,\)"):
        built(DenoisingOptions(noise="affine"), schema=VECTORS)


@pytest.mark.parametrize(
    ("schema", "low", "high"), [(IMAGES, 0, 1), (VECTORS, -2, 2)], ids=["images", "vectors"]
)
def test_salt_and_pepper_set_values_to_the_extremes(schema, low, high):
    model = built(DenoisingOptions(noise="salt_and_pepper", noise_fraction=0.2), schema=schema)
    noisy = model.corrupt(np.full((400, *schema.shape), 0.5, np.float32), step=0, seed=0).numpy()
    shares = [float((noisy == value).mean()) for value in (low, high, 0.5)]
    assert shares == pytest.approx([0.1, 0.1, 0.8], abs=0.02)


def test_divergence_is_that_of_two_normal_distributions():
    mean = tf.constant([[0.0, 1.0, 0.0]])
    log_variance = tf.math.log(tf.constant([[1.0, 1.0, 4.0]]))
    assert divergence(mean, log_variance).numpy() == pytest.approx([0.0, 0.5, 0.8068528], abs=1e-6)


def test_variational_loss_is_the_lower_bound_in_units_of_the_error(images):
    terms = terms_of(built(VariationalOptions(beta=3.0)), images, training=False)
    expected = terms["reconstruction"] * (1 + 3.0 * 2 / 64 * terms["kl"])
    assert terms["loss"] == pytest.approx(expected, rel=1e-5)


def test_beta_rises_from_0_while_training_and_is_whole_in_validation(images):
    model = built(VariationalOptions(warmup_fraction=0.5))
    model.prepare(num_rows=400, num_steps=100)
    weights = [
        terms["loss"] / terms["reconstruction"] - 1
        for terms in (
            terms_of(model, images, step=0),
            terms_of(model, images, step=25),
            terms_of(model, images, step=50),
            terms_of(model, images, step=90),
        )
    ]
    shares = np.array(weights) / weights[-1]
    assert shares == pytest.approx([0, 0.5, 1, 1], rel=0.05, abs=1e-5)
    validation = terms_of(model, images, step=0, training=False)
    assert validation["loss"] > validation["reconstruction"]


def test_each_dimension_counts_at_least_its_free_bits(images):
    terms = terms_of(built(VariationalOptions(free_bits=7.0)), images, training=False)
    assert terms["kl"] < 7.0
    expected = terms["reconstruction"] * (1 + 2 / 64 * 6 * 7.0)
    assert terms["loss"] == pytest.approx(expected, rel=1e-5)


def test_variational_latent_is_the_mean_of_the_posterior(images):
    model = built(VariationalOptions())
    mean, log_variance = model.posterior(model.preprocessing(images), training=False)
    assert np.array_equal(model.encode(images), mean)
    assert log_variance.shape == mean.shape == (400, 6)


@pytest.mark.parametrize("kind", [VariationalOptions(), WaeOptions(), RaeOptions()], ids=str)
def test_samples_are_reconstructions_that_follow_from_the_seed(kind, images):
    model = built(kind)
    terms_of(model, images)
    samples = [model.sample(5, seed=seed).numpy() for seed in (1, 1, 2)]
    assert samples[0].shape == (5, 8, 8, 1)
    assert np.array_equal(samples[0], samples[1])
    assert not np.array_equal(samples[0], samples[2])


def test_latents_of_the_regularised_kind_are_sampled_as_they_are_distributed(images):
    model = built(RaeOptions(), latent_dim=3)
    terms_of(model, images)
    latents = model.encode(images).numpy()
    normal = tf.random.stateless_normal((20_000, 3), (0, 0))
    fitted = model.moments.distributed(normal).numpy()
    assert fitted.mean(axis=0) == pytest.approx(latents.mean(axis=0), abs=0.02)
    assert np.cov(fitted.T) == pytest.approx(np.cov(latents.T), rel=0.1, abs=0.002)


def test_relative_size_is_less_the_sparser_and_does_not_depend_on_the_scale():
    sparse, even = np.zeros((1, 4), np.float32), np.ones((1, 4), np.float32)
    sparse[0, 0] = 2
    sizes = [float(relative_size(z)) for z in (sparse, 100 * sparse, even)]
    assert sizes == pytest.approx([0.5, 0.5, 1.0], rel=1e-5)


def test_sigmoid_units_are_least_penalised_at_their_activity(images):
    model = built(SparseOptions(penalty="kl", rho=0.5))
    z = model.encode(images).numpy()
    assert 0 < z.min() < z.max() < 1
    model.encoder.outputs.kernel.assign(tf.zeros_like(model.encoder.outputs.kernel))
    assert terms_of(model, images)["sparsity"] == pytest.approx(0, abs=1e-6)
    model.encoder.outputs.bias.assign_add(tf.ones(6))
    assert terms_of(model, images)["sparsity"] == pytest.approx(0.12, abs=0.01)


def test_contraction_is_the_squared_norm_of_the_jacobian_over_the_variance(images):
    model = built(ContractiveOptions())
    x = model.preprocessing(images[:50])
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = model.encoder(x)
    jacobian = tape.batch_jacobian(z, x).numpy()
    exact = np.square(jacobian).sum(axis=(1, 2, 3, 4)).mean() / np.var(z, axis=0).sum()
    estimates = [terms_of(model, images[:50], step=step)["contraction"] for step in range(20)]
    assert np.mean(estimates) == pytest.approx(exact, rel=0.1)


def test_discrepancy_is_0_for_the_prior_and_grows_with_the_distance():
    z, prior = (tf.random.stateless_normal((500, 4), (0, seed)) for seed in (1, 2))
    discrepancies = [float(maximum_mean_discrepancy(z + shift, prior)) for shift in (0.0, 1.0, 3.0)]
    assert discrepancies[0] == pytest.approx(0, abs=0.01)
    assert discrepancies[0] < 0.05 < discrepancies[1] < discrepancies[2] < 2


@pytest.mark.parametrize(("latent_dim", "shape"), [(6, (3, 8, 2)), (7, (7, 8, 1)), (1, (1, 8, 1))])
def test_codebooks_have_the_largest_parts_that_divide_the_latent(latent_dim, shape):
    model = built(VqOptions(num_codes=8), latent_dim=latent_dim)
    assert model.codebooks.entries.shape == shape


def test_quantised_latents_are_made_of_entries_and_few_of_them(images):
    model = built(VqOptions(num_codes=4))
    terms_of(model, images)
    parts = model.encode(images).numpy().reshape(400, 3, 2)
    entries = model.codebooks.entries.numpy()
    for part in range(3):
        assert {tuple(row) for row in parts[:, part]} <= {tuple(row) for row in entries[part]}


def test_entries_move_to_the_mean_of_what_chose_them_and_dead_ones_are_revived(images):
    model = built(VqOptions(num_codes=4, decay=0.5))
    for step in range(60):
        terms = terms_of(model, images, step=step)
    z = model.encoder(model.preprocessing(images))
    codes = model.codebooks.nearest(z).numpy()
    first = z.numpy().reshape(400, 3, 2)[:, 0]
    for code, entry in enumerate(model.codebooks.entries.numpy()[0]):
        assert entry == pytest.approx(first[codes[:, 0] == code].mean(axis=0), abs=0.02)
    assert 3 < terms["perplexity"] <= 4
    model.codebooks.entries.assign(model.codebooks.entries + 1000.0)
    model.codebooks.counts.assign(0 * model.codebooks.counts)
    terms_of(model, images, step=60)
    assert np.abs(model.codebooks.entries.numpy()).max() < 100


def test_validation_does_not_move_the_codebook(images):
    model = built(VqOptions(num_codes=4))
    terms_of(model, images)
    before = model.codebooks.entries.numpy()
    terms_of(model, images, step=1, training=False)
    assert np.array_equal(model.codebooks.entries, before)


def test_a_codebook_larger_than_the_data_is_refused():
    with pytest.raises(ConfigError) as raised:
        built(VqOptions(num_codes=401)).prepare(num_rows=400, num_steps=1)
    assert str(raised.value) == (
        "model.kind.num_codes = 401 is more than the 400 training rows. Choose at most 400."
    )
