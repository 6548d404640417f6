"""`aeflow features`: which feature sets a store holds."""

import json

from aeflow.configs import EncodeConfig
from aeflow.registry.features_address import point_features
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.storage import Store
from flows.cli import main


def call(store: Store, *tokens: str) -> int:
    return main(["features", *tokens, "--store", store.url])


def test_feature_sets_are_listed_newest_first(changed, capsys):
    point_features(changed.features, changed.store, dataset_name="digits")
    config = EncodeConfig(reconstruction_error=False)
    newer = encode(Context(changed.store), changed.model, config, dataset=changed.dataset)
    assert call(changed.store) == 0
    _, titles, _, first, second, *_ = capsys.readouterr().out.splitlines()
    assert titles.split() == [
        *("features", "made", "from", "by", "the", "model", "latent", "rows", "files", "bytes"),
        *("created", "(UTC)"),
    ]
    made_from = f"digits-{changed.dataset.key}"
    assert first.split()[:6] == [newer.key, made_from, changed.model.key, "8", "1,797", "15"]
    assert "current" not in first
    assert second.split()[0] == changed.features.key
    assert second.split()[-1] == "current"


def test_feature_sets_are_one_line_of_json(changed, capsys):
    assert call(changed.store, "--json") == 0
    [line] = capsys.readouterr().out.splitlines()
    [row] = json.loads(line)
    folder = changed.store.locate(changed.features)
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    assert (row["key"], row["dataset"]) == (changed.features.key, "digits")
    assert (row["shards"], row["size"]) == (15, size)
    assert (row["rows"], row["identity"]) == (changed.dataset.rows, changed.model.identity)
    assert row["is_current"] is False


def test_store_without_features_says_so(tmp_path, capsys):
    empty = Store(tmp_path / "empty")
    assert call(empty) == 0
    assert call(empty, "--json") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"There are no features in the store {empty.url}. `aeflow encode` makes some.",
        "[]",
    ]
    assert not empty.root.exists()
