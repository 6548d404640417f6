"""`aeflow verify`: a check of all files of an artifact."""

import sys
from typing import Annotated

from cyclopts import Parameter

from aeflow.artifacts import Model
from aeflow.configs import RuntimeConfig
from aeflow.errors import CorruptArtifact, IdentityMismatch
from aeflow.storage import Store
from flows import settings
from flows.cli.options import StoreOption
from flows.recipes.stored import address_of

__all__ = ["verify"]


def verify(
    key: Annotated[str, Parameter(help="Key of an artifact, the start of one, or champion:NAME.")],
    *,
    store: StoreOption = "./aeflow-store",
) -> int:
    """Compares every file with its SHA-256. A model must also reproduce its golden vectors."""
    opened = Store(store)
    address = address_of(store, key)
    problems = opened.verify(address)
    is_model = address.startswith(f"{Model.folder}/")
    if is_model and not problems:
        with settings.quiet_terminal():
            problems = _problems_of_model(opened, address)
    for problem in problems:
        print(f"aeflow: {problem}", file=sys.stderr)
    if problems:
        return 1
    golden = ", golden vectors reproduced" if is_model else ""
    print(f"{address}: {len(opened.manifest(address).files)} files as committed{golden}.")
    return 0


def _problems_of_model(store: Store, address: str) -> list[str]:
    from aeflow.compute.runtime import prepare
    from aeflow.models.saving import load_model

    model = Model.model_validate(store.manifest(address).artifact)
    try:
        load_model(model, store, cpu=prepare(RuntimeConfig()).cpu)
    except (CorruptArtifact, IdentityMismatch) as error:
        return [str(error)]
    return []
