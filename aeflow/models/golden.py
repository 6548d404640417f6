"""Golden vectors: a few rows and their latents, which every load of a model must reproduce."""

from pathlib import Path

import numpy as np

from aeflow.errors import CorruptArtifact
from aeflow.models.autoencoder import Autoencoder
from aeflow.models.inference import Inference
from aeflow.schema import ExampleSchema

__all__ = ["NUM_GOLDEN", "check_golden", "deviation", "write_golden"]

NUM_GOLDEN = 16
SAME_MACHINE = 1e-5
OTHER_MACHINE = 1e-4


def write_golden(
    path: Path, model: Autoencoder, schema: ExampleSchema, *, rows: np.ndarray, cpu: str
) -> None:
    """Writes at most 16 stored rows, their latents, and the processor that computed them."""
    rows = rows[:NUM_GOLDEN]
    latents = Inference(model, schema, NUM_GOLDEN).latents(rows)
    with path.open("wb") as file:
        np.savez(file, rows=rows, latents=latents, cpu=np.array(cpu))


def check_golden(path: Path, model: Autoencoder, schema: ExampleSchema, *, cpu: str) -> None:
    """Raises CorruptArtifact unless max |dz| <= bound * max |z| over the golden rows.

    The bound is 1e-5 on the processor that wrote them and 1e-4 on others (float32, TF32 off).
    """
    with np.load(path, allow_pickle=False) as golden:
        bound = SAME_MACHINE if str(golden["cpu"]) == cpu else OTHER_MACHINE
    difference = deviation(path, model, schema)
    if not difference <= bound:
        raise CorruptArtifact(
            f"The model does not reproduce its golden vectors: max |dz| / max |z| is "
            f"{difference:.2g}, allowed is {bound:g}. Train it again in this environment."
        )


def deviation(path: Path, model: Autoencoder, schema: ExampleSchema) -> float:
    """Returns max |dz| / max |z| over the golden rows, dz a latent's difference from its record."""
    with np.load(path, allow_pickle=False) as golden:
        rows, expected = golden["rows"], golden["latents"]
    latents = Inference(model, schema, NUM_GOLDEN).latents(rows)
    return float(np.max(np.abs(latents - expected)) / max(np.max(np.abs(expected)), 1e-30))
