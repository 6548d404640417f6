"""aeflow: the whole encode stage, with errors and percentiles unless the options turn them off.

With the option `forward`, it runs only the compiled encoder over the rows, to show the cost of the
rest.
"""

import json
import shutil
import sys

from aeflow.artifacts import Dataset, Model
from aeflow.compute.runtime import prepare
from aeflow.configs import EncodeConfig, RuntimeConfig
from aeflow.datasets.shards import open_split
from aeflow.models import Inference, load_model
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.storage import Store
from benchmarks.contenders.child import serve
from benchmarks.contenders.encoder import BATCH, Given


def main() -> None:
    """Encodes the rows of the command line on each request."""
    given, told = Given(), json.loads(sys.argv[1])
    store = Store(told["store"])
    model, dataset = Model.model_validate(told["model"]), Dataset.model_validate(told["dataset"])
    if given.options.get("forward"):
        _serve_forward(model, dataset, store)
    else:
        _serve_stage(EncodeConfig(**given.options), model, dataset, store, given)


def _serve_stage(config: EncodeConfig, model, dataset, store: Store, given: Given) -> None:
    def work(number: int) -> None:
        if given.out.is_symlink():  # only the features of this contender are removed
            shutil.rmtree(given.out.resolve())
            given.out.unlink()
        features = encode(Context(store), model, config, dataset=dataset)
        given.out.symlink_to(store.locate(features))

    serve(work, lambda: None, rows=given.rows)


def _serve_forward(model: Model, dataset: Dataset, store: Store) -> None:
    shards = [shard for split in dataset.rows for shard in open_split(dataset, split, store)]
    cpu = prepare(RuntimeConfig()).cpu
    inference = Inference(load_model(model, store, cpu=cpu), model.example_schema, BATCH)

    def work(number: int) -> None:
        for shard in shards:
            inference.latents(shard.features)

    serve(work, lambda: None, rows=sum(shard.rows for shard in shards))


if __name__ == "__main__":
    main()
