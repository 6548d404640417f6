"""What a stage computes on, as its manifest records it."""

from dataclasses import dataclass

__all__ = ["Machine"]


@dataclass(frozen=True)
class Machine:
    """Describes what a process computes on, and how many others share each batch with it.

    `device` is "cpu" or "gpu", `cpu` the processor with all that its kernels are chosen by, and
    `threads` how many of its threads share an operation.
    """

    device: str
    cpu: str
    threads: int
    num_devices: int = 1
    num_machines: int = 1

    @property
    def total_devices(self) -> int:
        """The devices of all machines together."""
        return self.num_devices * self.num_machines
