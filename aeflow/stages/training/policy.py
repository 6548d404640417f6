"""The policy for computing training steps, which depends on the model and the device."""

from dataclasses import dataclass

from aeflow.compute.machine import Machine
from aeflow.configs import DenseOptions, ModelConfig, RuntimeConfig, TrainConfig
from aeflow.errors import UnfitMachine
from aeflow.models import kind_class

__all__ = ["Policy", "choose_policy"]

COMPILED_NETWORKS = frozenset({"dense", "deep"})
"""Networks that XLA speeds up on a CPU. XLA makes a convolution within a loop 8 times slower."""
ROWS_WORTH_COMPILING = 500_000
"""The least number of rows, over all epochs, for which XLA saves time.

Compiling takes about two seconds. With fewer rows, compiled steps save less than that.
"""
PARTED_UNITS = 256
"""The largest number of hidden units for which a batch is split into two halves.

Up to this number, computing the halves in parallel is faster than using two threads in each matrix
product.
"""


@dataclass(frozen=True)
class Policy:
    """Says whether XLA compiles the steps, and into how many parallel parts a batch is split."""

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
    """Chooses the policy that is the fastest according to `benchmarks/README.md`.

    Options that are set in `runtime` override this choice. Models trained with two policies differ
    in the last bits of their weights, as models trained on two devices do. Raises UnfitMachine if
    the devices cannot share a batch equally, or if several machines train and this machine has more
    than one CPU device.
    """
    device, num_devices = machine.device, machine.total_devices
    if machine.num_machines > 1 and device == "cpu" and machine.num_devices > 1:
        raise UnfitMachine(
            f"On a CPU each machine of TF_CONFIG is one device, but runtime.num_devices is "
            f"{machine.num_devices}. Leave runtime.num_devices out."
        )
    if config.batch_size % num_devices:
        raise UnfitMachine(
            f"{num_devices} devices cannot share a batch of {config.batch_size} rows equally. "
            f"Choose a multiple of {num_devices} for train.batch_size, or fewer devices in "
            "runtime.num_devices."
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
