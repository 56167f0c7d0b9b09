"""What test-time views are worth out of fold, for heads that trained on the plain photo and on all eight.

    python benchmarks/views.py DATA_DIR [--features-dir DIR] [--heads linear,gap] [--trained 1,8]

Views that the newest store lacks are computed; `--pool avg` is enough for these heads. A head trained on one
view is scored as `predict --tta N` answers with it: with the temperature found with that view. "8 - 1" is the
paired difference of eight views to one with its 95% interval, groups resampled on grouped folds, images on
random ones; losses and differences are means over the fold seeds.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.intervals import paired_interval
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import fold_priors
from fishcli.dataset.folds import make_folds
from fishcli.heads.fit import fit_fold
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig
from fishcli.options.views import SETS, view_prefixes
from fishcli.runs.training.inputs import load_train_data, read_inputs
from fishcli.scoring.calibration import nested_calibration, with_temperature
from fishcli.scoring.metrics import log_loss, log_losses

FOLDS = 5
ALL = list(dict.fromkeys(name for names in SETS.values() for name in names))


def part_of(inputs: HeadInputs, names: list[str]) -> HeadInputs:
    """The same images under some of the views only."""
    places = [inputs.views.index(name) for name in names]
    every = np.arange(len(inputs.labels))
    features = np.stack([inputs.features[v, every] for v in places])
    return dataclasses.replace(inputs, views=names, features=features, boxes=inputs.boxes[places])


def oof_by_view(
    config: TrainConfig, inputs: HeadInputs, fold: np.ndarray, trained: list[str], asked: list[str]
) -> dict[str, np.ndarray]:
    """Out-of-fold probabilities (n, C) under each view that is asked for, of heads trained on `trained`."""
    seen, found = part_of(inputs, trained), {}
    for k in range(FOLDS):
        seed = int(np.random.SeedSequence([config.seed, k, 0]).generate_state(1)[0])
        head, _ = fit_fold(config, seen, np.flatnonzero(fold != k), seed)
        rows = np.flatnonzero(fold == k)
        for name in asked:
            features = inputs.features[inputs.views.index(name), rows]
            proba, _ = head.predict(features, inputs.images.iloc[rows])
            found.setdefault(name, np.zeros((len(fold), proba.shape[1])))[rows] = proba
    return found


def losses_of(
    labels: np.ndarray, fold: np.ndarray, oof: dict[str, np.ndarray], names: list[str], n_trained: int
) -> dict[int, np.ndarray]:
    """Each image's loss (n,) by the number of views that are averaged, calibrated as `predict` would."""
    found = {}
    plain = nested_calibration(labels, oof[names[0]], fold)[1]
    for n in view_prefixes(len(names)):
        averaged = np.mean([oof[name] for name in names[:n]], axis=0)
        temperatures = plain if n_trained == 1 else nested_calibration(labels, averaged, fold)[1]
        for k, temperature in temperatures.items():
            averaged[fold == k] = with_temperature(averaged[fold == k], temperature)
        found[n] = log_losses(labels, averaged)
    return found


def rows_of(
    config: TrainConfig, inputs: HeadInputs, kind: str, seeds: list[int], n_trained: int
) -> list[dict]:
    """A row a set of views: the losses of a head on one kind of folds, averaged over fold seeds."""
    groups = inputs.groups if kind == "grouped" else None
    inputs = dataclasses.replace(inputs, groups=groups)
    losses: dict[str, list[dict[int, np.ndarray]]] = {name: [] for name in SETS}
    priors = []
    for seed in seeds:
        here = dataclasses.replace(config, seed=seed)
        known = None if groups is None else pd.Series(groups)
        fold = make_folds(inputs.images["class_name"], known, FOLDS, seed)
        n_classes = int(inputs.labels.max()) + 1
        priors.append(log_loss(inputs.labels, fold_priors(inputs.labels, fold, n_classes)))
        plain = oof_by_view(here, inputs, fold, ["identity"], ALL) if n_trained == 1 else {}
        for name, views in SETS.items():
            names = list(views)
            oof = plain or oof_by_view(here, inputs, fold, names[:n_trained], names)
            losses[name].append(losses_of(inputs.labels, fold, oof, names, n_trained))
    rows = []
    for name, found in losses.items():
        means = {n: np.mean([each[n] for each in found], axis=0) for n in found[0]}
        gain = means[8] - means[1]
        interval = paired_interval(gain, groups)
        row = {"head": config.head, "trained on": n_trained, "folds": kind, "prior": np.mean(priors)}
        row |= {"set": name, **{f"tta {n}": loss.mean() for n, loss in means.items()}}
        rows.append({**row, "8 - 1": f"{gain.mean():+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--features-dir", type=Path)
    parser.add_argument("--heads", default="linear,gap")
    parser.add_argument("--metadata", default="none")
    parser.add_argument("--trained", default="1,8", help="numbers of views to train on")
    parser.add_argument("--seeds", default="1,2", help="of the folds; 0 chose the crops")
    arguments = vars(parser.parse_args())
    heads, trained, seeds = (arguments.pop(name).split(",") for name in ("heads", "trained", "seeds"))
    config = TrainConfig(**arguments, boxes="none", folds=FOLDS, view_names=",".join(ALL))
    inputs = read_inputs(config, load_train_data(config))
    rows = []
    for head in heads:
        for n_trained in map(int, trained):
            for kind in ["random"] if inputs.groups is None else ["grouped", "random"]:
                here = dataclasses.replace(config, head=head)
                rows += rows_of(here, inputs, kind, [int(seed) for seed in seeds], n_trained)
                say(f"{head} trained on {n_trained}, {kind} folds: done")
    print(table_text(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
