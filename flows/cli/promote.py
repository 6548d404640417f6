"""`aeflow promote`: a model becomes the champion of its dataset if it passes the gate."""

import getpass
import json
import os
from typing import Annotated

from cyclopts import Parameter

from aeflow.artifacts import Model, Verdict
from aeflow.configs.loading import load_config
from aeflow.errors import ConfigError, Refused
from aeflow.registry import champions
from aeflow.storage import Store
from flows.cli.bars import stage_bars
from flows.cli.options import JsonOption, StoreOption
from flows.recipes import champions as recipe
from flows.recipes.here import Here
from flows.recipes.stored import absolute, stored

__all__ = ["promote"]


def promote(
    model: Annotated[str, Parameter(help="Key of a model, or the start of one.")],
    *,
    store: StoreOption = "./aeflow-store",
    config: Annotated[
        str | None, Parameter(help="TOML file with the sections evaluate and gate.")
    ] = None,
    again: Annotated[
        bool, Parameter(negative="", help="Promote the model even though it was rolled back.")
    ] = False,
    reason: Annotated[str, Parameter(help="Why, for the history of champions.")] = "",
    json: JsonOption = False,
) -> None:
    """Makes a model the champion of its dataset if it passes the gate.

    If the model has no verdict yet, or with --config, it is first compared with the champion on the
    test split of its dataset. If the config names no out-of-distribution rows, those of the newest
    evaluation of the model are used. The features address of the dataset, if it has one, points at
    the features of the new champion. A model that was rolled back is promoted only with --again.
    The history of champions records the user and the reason.
    """
    url = absolute(store)
    challenger, sections = stored(url, model, Model), load_config(path=config)
    opened, name = Store(url), challenger.dataset_name
    champion = champions.champion_of(name, opened)
    if champion and champion.key == challenger.key:
        verdict = stored(url, champions.history_of(name, opened)[-1].verdict, Verdict)
        print(f"{name}: '{challenger.key}' is the champion already.")
    else:
        note = champions.rollback_note(challenger, opened)
        if note and not again:
            raise ConfigError(note)
        with stage_bars():
            runner = Here(url, sections.runtime)
            verdict = recipe.verdict_of(challenger, sections, runner, is_new=config is not None)
        result = "passed" if verdict.passed else "refused"
        print(f"{'verdict':<11}  {opened.shown(verdict)}  {result}")
        if verdict.passed:
            with stage_bars():
                entry = recipe.promote(
                    verdict, runner, model=challenger, again=again, by=_user(), reason=reason
                )
            previous = f"it was '{entry.before}' before" if entry.before else "the first one"
            print(f"{name}: the champion is '{entry.model}' now, {previous}.")
    if json:
        print(_json_of(verdict, opened))
    if not verdict.passed:
        reasons = " ".join(verdict.reasons)
        raise Refused(f"The gate refused '{challenger.key}' as champion of '{name}': {reasons}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return str(os.getuid())


def _json_of(verdict: Verdict, store: Store) -> str:
    verdict_json = {"key": verdict.key, "path": store.shown(verdict)}
    champion = champions.champion_of(verdict.dataset_name, store)
    return json.dumps(
        {
            "model": verdict.model,
            "verdict": verdict_json,
            "passed": verdict.passed,
            "reasons": verdict.reasons,
            "champion": champion.key if champion else None,
        }
    )
