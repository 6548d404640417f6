"""Golden vectors: a few rows and their latents. A loaded model must reproduce these latents."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aeflow.errors import CorruptArtifact
from aeflow.models.autoencoder import Autoencoder
from aeflow.models.deviation import Deviation, largest_deviation
from aeflow.models.inference import Inference
from aeflow.schema import ExampleSchema

__all__ = ["GOLDEN", "NUM_GOLDEN", "check_golden", "golden_deviations", "write_golden"]

GOLDEN = "golden.npz"
NUM_GOLDEN = 16
SAME_MACHINE = 1e-5
OTHER_MACHINE = 1e-4


def write_golden(
    path: Path, model: Autoencoder, schema: ExampleSchema, *, rows: np.ndarray, cpu: str
) -> None:
    """Writes at most 16 stored rows, their latents, and the processor that computed the latents."""
    rows = rows[:NUM_GOLDEN]
    latents = Inference(model, schema, NUM_GOLDEN).latents(rows)
    with path.open("wb") as file:
        np.savez(file, rows=rows, latents=latents, cpu=np.array(cpu))


def check_golden(path: Path, model: Autoencoder, schema: ExampleSchema, *, cpu: str) -> None:
    """Raises CorruptArtifact if the model's latents of the golden rows are not the stored latents.

    The largest absolute difference, relative to the largest absolute latent, may be at most 1e-5 on
    the processor that computed the stored latents, and at most 1e-4 on another processor (float32,
    TF32 off).
    """
    rows, expected, written_on = _read(path)
    bound = SAME_MACHINE if written_on == cpu else OTHER_MACHINE
    difference = largest_deviation(Inference(model, schema, NUM_GOLDEN).latents(rows), expected)
    if not difference <= bound:
        raise CorruptArtifact(
            f"The model does not reproduce its golden vectors: its latents deviate by "
            f"{difference:.2g} of the largest latent, but at most {bound:g} is allowed. "
            "Train it again in this environment."
        )


def golden_deviations(
    path: Path,
    inference: Inference,
    *,
    exact: Autoencoder,
    schema: ExampleSchema,
    with_errors: bool,
) -> Iterator[Deviation]:
    """Yields how far the results of an inference on the golden rows deviate from exact results.

    The golden rows are repeated to fill one batch. Latents are compared with the stored latents.
    If `with_errors`, reconstruction errors are compared with those of the `exact` model.
    """
    rows, latents, _ = _read(path)
    num_rows = inference.batch_size
    batch = np.resize(rows, (num_rows, *rows.shape[1:]))
    expected = np.resize(latents, (num_rows, *latents.shape[1:]))
    if not with_errors:
        value = exact.latent_deviation(inference.latents(batch), expected)
        yield Deviation("latents", num_rows, value)
        return
    encoded = inference.encode(batch)
    yield Deviation("latents", num_rows, exact.latent_deviation(encoded.latents, expected))
    errors = Inference(exact, schema, NUM_GOLDEN).encode(rows).errors
    value = largest_deviation(encoded.errors, np.resize(errors, num_rows))
    yield Deviation("reconstruction errors", num_rows, value)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Returns the golden rows, their latents, and the processor that computed the latents."""
    with np.load(path, allow_pickle=False) as golden:
        return golden["rows"], golden["latents"], str(golden["cpu"])
