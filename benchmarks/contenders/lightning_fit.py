"""PyTorch Lightning as its users write it: a module, a data loader, `Trainer.fit`, fused Adam."""

import logging

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from benchmarks.contenders.child import Case, serve
from benchmarks.contenders.torch_loop import network, scaled


class Module(lightning.LightningModule):
    """The autoencoder that the plain loop trains."""

    def __init__(self, case: Case):
        super().__init__()
        self.network = network(case)
        rate = case.learning_rate
        self.optimizer = torch.optim.Adam(self.network.parameters(), rate, fused=True)

    def training_step(self, batch, _number):
        """Returns the loss of a batch."""
        (rows,) = batch
        return nn.functional.mse_loss(self.network(rows), rows)

    def configure_optimizers(self):
        """Returns fused Adam, the same one for every epoch."""
        return self.optimizer


class Order(Sampler[int]):
    """Samples rows in the order that all contenders use."""

    def __init__(self, case: Case):
        self.case = case
        self.epoch = 0

    def __iter__(self):
        """Yields the row numbers of the next epoch."""
        yield from self.case.order(self.epoch).tolist()

    def __len__(self) -> int:
        """Returns the number of rows of an epoch."""
        return len(self.case.train)


def main() -> None:
    """Trains the case of the command line, one epoch per request."""
    case = Case()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    x, held_out = scaled(case.train), scaled(case.validation)
    module, order = Module(case), Order(case)
    loader = DataLoader(TensorDataset(x), case.batch_size, sampler=order)
    trainer = lightning.Trainer(
        max_epochs=0,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )

    def train_epoch(number: int) -> None:
        order.epoch = number
        trainer.fit_loop.max_epochs = number + 1
        trainer.fit(module, loader)

    @torch.no_grad()
    def mse() -> float:
        module.eval()
        return float(nn.functional.mse_loss(module.network(held_out), held_out))

    serve(train_epoch, mse, rows=len(case.train))


if __name__ == "__main__":
    main()
