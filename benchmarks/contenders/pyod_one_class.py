"""PyOD's autoencoder with its defaults: one model per label, each scores all test rows."""

import json
import sys
import time

import numpy as np
from pyod.models.auto_encoder import AutoEncoder
from sklearn.metrics import roc_auc_score


def main() -> None:
    """Writes the mean AUROC over all labels."""
    given = json.loads(sys.argv[1])
    with np.load(given["data"]) as arrays:
        train, test = (
            arrays[name].reshape(len(arrays[name]), -1).astype(np.float32) / given["largest"]
            for name in ("train", "test")
        )
        known, asked = arrays["train_labels"], arrays["test_labels"]
    started = time.process_time()
    found = []
    for label in np.unique(known):
        detector = AutoEncoder(random_state=given["seed"], verbose=0)
        detector.fit(train[known == label])
        found.append(roc_auc_score(asked != label, detector.decision_function(test)))
    cpu = time.process_time() - started
    np.savez(given["answer"], auroc=np.mean(found), cpu=cpu)


if __name__ == "__main__":
    main()
