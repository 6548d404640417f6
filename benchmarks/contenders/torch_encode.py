"""PyTorch: batches of a memory map through the encoder, Parquet by Arrow."""

import numpy as np
import torch
from torch import nn

from benchmarks.contenders.child import serve
from benchmarks.contenders.encoder import Arguments, write_latents


def main() -> None:
    """Encodes the rows of the command line on each request."""
    arguments = Arguments()
    weights = {name: torch.from_numpy(array) for name, array in arguments.weights.items()}
    (n, hidden), latent = weights["w1"].shape, weights["w2"].shape[1]
    model = nn.Sequential(nn.Linear(n, hidden), nn.ReLU(), nn.Linear(hidden, latent)).eval()
    model.load_state_dict(
        {
            "0.weight": weights["w1"].T,
            "0.bias": weights["b1"],
            "2.weight": weights["w2"].T,
            "2.bias": weights["b2"],
        }
    )

    @torch.inference_mode()
    def encode(pixels: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(np.array(pixels)).float().div_(255.0)).numpy()

    serve(lambda number: write_latents(arguments, encode), lambda: None, rows=arguments.rows)


if __name__ == "__main__":
    main()
