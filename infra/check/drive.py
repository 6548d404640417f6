"""Uses the running service like a user: `drive.py pipeline`, `training`, `wait RUN STATE`.

The server and the credentials come from the environment, as they do for Prefect's own clients.
"""

import json
import os
import sys
import time
import uuid
from typing import Any

import httpx

POLL_SECONDS = 1.0
PATIENCE_SECONDS = 300.0
CONFIG: dict[str, Any] = {"model": {"latent_dim": 8}, "train": {"epochs": 3}}
LONG: dict[str, Any] = {"model": {"latent_dim": 8}, "train": {"epochs": 100_000}}
ENDS = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def client() -> httpx.Client:
    """Returns a client that sends the password and a CSRF token."""
    user, _, password = os.environ["PREFECT_API_AUTH_STRING"].partition(":")
    server = httpx.Client(base_url=os.environ["PREFECT_API_URL"], auth=(user, password), timeout=60)
    own = {"Prefect-Csrf-Client": uuid.uuid4().hex}
    response = server.get("/csrf-token", params={"client": own["Prefect-Csrf-Client"]})
    server.headers.update(own | {"Prefect-Csrf-Token": response.raise_for_status().json()["token"]})
    return server


def start(server: httpx.Client, deployment: str, config: dict[str, Any]) -> str:
    """Starts a run like the form in the UI; returns its id."""
    details = server.get(f"/deployments/name/{deployment}").raise_for_status().json()
    body = {
        "parameters": {**details["parameters"], "config": config},
        "state": {"type": "SCHEDULED"},
    }
    response = server.post(f"/deployments/{details['id']}/create_flow_run", json=body)
    return response.raise_for_status().json()["id"]


def wait(server: httpx.Client, run: str, expected_state: str) -> str:
    """Waits for a state of a run; returns its message, or exits if the run ends otherwise."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        state = server.get(f"/flow_runs/{run}").raise_for_status().json()["state"]
        if state["type"] == expected_state:
            return state["message"] or ""
        if state["type"] in ENDS or time.monotonic() > end:
            sys.exit(f"{run} is {state['type']}, expected {expected_state}: {state['message']}")
        time.sleep(POLL_SECONDS)


def has_logs(server: httpx.Client, run: str) -> None:
    """Exits if the UI would show no log line or no artifact of a run."""
    for kind in ("logs", "artifacts"):
        of = {kind: {"flow_run_id": {"any_": [run]}}}
        if not server.post(f"/{kind}/filter", json=of).raise_for_status().json():
            sys.exit(f"{run} has no {kind}")


def main() -> None:
    """Runs one command; prints what the next one needs: a run's id, or a run's message."""
    command, *more = sys.argv[1:]
    server = client()
    if command == "pipeline":
        run = start(server, "pipeline/on-demand", CONFIG)
        wait(server, run, "COMPLETED")
        has_logs(server, run)
        print(run)
    elif command == "training":
        run = start(server, "train-autoencoder/cpu", LONG)
        wait(server, run, "RUNNING")
        print(run)
    else:
        run, expected_state = more
        print(json.dumps(wait(server, run, expected_state)))


if __name__ == "__main__":
    main()
