"""Drift of new rows: many good days do not hide a broken one, and good days are no drift."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aeflow.artifacts import Dataset, Drift
from aeflow.configs import DriftConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.stages import Context
from aeflow.stages.comparison import drift_that_stands, judged_before, measure_drift
from aeflow.stages.comparison.new_rows import NUM_NIGHTS, NightRows, judge_new_rows
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from tests.days import Days, times_three, write_day, zero

ROWS = 2000
GOOD_NIGHTS = 30


def night(encoded: np.ndarray, *, unseen_one_in: int = 1) -> NightRows:
    unseen = np.arange(len(encoded)) % unseen_one_in == 0
    return NightRows(encoded[:, :-1], encoded[:, -1], unseen)


def nights_of(old: np.ndarray, rows: int) -> list[NightRows]:
    """Returns the last nights of as many rows as are new, thinned out as the stage does it."""
    count = min(NUM_NIGHTS, len(old) // rows)
    parts = np.split(old[len(old) - count * rows :], count)
    return [night(part[:: max(1, rows // 500)], unseen_one_in=7) for part in parts]


@pytest.mark.parametrize("seed", [0, 1])
def test_of_200_good_days_at_most_two_are_reported(seed):
    days = Days(seed)
    old, alarms, waiting = [], [], []
    for number in range(GOOD_NIGHTS + 200):
        rows = days.day(number, days.size(), holiday=number in (100, 171))
        waiting.append(days.encoded(rows))
        new = np.concatenate(waiting)
        if number >= GOOD_NIGHTS and len(new) < 200:
            continue  # judged together with the next night
        if number >= GOOD_NIGHTS:
            nights = nights_of(np.concatenate(old), len(new))
            judged = judge_new_rows(night(new), nights, DriftConfig())
            alarms += [f"{number}: {judged['verdict']}"] * judged["drifted"]
        old += waiting
        waiting = []
    assert len(alarms) <= 2, alarms


@pytest.mark.parametrize("share", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("break_rows", [times_three, zero])
def test_broken_rows_of_a_night_are_found(break_rows: Callable, share: float):
    days = Days(3)
    old = days.encoded(np.concatenate([days.day(number, ROWS) for number in range(60)]))
    tonight = days.day(60, ROWS)
    assert not judge_new_rows(night(days.encoded(tonight)), nights_of(old, ROWS), DriftConfig())[
        "drifted"
    ]
    break_rows(tonight[: int(ROWS * share)])
    judged = judge_new_rows(night(days.encoded(tonight)), nights_of(old, ROWS), DriftConfig())
    assert judged["drifted"]
    assert judged["far"]["count"] >= judged["far"]["least"]
    assert judged["verdict"].startswith("Drifted in 2,000 new rows: ")


def test_broken_night_among_the_earlier_ones_does_not_hide_another():
    days = Days(3)
    rows = [days.day(number, ROWS) for number in range(60)]
    times_three(rows[50])
    old = days.encoded(np.concatenate(rows))
    tonight = days.day(60, ROWS)
    times_three(tonight[:40])
    assert judge_new_rows(night(days.encoded(tonight)), nights_of(old, ROWS), DriftConfig())[
        "drifted"
    ]


def test_verdict_says_how_many_broken_rows_are_not_seen():
    days = Days(3)
    old = days.encoded(np.concatenate([days.day(number, ROWS) for number in range(60)]))
    judged = judge_new_rows(
        night(days.encoded(days.day(60, ROWS))), nights_of(old, ROWS), DriftConfig()
    )
    least = judged["far"]["least"]
    assert 10 <= least <= 20
    assert f"Fewer than {least} such rows" in judged["verdict"]


class Source:
    """A folder with a file a day, and a model of its first days."""

    def __init__(self, folder: Path):
        self.store = Store(folder / "store")
        self._folder = folder / "days"
        self._days, self._number = Days(5), 0
        self.add(*[300] * 10)
        training = TrainConfig(epochs=10)
        self.dataset = self.ingested()
        self.model = train(
            Context(self.store), self.dataset, training, model_config=ModelConfig(latent_dim=4)
        )

    def add(self, *sizes: int, broken: Callable | None = None) -> None:
        for size in sizes:
            rows = self._days.day(self._number, size)
            if broken:
                broken(rows)
            write_day(self._folder, self._number, rows)
            self._number += 1

    def remove_last(self) -> None:
        self._number -= 1
        (self._folder / f"day-{self._number:03d}.parquet").unlink()

    def ingested(self) -> Dataset:
        return ingest(Context(self.store), IngestConfig(source=f"parquet:{self._folder}"))

    def drift(self, earlier: Dataset | None = None) -> Drift:
        """Returns the drift of the days until now, since the last ones that were judged."""
        dataset = self.ingested()
        earlier = earlier or judged_before(dataset, self.model, self.store)
        config = DriftConfig()
        return measure_drift(
            Context(self.store), self.model, config, dataset=dataset, earlier=earlier
        )

    def table(self, drift: Drift) -> dict:
        return json.loads((self.store.locate(drift) / "drift.json").read_text())["new"]


@pytest.fixture
def source(tmp_path) -> Source:
    return Source(tmp_path)


def test_broken_day_is_found_among_good_ones_and_the_next_good_day_is_good(source):
    source.add(300)
    good = source.drift()
    assert (good.new_rows, good.new_drifted, good.drifted) == (300, False, False)
    source.add(300, broken=zero)
    broken = source.drift()
    assert (broken.new_rows, broken.new_drifted, broken.drifted) == (300, True, True)
    assert source.table(broken)["far"]["count"] == 300
    source.add(300)
    after = source.drift()
    assert (after.new_rows, after.new_drifted) == (300, False)
    assert drift_that_stands(source.ingested(), source.model, source.store) == broken


def test_drift_does_not_stand_if_its_rows_are_gone(source):
    source.add(300, broken=zero)
    assert source.drift().new_drifted
    source.remove_last()
    source.add(300)
    assert source.drift().new_drifted is False
    assert drift_that_stands(source.ingested(), source.model, source.store) is None


def test_few_new_rows_are_judged_together_with_those_of_the_nights_before(source):
    for total in (90, 180, 270, 270):
        source.add(90)
        drift = source.drift()
        assert drift.new_rows == total


def test_without_new_rows_there_is_nothing_to_judge(source):
    drift = source.drift()
    assert (drift.new_rows, drift.new_drifted, drift.drifted) == (0, False, False)
    assert source.table(drift)["verdict"] == "No rows are new, so there is nothing to judge."


def test_second_look_at_a_night_is_the_same_question(source):
    source.add(300)
    assert source.drift() == source.drift()


def test_earlier_dataset_is_part_of_the_question_only_if_it_is_given(source):
    inputs = {"dataset": source.dataset}
    key = measure_drift.question(source.model, DriftConfig(), **inputs).key
    assert measure_drift.question(source.model, DriftConfig(), **inputs, earlier=None).key == key
    since = measure_drift.question(source.model, DriftConfig(), **inputs, earlier=source.dataset)
    assert since.key != key
    told = measure_drift.question(source.model, DriftConfig(then="tell"), **inputs)
    assert told.key == key
    drift = measure_drift(Context(source.store), source.model, DriftConfig(), **inputs)
    assert not {"new_rows", "new_drifted"} & drift.to_json().keys()
    assert Drift.model_validate(drift.to_json()) == drift
