"""What changes the speed and not the answer: recorded in manifests, never hashed."""

from typing import Annotated, Any, Literal

from pydantic import Field

from aeflow.configs.config import Config

__all__ = ["RuntimeConfig"]

Machine = Annotated[str, Field(pattern=r"^[^\s:/]+:\d{1,5}$", examples=["10.0.0.1:5000"])]


class RuntimeConfig(Config):
    """Says how fast, on what and for how long a stage may work."""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where TensorFlow computes; auto takes a GPU where there is one."""
    num_devices: int | None = Field(default=None, ge=1, le=64)
    """Devices that share each batch of training; every GPU or one CPU where it is not given."""
    machines: tuple[Machine, ...] = ()
    """Machines that share each batch of training, on which `train_on` starts a run each."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """Threads within one TensorFlow operation; all cores where it is not given."""
    steps_per_call: int | None = Field(default=None, ge=1, le=1_000_000)
    """Training steps in one call of the graph; about a second of work where it is not given."""
    xla: bool | None = None
    """Whether XLA compiles the training steps; where it pays, where it is not given."""
    batch_parts: int | None = Field(default=None, ge=1, le=64)
    """Parts of a batch that are computed at once; where they pay, where it is not given."""
    checkpoint_epochs: int | None = Field(default=None, ge=1, le=100_000)
    """Epochs between two checkpoints; about five seconds where it is not given."""
    encode_batch_size: int = Field(default=1024, ge=1, le=1_048_576)
    """Rows in one forward pass of evaluation and encoding."""
    shards_in_flight: int = Field(default=2, ge=1, le=64)
    """Shards that encoding holds in memory between reading, encoding and writing."""
    dask: str | None = Field(
        default=None, pattern=r"^(tcp|tls)://[^\s/]+$", examples=["tcp://localhost:8786"]
    )
    """Address of a running Dask scheduler over whose workers encoding is spread."""
    deadline_seconds: float | None = Field(default=None, gt=0, le=31_536_000)
    """Seconds after which a stage stops and leaves its work to be resumed."""

    def hashed(self) -> dict[str, Any]:
        """Returns nothing: how fast an answer is made does not change it."""
        return {}
