"""Predictions averaged over photos that are close to one another: frames of one sequence, of one camera."""

import numpy as np
import pandas as pd

from fishcli.audit.twins.neighbours import Limits, Views, close_pairs, views
from fishcli.audit.twins.thresholds import find_thresholds
from fishcli.basics.errors import FishError
from fishcli.basics.progress import say
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.photos.thumbnails import read_hashes
from fishcli.features.upkeep import Upkeep
from fishcli.heads.inputs import store_rows
from fishcli.heads.reading import read_features
from fishcli.options.predict import SubmissionConfig
from fishcli.runs.run import Run
from fishcli.runs.stores import bring_up, pick_stores
from fishcli.scoring.metrics import log_loss

TIMES = (0.0, 1.0, 2.0, 3.0)
"""Distances that are tried, in multiples of that within which photos are near duplicates; 0: none."""
NO_BITS = -1
"""Hashes are never so close."""
VIEW = "identity"


def smoothed(
    config: SubmissionConfig, this_run: Run, n_views: int, predictions: pd.DataFrame
) -> tuple[pd.DataFrame, float]:
    """A run's predictions, each averaged with those of the test photos of its split that are close to it.

    Close by the run's own features; how close is chosen by out-of-fold loss, where a photo is averaged with
    others of its fold alone, which its heads have not seen either.

    Args:
        config: where things are.
        this_run: the run.
        n_views: of its out-of-fold predictions.
        predictions: `split`, `image`, and the classes' `proba_columns`, as `predict_runs` has them.

    Returns:
        The same table, averaged; and the out-of-fold log loss, each fold at the distance of the others.

    Raises:
        FishError: random folds, of which a photo's neighbours have been seen; no near duplicates.
    """
    oof = this_run.read_oof(n_views)
    if oof is None:
        raise FishError(f"--smooth: {this_run.name} has no out-of-fold predictions for {n_views} views.")
    if (oof["group"] == "").all():
        raise FishError(
            f"--smooth: {this_run.name} has random folds, so heads have seen the photos most like one, and "
            "nobody knows what averaging is worth. Train with groups, or leave --smooth out."
        )
    columns, labels = proba_columns(this_run.class_names), labels_of(oof["class_name"], this_run.class_names)
    train = load_train(config.data_dir, config.reading).set_index("image").loc[oof["image"]].reset_index()
    points = _points(config, this_run, train, predictions)
    twin = _twin_distance(points["train"], train, oof["group"], config)
    fold, proba = oof["fold"].to_numpy(), oof[columns].to_numpy(np.float64)
    tried = np.stack([_averaged(proba, points["train"], twin * each, fold) for each in TIMES])
    times, nested = _choose(labels, tried, fold)
    prior, loss = fold_priors(labels, fold, len(columns)), log_loss(labels, nested)
    say(
        f"--smooth averages photos within {times:g} times the distance of near duplicates: out-of-fold log "
        f"loss {loss:.4f}, without {log_loss(labels, proba):.4f} (grouped folds; class prior "
        f"{log_loss(labels, prior):.4f})"
    )
    parts = []
    for split, part in predictions.groupby("split", sort=False):
        mixed = _averaged(part[columns].to_numpy(np.float64), points[str(split)], twin * times, None)
        parts.append(part.assign(**dict(zip(columns, mixed.T, strict=True))))
    return pd.concat(parts).loc[predictions.index], loss


def _points(
    config: SubmissionConfig, this_run: Run, train: pd.DataFrame, predictions: pd.DataFrame
) -> dict[str, Views]:
    """The photos of every split by their pooled features; what can't be read is close to nothing."""
    store = pick_stores(config.stores_dir, this_run.store)
    bring_up(config, store, {"train": (train, [VIEW])}, Upkeep(config.data_dir, config.reading))
    images = {"train": list(train["image"])}
    images |= {str(split): list(part["image"]) for split, part in predictions.groupby("split", sort=False)}
    features = []
    for split, ids in images.items():
        readable = [place for place, image in enumerate(ids) if image not in store.unreadable(split)]
        rows = store_rows(store, split, [ids[place] for place in readable])
        read = np.asarray(read_features(store, {split: rows}, [VIEW], pool=True)[0, :], np.float32)
        features.append(np.zeros((len(ids), read.shape[1]), np.float32))
        features[-1][readable] = read
    unknown = [np.zeros(len(ids), np.uint64) for ids in images.values()]
    return dict(zip(images, views(unknown, list(features)), strict=True))


def _twin_distance(points: Views, train: pd.DataFrame, groups: pd.Series, config: SubmissionConfig) -> float:
    """How far near duplicates are from one another, by their features, as the audit finds it."""
    hashes, _ = read_hashes(train, "train", config.reading)
    distance = find_thresholds(hashes, points, pd.factorize(groups)[0]).limits.cosine_distance
    if distance is None:
        raise FishError("--smooth: hardly any photos are near duplicates of others here. Leave it out.")
    return distance


def _averaged(proba: np.ndarray, points: Views, distance: float, fold: np.ndarray | None) -> np.ndarray:
    """The mean (n, C) of each photo's prediction and those of photos so close, of its fold where given."""
    if distance == 0:
        return proba
    sums, counts = proba.copy(), np.ones((len(proba), 1))
    for rows, partners, _ in close_pairs(points, points, Limits(NO_BITS, distance, distance)):
        kept = rows != partners if fold is None else (rows != partners) & (fold[rows] == fold[partners])
        np.add.at(sums, rows[kept], proba[partners[kept]])
        np.add.at(counts, rows[kept], 1)
    return sums / counts


def _choose(labels: np.ndarray, tried: np.ndarray, fold: np.ndarray) -> tuple[float, np.ndarray]:
    """The multiple of least loss, and predictions (n, C) of each fold by the one that the others choose."""

    def best(rows: np.ndarray) -> int:
        return int(np.argmin([log_loss(labels[rows], each[rows]) for each in tried]))

    nested = np.empty(tried.shape[1:])
    for k in np.unique(fold):
        nested[fold == k] = tried[best(fold != k)][fold == k]
    return TIMES[best(np.ones(len(labels), bool))], nested
