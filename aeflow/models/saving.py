"""Models on disk: a config as JSON, weights as arrays, and golden vectors. No code is pickled."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from aeflow.artifacts import Model
from aeflow.configs import ModelConfig
from aeflow.errors import CorruptArtifact
from aeflow.lineage import digest_of
from aeflow.models.autoencoder import Autoencoder
from aeflow.models.building import build
from aeflow.models.golden import GOLDEN, check_golden, write_golden
from aeflow.models.preprocessing import Preprocessing
from aeflow.schema import ExampleSchema
from aeflow.storage import Draft, Store

__all__ = [
    "description_of",
    "identity_of",
    "in_float32",
    "in_precision",
    "load_model",
    "save_model",
]

CONFIG, WEIGHTS = "config.json", "model.weights.h5"


def description_of(
    model: Autoencoder, config: ModelConfig, schema: ExampleSchema
) -> dict[str, Any]:
    """Returns the options and shapes that a model is built from.

    Defaults are written out, because they may change.
    """
    return {
        "model": config.model_dump(mode="json"),
        "example_schema": schema.model_dump(mode="json"),
        "preprocessing_shape": list(model.preprocessing.offset.shape),
    }


def identity_of(model: Autoencoder, description: Mapping[str, Any]) -> str:
    """Returns the SHA-256 over a model's description and all its arrays, preprocessing included.

    Arrays are hashed in order, with dtype and shape but without their names. Keras puts numbers
    into these names, and the numbers depend on what else the process has built.
    """
    digest = hashlib.sha256(digest_of(description).encode())
    for variable in model.variables:
        array = np.ascontiguousarray(variable.numpy())
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def save_model(
    model: Autoencoder,
    config: ModelConfig,
    draft: Draft,
    *,
    schema: ExampleSchema,
    golden_rows: np.ndarray,
    cpu: str,
) -> str:
    """Writes a model into a draft and returns its identity."""
    content = description_of(model, config, schema)
    with draft.writing(CONFIG) as path:
        path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    with draft.writing(WEIGHTS) as path:
        model.save_weights(path)
    with draft.writing(GOLDEN) as path:
        write_golden(path, model, schema, rows=golden_rows, cpu=cpu)
    return identity_of(model, content)


def load_model(model: Model, store: Store, *, cpu: str) -> Autoencoder:
    """Builds a model from its stored config, loads its weights, and checks the result.

    `cpu` names the processor of this machine. Raises CorruptArtifact if the files, the identity or
    the golden vectors of the model are not those that were committed, or if the weights do not fit.
    """
    folder = store.reading(model, [CONFIG, WEIGHTS, GOLDEN])
    content = json.loads((folder / CONFIG).read_bytes())
    rebuilt = _build_from(content)
    try:
        rebuilt.load_weights(folder / WEIGHTS)
    except ValueError as error:
        raise CorruptArtifact(
            f"The weights in '{model.address}' do not fit the "
            f"{content['model']['network']['name']} network of this version. Train again."
        ) from error
    identity = identity_of(rebuilt, content)
    if identity != model.identity:
        raise CorruptArtifact(
            f"The model in '{model.address}' has the identity {identity[:16]} instead of "
            f"{model.identity[:16]}. Delete its folder and train again."
        )
    check_golden(folder / GOLDEN, rebuilt, model.example_schema, cpu=cpu)
    return rebuilt


def in_precision(loaded: Autoencoder, model: Model, store: Store, *, precision: str) -> Autoencoder:
    """Returns a copy of a loaded model, with the same weights, that multiplies in `precision`."""
    folder = store.reading(model, [CONFIG])
    return _twin(loaded, json.loads((folder / CONFIG).read_bytes()), precision=precision)


def in_float32(model: Autoencoder, config: ModelConfig, schema: ExampleSchema) -> Autoencoder:
    """Returns a copy of a model, with the same weights, that multiplies in float32."""
    return _twin(model, description_of(model, config, schema), precision="float32")


def _twin(model: Autoencoder, content: Mapping[str, Any], *, precision: str) -> Autoencoder:
    twin = _build_from(content, precision=precision)
    twin.set_weights(model.get_weights())
    return twin


def _build_from(content: Mapping[str, Any], *, precision: str = "float32") -> Autoencoder:
    """Builds a model from its description, without its trained weights."""
    config = ModelConfig.model_validate(content["model"])
    schema = ExampleSchema.model_validate(content["example_schema"])
    preprocessing = Preprocessing(tuple(content["preprocessing_shape"]))
    return build(config, schema, preprocessing, seed=0, precision=precision)
