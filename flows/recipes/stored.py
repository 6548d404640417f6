"""Look-up of stored artifacts by their keys, and of the artifacts that these were made from."""

from typing import TypeVar

from aeflow.artifacts import Artifact
from aeflow.errors import ConfigError
from aeflow.registry.champions import champion_of, champions
from aeflow.storage import Store

__all__ = ["CHAMPION", "absolute", "address_of", "made_from", "stored"]

CHAMPION = "champion:"

A = TypeVar("A", bound=Artifact)


def absolute(store: str) -> str:
    """Returns the URL of a store, which is valid from every folder of this machine."""
    return Store(store).url


def address_of(store: str, key: str) -> str:
    """Returns the address of an artifact by its key, the start of its key, or `champion:NAME`.

    NAME is the name of a dataset. Raises ConfigError if this dataset has no champion.
    """
    if not key.startswith(CHAMPION):
        return Store(store).resolve(key)
    name = key.removeprefix(CHAMPION)
    model = champion_of(name, Store(store))
    if model is None:
        names = ", ".join(champions(Store(store)))
        raise ConfigError(
            f"The dataset '{name}' has no champion in the store {Store(store).url}. "
            + (f"These datasets have one: {names}." if names else "Promote a model first.")
        )
    return model.address


def stored(store: str, key: str, answer_type: type[A]) -> A:
    """Returns the artifact with a key. Raises ConfigError if it is not an `answer_type`."""
    address = address_of(store, key)
    if not address.startswith(f"{answer_type.folder}/"):
        raise ConfigError(
            f"The key '{key}' names '{address}', which is not in {answer_type.folder}/. "
            f"Give the key of an artifact in {answer_type.folder}/."
        )
    return answer_type.model_validate(Store(store).manifest(address).artifact)


def made_from(store: str, artifact: Artifact, answer_type: type[A]) -> A:
    """Returns the input of type `answer_type` that an artifact was made from, by its manifest."""
    inputs = Store(store).manifest(artifact.address).question.inputs.values()
    addresses = [i.address for i in inputs if i.address.startswith(f"{answer_type.folder}/")]
    if not addresses:
        raise ConfigError(
            f"'{artifact.address}' was not made from an artifact in {answer_type.folder}/. "
            "Give the key of an artifact that was made from one."
        )
    return answer_type.model_validate(Store(store).manifest(addresses[0]).artifact)
