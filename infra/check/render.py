"""Renders the templates of Kubernetes pools to YAML, as their workers do: `render.py FOLDER`."""

import asyncio
import json
import sys
from pathlib import Path
from uuid import uuid4

import yaml
from prefect.client.schemas.objects import FlowRun
from prefect_kubernetes.worker import (  # pyright: ignore[reportMissingImports]  # in the image
    KubernetesWorkerJobConfiguration,
)


async def render(path: Path) -> dict:
    """Returns the manifest of the job that would carry out a run."""
    job = await KubernetesWorkerJobConfiguration.from_template_and_values(
        base_job_template=json.loads(path.read_text("utf-8")), values={}
    )
    job.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="check"))
    manifest = job.job_manifest
    # A cluster makes the same changes: it generates the name, and it ignores two fields that
    # Prefect requires and Kubernetes does not know.
    manifest["metadata"]["name"] = manifest["metadata"].pop("generateName") + "1"
    pod = manifest["spec"]["template"]["spec"]
    del pod["completions"], pod["parallelism"]
    return manifest


if __name__ == "__main__":
    paths = sorted(Path(sys.argv[1]).glob("*.kubernetes.json"))
    yaml.safe_dump_all([asyncio.run(render(path)) for path in paths], sys.stdout)
