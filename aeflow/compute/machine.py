"""The machine that a stage computes on, as the manifest records it."""

from dataclasses import dataclass

__all__ = ["Machine"]


@dataclass(frozen=True)
class Machine:
    """Describes what a process computes on, and how many devices and machines share each batch.

    `device` is "cpu" or "gpu". `cpu` names the processor, and the instructions and settings that
    decide which kernels TensorFlow uses. `threads` is the number of threads that share one
    operation.
    """

    device: str
    cpu: str
    threads: int
    num_devices: int = 1
    num_machines: int = 1

    @property
    def total_devices(self) -> int:
        """The number of devices of all machines together."""
        return self.num_devices * self.num_machines
