"""A dataset's trend follows from its evaluations, verdicts and drifts in the store."""

import io
import math
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from aeflow.artifacts import Drift, Evaluation, Verdict
from aeflow.lineage import Answered, Question
from aeflow.registry.champions import promote
from aeflow.registry.nights import Night, record_night
from aeflow.registry.trends import draw_trend, trend_of
from aeflow.stages import Context
from aeflow.storage import Store
from flows.pages import trend_page
from tests.conftest import Stages
from tests.judged import PCA_ONLY, evaluation, gate


def answer(store: Store, question: Question, answer_type, fields: dict):
    def work(draft):
        with draft.writing("result.json") as path:
            path.write_text("{}")
        return Answered(fields)

    return store.answer(question, answer_type, work)


def drift(stages: Stages, *, max_psi: float, drifted: bool) -> Drift:
    inputs = {"model": stages.model.reference, "dataset": stages.dataset.reference}
    question = Question(
        stage="drift", version=1, folder="drifts", configs={"psi": str(max_psi)}, inputs=inputs
    )
    numbers = {"max_psi": max_psi, "error_psi": 0.1, "smallest_p": 0.5}
    return answer(stages.store, question, Drift, {"drifted": drifted, "rows": 3, **numbers})


def challenger(stages: Stages, mse: float) -> Evaluation:
    metrics = {"mse": mse, "mse_pca": 0.02}
    return evaluation(stages.store, stages.model, stages.dataset, metrics=metrics)


def verdict(stages: Stages, result: Evaluation, champion: Evaluation | None = None) -> Verdict:
    return gate(
        Context(stages.store),
        result,
        PCA_ONLY,
        model=stages.model,
        dataset=stages.dataset,
        champion=champion,
        champion_model=stages.model if champion else None,
    )


def test_trend_of_nothing_is_empty(store: Store):
    assert trend_of("digits", store) == []


def test_model_without_a_verdict_is_a_run(stages: Stages):
    (row,) = trend_of("digits", stages.store)
    assert (row.outcome, row.model) == ("not judged", stages.model.key)
    assert (row.mse, row.mse_pca) == tuple(
        stages.evaluation.metrics[name] for name in ("mse", "mse_pca")
    )
    assert (row.champion_mse, row.max_psi, row.drifted) == (None, None, None)


def test_verdicts_say_how_runs_ended_and_the_champion_is_no_run_of_its_own(changed: Stages):
    good, bad, kept_champion = (challenger(changed, mse) for mse in (0.01, 0.03, 0.015))
    promote(verdict(changed, good), changed.store, model=changed.model)
    drift(changed, max_psi=0.1, drifted=False)
    drift(changed, max_psi=0.7, drifted=True)
    refusal = verdict(changed, bad, champion=kept_champion)
    rows = trend_of("digits", changed.store)
    assert [(row.outcome, row.mse, row.champion_mse) for row in rows] == [
        ("not judged", changed.evaluation.metrics["mse"], None),
        ("promoted", 0.01, None),
        ("refused", 0.03, 0.015),
    ]
    assert (rows[-1].max_psi, rows[-1].drifted, rows[-1].reasons) == (0.7, True, refusal.reasons)
    assert rows[1].max_psi is None


def test_trend_is_of_one_dataset_name_and_one_split(changed: Stages):
    evaluation(changed.store, changed.model, changed.dataset, split="validation")
    rows = trend_of("digits", changed.store)
    assert [row.split for row in rows] == ["validation"]
    assert trend_of("digit", changed.store) == []


def test_only_the_last_runs_are_returned_the_newest_last(changed: Stages):
    for mse in (0.01, 0.02, math.nan):
        challenger(changed, mse)
    rows = trend_of("digits", changed.store, last=2)
    assert [row.mse for row in rows] == [0.02, None]


@pytest.mark.filterwarnings("error")
def test_trend_is_drawn_with_gaps(changed: Stages):
    challenger(changed, math.nan)
    picture = io.BytesIO()
    draw_trend(trend_of("digits", changed.store), picture)
    with Image.open(picture) as image:
        assert (image.format, image.width) == ("PNG", 1152)


def night(day: int, outcome: str, **fields) -> Night:
    when = datetime.now(UTC) + timedelta(days=day)
    known = {"dataset": "digits", "when": when, "reason": f"It {outcome}.", "seconds": 60.0}
    return Night.model_validate({**known, "outcome": outcome, **fields})


def test_nights_are_the_runs_and_follow_those_of_before(changed: Stages):
    errors = {"mse": 0.01, "mse_pca": 0.02, "fixed_mse": 0.03, "fixed_mse_pca": 0.04}
    key = changed.model.key
    for each in (
        night(1, "unchanged", **errors, split="test", champion=key, max_psi=0.2, drifted=False),
        night(2, "failed", champion=key),
    ):
        record_night(each, changed.store)
    challenger(changed, 0.5)
    rows = trend_of("digits", changed.store)
    assert [(row.outcome, row.model, row.is_night) for row in rows[-2:]] == [
        ("unchanged", key, True),
        ("failed", key, True),
    ]
    assert [row.outcome for row in rows[:-2]] == ["not judged", "not judged"]
    assert (rows[-2].mse, rows[-2].fixed_mse, rows[-2].max_psi) == (0.01, 0.03, 0.2)
    assert (rows[-1].mse, rows[-1].reasons) == (None, ("It failed.",))
    assert [row.outcome for row in trend_of("digits", changed.store, last=1)] == ["failed"]


@pytest.mark.filterwarnings("error")
def test_trend_page_has_a_line_for_every_night(changed: Stages):
    errors = {"mse": 0.01, "mse_pca": 0.02, "fixed_mse": 0.03, "fixed_mse_pca": 0.04}
    record_night(night(1, "unchanged", **errors, split="test", new_rows=1234), changed.store)
    record_night(night(2, "failed"), changed.store)
    page = trend_page("digits", changed.store.url)
    assert "with errors on the split test" in page
    assert "| unchanged | – | 0.01 | 0.02 | 0.03 | 0.04 | – | – | 1,234 |" in page
    assert "| failed | – | – | – | – | – | – | – | – |" in page
    assert page.endswith("failed. It failed.\n")


def test_trend_page_without_nights_is_as_it_was(changed: Stages):
    page = trend_page("digits", changed.store.url)
    assert (
        "| when (UTC) | model | MSE | champion's | PCA's | largest PSI | drifted | verdict |"
        in page
    )
    assert (
        "The last 1 runs, with errors on the split test. The errors of the champion and its "
        "challenger were computed on the same rows. Orange bars mark drift."
    ) in page
