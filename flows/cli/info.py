"""`aeflow info`: this installation, its machine, its store and its Prefect server."""

import json as json_format
import platform
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import Any

import psutil
from packaging.requirements import Requirement

from aeflow.artifacts import Dataset, FeatureSet, Model
from aeflow.configs import RuntimeConfig
from aeflow.errors import AeflowError
from aeflow.registry.champions import champions
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of
from flows import settings
from flows.cli.options import JsonOption, StoreOption
from flows.recipes.stored import absolute

__all__ = ["info"]

LIBRARIES = ("tensorflow", "keras", "prefect", "pyarrow", "numpy")
NOT_FOR_USERS = ("dev",)
SERVER_SECONDS = 5.0
STARTS_ITS_OWN = "none; each command starts its own and stops it"


def info(*, store: StoreOption = "./aeflow-store", json: JsonOption = False) -> None:
    """Prints versions, extras, devices, the store, the Prefect server, and what to do next.

    If the store or the server cannot be reached, its line says so, and the command still succeeds.
    """
    with settings.quiet_terminal():
        facts = {**_installation(), **_machine(), **_store(store), **_prefect()}
    facts["next"] = _next_step(facts)
    if json:
        print(json_format.dumps(facts))
    else:
        width = max(map(len, facts))
        for name, value in facts.items():
            print(f"{name.replace('_', ' '):<{width}}  {_text(value)}")


def _installation() -> dict[str, Any]:
    return {
        "aeflow": version("aeflow"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "extras": _extras(),
    }


def _extras() -> dict[str, bool]:
    """Maps each extra of aeflow to whether everything that it requires is installed."""
    names = metadata("aeflow").get_all("Provides-Extra") or ()
    return {name: _has_extra("aeflow", name) for name in names if name not in NOT_FOR_USERS}


def _has_extra(package: str, extra: str) -> bool:
    """Returns whether everything that a package's extra requires is installed.

    This includes the extras that this extra requires.
    """
    for line in requires(package) or ():
        need = Requirement(line)
        if need.marker and need.marker.evaluate({"extra": extra}) > need.marker.evaluate():
            is_complete = all(_has_extra(need.name, inner) for inner in need.extras)
            if not (_is_installed(need.name) and is_complete):
                return False
    return True


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _machine() -> dict[str, Any]:
    from aeflow.compute.runtime import gpu_names, prepare

    machine = prepare(RuntimeConfig())
    return {
        "processor": machine.cpu,
        "threads": machine.threads,
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "gpus": gpu_names(),
    }


def _store(store: str) -> dict[str, Any]:
    try:
        opened = Store(absolute(store))
        counts: dict[str, Any] = {
            kind.folder: len(manifests_of(kind, opened)) for kind in (Dataset, Model, FeatureSet)
        }
        counts["champions"] = len(champions(opened))
    except (AeflowError, OSError) as error:
        return {"store": store, "store_holds": f"cannot be read: {error}"}
    return {"store": opened.url, "store_holds": counts}


def _prefect() -> dict[str, Any]:
    """Returns the Prefect profile, the address of its server, and whether the server answers."""
    try:
        with settings.importing_prefect():
            import httpx
            from prefect.context import get_settings_context
            from prefect.settings import PREFECT_API_URL

            from flows.cli.unanswered import (
                check_profile,
                check_url,
                server_error,
                without_credentials,
            )
        check_profile()
        profile = get_settings_context().profile.name
        url = PREFECT_API_URL.value()
        if not url:
            return {"prefect_profile": profile, "prefect_server": STARTS_ITS_OWN}
        check_url(url)
    except AeflowError as error:
        return {"prefect_server": str(error)}
    try:
        answer = httpx.get(f"{url}/health", timeout=SERVER_SECONDS)
        answer.raise_for_status()
    except (httpx.HTTPError, ValueError) as error:
        return {"prefect_profile": profile, "prefect_server": str(server_error(url, error))}
    return {"prefect_profile": profile, "prefect_server": f"{without_credentials(url)} answers"}


def _next_step(facts: dict[str, Any]) -> str:
    holds = facts["store_holds"]
    if isinstance(holds, str):
        return "make the store readable, or choose another with --store"
    if not holds["models"]:
        return "aeflow run --source csv:YOUR-FILE.csv  (without --source, it uses example data)"
    if not holds["champions"]:
        return "aeflow models, then aeflow promote KEY"
    if not holds["features"]:
        return "aeflow encode --model champion:NAME"
    return "aeflow retrain --source ..., or `make up` to retrain every night"


def _text(value: Any) -> str:
    match value:
        case dict():
            if all(isinstance(each, bool) for each in value.values()):
                return ", ".join(
                    f"{name}{'' if on else ' (missing)'}" for name, on in value.items()
                )
            return ", ".join(f"{name} {each}" for name, each in value.items())
        case []:
            return "none"
        case list():
            return ", ".join(value)
    return str(value)
