"""Studies on the digits: they resume after a kill, and a pruned trial leaves only its record."""

import json
import os
import shutil
import signal
import sys

import pytest

from aeflow.artifacts import Dataset, Model
from aeflow.configs import ModelConfig, PipelineConfig, TrainConfig, TuneConfig
from aeflow.configs.loading import load_config
from aeflow.errors import DivergedTraining
from aeflow.stages import Answered, Context, Work, stage
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from aeflow.tuning import Study, best_of, run_trial
from flows.cli import main
from flows.recipes.here import Here
from flows.recipes.tuning import make_trial, tune
from flows.server.listening import listening

CONFIG = PipelineConfig(
    model=ModelConfig(latent_dim=4), train=TrainConfig(epochs=3), tune=TuneConfig(trials=2)
)
EPOCHS = "--latent-dim 4 --epochs 3"


class Killed(BaseException):
    """Stands for a kill: nothing in the library catches it."""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> Store:
    """A study of two trials without interruption."""
    store = Store(tmp_path_factory.mktemp("unbroken"))
    tune(CONFIG, here(store))
    return store


@pytest.fixture
def own(unbroken, tmp_path) -> Store:
    return Store(shutil.copytree(unbroken.root, tmp_path / "own"))


def trials_in(store: Store) -> list[dict]:
    paths = sorted(store.root.glob("studies/*/trials/*.json"))
    return [json.loads(path.read_text("utf-8")) for path in paths]


def here(store: Store) -> Here:
    return Here(store.url, CONFIG.runtime)


def dataset_in(store: Store):
    return ingest(Context(store), CONFIG.ingest)


def keep_rivals(store: Store) -> Study:
    """Stores trials 1 to 5 of the study as complete, with losses that no digit reaches."""
    study = Study(dataset_in(store), CONFIG, store)
    first = study.trial(0)
    for number in range(1, 6):
        losses = dict.fromkeys((1, 2, 3), 1e-6)
        fields = {"number": number, "state": "complete", "losses": losses, "loss": 1e-6}
        study.keep(first.model_copy(update=fields | {"model": None}))
    return study


def test_the_first_trial_is_the_initial_config(unbroken):
    first = trials_in(unbroken)[0]
    assert first["values"]["train.learning_rate"] == CONFIG.train.learning_rate
    assert list(first["losses"]) == ["1", "2", "3"]
    assert first["loss"] == pytest.approx(min(first["losses"].values()))


def test_killed_in_the_middle_it_ends_as_if_nothing_had_happened(unbroken, tmp_path):
    store = Store(tmp_path / "store")

    def kill(progress):
        if progress.stage == "trial 1" and progress.epoch == 2:
            raise Killed

    with pytest.raises(Killed), listening(kill):
        tune(CONFIG, here(store))
    assert [trial["state"] for trial in trials_in(store)] == ["complete", "running"]
    tune(CONFIG, here(store))
    assert trials_in(store) == trials_in(unbroken)


def test_more_trials_go_on_from_those_that_are_there(own):
    before = trials_in(own)
    more = CONFIG.model_copy(update={"tune": TuneConfig(trials=3)})
    study = tune(more, here(own))
    assert trials_in(own)[:2] == before
    assert sum(study.best.trials.values()) == 3


def test_pruned_trial_leaves_its_record_and_nothing_else(own):
    study = keep_rivals(own)
    before = {path for folder in ("models", "logs") for path in (own.root / folder).iterdir()}
    trial = make_trial(dataset_in(own), CONFIG, own.url, number=6, seconds=None)
    assert (trial.state, list(trial.losses), trial.model) == ("pruned", [1, 2], None)
    assert study.trial(6) == trial
    after = {path for folder in ("models", "logs") for path in (own.root / folder).iterdir()}
    assert after == before


def test_diverged_trial_is_failed_and_the_study_goes_on(own):
    @stage(Model, name="train", version=1, run_name="train")
    def diverge(
        work: Work, dataset: Dataset, config: TrainConfig, *, model_config: ModelConfig
    ) -> Answered:
        raise DivergedTraining("The loss is nan at step 7.")

    dataset = dataset_in(own)
    trial = run_trial(dataset, CONFIG, Context(own), number=2, seconds=None, train=diverge)
    assert (trial.state, trial.reason) == ("failed", "The loss is nan at step 7.")
    assert Study(dataset, CONFIG, own).trial(3).state == "running"
    assert best_of(dataset, CONFIG, own).trials == {"complete": 2}


def test_out_of_time_the_best_so_far_is_taken(own):
    more = TuneConfig(trials=50, timeout_seconds=0.01)
    study = tune(CONFIG.model_copy(update={"tune": more}), here(own))
    assert study.best.trials == {"complete": 2}


def test_command_writes_a_config_that_run_takes(own, tmp_path, capsys):
    output = tmp_path / "best.toml"
    command = f"tune --direct --json --trials 2 {EPOCHS} --store {own.url} --output {output}"
    assert main(command.split()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("Best of 2 trials (2 complete): ")
    best = json.loads(lines[-1])["best"]
    assert output.read_text("utf-8") == best["toml"]
    best_trial = min(trials_in(own), key=lambda trial: trial["loss"])
    config = load_config(path=output)
    assert config.train.learning_rate == best_trial["values"]["train.learning_rate"]
    assert main(f"train --direct --config {output} --store {own.url} --json".split()) == 0
    trained = json.loads(capsys.readouterr().out.splitlines()[-1])["model"]
    assert trained["key"] == best_trial["model"]["key"]


def test_ctrl_c_keeps_the_trial_that_runs(own, capsys):
    def interrupt(progress):
        if progress.stage == "trial 2" and progress.epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with listening(interrupt):
        code = main(f"tune --direct --trials 3 {EPOCHS} --store {own.url}".split())
    assert code == 130
    assert trials_in(own)[2]["state"] == "running"
    assert len(list(own.root.glob("models/*.partial"))) == 1


@pytest.mark.parametrize("trials", ["0", "-1"])
def test_no_trials_are_refused_in_one_line(trials, tmp_path, capsys):
    assert main(["tune", "--direct", f"--trials={trials}", "--store", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"aeflow: tune.trials = {trials} is not allowed: "
        "Input should be greater than or equal to 1."
    ]


def test_without_the_package_it_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)  # Python then treats it as not installed
    assert main(["tune", "--direct", "--store", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "aeflow: Tuning needs the package 'optuna', which is not installed. Install the extra, "
        "aeflow[tune]."
    ]
