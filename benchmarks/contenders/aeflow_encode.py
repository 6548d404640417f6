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
from benchmarks.contenders.encoder import BATCH, Arguments


def main() -> None:
    """Encodes the rows of the command line on each request."""
    arguments, artifacts = Arguments(), json.loads(sys.argv[1])
    store = Store(artifacts["store"])
    model = Model.model_validate(artifacts["model"])
    dataset = Dataset.model_validate(artifacts["dataset"])
    if arguments.options.get("forward"):
        _serve_forward(model, dataset, store)
    else:
        _serve_stage(EncodeConfig(**arguments.options), model, dataset, store, arguments)


def _serve_stage(config: EncodeConfig, model, dataset, store: Store, arguments: Arguments) -> None:
    def work(number: int) -> None:
        if arguments.out.is_symlink():  # only the features of this contender are removed
            shutil.rmtree(arguments.out.resolve())
            arguments.out.unlink()
        features = encode(Context(store), model, config, dataset=dataset)
        arguments.out.symlink_to(store.locate(features))

    serve(work, lambda: None, rows=arguments.rows)


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
