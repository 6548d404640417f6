"""Links to a report or to TensorBoard. If no address is known, a command replaces the link.

`AEFLOW_REPORT_URL` and `AEFLOW_TENSORBOARD_URL` are the addresses of both for a browser.
A browser opens no `file://` link from a page of the UI, so pages never have one.
"""

import os
import shlex

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from aeflow.artifacts import Publication
from aeflow.storage import Store
from flows.pages.posting import post, slug
from flows.recipes.stored import absolute

__all__ = ["link_training", "report_address", "report_line", "tensorboard_line"]

REPORTS, TENSORBOARD = "AEFLOW_REPORT_URL", "AEFLOW_TENSORBOARD_URL"


def report_line(publication: Publication, store: str) -> str:
    """Returns a line of Markdown that says how to open a report."""
    address = report_address(publication, store)
    if address:
        return f"[Open the report]({address})"
    path = f"{Store(store).shown(publication)}/{publication.report}"
    lineage = _command("show", store, publication.key)
    return f"The report is the file `{path}`. Its lineage: `{lineage}`"


def report_address(publication: Publication, store: str) -> str | None:
    """Returns the address of a report for a browser, or None if none is known."""
    prefix = _address_in(REPORTS, store)
    return f"{prefix}/{publication.address}/{publication.report}" if prefix else None


def tensorboard_line(run: str, store: str) -> str:
    """Returns a line of Markdown on how to open TensorBoard with a run, such as `logs/KEY`."""
    address = _tensorboard_address(run, store)
    if address:
        return f"[Open TensorBoard]({address})"
    return f"TensorBoard: run `{_command('tensorboard', store)}` and select the run `{run}`"


def link_training(model_key: str, store: str, *, dataset_name: str) -> None:
    """Posts a link to TensorBoard before a model is trained, so that users can watch it."""
    run = f"logs/{model_key}"
    key, address = f"tensorboard-{slug(dataset_name)}", _tensorboard_address(run, store)
    description = f"The newest training on {dataset_name}, live"
    if address:
        post(create_link_artifact, address, key=key, link_text=description, description=description)
    else:
        post(
            create_markdown_artifact, tensorboard_line(run, store), key=key, description=description
        )


def _tensorboard_address(run: str, store: str) -> str | None:
    prefix = _address_in(TENSORBOARD, store)
    return f"{prefix}/?runFilter={run}#timeseries" if prefix else None


def _address_in(variable: str, store: str) -> str | None:
    """Returns an address from the environment, or None if there is none for this store.

    The servers at these addresses show the store AEFLOW_STORE, so other stores do not use them.
    """
    prefix, shown_store = os.environ.get(variable, ""), os.environ.get("AEFLOW_STORE")
    is_shown = not shown_store or absolute(shown_store) == absolute(store)
    return prefix.rstrip("/") if is_shown and prefix.startswith(("http://", "https://")) else None


def _command(name: str, store: str, *arguments: str) -> str:
    return shlex.join(["aeflow", name, *arguments, "--store", store])
