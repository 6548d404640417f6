"""A real S3 server, SeaweedFS, with two users: one may write, the other may only read."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

WEED = Path(sys.executable).with_name("weed")
OWNER, GUEST = "owner", "guest"
USERS = {
    OWNER: ["Admin", "Read", "Write", "List", "Tagging"],
    GUEST: ["Read:other", "List:other", "Read:shared", "List:shared"],
}


def free_ports(count: int) -> list[int]:
    """Returns free ports; each port plus 10,000 is free too, because the server uses both."""
    ports: list[int] = []
    while len(ports) < count:
        with socket.socket() as probe, socket.socket() as probe_above:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port + 10_000 < 65_536 and port not in ports:
                try:
                    probe_above.bind(("127.0.0.1", port + 10_000))
                except OSError:
                    continue
                ports.append(port)
    return ports


@dataclass
class Seaweed:
    """Starts and stops the server on one folder, always at the same ports."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: free_ports(4))
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[3]}"

    def environment(self, user: str = OWNER, **more: str) -> dict[str, str]:
        """Returns a client's environment, without this process's variables for AWS and aeflow."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "AEFLOW_"))}
        return inherited | {
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": f"{user}-secret",
            "AWS_ENDPOINT_URL": self.url,
            "AEFLOW_CACHE": str(self.folder / "cache"),
            **more,
        }

    def start(self) -> None:
        users = [
            {
                "name": name,
                "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}],
                "actions": actions,
            }
            for name, actions in USERS.items()
        ]
        (self.folder / "s3.json").write_text(json.dumps({"identities": users}))
        (self.folder / "data").mkdir(exist_ok=True)
        master, volume, filer, s3 = self.ports
        command = [
            *(WEED, "server", f"-dir={self.folder / 'data'}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
            *(
                f"-master.port={master}",
                f"-volume.port={volume}",
                "-volume.max=400",
                "-master.volumeSizeLimitMB=64",
            ),
            *("-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
            f"-s3.config={self.folder / 's3.json'}",
        ]
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while not self._is_ready():
            assert self.process.poll() is None, (self.folder / "weed.log").read_text()[-2000:]
            assert time.monotonic() < end
            time.sleep(0.3)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def _is_ready(self) -> bool:
        """Returns whether a file can be written: S3 answers before the volumes are ready."""
        try:
            filer = f"http://127.0.0.1:{self.ports[2]}/ready"
            put = httpx.put(filer, content=b"x", timeout=2)
            return put.is_success and httpx.get(self.url, timeout=2).status_code < 500
        except httpx.HTTPError:
            return False
