"""The aeflow library: learned features of your data, kept fresh.

The library never imports Prefect. Each stage is a function with a `Context` as first argument:
`aeflow.ingest`, `train`, `evaluate`, `encode` and `publish`. Each name is imported when it is first
used, so that `import aeflow` is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeflow.stages import Context
    from aeflow.stages.encoding import encode
    from aeflow.stages.evaluation import evaluate
    from aeflow.stages.ingestion import ingest
    from aeflow.stages.publishing import publish
    from aeflow.stages.training import train
    from aeflow.storage import Store

__all__ = ["Context", "Store", "encode", "evaluate", "ingest", "publish", "train"]

_PLACES = {
    "Context": "aeflow.stages",
    "Store": "aeflow.storage",
    "encode": "aeflow.stages.encoding",
    "evaluate": "aeflow.stages.evaluation",
    "ingest": "aeflow.stages.ingestion",
    "publish": "aeflow.stages.publishing",
    "train": "aeflow.stages.training",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module 'aeflow' has no attribute '{name}'")
    return getattr(import_module(_PLACES[name]), name)
