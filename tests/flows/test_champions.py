"""Promotions and rollbacks by hand: models that were rolled back, and the features address."""

import contextlib
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeflow.artifacts import Dataset, FeatureSet, Model
from aeflow.configs import EncodeConfig, RuntimeConfig
from aeflow.errors import ConfigError
from aeflow.lineage import Answered
from aeflow.registry.champions import champion_of, rollback_target, rolled_back
from aeflow.registry.champions import promote as promote_alone
from aeflow.registry.features_address import newest_features, point_features
from aeflow.registry.retention import carry_out, plan_prune
from aeflow.storage import Store
from flows.recipes.champions import promote, rollback
from flows.recipes.here import Here
from tests.chains import age, made
from tests.judged import verdict

WORDS = "abc"
WIDE = EncodeConfig(layout="wide")


class Encoding(Here):
    """Answers the question of `encode` with made-up features, or is killed while it encodes."""

    def __init__(self, store: Store, *, is_killed: bool = False):
        super().__init__(store.url, RuntimeConfig())
        self.encoded: list[str] = []
        self._is_killed = is_killed

    def run(self, stage, *args, **kwargs):
        def work(draft) -> Answered:
            if self._is_killed:
                raise KeyboardInterrupt
            self.encoded.append(f"{model.key} {kwargs['dataset'].key}")
            with draft.writing("a.txt") as path:
                path.write_text(model.key)
            contents = {"identity": model.identity, "layout": config.layout}
            return Answered({**contents, "latent_dim": 2, "rows": {"train": 1}})

        model, config = args
        return Store(self.store).answer(stage.question(*args, **kwargs), FeatureSet, work)


class Registry:
    """Carries out commands on a store, and knows which models must stay down after each."""

    def __init__(self, folder: str):
        self.store = Store(folder)
        self.dataset = made(self.store, Dataset, "day 0")
        self.days = 0
        self.down: set[str] = set()

    def model(self, word: str) -> Model:
        return made(self.store, Model, word, dataset=made(self.store, Dataset, "day 0"))

    def features(self, word: str) -> FeatureSet:
        from aeflow.stages.encoding import encode

        return Encoding(self.store).run(encode, self.model(word), WIDE, dataset=self.dataset)

    def promote(self, word: str, *, again: bool = False, is_killed: bool = False) -> None:
        model = self.model(word)
        if word in self.down and not again:
            with pytest.raises(ConfigError, match="was rolled back as champion of 'digits'"):
                promote(verdict(self.store, model), Encoding(self.store), model=model)
            return
        runner = Encoding(self.store, is_killed=is_killed)
        with contextlib.suppress(KeyboardInterrupt):
            promote(verdict(self.store, model), runner, model=model, again=again)
            self.down.discard(word)

    def rollback(self, *, is_killed: bool = False) -> None:
        before = champion_of("digits", self.store)
        with contextlib.suppress(KeyboardInterrupt, ConfigError):
            rollback("digits", Encoding(self.store, is_killed=is_killed))
            self.down |= {word for word in WORDS if self.model(word) == before}

    def night(self, word: str) -> None:
        """Promotes, encodes and points, as `retrain` does, on the data of another day."""
        self.days += 1
        self.dataset = made(self.store, Dataset, f"day {self.days}")
        model = self.model(word)
        is_down = word in self.down
        with pytest.raises(ConfigError) if is_down else contextlib.nullcontext():
            promote_alone(verdict(self.store, model), self.store, model=model)
        champion = champion_of("digits", self.store)
        for other in WORDS:
            if self.model(other) == champion:
                point_features(self.features(other), self.store, dataset_name="digits")

    def point(self, word: str) -> None:
        with contextlib.suppress(ConfigError):
            point_features(self.features(word), self.store, dataset_name="digits")

    def prune(self) -> None:
        age(self.store)
        list(carry_out(plan_prune(self.store, keep_last=1), self.store))

    def check(self) -> None:
        champion = champion_of("digits", self.store)
        keys = {self.model(word).key for word in self.down}
        assert rolled_back("digits", self.store) == keys
        newest = newest_features("digits", self.store)
        if champion:
            assert champion.key not in keys
            assert newest is None or newest.identity == champion.identity
        if newest:
            assert self.store.find(newest.address)


STEPS = st.one_of(
    st.tuples(
        st.sampled_from(["promote", "again", "killed promote", "night", "point"]),
        st.sampled_from(WORDS),
    ),
    st.tuples(st.sampled_from(["rollback", "killed rollback", "prune"]), st.none()),
)


def step(registry: Registry, command: str, word: str) -> None:
    match command:
        case "again":
            registry.promote(word, again=True)
        case "killed promote":
            registry.promote(word, is_killed=True)
        case "killed rollback":
            registry.rollback(is_killed=True)
        case "rollback" | "prune":
            getattr(registry, command)()
        case _:
            getattr(registry, command)(word)


@given(steps=st.lists(STEPS, min_size=4, max_size=14))
@settings(max_examples=25, deadline=None)
def test_rolled_back_models_stay_down_and_the_address_names_the_champions_features(steps):
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(folder)
        for command, word in steps:
            step(registry, command, word)
            registry.check()


@pytest.fixture
def registry(tmp_path) -> Registry:
    """A store whose champion was `a`, then `b`, with the features of each night."""
    registry = Registry(str(tmp_path / "store"))
    for word in "ab":
        registry.night(word)
    return registry


def test_features_that_are_stored_are_not_encoded_again(registry):
    features, runner = registry.features("a"), Encoding(registry.store)
    rollback("digits", runner)
    assert runner.encoded == []
    assert newest_features("digits", registry.store).address == features.address


def test_features_that_are_gone_are_encoded_from_the_newest_data_in_the_same_layout(registry):
    runner, model = Encoding(registry.store), registry.model("a")
    rollback("digits", runner)
    assert runner.encoded == [f"{model.key} {registry.dataset.key}"]
    newest = newest_features("digits", registry.store)
    assert registry.store.manifest(newest.address).artifact["layout"] == "wide"


def test_address_that_is_not_set_stays_so(tmp_path):
    registry = Registry(str(tmp_path / "store"))
    for word in "ab":
        registry.promote(word)
    runner = Encoding(registry.store)
    rollback("digits", runner)
    assert (runner.encoded, newest_features("digits", registry.store)) == ([], None)


def test_rollback_that_is_killed_while_it_encodes_leaves_all_as_it_was(registry):
    before = newest_features("digits", registry.store)
    with pytest.raises(KeyboardInterrupt):
        rollback("digits", Encoding(registry.store, is_killed=True))
    assert champion_of("digits", registry.store) == registry.model("b")
    assert newest_features("digits", registry.store) == before


def test_rollback_passes_over_a_model_that_was_rolled_back(registry):
    for word in "ac":
        registry.promote(word)
    rollback("digits", Encoding(registry.store))
    assert champion_of("digits", registry.store) == registry.model("a")
    rollback("digits", Encoding(registry.store))
    assert champion_of("digits", registry.store) == registry.model("b")
    with pytest.raises(ConfigError, match="nothing to roll back to"):
        rollback_target("digits", registry.store)
