"""The automations of the service: retraining after drift, and notifications of failures."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from prefect.client.schemas.objects import FlowRun
from sklearn.datasets import load_digits

from tests.services.running_service import NOTIFY_TOKEN, RunningService, until

QUICK = {"model": {"latent_dim": 8}, "train": {"epochs": 30}}


@pytest.fixture
def notifications(service: RunningService) -> Iterator[list[dict]]:
    """Listens at the address of the service's webhook; yields the list of received messages."""
    received: list[dict] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(json.loads(body) | {"path": self.path})
            self.send_response(204)
            self.end_headers()

    with HTTPServer(("127.0.0.1", service.notify_port), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield received
        server.shutdown()


def test_refusal_and_failure_are_notified(
    service: RunningService, notifications: list[dict], tmp_path: Path
):
    np.savez(tmp_path / "judged.npz", x_train=load_digits().images[:600].astype(np.uint8))
    source = {"source": f"npz:{tmp_path / 'judged.npz'}"}
    strict = {**QUICK, "ingest": source, "gate": {"max_ratio_to_pca": 0.01}}
    refused = service.start("retrain/digits", strict, train_on=None)
    ended = service.wait(refused, "Completed")
    assert ended.name.startswith("judged: refused, MSE ")
    assert {"dataset:judged", "outcome:refused", "look"} <= set(ended.tags)
    failed = service.start("pipeline/on-demand", {"ingest": {"source": "npz:/nowhere.npz"}})
    service.wait(failed, "Failed")
    links = [f"{service.url}/runs/flow-run/{run}" for run in (refused, failed)]
    until(lambda: {one["link"] for one in notifications} >= set(links), 60)
    first, second = (next(one for one in notifications if one["link"] == link) for link in links)
    assert (first["flow"], first["run"]) == ("retrain", ended.name)
    assert (first["state"], first["outcome"]) == ("Completed", "refused")
    assert "PCA-8" in first["message"]
    assert (second["flow"], second["state"]) == ("pipeline", "Failed")
    assert second["outcome"] == "failed"
    assert "/nowhere.npz" in second["text"]
    assert {one["path"] for one in notifications} == {f"/hooks/{NOTIFY_TOKEN}"}


def test_drift_starts_one_retraining_and_that_starts_none(service: RunningService, tmp_path: Path):
    digits = load_digits().images[:600].astype(np.uint8)
    source = {"source": f"npz:{tmp_path / 'watched.npz'}"}
    watched = {**QUICK, "ingest": source, "gate": {"max_ratio_to_pca": 100.0}}
    np.savez(tmp_path / "watched.npz", x_train=digits)
    service.wait(service.start("retrain/digits", watched, train_on=None), "Completed")
    before = {run.id for run in retrainings(service)}

    np.savez(tmp_path / "watched.npz", x_train=16 - digits)
    service.wait(service.start("measure-drift/drift-check", watched), "Completed")
    (retraining,) = until(lambda: {run.id for run in retrainings(service)} - before, 60)
    assert service.run(retraining).created_by.type == "AUTOMATION"
    assert service.run(retraining).parameters["config"]["ingest"] == source
    service.wait(retraining, "Completed", seconds=180)
    until(lambda: drift_events(service, retraining), 60)
    assert {run.id for run in retrainings(service)} - before == {retraining}


def retrainings(service: RunningService) -> list[FlowRun]:
    """Returns the retraining runs, without those that the schedule created."""
    nightly = service.client.read_deployment_by_name("retrain/digits")
    return [run for run in service.runs_of(nightly.id) if not run.auto_scheduled]


def drift_events(service: RunningService, run: UUID) -> list[dict]:
    """Returns the events in which a run announced drift."""
    related = {"id": [f"prefect.flow-run.{run}"]}
    event_filter = {"event": {"name": ["drift.detected"]}, "related": related}
    answer = service.client.request("POST", "/events/filter", json={"filter": event_filter})
    return answer.json()["events"]
