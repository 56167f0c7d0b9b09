"""A run's out-of-fold loss beside logistic regression's on the same pooled features and the same folds.

    python benchmarks/against_logistic.py STORE_DIR RUN_DIR [RUN_DIR ...]

The regression gets the best C of 1e-4 ... 1 on the very rows it is scored on; the run chooses nothing.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.tables import table_text
from fishcli.dataset.classes import labels_of
from fishcli.features.store.store import FeatureStore
from fishcli.heads.inputs import store_rows
from fishcli.heads.reading import read_features
from fishcli.scoring.metrics import accuracy, log_loss


def logistic_loss(features: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> tuple[float, float, float]:
    """The best C, its out-of-fold log loss and its accuracy."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = []
    for c in (1e-4, 1e-3, 1e-2, 0.1, 1.0):
        proba = np.zeros((len(labels), labels.max() + 1))
        for k in np.unique(fold):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=500))
            model.fit(features[fold != k], labels[fold != k])
            proba[fold == k] = model.predict_proba(features[fold == k])
        found.append((log_loss(labels, proba), c, accuracy(labels, proba)))
    loss, c, right = min(found)
    return c, loss, right


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store_dir", type=Path)
    parser.add_argument("run_dirs", type=Path, nargs="+")
    arguments = parser.parse_args()
    store = FeatureStore(arguments.store_dir)
    rows = []
    for run_dir in arguments.run_dirs:
        oof = pd.read_csv(run_dir / "oof.csv", keep_default_na=False)
        class_names = [column.removeprefix("proba_") for column in oof.columns[4:]]
        labels, fold = labels_of(oof["class_name"], class_names), oof["fold"].to_numpy()
        in_store = store_rows(store, "train", list(oof["image"]))
        features = read_features(store, {"train": in_store}, ["identity"], pool=True)
        features = features[0, np.arange(len(labels))].astype(np.float64)
        c, loss, right = logistic_loss(features, labels, fold)
        metrics = json.loads((run_dir / "metrics.json").read_text())
        row = {"run": run_dir.name, "folds": metrics["folds"], "prior": metrics["prior_log_loss"]}
        row |= {"logistic": loss, "at C": c, "accuracy": right}
        for n, scores in metrics["by_views"].items():
            row |= {f"run, tta {n}": scores["log_loss"], f"accuracy, tta {n}": scores["accuracy"]}
            row |= {f"ratio, tta {n}": scores["log_loss"] / loss}
        rows.append(row)
    for row in rows:
        print(table_text(pd.DataFrame([row])), end="\n\n")


if __name__ == "__main__":
    main()
