import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aeflow.configs import (
    DenseOptions,
    IngestConfig,
    ModelConfig,
    RuntimeConfig,
    TrainConfig,
    VqOptions,
)
from aeflow.errors import ConfigError, DivergedTraining
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store

SMALL = ModelConfig(latent_dim=8)


def test_a_second_run_finds_the_answer_in_the_store(stages):
    events = []
    again = train(
        Context(stages.store, on_progress=events.append),
        stages.dataset,
        TrainConfig(epochs=20),
        model_config=SMALL,
    )
    assert (again, events) == (stages.model, [])


def test_the_model_says_what_it_is(stages):
    assert stages.model.model_dump(include={"network", "kind", "latent_dim", "epochs"}) == {
        "network": "dense",
        "kind": "plain",
        "latent_dim": 8,
        "epochs": 20,
    }
    assert stages.store.verify(stages.model.key) == []


def test_history_has_a_row_per_epoch_and_the_loss_falls(stages):
    history = pq.read_table(stages.store.locate(stages.model) / "history.parquet").to_pandas()
    assert history["epoch"].tolist() == list(range(1, 21))
    assert history["step"].iloc[-1] == 20 * 12
    assert history["loss"].iloc[-1] < history["loss"].iloc[0] / 4
    assert stages.model.validation_loss == pytest.approx(history["validation_loss"].min())


def test_each_epoch_is_a_line_of_the_log(digits, store, caplog):
    caplog.set_level("INFO", "aeflow.stages.training")
    shutil.copytree(digits[0].root, store.root)
    train(Context(store), digits[1], TrainConfig(epochs=3, seed=5), model_config=SMALL)
    lines = [text for text in caplog.messages if text.startswith("train: epoch ")]
    assert [line.partition(",")[0] for line in lines] == [
        f"train: epoch {number} of 3" for number in (1, 2, 3)
    ]
    assert re.fullmatch(r"train: epoch 3 of 3, loss 0\.\d+, validation_loss 0\.\d+", lines[-1])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (TrainConfig(epochs=2, seed=6), "epoch 2 of 2"),
        (TrainConfig(epochs=60, patience=1, learning_rate=0.5, seed=6), None),
    ],
)
def test_last_progress_is_complete_and_has_the_losses_of_the_last_epoch(
    digits, tmp_path, config: TrainConfig, message: str | None
):
    store, dataset = _store_like(digits, tmp_path)
    events = []
    model = train(Context(store, on_progress=events.append), dataset, config, model_config=SMALL)
    history = pq.read_table(store.locate(model) / "history.parquet").to_pylist()
    last = events[-1]
    assert last.metrics["validation_loss"] == pytest.approx(history[-1]["validation_loss"])
    assert (last.done, last.total, last.epoch) == (history[-1]["step"],) * 2 + (len(history),)
    assert last.message == (message or f"epoch {len(history)} of 60")


def test_reference_holds_errors_and_latents_of_the_validation_rows(stages):
    reference = pq.read_table(stages.store.locate(stages.model) / "reference.parquet")
    assert reference.num_rows == stages.dataset.rows["validation"]
    errors = reference["reconstruction_error"].to_numpy()
    assert errors.mean() == pytest.approx(stages.model.validation_loss, rel=1e-4)


def test_training_stops_when_patience_runs_out_and_keeps_the_best_weights(digits, tmp_path):
    store, dataset = _store_like(digits, tmp_path)
    config = TrainConfig(epochs=60, patience=3, learning_rate=0.1, schedule="constant")
    model = train(Context(store), dataset, config, model_config=SMALL)
    history = pq.read_table(store.locate(model) / "history.parquet")["validation_loss"].to_pylist()
    assert len(history) == model.epochs < 60
    assert model.epochs == model.best_epoch + 3
    assert model.best_epoch == 1 + int(np.argmin(history))
    reference = pq.read_table(store.locate(model) / "reference.parquet")["reconstruction_error"]
    assert reference.to_numpy().mean() == pytest.approx(min(history), rel=1e-4)


def test_a_loss_that_is_not_finite_stops_training_and_names_the_step(digits, tmp_path):
    store, dataset = _store_like(digits, tmp_path)
    config = TrainConfig(epochs=400, learning_rate=10.0, schedule="constant", optimizer="adam")
    unbounded = DenseOptions(hidden_units=2048, output_activation="linear")
    wide = ModelConfig(network=unbounded, latent_dim=2048)
    message = r"at step \d+, in epoch \d+\. Choose a train\.learning_rate below 10\."
    with pytest.raises(DivergedTraining, match=message):
        train(Context(store), dataset, config, model_config=wide)
    assert list((store.root / "models").glob("*.partial")) == []


def test_an_uneven_last_batch_is_trained_on(digits, tmp_path):
    store, dataset = _store_like(digits, tmp_path)
    config = TrainConfig(epochs=1, batch_size=1000)
    model = train(Context(store), dataset, config, model_config=SMALL)
    history = pq.read_table(store.locate(model) / "history.parquet")
    assert history["step"].to_pylist() == [2]


def test_steps_per_call_and_checkpoints_change_no_byte(digits, tmp_path):
    weights = []
    for name, runtime in {
        "one": RuntimeConfig(steps_per_call=1, checkpoint_epochs=2),
        "seven": RuntimeConfig(steps_per_call=7, checkpoint_epochs=1),
    }.items():
        store, dataset = _store_like(digits, tmp_path / name)
        model = train(
            Context(store, runtime=runtime), dataset, TrainConfig(epochs=3), model_config=SMALL
        )
        folder = store.locate(model)
        weights.append([(folder / f).read_bytes() for f in ("model.weights.h5", "history.parquet")])
    assert weights[0] == weights[1]


def test_a_dataset_without_training_rows_is_refused(store):
    dataset = ingest(Context(store), IngestConfig(splits="all"))
    with pytest.raises(ConfigError, match="has no rows in the split 'train', only all: 1797"):
        train(Context(store), dataset, TrainConfig(), model_config=SMALL)
    assert not (store.root / "models").exists()


def test_a_codebook_larger_than_the_data_is_refused_before_training(digits, tmp_path):
    store, dataset = _store_like(digits, tmp_path)
    model_config = ModelConfig(kind=VqOptions(num_codes=2000))
    with pytest.raises(ConfigError, match=r"num_codes = 2000 is more than the \d+ training rows"):
        train(Context(store), dataset, TrainConfig(epochs=1), model_config=model_config)
    assert list((store.root / "models").glob("*")) == []


def test_a_latent_larger_than_the_input_is_allowed_and_warned_of(digits, tmp_path, caplog):
    store, dataset = _store_like(digits, tmp_path)
    model = train(
        Context(store), dataset, TrainConfig(epochs=1), model_config=ModelConfig(latent_dim=65)
    )
    assert model.latent_dim == 65
    assert "latent_dim is 65, but an example has only 64 values" in caplog.text


def test_tensorboard_files_are_there_while_training(stages):
    events = EventAccumulator(
        str(stages.store.root / "logs" / stages.model.key), size_guidance={"tensors": 0}
    ).Reload()
    assert {"loss/train", "loss/validation", "training/learning_rate", "reconstructions"} <= set(
        events.Tags()["tensors"]
    )
    assert len(events.Tensors("loss/train")) == 20
    assert len(events.Tensors("reconstructions")) == 10


def _store_like(digits, path) -> tuple[Store, object]:
    """Returns a separate store with the same dataset, so that the shared one is not changed."""
    store = Store(path)
    return store, ingest(Context(store), IngestConfig(shard_bytes=8192))
