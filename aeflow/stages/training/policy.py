"""How a training step is computed, chosen for the model and the device it runs on."""

from dataclasses import dataclass

from aeflow.compute.machine import Machine
from aeflow.configs import DenseOptions, ModelConfig, RuntimeConfig, TrainConfig
from aeflow.errors import UnfitMachine
from aeflow.models import kind_class

__all__ = ["Policy", "choose_policy"]

COMPILED_NETWORKS = frozenset({"dense", "deep"})
"""Networks that XLA makes faster on a CPU; a convolution within a loop it makes 8 times slower."""
ROWS_WORTH_COMPILING = 500_000
"""Compiling costs about two seconds, which fewer rows do not win back."""
PARTED_UNITS = 256
"""Hidden units up to which two halves of a batch at once beat two threads in each product."""


@dataclass(frozen=True)
class Policy:
    """Says whether XLA compiles the steps, and in how many parts at once a batch is computed."""

    xla: bool = False
    batch_parts: int = 1


def choose_policy(
    model: ModelConfig,
    config: TrainConfig,
    runtime: RuntimeConfig,
    *,
    machine: Machine,
    num_rows: int,
) -> Policy:
    """Chooses by the figures of `benchmarks/README.md`; what `runtime` says comes first.

    The answers of two policies differ in their last bits, as
    those of two devices do. Raises UnfitMachine if devices cannot share a batch equally.
    """
    device, num_devices = machine.device, machine.total_devices
    if machine.num_machines > 1 and device == "cpu" and machine.num_devices > 1:
        raise UnfitMachine(
            f"On a CPU each machine of TF_CONFIG is one device, and runtime.num_devices is "
            f"{machine.num_devices}. Leave it out."
        )
    if config.batch_size % num_devices:
        raise UnfitMachine(
            f"{num_devices} devices cannot share a batch of {config.batch_size} rows equally. "
            "Choose a multiple for train.batch_size, or fewer for runtime.num_devices."
        )
    if num_devices > 1:  # XLA compiles for one device
        parts = runtime.batch_parts or 1
        return Policy(False, parts if config.batch_size // num_devices % parts == 0 else 1)
    xla = runtime.xla
    if xla is None:
        is_long = num_rows * config.epochs >= ROWS_WORTH_COMPILING
        xla = device == "cpu" and is_long and model.network.name in COMPILED_NETWORKS
    parts = runtime.batch_parts
    if parts is None:
        parts = 2 if xla and device == "cpu" and _is_parted(model) else 1
    return Policy(xla, parts if config.batch_size % parts == 0 else 1)


def _is_parted(model: ModelConfig) -> bool:
    network = model.network
    is_small = isinstance(network, DenseOptions) and network.hidden_units <= PARTED_UNITS
    return is_small and kind_class(model.kind.name).has_independent_rows
