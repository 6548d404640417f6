"""Clusters of processes on this machine."""

import socket

__all__ = ["addresses"]


def addresses(count: int) -> list[str]:
    """Returns addresses at which no process listens."""
    probes = [socket.create_server(("localhost", 0)) for _ in range(count)]
    free_addresses = [f"localhost:{probe.getsockname()[1]}" for probe in probes]
    for probe in probes:
        probe.close()
    return free_addresses
