"""The outcome of a retraining run in words and as JSON."""

import pytest

from aeflow.artifacts import Drift, Verdict
from flows.recipes.outcome import Retraining

CALM = Drift(key="d", digest="d", drifted=False, rows=9, max_psi=0.0, error_psi=0.0, smallest_p=1.0)
MOVED = CALM.model_copy(update={"drifted": True})


def verdict(champion: str | None) -> Verdict:
    return Verdict(
        key="v",
        digest="v",
        model="m",
        champion=champion,
        dataset_name="d",
        passed=True,
        reasons=(),
    )


@pytest.mark.parametrize(
    ("ending", "change", "champion", "drift", "summary"),
    [
        ("Completed", -0.118, "c", CALM, "promoted, MSE -12 %, no drift"),
        ("Completed", -0.4, None, None, "promoted, MSE -40 % vs PCA"),
        ("Refused", 0.084, "c", MOVED, "refused, MSE +8 %, drift"),
        ("Refused", -0.001, "c", CALM, "refused, MSE +0 %, no drift"),
        ("Refused", None, None, None, "refused"),
        ("Held", -0.05, "c", MOVED, "held, MSE -5 %, drift"),
    ],
)
def test_summary_compares_with_the_champion_or_else_with_pca(
    ending, change, champion, drift, summary
):
    outcome = Retraining(
        ending=ending, reason="", mse_change=change, verdict=verdict(champion), drift=drift
    )
    assert outcome.summary() == summary


def test_summary_without_a_challenger_compares_the_champion_with_pca():
    outcome = Retraining(ending="Unchanged", reason="", mse_change=-0.39, drift=CALM)
    assert outcome.summary() == "unchanged, MSE -39 % vs PCA, no drift"


def test_message_begins_with_the_outcome():
    assert Retraining(ending="Completed", reason="The data are new.").message() == (
        "Promoted: The data are new."
    )


def test_json_has_the_ending_and_its_reason_and_is_read_back():
    outcome = Retraining(ending="Refused", reason="Worse.", mse_change=0.5, drift=CALM)
    content = outcome.to_json()
    assert (content["ending"], content["reason"]) == ("Refused", "Worse.")
    assert Retraining.model_validate(content) == outcome


def test_result_of_an_earlier_version_is_read():
    stored = Retraining.model_validate({"ending": "Unchanged", "reason": "The champion stays."})
    assert (stored.mse_change, stored.summary()) == (None, "unchanged")
