"""The computing environment of a process: TensorFlow, devices, threads, network and output."""

__all__: list[str] = []
