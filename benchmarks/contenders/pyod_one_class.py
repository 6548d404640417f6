"""PyOD's autoencoder with its defaults: one model per label, each scores all test rows."""

import json
import sys
import time

import numpy as np
from pyod.models.auto_encoder import AutoEncoder
from sklearn.metrics import roc_auc_score


def main() -> None:
    """Writes the mean AUROC over all labels."""
    arguments = json.loads(sys.argv[1])
    with np.load(arguments["data"]) as arrays:
        train, test = (
            arrays[name].reshape(len(arrays[name]), -1).astype(np.float32) / arguments["largest"]
            for name in ("train", "test")
        )
        train_labels, test_labels = arrays["train_labels"], arrays["test_labels"]
    started = time.process_time()
    aurocs = []
    for label in np.unique(train_labels):
        detector = AutoEncoder(random_state=arguments["seed"], verbose=0)
        detector.fit(train[train_labels == label])
        aurocs.append(roc_auc_score(test_labels != label, detector.decision_function(test)))
    cpu = time.process_time() - started
    np.savez(arguments["answer"], auroc=np.mean(aurocs), cpu=cpu)


if __name__ == "__main__":
    main()
