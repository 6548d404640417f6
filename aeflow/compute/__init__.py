"""What a process computes on: TensorFlow, devices, threads, other machines, overlapped work."""

__all__: list[str] = []
