"""What out-of-fold losses promise, and what unseen groups then pay.

    python benchmarks/predicted_vs_actual.py DATA_DIR [--head gap] [--splits 10] [--seed 0] [--seeds 3]

Each seeded split holds back a third of the groups. K heads are trained on the rest, on grouped and on random
folds, and calibrated as `train` does; their out-of-fold loss is set beside that on the held-back groups: a
single model's with a single model's, an average of --seeds models' with the same average's. "submitted" is
what `predict` would answer, all folds averaged, which no out-of-fold loss estimates.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.progress import track
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import smoothed_prior
from fishcli.dataset.folds import make_folds
from fishcli.heads.fit import fit_fold
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig
from fishcli.runs.training.inputs import load_train_data, read_inputs
from fishcli.scoring.calibration import find_temperature, nested_calibration, with_temperature
from fishcli.scoring.metrics import log_loss

FOLDS = 5


def hold_back(groups: np.ndarray, seed: int) -> np.ndarray:
    """Whether each image is in the third of the groups that is held back: (n,) bool."""
    known = np.unique(groups)
    drawn = np.random.default_rng(seed).permutation(known)[: len(known) // 3]
    return np.isin(groups, drawn)


def proba_of(head, inputs: HeadInputs, rows: np.ndarray, n_views: int) -> np.ndarray:
    views = [head.predict(inputs.features[v, rows], inputs.images.iloc[rows])[0] for v in range(n_views)]
    return np.mean(views, axis=0)


def one_split(config: TrainConfig, inputs: HeadInputs, groups: np.ndarray, kind: str) -> dict[str, float]:
    unseen = np.flatnonzero(hold_back(groups, config.seed))
    seen = np.flatnonzero(~hold_back(groups, config.seed))
    class_names, known = inputs.images["class_name"].iloc[seen], pd.Series(groups[seen])
    fold = make_folds(class_names, known if kind == "grouped" else None, FOLDS, config.seed)
    if kind == "random":
        inputs = dataclasses.replace(inputs, groups=None)
    n_classes = int(inputs.labels.max()) + 1
    oof = np.zeros((config.seeds, len(seen), n_classes))
    actual = np.zeros((config.seeds, FOLDS, len(unseen), n_classes))
    for k in range(FOLDS):
        for s in range(config.seeds):
            seed = int(np.random.SeedSequence([config.seed, k, s]).generate_state(1)[0])
            head, _ = fit_fold(config, inputs, seen[fold != k], seed)
            oof[s, fold == k] = proba_of(head, inputs, seen[fold == k], config.views)
            actual[s, k] = proba_of(head, inputs, unseen, config.views)
    labels, unseen_labels = inputs.labels[seen], inputs.labels[unseen]
    prior = smoothed_prior(np.bincount(labels, minlength=n_classes))
    found = {"prior, actual": log_loss(unseen_labels, np.tile(prior, (len(unseen), 1)))}
    singles = [_promise(labels, oof[s], fold, unseen_labels, actual[s]) for s in range(config.seeds)]
    found["single, predicted"], found["single, actual"] = np.mean(singles, axis=0)
    averaged = oof.mean(axis=0), actual.mean(axis=0)
    found["average, predicted"], found["average, actual"] = _promise(
        labels, averaged[0], fold, unseen_labels, averaged[1]
    )
    temperature = find_temperature(labels, averaged[0])
    submitted = np.mean([with_temperature(proba, temperature) for proba in averaged[1]], axis=0)
    return {**found, "submitted, actual": log_loss(unseen_labels, submitted)}


def _promise(
    labels: np.ndarray, oof: np.ndarray, fold: np.ndarray, unseen_labels: np.ndarray, actual: np.ndarray
) -> tuple[float, float]:
    """The out-of-fold loss, calibrated as `train` does, and the mean loss of each fold's model, likewise."""
    temperature = find_temperature(labels, oof)
    losses = [log_loss(unseen_labels, with_temperature(proba, temperature)) for proba in actual]
    return log_loss(labels, nested_calibration(labels, oof, fold)[0]), float(np.mean(losses))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--features-dir", type=Path)
    parser.add_argument("--head", default="gap")
    parser.add_argument("--metadata", default="none")
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the first split")
    parser.add_argument("--seeds", type=int, default=3, help="models to average")
    arguments = vars(parser.parse_args())
    n_splits = arguments.pop("splits")
    config = TrainConfig(**arguments, folds=FOLDS)
    data = load_train_data(config)
    if data.groups is None:
        parser.error(f"{config.data_dir} has no groups.csv")
    inputs = read_inputs(config, data)
    rows = []
    for seed in track(range(config.seed, config.seed + n_splits), "splits"):
        for kind in ("grouped", "random"):
            found = one_split(dataclasses.replace(config, seed=seed), inputs, data.groups.to_numpy(), kind)
            rows.append({"split": seed, "folds": kind, **found})
    table = pd.DataFrame(rows)
    print(table_text(table), end="\n\n")
    for kind, part in table.groupby("folds"):
        for what in ("single", "average"):
            gap = part[f"{what}, actual"] - part[f"{what}, predicted"]
            print(
                f"{kind} folds, {what}: actual - predicted {gap.mean():+.3f} "
                f"(standard deviation {gap.std():.3f} over {n_splits} splits)"
            )


if __name__ == "__main__":
    main()
