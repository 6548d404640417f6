"""pythae's autoencoders with its own networks and trainer: ten epochs of Adam at 0.001."""

import json
import sys
import tempfile
import time

import numpy as np
import torch
from pythae.models import AE, VAE, AEConfig, VAEConfig
from pythae.pipelines import TrainingPipeline
from pythae.trainers import BaseTrainerConfig

KINDS = {"AE": (AE, AEConfig), "VAE": (VAE, VAEConfig)}
BATCH = 1000


def main() -> None:
    """Trains the model of the command line, and writes latents and the error of the test rows."""
    arguments = json.loads(sys.argv[1])
    kind, options = KINDS[arguments["kind"]]
    with np.load(arguments["data"]) as arrays:
        train, test = (
            torch.from_numpy(
                np.moveaxis(arrays[name], -1, 1).astype(np.float32) / arguments["largest"]
            )
            for name in ("train", "test")
        )
    started = time.process_time()
    model = kind(options(input_dim=tuple(train.shape[1:]), latent_dim=arguments["latent_dim"]))
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=10,
            learning_rate=1e-3,
            per_device_train_batch_size=128,
            seed=arguments["seed"],
        )
        TrainingPipeline(training_config=config, model=model)(train_data=train)
    cpu = time.process_time() - started
    model.eval()
    with torch.no_grad():
        train_latents, test_latents = (
            torch.cat([model.embed(batch) for batch in rows.split(BATCH)]) for rows in (train, test)
        )
        restored = torch.cat([model.reconstruct(batch) for batch in test.split(BATCH)])
    mse = float(torch.mean((restored - test) ** 2))
    np.savez(arguments["answer"], train=train_latents, test=test_latents, mse=mse, cpu=cpu)


if __name__ == "__main__":
    main()
