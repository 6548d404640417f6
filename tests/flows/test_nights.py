"""The line that a retraining run leaves in the store, whether it ended well or not."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from aeflow.configs import (
    GateConfig,
    IngestConfig,
    ModelConfig,
    PipelineConfig,
    RetrainConfig,
    TrainConfig,
)
from aeflow.errors import SourceError
from aeflow.registry.champions import promote
from aeflow.registry.nights import Night, nights_of
from aeflow.storage import Store
from flows.recipes.here import Here
from flows.recipes.pipeline import train_autoencoder
from flows.recipes.retraining import retrain
from tests.judged import verdict

ANY = GateConfig(max_ratio_to_pca=100.0)
NONE = GateConfig(max_ratio_to_pca=0.001)


def source(folder, rows: int, *, width: int = 8) -> IngestConfig:
    """Returns a source with the first of the digits. More rows are a source that grew."""
    images = load_digits().images[:rows, :, :width].astype(np.uint8)
    np.savez(folder / "grown.npz", x_train=images)
    return IngestConfig(source=f"npz:{folder / 'grown.npz'}")


def config(ingest: IngestConfig, *, gate=ANY, fresh=None, epochs=2) -> PipelineConfig:
    return PipelineConfig(
        ingest=ingest,
        model=ModelConfig(latent_dim=8),
        train=TrainConfig(epochs=epochs),
        gate=gate,
        retrain=RetrainConfig(fresh=fresh),
    )


def run(settings: PipelineConfig, store: Store, runner: type[Here] = Here):
    return retrain(settings, runner(store.url, settings.runtime))


def nights(store: Store) -> list[Night]:
    return nights_of("grown", store).nights


class Stopped(Here):
    """Is stopped by Ctrl-C before it encodes."""

    def run(self, stage, *args, **kwargs):
        if stage.name == "encode":
            raise KeyboardInterrupt
        return super().run(stage, *args, **kwargs)


def test_promoted_unchanged_refused_and_failed_nights_leave_a_line_each(store, tmp_path):
    first = run(config(source(tmp_path, 300), fresh="26h"), store)
    run(config(source(tmp_path, 300)), store)
    run(config(source(tmp_path, 400), gate=NONE), store)
    missing = source(tmp_path, 400)
    (tmp_path / "grown.npz").unlink()
    with pytest.raises(SourceError, match="There is no file"):
        run(config(missing), store)
    lines = nights(store)
    assert [
        (one.outcome, one.rows, one.new_rows, one.encoded_rows, one.refused_rows) for one in lines
    ] == [
        ("promoted", 300, None, 300, 0),
        ("unchanged", 300, 0, 300, 0),
        ("refused", 400, 100, 400, 0),
        ("failed", None, None, None, None),
    ]
    assert [one.fresh for one in lines] == ["26h", None, None, None]
    assert {one.champion for one in lines} == {first.model.key}
    assert [one.drifted for one in lines[:2]] == [None, False]
    assert lines[2].challenger not in (None, first.model.key)
    assert lines[2].features != first.features.address
    assert "PCA-8" in lines[2].reason
    assert lines[3].reason == (
        f"There is no file '{tmp_path / 'grown.npz'}'. Give a NumPy archive: npz:FILE."
    )
    mse = first.evaluation.metrics["mse"]
    assert [one.fixed_mse for one in lines] == [mse, mse, mse, None]
    assert lines[0].mse == lines[1].mse == mse != lines[2].mse
    assert [one.run for one in lines] == [""] * 4
    assert all(one.seconds >= 0 for one in lines)


def test_fixed_rows_that_do_not_fit_or_are_gone_leave_their_errors_open(store, tmp_path, caplog):
    run(config(source(tmp_path, 300)), store)
    narrow = config(source(tmp_path, 300, width=6))
    model = train_autoencoder(narrow, Here(store.url, narrow.runtime)).model
    promote(verdict(store, model), store, model=model)
    assert run(narrow, store).outcome == "unchanged"
    (store.root / str(nights(store)[0].data) / "_manifest.json").unlink()
    assert run(narrow, store).outcome == "unchanged"
    for line in nights(store)[1:]:
        assert line.mse is not None
        assert (line.fixed_mse, line.fixed_mse_pca) == (None, None)
    unfit, gone = [r.getMessage() for r in caplog.records if "fixed" in r.getMessage()]
    assert "'grown' does not fit the model" in unfit
    assert "is not here" in gone


def test_night_of_other_columns_fails_and_says_why(store, tmp_path):
    run(config(source(tmp_path, 300)), store)
    with pytest.raises(Exception, match="does not fit the model"):
        run(config(source(tmp_path, 300, width=6)), store)
    assert [one.outcome for one in nights(store)] == ["promoted", "failed"]
    assert "does not fit the model" in nights(store)[-1].reason


def test_stopped_night_is_cancelled_and_its_successor_is_not(store, tmp_path):
    settings = config(source(tmp_path, 300))
    with pytest.raises(KeyboardInterrupt):
        run(settings, store, Stopped)
    run(settings, store)
    assert [(one.outcome, one.features is None) for one in nights(store)] == [
        ("cancelled", True),
        ("unchanged", False),
    ]


def test_error_is_raised_unchanged_if_its_line_cannot_be_written(store, tmp_path, caplog):
    store.root.mkdir(parents=True)
    (store.root / "nights").write_text("a file in the way")
    missing = IngestConfig(source=f"npz:{tmp_path / 'nowhere.npz'}")
    with pytest.raises(SourceError, match=r"nowhere\.npz"):
        run(config(missing), store)
    assert "the store has no line about this run" in caplog.text


def test_promise_of_freshness_changes_no_answer(store, tmp_path):
    settings = config(source(tmp_path, 300))
    first = run(settings, store)
    again = run(settings.model_copy(update={"retrain": RetrainConfig(fresh="2d")}), store)
    keys = [(one.dataset, one.model, one.evaluation, one.features) for one in (first, again)]
    assert keys[0] == keys[1]
