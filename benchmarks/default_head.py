"""What the head of train's default is worth beside others: losses out of fold, and paired differences.

    python benchmarks/default_head.py DATA_DIR:STORE [...] [--drawn 0,1] --seeds 10,11,12,13,14 [--keep DIR]

STORE is the name of a store in DATA_DIR/features. Pooled features of the plain view, no metadata, no boxes; 5
folds. A head's loss is what `train` reports: calibrated on the other folds where that pays. "regression"
is multinomial logistic regression on standardised features at the best C of 1e-4 ... 1 on the very rows that
it is scored on. Losses are means over the fold seeds; a difference is the first head's less the other's, with
its 95% interval, groups resampled on grouped folds, images on random ones; seconds are of CPU time, a fold.

`--drawn` adds sets of 4,000 drawn rows in 32 groups of very unequal size, where groups differ in a class more
than classes do, frames come in sequences, and strong regularisation pays. Out-of-fold predictions in --keep
are not computed again.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from fishcli.basics.intervals import paired_interval
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import fold_priors, labels_of
from fishcli.dataset.folds import make_folds
from fishcli.dataset.groups import load_groups
from fishcli.dataset.layout.images import class_names_of, load_train
from fishcli.features.store.store import FeatureStore
from fishcli.heads.classical.softmax_regression import principal_axes, regression_path
from fishcli.heads.fit import fit_fold
from fishcli.heads.inputs import HeadInputs, store_rows
from fishcli.heads.reading import read_features
from fishcli.options.train import TrainConfig
from fishcli.scoring.calibration import nested_calibration
from fishcli.scoring.metrics import log_loss, log_losses

FOLDS = 5
CS = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
N_DRAWN, N_GROUPS, N_CHANNELS, N_LATENT = 4000, 32, 1280, 80
SHARES = np.array([0.45, 0.2, 0.12, 0.08, 0.06, 0.05, 0.04])


@dataclass(frozen=True)
class Rows:
    """Features (n, channels) float16, labels (n,) and groups (n,)."""

    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


def read_rows(data_dir: Path, store_name: str) -> Rows:
    """The training images of a competition, as a store has them."""
    store = FeatureStore(data_dir / "features" / store_name)
    train = load_train(data_dir)
    train = train[~train["image"].isin(list(store.unreadable("train")))].reset_index(drop=True)
    groups = load_groups("auto", data_dir, train)
    places = store_rows(store, "train", list(train["image"]))
    features = read_features(store, {"train": places}, ["identity"], pool=True)
    labels = labels_of(train["class_name"], class_names_of(train))
    codes = np.arange(len(train)) if groups is None else pd.factorize(groups)[0]
    return Rows(features[0, np.arange(len(train))], labels, codes)


def draw_rows(seed: int) -> Rows:
    """Sums of what class, group, class in a group, sequence and image bring, by a random ReLU layer."""
    rng = np.random.default_rng([seed, 5])
    fading = np.exp(-np.arange(N_LATENT) / 25)
    labels, groups, sequences = [], [], []
    for group, size in enumerate(np.maximum(rng.dirichlet(np.ones(N_GROUPS)) * N_DRAWN, 12).astype(int)):
        mix, left = rng.dirichlet(2.5 * SHARES + 0.02), size
        while left > 0:
            length = min(int(rng.integers(1, 9)), left)
            labels += [int(rng.choice(len(SHARES), p=mix))] * length
            sequences += [sequences[-1] + 1 if sequences else 0] * length
            groups += [group] * length
            left -= length
    label, group, sequence = map(np.array, (labels, groups, sequences))
    of_class = 1.5 * rng.normal(size=(len(SHARES), N_LATENT)) * np.exp(-np.arange(N_LATENT) / 8)
    of_group = 2.0 * rng.normal(size=(N_GROUPS, N_LATENT))
    of_both = rng.normal(size=(N_GROUPS, len(SHARES), N_LATENT))
    of_sequence = rng.normal(size=(sequence.max() + 1, N_LATENT))
    own = of_group[group] + of_both[group, label] + of_sequence[sequence]
    latent = of_class[label] + (own + 0.5 * rng.normal(size=own.shape)) * fading
    layer = rng.normal(size=(N_LATENT, N_CHANNELS)) / np.sqrt(N_LATENT)
    noise = 0.3 * rng.normal(size=(len(label), N_CHANNELS)) + 0.5 * rng.normal(size=N_CHANNELS)
    return Rows(np.maximum(latent @ layer + noise, 0).astype(np.float16), label, group)


def head_oof(head: str, rows: Rows, kind: str, fold: np.ndarray, seed: int) -> np.ndarray:
    """Out-of-fold probabilities (n, C) of a head, as `train` fits it."""
    names = [f"class {label}" for label in rows.labels]
    images = pd.DataFrame({"image": range(len(names)), "class_name": names, "height": 1, "width": 1})
    boxes = np.full((1, len(names), 4), np.nan, np.float32)
    groups = rows.groups if kind == "grouped" else None
    inputs = HeadInputs(images, rows.labels, groups, ["identity"], rows.features[None], boxes)
    config = TrainConfig(head=head, metadata="none", boxes="none", seed=seed)
    proba = np.zeros((len(names), rows.labels.max() + 1))
    for k in range(FOLDS):
        own = int(np.random.SeedSequence([seed, k, 0]).generate_state(1)[0])
        fitted, _ = fit_fold(config, inputs, np.flatnonzero(fold != k), own)
        proba[fold == k], _ = fitted.predict(rows.features[fold == k], images[fold == k])
    return proba


def regression_oof(rows: Rows, fold: np.ndarray) -> np.ndarray:
    """Out-of-fold probabilities (n, C) of the regression at the best C in hindsight."""
    proba = np.zeros((len(CS), len(fold), rows.labels.max() + 1))
    features = rows.features.astype(np.float32)
    for k in range(FOLDS):
        train, held = fold != k, fold == k
        scale = features[train].std(axis=0)
        columns = (features - features[train].mean(axis=0)) / np.where(scale > 0, scale, 1)
        axes = principal_axes(columns[train])
        classes, labels = np.unique(rows.labels[train], return_inverse=True)
        path = regression_path(columns[train] @ axes, labels, np.ones(len(labels)), CS)
        for place, (coefficients, intercepts) in enumerate(path):
            scores = columns[held] @ axes @ coefficients + intercepts
            powers = np.exp(scores - scores.max(axis=1, keepdims=True)).astype(np.float64)
            proba[np.ix_([place], held, classes)] = powers / powers.sum(axis=1, keepdims=True)
    return min(proba, key=lambda each: log_loss(rows.labels, each))


def kept_oof(keep: Path | None, name: str, head: str, compute) -> tuple[np.ndarray, float]:
    """Out-of-fold probabilities and CPU seconds a fold, from `keep` where they are there."""
    path = None if keep is None else keep / f"{name}-{head}.npz"
    if path is not None and path.exists():
        with np.load(path) as kept:
            return kept["proba"], float(kept["seconds"])
    started = time.process_time()
    proba = compute()
    seconds = (time.process_time() - started) / FOLDS
    if path is not None:
        np.savez(path, proba=proba, seconds=seconds)
    return proba, seconds


def rows_of(name: str, rows: Rows, kind: str, arguments: argparse.Namespace) -> list[dict]:
    """A row a head."""
    losses: dict[str, list[np.ndarray]] = {}
    seconds: dict[str, list[float]] = {}
    priors = []
    for seed in map(int, arguments.seeds.split(",")):
        groups = rows.groups if kind == "grouped" else None
        fold = make_folds(pd.Series(rows.labels.astype(str)), groups, FOLDS, seed)
        priors.append(log_loss(rows.labels, fold_priors(rows.labels, fold, rows.labels.max() + 1)))
        for head in [*arguments.heads.split(","), "regression"]:
            if head == "regression":
                proba, spent = kept_oof(
                    arguments.keep,
                    f"{name}-{kind}-{seed}",
                    head,
                    lambda fold=fold: regression_oof(rows, fold),
                )
            else:
                proba, spent = kept_oof(
                    arguments.keep,
                    f"{name}-{kind}-{seed}",
                    head,
                    lambda head=head, fold=fold, seed=seed: head_oof(head, rows, kind, fold, seed),
                )
                calibrated, _ = nested_calibration(rows.labels, proba, fold)
                proba = min(proba, calibrated, key=lambda each: log_loss(rows.labels, each))
            losses.setdefault(head, []).append(log_losses(rows.labels, proba))
            seconds.setdefault(head, []).append(spent)
        say(f"{name}, {kind} folds of seed {seed}: done")
    first, found = next(iter(losses)), []
    for head, each in losses.items():
        row = {"set": name, "folds": kind, "prior": np.mean(priors), "head": head, "loss": np.mean(each)}
        row |= {"s/fold": np.mean(seconds[head]), f"{first} - head": ""}
        if head != first:
            gain = np.mean(losses[first], axis=0) - np.mean(each, axis=0)
            interval = paired_interval(gain, rows.groups if kind == "grouped" else None)
            row[f"{first} - head"] = f"{gain.mean():+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"
        found.append(row)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="*", help="DATA_DIR:STORE")
    parser.add_argument("--drawn", default="", help="seeds of drawn sets")
    parser.add_argument("--heads", default="blend,gap,linear")
    parser.add_argument("--folds", default="grouped,random")
    parser.add_argument("--seeds", default="10,11,12,13,14")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    sets = {each.replace("/", "_").replace(":", " "): each.split(":") for each in arguments.stores}
    found: list[dict] = []
    with threadpool_limits(1):
        for name, (data_dir, store) in sets.items():
            rows = read_rows(Path(data_dir), store)
            for kind in arguments.folds.split(","):
                found += rows_of(name, rows, kind, arguments)
        for seed in filter(None, arguments.drawn.split(",")):
            for kind in arguments.folds.split(","):
                found += rows_of(f"drawn {seed}", draw_rows(int(seed)), kind, arguments)
    print(table_text(pd.DataFrame(found)))


if __name__ == "__main__":
    main()
