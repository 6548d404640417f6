"""What follows from drift: a challenger is promoted, held for a person, or not trained at all."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aeflow.configs import (
    DriftConfig,
    GateConfig,
    IngestConfig,
    ModelConfig,
    PipelineConfig,
    RetrainConfig,
    TrainConfig,
)
from aeflow.registry.champions import champion_of, history_of, promote
from aeflow.registry.holding import held_addresses, held_of
from aeflow.storage import Store
from flows.recipes.here import Here
from flows.recipes.outcome import Retraining
from flows.recipes.retraining import retrain
from tests.days import Days, write_day, zero

ANY = GateConfig(rules=("finite",))
ALIKE = Days(5)
DAYS = [ALIKE.day(number, 300) for number in range(8)]


class Nights:
    """Retrains on a folder that gets a file each night."""

    def __init__(self, folder: Path, then: str = "hold", when: str = "on_new_data"):
        self.store, self._folder = Store(folder / "store"), folder / "days"
        self._then, self._when = then, when

    def add(self, *, is_broken: bool = False) -> None:
        number = len(list(self._folder.glob("*"))) if self._folder.exists() else 0
        rows = DAYS[number].copy()
        if is_broken:
            zero(rows)
        write_day(self._folder, number, rows)

    def night(self) -> Retraining:
        config = PipelineConfig(
            ingest=IngestConfig(source=f"parquet:{self._folder}"),
            model=ModelConfig(latent_dim=4),
            train=TrainConfig(epochs=2),
            drift=DriftConfig(then=self._then),
            gate=ANY,
            retrain=RetrainConfig(train_when=self._when),
        )
        return retrain(config, Here(self.store.url, config.runtime))

    def next_night(self, *, is_broken: bool = False) -> Retraining:
        self.add(is_broken=is_broken)
        return self.night()


@pytest.fixture(scope="module")
def six_days(tmp_path_factory) -> Path:
    """A folder after the first night, with a champion of six days."""
    folder = tmp_path_factory.mktemp("nights")
    nights = Nights(folder)
    for _ in range(5):
        nights.add()
    assert nights.next_night().ending == "Completed"
    return folder


@pytest.fixture(scope="module")
def broken_night(six_days, tmp_path_factory) -> tuple[Path, Retraining]:
    """A folder after a broken night whose challenger was held, and the outcome of that night."""
    folder = tmp_path_factory.mktemp("broken") / "copy"
    shutil.copytree(six_days, folder)
    return folder, Nights(folder).next_night(is_broken=True)


@pytest.fixture
def copied(tmp_path) -> Callable[[Path], Path]:
    """Copies a folder, which the test may change."""
    return lambda folder: shutil.copytree(folder, tmp_path / "copy")


def test_drifted_challenger_is_held_and_the_champion_stays(broken_night):
    folder, night = broken_night
    store = Store(folder / "store")
    assert (night.outcome, night.needs_look, night.verdict.passed) == ("held", True, True)
    assert night.message().startswith("Held: The data are new. The new rows drifted.")
    assert f"aeflow promote {night.challenger.key}" in night.message()
    assert champion_of("days", store) == night.model != night.challenger
    assert night.features.identity == night.model.identity
    assert held_of("days", store).model == night.challenger.key


def test_drifted_challenger_is_promoted_by_default(six_days, copied):
    nights = Nights(copied(six_days), "retrain")
    night = nights.next_night(is_broken=True)
    assert (night.ending, night.drift.new_drifted) == ("Completed", True)
    assert champion_of("days", nights.store) == night.challenger


def test_held_challenger_is_not_offered_again(broken_night, copied):
    nights, held = Nights(copied(broken_night[0])), broken_night[1].challenger
    since = held_of("days", nights.store).when
    night = nights.night()
    assert (night.outcome, night.needs_look) == ("unchanged", False)
    assert f"The model '{held.key}' is held since {since:%Y-%m-%d}." in night.reason
    assert held_of("days", nights.store).when == since


def test_night_after_a_broken_one_is_held_while_the_broken_rows_are_there(broken_night, copied):
    night = Nights(copied(broken_night[0])).next_night()
    assert (night.outcome, night.drift.new_drifted) == ("held", False)
    assert "Rows that drifted on an earlier night are still among the data." in night.reason


def test_held_challenger_is_void_after_the_champion_changed(broken_night, copied):
    nights, night = Nights(copied(broken_night[0])), broken_night[1]
    assert f"models/{night.challenger.key}" in held_addresses(nights.store)
    promote(night.verdict, nights.store, model=night.challenger)
    assert held_of("days", nights.store) is None
    assert held_addresses(nights.store) == set()
    assert nights.night().reason == "The champion stays: it was trained on the same data."


def test_drift_that_is_told_trains_nothing(six_days, copied):
    nights = Nights(copied(six_days), "tell", when="on_drift")
    night = nights.next_night(is_broken=True)
    assert (night.outcome, night.needs_look, night.challenger) == ("unchanged", True, None)
    assert night.message() == (
        "Unchanged (look): The champion stays: the data drifted, which is only reported."
    )
    assert len(history_of("days", nights.store)) == 1


def test_good_night_is_promoted_although_drift_would_be_held(six_days, copied):
    night = Nights(copied(six_days)).next_night()
    assert (night.outcome, night.needs_look) == ("promoted", False)
