import json
import shutil

import numpy as np
import pytest

from aeflow.artifacts import Model
from aeflow.configs import DenseOptions, ModelConfig
from aeflow.errors import CorruptArtifact
from aeflow.lineage import Answered, Question
from aeflow.models import Inference, load_model, save_model
from aeflow.models.golden import check_golden, write_golden
from aeflow.models.saving import identity_of
from aeflow.storage import Store


@pytest.fixture
def copied(stages, tmp_path):
    """A copy of the store, in which a test may damage the model."""
    shutil.copytree(stages.store.root, tmp_path / "copy")
    return Store(tmp_path / "copy")


def test_loaded_model_has_the_identity_in_its_manifest(stages):
    model = load_model(stages.model, stages.store, cpu="any")
    folder = stages.store.locate(stages.model)
    description = json.loads((folder / "config.json").read_text())
    identity = identity_of(model, description)
    assert identity == stages.store.manifest(stages.model.address).digest


def test_a_stored_model_outlives_a_default_that_changes(stages, monkeypatch):
    field = DenseOptions.model_fields["hidden_units"]
    monkeypatch.setattr(field, "default", field.default * 2)
    model = load_model(stages.model, stages.store, cpu="any")
    assert model.encoder.hidden.units == field.default / 2


def test_a_tampered_weight_file_is_refused(stages, copied):
    path = copied.locate(stages.model) / "model.weights.h5"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptArtifact, match=r"model\.weights\.h5' is not what was committed"):
        load_model(stages.model, copied, cpu="any")


def test_weights_of_another_model_are_refused_by_their_identity(stages, copied):
    other = stages.model.model_copy(update={"digest": "0" * 64})
    with pytest.raises(CorruptArtifact, match="not 0000000000000000"):
        load_model(other, copied, cpu="any")


def test_weights_that_do_not_fit_their_network_are_refused_in_one_line(stages, tmp_path):
    network = load_model(stages.model, stages.store, cpu="any")
    wider = ModelConfig(network=DenseOptions(hidden_units=9), latent_dim=8)
    schema = stages.model.example_schema
    rows = np.zeros((4, *schema.shape), np.uint8)

    def work(draft):
        save_model(network, wider, draft, schema=schema, golden_rows=rows, cpu="any")
        return Answered(stages.model.model_dump(exclude={"key", "folder"}))

    question = Question(stage="train", version=1, folder="models", configs={}, inputs={})
    store = Store(tmp_path)
    with pytest.raises(CorruptArtifact, match="do not fit the dense network of this version"):
        load_model(store.answer(question, Model, work), store, cpu="any")


def test_golden_vectors_that_are_not_reproduced_are_refused(stages, tmp_path):
    model = load_model(stages.model, stages.store, cpu="any")
    schema = stages.model.example_schema
    rows = np.random.default_rng(0).integers(0, 17, (4, *schema.shape), dtype=np.uint8)
    write_golden(tmp_path / "golden.npz", model, schema, rows=rows, cpu="here")
    check_golden(tmp_path / "golden.npz", model, schema, cpu="here")
    kernel = model.encoder.outputs.kernel
    kernel.assign(kernel * (1 + 5e-5))
    check_golden(tmp_path / "golden.npz", model, schema, cpu="elsewhere")
    with pytest.raises(CorruptArtifact, match="at most 1e-05 is allowed"):
        check_golden(tmp_path / "golden.npz", model, schema, cpu="here")
    kernel.assign(kernel * 2)
    with pytest.raises(CorruptArtifact, match=r"at most 0\.0001 is allowed"):
        check_golden(tmp_path / "golden.npz", model, schema, cpu="elsewhere")


def test_golden_vectors_are_sixteen_rows_at_most(stages):
    with np.load(stages.store.locate(stages.model) / "golden.npz", allow_pickle=False) as golden:
        assert golden["rows"].shape == (16, 8, 8, 1)
        model = load_model(stages.model, stages.store, cpu="any")
        latents = Inference(model, stages.model.example_schema, 16).latents(golden["rows"])
        assert np.array_equal(latents, golden["latents"])
