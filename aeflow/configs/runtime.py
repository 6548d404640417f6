"""Settings that change the speed and not the answer: recorded in manifests, never hashed."""

from typing import Annotated, Any, Literal

from pydantic import Field

from aeflow.configs.config import Config

__all__ = ["RuntimeConfig"]

Machine = Annotated[str, Field(pattern=r"^[^\s:/]+:\d{1,5}$", examples=["10.0.0.1:5000"])]


class RuntimeConfig(Config):
    """Sets how fast, on which devices and for how long a stage may work."""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Device that TensorFlow computes on; auto takes a GPU if there is one."""
    num_devices: int | None = Field(default=None, ge=1, le=64)
    """Devices that share each training batch; if not set, every GPU, or one CPU."""
    machines: tuple[Machine, ...] = ()
    """Machines, HOST:PORT each, that share each training batch; `train_on` starts a run on each."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """Threads within one TensorFlow operation; all cores if not set."""
    steps_per_call: int | None = Field(default=None, ge=1, le=1_000_000)
    """Training steps in one call of the graph; if not set, about a second of work."""
    xla: bool | None = None
    """Whether XLA compiles the training steps; if not set, only if that is faster."""
    batch_parts: int | None = Field(default=None, ge=1, le=64)
    """Parts of a batch computed in parallel; if not set, several only if that is faster."""
    checkpoint_epochs: int | None = Field(default=None, ge=1, le=100_000)
    """Epochs between two checkpoints; if not set, about five seconds of training."""
    encode_batch_size: int = Field(default=1024, ge=1, le=1_048_576)
    """Rows in one forward pass of evaluation and encoding."""
    shards_in_flight: int = Field(default=2, ge=1, le=64)
    """Shards that encoding holds in memory between reading, encoding and writing."""
    dask: str | None = Field(
        default=None, pattern=r"^(tcp|tls)://[^\s/]+$", examples=["tcp://localhost:8786"]
    )
    """Address of a running Dask scheduler; encoding is spread over its workers."""
    deadline_seconds: float | None = Field(default=None, gt=0, le=31_536_000)
    """Seconds after which a stage stops; running it again resumes its work."""

    def hashed(self) -> dict[str, Any]:
        """Returns an empty dictionary, because these settings do not change the answer."""
        return {}
