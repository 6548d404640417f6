"""What tests of ingestion share: Fashion-MNIST, prepared once by TFDS's own builder."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fashion import restore_originals

OPEN = """
import json, sys
from aeflow.configs import IngestConfig
from aeflow.datasets.sources import open_source
config = IngestConfig(source="fashion_mnist", data_dir=sys.argv[1], manual_dir=sys.argv[2])
said = []
source = open_source(config, on_wait=said.append)
print(json.dumps({"pieces": [[p.name, p.digest, p.rows] for p in source.pieces()], "said": said}))
"""


@dataclass(frozen=True)
class PreparedTwice:
    """Says where a dataset lies that two processes prepared at once, and what each of them saw."""

    data_dir: Path
    outputs: list[dict]
    printed: list[str]


@pytest.fixture(scope="session")
def fashion_tfds(tmp_path_factory) -> PreparedTwice:
    folder = tmp_path_factory.mktemp("tfds")
    originals = restore_originals(folder / "originals")
    command = [sys.executable, "-c", OPEN, str(folder / "prepared"), str(originals)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=280) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return PreparedTwice(
        folder / "prepared",
        [json.loads(out.splitlines()[-1]) for out, _ in said],
        [line for out, err in said for line in (out + err).splitlines()[:-1]],
    )
