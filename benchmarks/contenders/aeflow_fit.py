"""aeflow: the whole train stage, with checkpoints, TensorBoard, validation and progress.

With the option `bare`, it runs only the compiled steps, to show the cost of the rest. With `free`,
it runs without TensorFlow's deterministic operations, to show their cost.
"""

import queue
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import tensorflow as tf

from aeflow.compute.runtime import prepare
from aeflow.configs import (
    ConvolutionalOptions,
    DenseOptions,
    IngestConfig,
    ModelConfig,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.errors import Interrupted
from aeflow.models import build
from aeflow.models.preprocessing import Preprocessing
from aeflow.schema import ExampleSchema
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.stages.training.inputs import StoredRows, TrainingBlocks
from aeflow.stages.training.optimizers import build_optimizer
from aeflow.stages.training.policy import choose_policy
from aeflow.stages.training.steps import compile_steps, compile_validation
from aeflow.storage import Store
from benchmarks.contenders.child import Case, serve, steps_of

MANY = 1000


def main() -> None:
    """Trains the case of the command line, one epoch per request."""
    case = Case()
    if case.network == "convolutional":
        network = ConvolutionalOptions(filters=(32, 64), output_activation="linear")
    else:
        network = DenseOptions(hidden_units=case.hidden, output_activation="linear")
    model_config = ModelConfig(network=network, latent_dim=case.latent)
    config = TrainConfig(
        epochs=MANY,
        optimizer="adam",
        learning_rate=case.learning_rate,
        schedule="constant",
        batch_size=case.batch_size,
        shuffle_bytes=case.options.get("shuffle_bytes", 2**30),
    )
    runtime = RuntimeConfig(**case.options.get("runtime", {}))
    if case.options.get("free"):
        tf.config.experimental.enable_op_determinism = lambda: None
    if case.options.get("bare"):
        _serve_steps(case, model_config, config, runtime)
    else:
        _serve_stage(case, model_config, config, runtime)


def _serve_stage(case: Case, model_config, config, runtime) -> None:
    """Runs the stage and pauses it at the end of each epoch until the next request.

    It validates at the end of each epoch, on the rows that all contenders are evaluated on.
    """
    requests, answers = queue.Queue(), queue.Queue()
    latest = {"mse": float("nan")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        train_rows, held_out = _images(case)
        np.savez(path, x_train=train_rows, x_validation=held_out)
        store = Store(Path(folder) / "store")
        dataset = ingest(Context(store), IngestConfig(source=f"npz:{path}", test_one_in=10_000))
        rows = dataset.rows["train"]

        def on_progress(progress) -> None:
            epochs, within = divmod(progress.done, steps_of(rows, case.batch_size))
            if epochs and not within and progress.message.startswith(f"epoch {epochs + 1} of"):
                latest["mse"] = progress.metrics["validation_loss"]
                answers.put(None)
                if requests.get() == "stop":
                    raise Interrupted("enough")

        def work() -> None:
            with suppress(Interrupted):
                train(
                    Context(store, runtime=runtime, on_progress=on_progress),
                    dataset,
                    config,
                    model_config=model_config,
                )

        thread = threading.Thread(target=work)
        thread.start()

        def train_epoch(number: int) -> None:
            if number:
                requests.put("epoch")
            answers.get()

        serve(train_epoch, lambda: latest["mse"], rows=rows)
        requests.put("stop")
        thread.join()


def _serve_steps(case: Case, model_config, config, runtime) -> None:
    machine = prepare(runtime)
    schema = ExampleSchema(shape=(28, 28, 1), dtype="uint8", value_range=(0, 255))
    preprocessing = Preprocessing(())
    preprocessing.set_weights([np.array(0.0), np.array(255.0)])
    model = build(model_config, schema, preprocessing, seed=0)
    optimizer = build_optimizer(config, model.trainable_variables, num_steps=MANY)
    rows, held_out = (StoredRows([images]) for images in _images(case))
    blocks = TrainingBlocks(rows, config)
    policy = choose_policy(model_config, config, runtime, machine=machine, num_rows=len(rows))
    run_steps = compile_steps(model, optimizer, blocks.spec, config=config, policy=policy)
    validation_loss = compile_validation(model, held_out, max_bytes=config.shuffle_bytes, seed=0)

    def train_epoch(number: int) -> None:
        for block in blocks.epoch(number):
            step = number * case.steps + block.first_step
            run_steps(block, step, 0, block.num_steps)

    serve(train_epoch, validation_loss, rows=len(rows))


def _images(case: Case) -> tuple[np.ndarray, np.ndarray]:
    return case.train.reshape(-1, 28, 28, 1), case.validation.reshape(-1, 28, 28, 1)


if __name__ == "__main__":
    main()
