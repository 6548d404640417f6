"""What a process computes on: TensorFlow, its devices and threads, other machines, and overlap."""

__all__: list[str] = []
