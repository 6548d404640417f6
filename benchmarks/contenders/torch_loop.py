"""PyTorch as its users write it: rows scaled in advance, a plain loop, fused Adam."""

import numpy as np
import torch
from torch import nn

from benchmarks.contenders.child import Case, serve

__all__ = ["network", "scaled"]


def main() -> None:
    """Trains the case of the command line, one epoch per request."""
    case = Case()
    torch.manual_seed(0)
    x, held_out = scaled(case.train), scaled(case.validation)
    model = network(case)
    optimizer = torch.optim.Adam(model.parameters(), case.learning_rate, fused=True)

    def train_epoch(number: int) -> None:
        model.train()
        for indices in torch.from_numpy(case.order(number)).long().split(case.batch_size):
            batch = x[indices]
            optimizer.zero_grad()
            nn.functional.mse_loss(model(batch), batch).backward()
            optimizer.step()

    @torch.no_grad()
    def mse() -> float:
        model.eval()
        return float(nn.functional.mse_loss(model(held_out), held_out))

    serve(train_epoch, mse, rows=len(case.train))


def scaled(rows: np.ndarray) -> torch.Tensor:
    """Returns rows uint8 [N, 28, 28, 1] in PyTorch's form: float32 [N, 1, 28, 28] in [0, 1]."""
    return torch.from_numpy(rows.reshape(-1, 1, 28, 28).astype(np.float32) / 255.0)


def network(case: Case) -> nn.Module:
    """Returns the autoencoder of a case, with weights initialized as in Keras."""
    model = _convolutional(case) if case.network == "convolutional" else _dense(case)
    return model.apply(_as_keras_does)


def _as_keras_does(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _dense(case: Case) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, case.hidden),
        nn.ReLU(),
        nn.Linear(case.hidden, case.latent),
        nn.Linear(case.latent, case.hidden),
        nn.ReLU(),
        nn.Linear(case.hidden, 784),
        nn.Unflatten(1, (1, 28, 28)),
    )


def _convolutional(case: Case) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, case.latent),
        nn.Linear(case.latent, 64 * 7 * 7, bias=False),
        nn.Unflatten(1, (64, 7, 7)),
        nn.BatchNorm2d(64, eps=1e-3, momentum=0.1),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 3, 2, 1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 3, 2, 1, output_padding=1),
    )


if __name__ == "__main__":
    main()
