"""Which training photos' labels are in doubt, by runs' out-of-fold predictions and by their twins."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fishcli.audit.twins.neighbours import pairs_of_two_labels
from fishcli.audit.twins.thresholds import SURE_BITS
from fishcli.basics.progress import say, warn
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns
from fishcli.dataset.photos.thumbnails import read_hashes
from fishcli.options.reading import Reading
from fishcli.runs.predicting.blending import read_oofs
from fishcli.runs.run import Run
from fishcli.scoring.doubts import Doubts, doubts_of_twins, find_doubts
from fishcli.scoring.metrics import log_loss

BY_TWIN, BY_MODEL = "a near duplicate has this label", "the models propose it"


def doubted(runs: Sequence[Run], train: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The photos in doubt: near duplicates under two labels first, then what models contradict.

    Args:
        runs: of the same folds, averaged; one view each.
        train: the training images as they are labelled now; photos labelled otherwise than the runs learned,
            or no longer there, have been decided on, and are in no doubt.
        reading: how photos are read.

    Returns:
        `image`, `class_name` (what is proposed), `was`, `sureness` (0.5 to 1) and `why`.

    Raises:
        FishError: runs that don't go together.
    """
    oofs = read_oofs(list(runs), [1] * len(runs))
    class_names = runs[0].class_names
    known = dict(zip(train["image"], train["class_name"], strict=True))
    same = np.array([known.get(row.image) == row.class_name for row in oofs[0].itertuples()], bool)
    if not same.all():
        n_decided = int((~same).sum())
        say(f"{n_decided:,} photos have another label than when {runs[0].name} was trained, or none")
    oof = oofs[0][same].reset_index(drop=True)
    proba = np.mean([each[proba_columns(class_names)].to_numpy(np.float64)[same] for each in oofs], axis=0)
    labels = labels_of(oof["class_name"], class_names)
    prior = fold_priors(labels, oof["fold"].to_numpy(), len(class_names))
    if (loss := log_loss(labels, proba)) >= (prior_loss := log_loss(labels, prior)):
        warn(
            f"{', '.join(each.name for each in runs)}: out of fold no better than the class prior (log loss "
            f"{loss:.3f}, class prior {prior_loss:.3f}), so what is proposed is no more than a guess."
        )
    photos = train.set_index("image").loc[oof["image"]].reset_index()
    hashes, problems = read_hashes(photos, "train", reading)
    readable = np.flatnonzero([problem == "" for problem in problems])
    pairs = readable[pairs_of_two_labels(hashes[readable], labels[readable], SURE_BITS)]
    found = [(doubts_of_twins(labels, proba, pairs), BY_TWIN), (find_doubts(labels, proba), BY_MODEL)]
    tables = [_table(each, oof, class_names, why) for each, why in found]
    return pd.concat(tables, ignore_index=True).drop_duplicates("image", ignore_index=True)


def _table(found: Doubts, oof: pd.DataFrame, class_names: list[str], why: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image": oof["image"].to_numpy()[found.rows],
            "class_name": [class_names[label] for label in found.proposals],
            "was": oof["class_name"].to_numpy()[found.rows],
            "sureness": found.sureness.round(3),
            "why": why,
        }
    )
