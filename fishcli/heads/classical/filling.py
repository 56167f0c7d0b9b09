"""Small classes of a classical head's training photos, filled up with rows that are made of these."""

import dataclasses

import numpy as np
import pandas as pd

from fishcli.basics.progress import warn
from fishcli.heads.classical.rows import OF_ALL, inner_folds, made_without
from fishcli.heads.generating.rows import make_rows
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig


def fill_small_classes(
    config: TrainConfig, inputs: HeadInputs, train_rows: np.ndarray, seed: int
) -> tuple[HeadInputs, np.ndarray]:
    """Training photos, and behind them rows made of all, and of all but each inner fold's.

    No row that a photo had a part in is learned from where that photo is held out.

    Args:
        config: how rows are made.
        inputs: what heads see; features are pooled.
        train_rows: (n,) rows of `inputs`.
        seed: of inner folds and draws.

    Returns:
        Inputs of r rows, the first n of which are `train_rows`; and `Rows.fold` (r,) of them. A made row has
        no box; its size and group are those of a photo that it is like.
    """
    labels = inputs.labels[train_rows]
    groups = None if inputs.groups is None else inputs.groups[train_rows]
    fold = inner_folds(labels, groups, seed)
    photos = np.stack([inputs.features[view, train_rows] for view in range(len(inputs.views))])
    features, like, folds = [photos], [np.arange(len(labels))], [fold]
    for k in [None, *np.unique(fold)]:
        taught = np.flatnonzero(fold != k) if k is not None else np.arange(len(labels))
        if not len(taught):
            continue
        made = make_rows(config, photos[:, taught], labels[taught], seed)
        features.append(made.features)
        like.append(taught[made.like])
        folds.append(np.full(len(made.like), OF_ALL if k is None else made_without(k)))
    source = np.concatenate(like)
    if config.generate and len(source) == len(labels):
        warn(
            f"--generate {config.generate}: in some fold every class has as many training photos, so none is "
            "drawn there. Pass a larger number."
        )
    rows, is_made = train_rows[source], np.arange(len(source)) >= len(labels)
    filled = dataclasses.replace(
        inputs,
        images=pd.DataFrame(inputs.images.iloc[rows].reset_index(drop=True)),
        labels=inputs.labels[rows],
        groups=None if groups is None else groups[source],
        features=np.concatenate(features, axis=1),
        boxes=np.where(is_made[:, None], np.float32(np.nan), inputs.boxes[:, rows]),
    )
    return filled, np.concatenate(folds)
